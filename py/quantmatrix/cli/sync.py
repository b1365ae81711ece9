"""``sync``: feeds, their credentials, and fetching from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from quantmatrix.cli.actions import row_told
from quantmatrix.cli.imports import MANY, refresh_statistics
from quantmatrix.cli.output import to_json, write_rows
from quantmatrix.cli.session import door, signed_in
from quantmatrix.cli.settings import Settings
from quantmatrix.cli.sync_feeds import DAY, TODAY, add, chosen, credentials, remove, set_feed
from quantmatrix.door.protocol import Where
from quantmatrix.errors import ExitCode
from quantmatrix.terminal import data, say

STATUS_COLUMNS = (
    "name",
    "service",
    "accounts",
    "state",
    "fetched_through",
    "last_success_at",
    "last_new_at",
    "message",
)
HISTORY_COLUMNS = (
    "id",
    "feed",
    "status",
    "started_at",
    "try_number",
    "asked_from",
    "asked_through",
    "rows_new",
    "error",
)
NOT_ALLOWED = frozenset({"not_allowed", "no_credentials", "flex_1011", "flex_1012", "flex_1013", "flex_1015"})


@click.group(short_help="Fetch from brokers; feeds and their state.")
def sync() -> None:
    """Fetch transactions from brokers by themselves. A feed is one source of them.

    \b
      quantmatrix sync add ibkr main --query 123456
      quantmatrix sync ibkr
      quantmatrix sync run
      quantmatrix sync status
      quantmatrix sync history main

    Run it from cron as often as you like: of two at once the second finds the first one's lock and ends.
    Exit 1: it failed and may succeed later; 4: only you can help; 5: rows cannot be read.
    """


for command in (add, credentials, remove, set_feed):
    sync.add_command(command)


def _run_options(command: Any) -> Any:
    for option in reversed(
        (
            click.argument("names", nargs=-1),
            click.option(
                "--tries", type=click.IntRange(1, 50), default=12, show_default=True, help="How often."
            ),
            click.option(
                "--base-delay",
                type=click.FloatRange(0, 600),
                default=10,
                show_default=True,
                help="Seconds before the second try; later ones wait longer.",
            ),
            click.option("--through", type=DAY, help="Ask for no day after this one."),
            click.option("--accept-refusals", is_flag=True, help="Import what can be read of a document."),
            click.pass_obj,
        )
    ):
        command = option(command)
    return command


@sync.command("run", short_help="All feeds, or those named.")
@_run_options
def sync_run(settings: Settings, names: tuple[str, ...], **options: Any) -> ExitCode:
    """Sync all feeds that are not paused, or NAMES; those of today's executions only if named (sync today).

    \b
      quantmatrix sync run
      quantmatrix sync run main kraken --tries 3
    """
    return _sync(settings, None, names, options)


@sync.command("ibkr", short_help="Interactive Brokers, by the Flex web service.")
@_run_options
def sync_ibkr(settings: Settings, names: tuple[str, ...], **options: Any) -> ExitCode:
    """Sync feeds of Interactive Brokers: a Flex Query through the Flex web service.

    \b
      quantmatrix sync ibkr
      quantmatrix sync ibkr main --through 2025-06-30
    """
    return _sync(settings, "ibkr", names, options)


@sync.command("tastytrade", short_help="tastytrade, by its interface.")
@_run_options
def sync_tastytrade(settings: Settings, names: tuple[str, ...], **options: Any) -> ExitCode:
    """Sync feeds of tastytrade. Wants the extra: pip install 'quantmatrix[tastytrade]'.

    \b
      quantmatrix sync tastytrade
    """
    return _sync(settings, "tastytrade", names, options)


@sync.command("crypto", short_help="Exchanges of coins, through ccxt.")
@_run_options
def sync_crypto(settings: Settings, names: tuple[str, ...], **options: Any) -> ExitCode:
    """Sync feeds of exchanges. Wants the extra: pip install 'quantmatrix[crypto]'.

    \b
      quantmatrix sync crypto
      quantmatrix sync crypto kraken
    """
    return _sync(settings, "crypto", names, options)


@sync.command("today", short_help="Today's executions of Interactive Brokers, shown beside the record.")
@_run_options
def sync_today(settings: Settings, names: tuple[str, ...], **options: Any) -> ExitCode:
    """Fetch today's executions from TWS or Gateway. Wants the extra: pip install 'quantmatrix[ibkr-today]'.

    \b
      quantmatrix sync today
      quantmatrix holdings --today

    They are shown until a Flex statement covers the day, and are never part of lots, gains or cash.
    """
    return _sync(settings, TODAY, names, options)


def _sync(settings: Settings, service: str | None, names: Sequence[str], options: dict[str, Any]) -> ExitCode:
    from quantmatrix.sync.run import Settings as RunSettings
    from quantmatrix.sync.run import run

    through: datetime | None = options["through"]
    how = RunSettings(
        tries=options["tries"],
        base_seconds=options["base_delay"],
        through=through.date() if through else None,
        accept_refusals=options["accept_refusals"],
    )
    with signed_in(settings) as session:
        feeds = chosen(session, service, names)
        reports = [
            row_told(run(session, feed, how, settings.narrate), "next_step", name=feed["name"])
            for feed in feeds
        ]
    if sum((report.get("rows") or {}).get("new", 0) for report in reports) >= MANY:
        refresh_statistics(settings)
    for report in reports:
        _report(settings, report)
    if settings.format == "json":
        data(to_json(reports))
    else:
        write_rows([_flat(report) for report in reports], settings.format)
    return max((_exit_code(r) for r in reports), default=ExitCode.DONE)


def _flat(report: dict[str, Any]) -> dict[str, Any]:
    rows = report.get("rows") or {}
    return {
        "feed": report["feed"],
        "status": report["status"],
        "tries": report["tries"],
        "rows": rows.get("read"),
        "new": rows.get("new"),
        "fetched_through": report.get("fetched_through"),
        "failure": report.get("failure"),
    }


def _report(settings: Settings, report: dict[str, Any]) -> None:
    if report["status"] == "busy":
        settings.narrate(f"{report['feed']}: another sync is at it; nothing was done")
    for sentence in report.get("warnings") or ():
        settings.narrate(f"{report['feed']}: {sentence}")
    if report["status"] == "failed":
        say(f"{report['feed']}: {report['error']} ({report['failure']})", err=True)
        say("  unchanged: what was fetched before, and how far", err=True)
        say(f"  next: {report['next_step']}", err=True)


def _exit_code(report: dict[str, Any]) -> ExitCode:
    if report["status"] != "failed":
        return ExitCode.DONE
    if report["failure"] in NOT_ALLOWED:
        return ExitCode.PERMISSION
    return ExitCode.REFUSED if report["failure"] == "rows_refused" else ExitCode.FAILED


@sync.command("status", short_help="How far feeds have come, and what is wrong.")
@click.argument("names", nargs=-1)
@click.pass_obj
def sync_status(settings: Settings, names: tuple[str, ...]) -> ExitCode:
    """How far each feed has come, when it last brought something, what is wrong; exit 3 if anything is.

    \b
      quantmatrix sync status
      quantmatrix sync status --format json
    """
    with door(settings) as session:
        feeds = list(session.view("feeds", order=("name",)))
    rows = [
        row_told(feed, "next_step", name=feed["name"]) for feed in feeds if not names or feed["name"] in names
    ]
    shown = STATUS_COLUMNS if settings.format == "table" else None
    write_rows(rows, settings.format, columns=shown, empty="no feeds yet: quantmatrix sync add")
    alarming = [row for row in rows if row["needs_attention"]]
    for row in alarming:
        settings.narrate(f"{row['name']}: {row['state']}: {row['message']}")
        if row["next_step"]:
            settings.narrate(f"  next: {row['next_step']}")
    return ExitCode.DIFFERENCES if alarming else ExitCode.DONE


@sync.command("history", short_help="Every attempt, newest first.")
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many.")
@click.pass_obj
def sync_history(settings: Settings, name: str | None, limit: int) -> None:
    """Every attempt of all feeds, or of NAME, newest first: failed ones too.

    \b
      quantmatrix sync history
      quantmatrix sync history main --limit 5 --format json
    """
    with door(settings) as session:
        rows = list(session.view("sync_attempts", (Where("feed", "eq", name),), order=("-id",), limit=limit))
    shown = HISTORY_COLUMNS if settings.format == "table" else None
    write_rows(rows, settings.format, columns=shown, empty="nothing was synced yet: quantmatrix sync run")
