"""``sync``: feeds, their credentials, and fetching from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from quantmatrix.cli.actions import row_told
from quantmatrix.cli.hidden import ask_hidden
from quantmatrix.cli.imports import MANY, refresh_statistics
from quantmatrix.cli.output import to_json, write_object, write_rows
from quantmatrix.cli.session import door, signed_in
from quantmatrix.cli.settings import Settings
from quantmatrix.door.protocol import Door, Where
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.terminal import data, say

TODAY = "ibkr_today"
SERVICES = ("ibkr", "tastytrade", "crypto", TODAY)
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
_DAY = click.DateTime(["%Y-%m-%d"])


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
            click.option("--through", type=_DAY, help="Ask for no day after this one."),
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
        feeds = _chosen(session, service, names)
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


def _chosen(session: Door, service: str | None, names: Sequence[str]) -> list[dict[str, Any]]:
    feeds = list(session.view("feeds", order=("name",)))
    known = {feed["name"]: feed for feed in feeds}
    if unknown := [name for name in names if name not in known]:
        raise _no_feed(f"there is no feed {', '.join(unknown)}", known)
    wrong = [name for name in names if service and known[name]["service"] != service]
    if wrong:
        raise _no_feed(f"{', '.join(wrong)} is no feed of {service}", known)
    # The broker's program need not run at night, and to wait for it would keep the other feeds waiting.
    wanted = (service,) if service else tuple(name for name in SERVICES if name != TODAY)
    chosen = [known[name] for name in names] or [
        feed for feed in feeds if feed["state"] != "paused" and feed["service"] in wanted
    ]
    if not chosen:
        raise _no_feed("there is nothing to sync", known)
    return chosen


def _no_feed(what: str, known: dict[str, Any]) -> Problem:
    told = ", ".join(f"{name} ({feed['service']}, {feed['state']})" for name, feed in known.items())
    return Problem(
        what,
        why=f"feeds: {told}" if told else "there are no feeds yet",
        unchanged="nothing was fetched or written",
        next_step="quantmatrix sync add ibkr NAME --query NUMBER" if not known else "quantmatrix sync status",
        exit_code=ExitCode.USAGE,
    )


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


def _settings_of(options: dict[str, Any]) -> dict[str, Any]:
    wanted = ("query", "account", "exchange", "markets", "currency", "host", "port", "client_id", "sandbox")
    given = {name: options[name] for name in wanted if options.get(name) not in (None, (), False)}
    if "markets" in given:
        given["markets"] = list(given["markets"])
    return given


def _setting_options(command: Any) -> Any:
    for option in reversed(
        (
            click.option("--query", help="ibkr: number of the Flex Query."),
            click.option("--account", help="tastytrade, crypto: number or name of the account."),
            click.option("--exchange", help="crypto: the exchange's name in ccxt."),
            click.option("--market", "markets", multiple=True, help="crypto: as BTC/USD, if it wants it."),
            click.option("--currency", help="crypto: what coins are counted in (default: USD)."),
            click.option("--host", help="ibkr_today: where TWS or Gateway runs (default: 127.0.0.1)."),
            click.option("--port", type=click.IntRange(1, 65535), help="ibkr_today: its port (7496)."),
            click.option("--client-id", type=click.IntRange(0, 999), help="ibkr_today: our number there."),
            click.option("--sandbox", is_flag=True, help="tastytrade: the test system."),
            click.option("--since", type=_DAY, help="First day that is wanted (default: a year ago)."),
        )
    ):
        command = option(command)
    return command


@sync.command("add", short_help="Make a feed and store its credentials.")
@click.argument("service", type=click.Choice(SERVICES))
@click.argument("name")
@_setting_options
@click.option("--credentials-file", type=click.File("r"), help="JSON with the credentials; - is stdin.")
@click.pass_obj
def sync_add(settings: Settings, /, service: str, name: str, credentials_file: Any, **options: Any) -> None:
    """Make the feed NAME. Credentials are asked for, or read from a file, and sealed on this machine.

    \b
      quantmatrix sync add ibkr main --query 123456 --since 2020-01-01
      quantmatrix sync add tastytrade tasty --account 5WT00001 --credentials-file tasty.json
      quantmatrix sync add crypto kraken --exchange kraken
      quantmatrix sync add ibkr_today today --port 4001

    The file holds {"token": ...} for ibkr, {"client_secret": ..., "refresh_token": ...} for tastytrade,
    {"api_key": ..., "secret": ...} for crypto.
    """
    with door(settings) as session:
        owner = _owner(session)
        secrets = _asked_for(service, credentials_file)
        since: datetime | None = options.pop("since")
        made = session.call(
            "feed_add",
            {
                "name": name,
                "service": service,
                "settings": _settings_of(options),
                "since": since.date() if since else None,
            },
        )
        _seal(session, owner, made["name"], made["id"], secrets)
    write_object(made, settings.format)
    settings.narrate(
        f"next: quantmatrix sync {'today' if service == 'ibkr_today' else service} {made['name']}"
    )


@sync.command("credentials", short_help="Store new credentials of a feed.")
@click.argument("name")
@click.option("--credentials-file", type=click.File("r"), help="JSON with the credentials; - is stdin.")
@click.pass_obj
def sync_credentials(settings: Settings, name: str, credentials_file: Any) -> None:
    """Store new credentials of the feed NAME, in place of the old ones.

    \b
      quantmatrix sync credentials main
      quantmatrix sync credentials main --credentials-file - < token.json
    """
    with door(settings) as session:
        [feed] = _chosen(session, None, [name])
        owner = _owner(session)
        _seal(session, owner, name, feed["id"], _asked_for(feed["service"], credentials_file))
    settings.narrate(f"{name}: the credentials are sealed with the key of this machine")


@sync.command("set", short_help="Change a feed.")
@click.argument("name")
@_setting_options
@click.option("--overlap", type=click.IntRange(1, 90), help="Days that are asked for again each time.")
@click.option("--due-every", help="How often it should succeed: '1 day', '12 hours'.")
@click.option("--silent-after", help="Without anything new for so long it is called silent: '30 days'.")
@click.option("--pause/--resume", "is_paused", default=None, help="Whether it is left out.")
@click.pass_obj
def sync_set(
    settings: Settings,
    /,
    name: str,
    overlap: int | None,
    due_every: str | None,
    silent_after: str | None,
    is_paused: bool | None,
    **options: Any,
) -> None:
    """Change the feed NAME. An earlier --since fetches everything from there again.

    \b
      quantmatrix sync set main --query 654321
      quantmatrix sync set main --since 2015-01-01
      quantmatrix sync set kraken --silent-after '90 days'
      quantmatrix sync set main --pause
    """
    since: datetime | None = options.pop("since")
    changes = {
        "settings": _settings_of(options) or None,
        "since": str(since.date()) if since else None,
        "overlap_days": overlap,
        "due_every": due_every,
        "silent_after": silent_after,
        "is_paused": is_paused,
    }
    with door(settings) as session:
        given = {key: value for key, value in changes.items() if value is not None}
        write_object(session.call("feed_set", {"name": name, "changes": given}), settings.format)


@sync.command("remove", short_help="Remove a feed; what it brought stays.")
@click.argument("name")
@click.pass_obj
def sync_remove(settings: Settings, name: str) -> None:
    """Remove the feed NAME with its credentials. What it brought stays; import undo takes that back.

    \b
      quantmatrix sync remove main
    """
    with door(settings) as session:
        session.call("feed_remove", {"name": name})
    settings.narrate(f"{name} is removed; its imports stay")


def _asked_for(service: str, file: Any) -> dict[str, str]:
    """The credentials of a service: from a file, else asked for one by one without an echo."""
    import json

    from quantmatrix.sync.run import fetcher

    module = fetcher(service)
    names: tuple[str, ...] = module.SECRETS
    if not names:
        return {}
    if file is None:
        return {name: ask_hidden(name.replace("_", " "), "--credentials-file") for name in names}
    try:
        told = json.loads(file.read())
        missing = [name for name in names if not isinstance(told.get(name), str) or not told[name].strip()]
    except (ValueError, AttributeError):
        told, missing = {}, list(names)
    unknown = set(told) - {*names, *getattr(module, "FURTHER_SECRETS", ())}
    if missing or unknown:
        raise Problem(
            "the credentials cannot be read",
            where=Path(getattr(file, "name", "-")).name,
            why=f"missing: {', '.join(missing)}" if missing else f"unknown: {', '.join(sorted(unknown))}",
            unchanged="nothing was stored",
            next_step="write a JSON object: " + json.dumps(dict.fromkeys(names, "...")),
            exit_code=ExitCode.USAGE,
        )
    return {name: str(value).strip() for name, value in told.items()}


def _owner(session: Door) -> UUID:
    """Who seals; asked before anybody types a secret."""
    return UUID(session.call("whoami")["id"])


def _seal(session: Door, owner: UUID, name: str, feed_id: int, secrets: dict[str, str]) -> None:
    if not secrets:
        return
    from quantmatrix.sync.secrets import seal

    session.call("feed_seal", {"name": name, "sealed": seal(secrets, owner, feed_id)})
