"""Feeds: which are meant, ``sync add``, ``set`` and ``remove``, and their credentials."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from quantmatrix.cli.hidden import ask_hidden
from quantmatrix.cli.output import write_object
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.door.protocol import Door
from quantmatrix.errors import ExitCode, Problem

TODAY = "ibkr_today"
SERVICES = ("ibkr", "tastytrade", "crypto", TODAY)
DAY = click.DateTime(["%Y-%m-%d"])


def chosen(session: Door, service: str | None, names: Sequence[str]) -> list[dict[str, Any]]:
    """The feeds of these names, else all of a service, or of all services, that are not paused."""
    feeds = list(session.view("feeds", order=("name",)))
    known = {feed["name"]: feed for feed in feeds}
    if unknown := [name for name in names if name not in known]:
        raise _no_feed(f"there is no feed {', '.join(unknown)}", known)
    wrong = [name for name in names if service and known[name]["service"] != service]
    if wrong:
        raise _no_feed(f"{', '.join(wrong)} is no feed of {service}", known)
    # The broker's program need not run at night, and to wait for it would keep the other feeds waiting.
    wanted = (service,) if service else tuple(name for name in SERVICES if name != TODAY)
    found = [known[name] for name in names] or [
        feed for feed in feeds if feed["state"] != "paused" and feed["service"] in wanted
    ]
    if not found:
        raise _no_feed("there is nothing to sync", known)
    return found


def _no_feed(what: str, known: dict[str, Any]) -> Problem:
    told = ", ".join(f"{name} ({feed['service']}, {feed['state']})" for name, feed in known.items())
    return Problem(
        what,
        why=f"feeds: {told}" if told else "there are no feeds yet",
        unchanged="nothing was fetched or written",
        next_step="quantmatrix sync add ibkr NAME --query NUMBER" if not known else "quantmatrix sync status",
        exit_code=ExitCode.USAGE,
    )


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
            click.option("--since", type=DAY, help="First day that is wanted (default: a year ago)."),
        )
    ):
        command = option(command)
    return command


@click.command("add", short_help="Make a feed and store its credentials.")
@click.argument("service", type=click.Choice(SERVICES))
@click.argument("name")
@_setting_options
@click.option("--credentials-file", type=click.File("r"), help="JSON with the credentials; - is stdin.")
@click.pass_obj
def add(settings: Settings, /, service: str, name: str, credentials_file: Any, **options: Any) -> None:
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


@click.command("credentials", short_help="Store new credentials of a feed.")
@click.argument("name")
@click.option("--credentials-file", type=click.File("r"), help="JSON with the credentials; - is stdin.")
@click.pass_obj
def credentials(settings: Settings, name: str, credentials_file: Any) -> None:
    """Store new credentials of the feed NAME, in place of the old ones.

    \b
      quantmatrix sync credentials main
      quantmatrix sync credentials main --credentials-file - < token.json
    """
    with door(settings) as session:
        [feed] = chosen(session, None, [name])
        owner = _owner(session)
        _seal(session, owner, name, feed["id"], _asked_for(feed["service"], credentials_file))
    settings.narrate(f"{name}: the credentials are sealed with the key of this machine")


@click.command("set", short_help="Change a feed.")
@click.argument("name")
@_setting_options
@click.option("--overlap", type=click.IntRange(1, 90), help="Days that are asked for again each time.")
@click.option("--due-every", help="How often it should succeed: '1 day', '12 hours'.")
@click.option("--silent-after", help="Without anything new for so long it is called silent: '30 days'.")
@click.option("--pause/--resume", "is_paused", default=None, help="Whether it is left out.")
@click.pass_obj
def set_feed(
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


@click.command("remove", short_help="Remove a feed; what it brought stays.")
@click.argument("name")
@click.pass_obj
def remove(settings: Settings, name: str) -> None:
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
