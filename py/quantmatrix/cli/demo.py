"""``demo``: two brokers' statements become lots that reconcile, by the very commands a person would type."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from quantmatrix.cli.session import administrator, signed_in
from quantmatrix.cli.settings import Settings
from quantmatrix.door.protocol import Where
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.local import DEMO_EMAIL
from quantmatrix.services.programs import find_program
from quantmatrix.terminal import Styled, say


@click.command(short_help="Two brokers' statements, a gap found and named, then zero differences.")
@click.pass_obj
def demo(settings: Settings) -> ExitCode:
    """Show the whole way on made-up statements, in a database of its own, made anew each time.

    \b
      quantmatrix demo
      quantmatrix --demo holdings

    Your own data are elsewhere. --demo looks at what the demonstration made.
    """
    from quantmatrix.resources import examples_directory

    settings.demo = True
    examples = _shown(examples_directory())
    _fresh_user(settings)
    _say("Two brokers, one year. Each file goes in whole or not at all.")
    _run(settings, "import", f"{examples}/ibkr-2024.csv")
    tastytrade = "tastytrade_transactions_history_x5WT00001_240101_to_241231.csv"
    _run(settings, "import", "--account", "5WT00001", f"{examples}/{tastytrade}")
    _say("What is held now, and the lots behind it, rebuilt from the transactions as they came in.")
    _run(settings, "holdings")
    _run(settings, "lots", "list")
    _run(settings, "cash")
    _say("Does that agree with the broker? MSFT was sold, but nothing here says when it was bought.")
    _run(settings, "reconcile", ends_with=ExitCode.DIFFERENCES)
    _say("The cause is named: history is missing. The statement of the year before fills the gap ...")
    _run(settings, "import", f"{examples}/ibkr-2023.csv")
    _say("... and TTD came from another broker without its basis, which only its owner knows.")
    _run(
        settings, "basis", "set", _transfer(settings), "--basis", "3750.00", "--acquired", "2021-05-10",
        "--reason", "purchase confirmation of the former broker",
    )  # fmt: skip
    _run(settings, "reconcile")
    _say("Next, with files of your own:")
    for line in (
        "quantmatrix import ~/Downloads/*.csv      read statements (add --dry-run to try)",
        "quantmatrix reconcile                     compare with what the broker says",
        "quantmatrix lots list                     every open lot with its basis and holding start",
        "quantmatrix sql                           ask the database yourself",
        "quantmatrix status                        where the database and the API are",
        "quantmatrix --demo holdings               look around in this demonstration",
    ):
        say(f"  {_program()}{line.removeprefix('quantmatrix')}")
    return ExitCode.DONE


def _fresh_user(settings: Settings) -> None:
    with administrator(settings) as admin:
        admin.call("user_delete", {"email": DEMO_EMAIL})
        admin.table("user_add", {"email": DEMO_EMAIL, "display_name": "Demonstration"})


def _run(settings: Settings, *arguments: str, ends_with: ExitCode = ExitCode.DONE) -> None:
    """Run one command as typed; a ``Problem`` if it ends otherwise than it must."""
    from quantmatrix.cli import cli

    words = ["--demo", *arguments]
    shown = " ".join(f"'{word}'" if " " in word else word for word in words)
    say()
    say(Styled(f"$ {_program()} {shown}", bold=True))
    own = Settings(
        data_dir=settings.data_dir,
        quiet=settings.quiet,
        verbose=settings.verbose,
        _environment=settings.environment,
    )
    ended = cli.main(words, standalone_mode=False, obj=own)
    status = ended if isinstance(ended, int) else ExitCode.DONE
    if status != ends_with:
        raise Problem(
            f"the demonstration went wrong at: {shown}",
            why=f"it ended with status {int(status)}, not {int(ends_with)}",
            next_step="run it again with --verbose, or quantmatrix doctor",
        )


def _transfer(settings: Settings) -> str:
    with signed_in(settings) as session:
        wanted = [Where("transaction_type", "eq", "transfer_in"), Where("symbol", "eq", "TTD")]
        return str(next(session.view("transactions", wanted))["id"])


def _say(text: str) -> None:
    say()
    say(Styled(text, fg="cyan"))


def _program() -> str:
    """The program that runs, as a person would type it from here."""
    running = Path(sys.argv[0])
    on_path = find_program("quantmatrix")
    if running.name != "quantmatrix" or (on_path is not None and on_path.samefile(running)):
        return "quantmatrix"
    return _shown(running)


def _shown(path: Path) -> str:
    """``path`` as a person would type it from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
