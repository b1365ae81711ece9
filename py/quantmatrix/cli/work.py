"""``work``: what happens by itself."""

from __future__ import annotations

import signal
import threading

import click

from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode


def _kinds(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """The names of ``--only``; every kind where it is not given."""
    del context, parameter
    from quantmatrix.work.registry import KINDS

    wanted = (
        tuple(dict.fromkeys(part.strip() for part in value.split(","))) if value is not None else tuple(KINDS)
    )
    unknown = [part for part in wanted if part not in KINDS]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is not one of {', '.join(KINDS)}")
    return wanted


@click.command(short_help="Seal, sweep, answer long questions, until interrupted.")
@click.option("--only", callback=_kinds, metavar="KIND,…", help="These kinds and no others.")
@click.option("--once", is_flag=True, help="One turn of each, and every job that waits; then end.")
@click.pass_obj
def work(settings: Settings, only: tuple[str, ...], once: bool) -> ExitCode:
    """Do what happens by itself, until interrupted. Several may run, on several machines.

    \b
      quantmatrix work
      quantmatrix work --only seal,sweep --once

    \b
      jobs      questions that take long, asked over the API (job_add)
      seal      the audit log, each minute
      sessions  personal SQL sessions that hold others back are ended, each minute
      sweep     what nobody needs any more, every ten minutes
      backup    each day into QUANTMATRIX_BACKUP_DIR, where it is set; QUANTMATRIX_BACKUP_KEEP thins out
      drill     the newest backup is restored for proof, each week

    'quantmatrix up' runs one in the background. Without a worker everything stays correct, only late.
    """
    from quantmatrix.work.context import Context
    from quantmatrix.work.loop import Worker, name
    from quantmatrix.work.registry import KINDS

    settings.environment.ensure_running()
    ending = threading.Event()
    worker = Worker(
        Context(name(), settings.environment, settings.narrate, ending), [KINDS[kind] for kind in only]
    )
    if once:
        return ExitCode.DONE if worker.once() else ExitCode.FAILED
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    worker.run()
    return ExitCode.DONE
