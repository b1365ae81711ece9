"""Which options of all commands each command uses. One that a command does not use is refused, never ignored.

Options name where a command works (``--api``, ``--database-url``, ``--data-dir``, ``--demo``), as whom
(``--user``), in whose book (``--book``) and how rows are printed (``--format``, ``--raw``). ``--quiet`` and
``--verbose`` are of the program, and every command obeys them.

Environment variables are wishes for all commands: one that a command cannot fulfil is refused where the
command would read or change something else instead, and says nothing to what starts servers of this machine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode, Problem

PLACE = frozenset({"data_dir", "database_url", "demo"})
ROWS = frozenset({"format", "raw"})

SERVERS = PLACE
"""Works on the servers themselves."""
PEOPLE = PLACE | {"strict"}
"""Works with a database as its administrator, for all people or for one that an argument names."""
PERSON = PEOPLE | {"user"}
"""Works as one person, in that person's own book."""
FETCHING = PERSON | {"book"}
"""Works in a book, with the database alone."""
BOOK = FETCHING | {"api"}
"""Works in a book, with the database or over an API."""
PRICES = PEOPLE | {"api"}
"""Works for all people, as the administrator of a database or as one who signed in at an API."""
LOGIN = frozenset({"api"})
"""Works at an API, and is how one gets in there."""
NOWHERE: frozenset[str] = frozenset()
"""Needs neither database nor person."""

DOORS: dict[str, frozenset[str]] = {
    "demo": frozenset({"data_dir", "demo"}),
    "import files": BOOK | ROWS,
    "import formats": NOWHERE | ROWS,
    "import list": BOOK | ROWS,
    "import show": BOOK | ROWS,
    "import undo": BOOK | ROWS,
    "import conflicts": BOOK | ROWS,
    "import conflicts decisions": BOOK | ROWS,
    "import conflicts reopen": BOOK | ROWS,
    "import conflicts resolve": BOOK | ROWS,
    "sync add": BOOK | ROWS,
    "sync credentials": BOOK,
    "sync crypto": FETCHING | ROWS,
    "sync history": BOOK | ROWS,
    "sync ibkr": FETCHING | ROWS,
    "sync remove": BOOK,
    "sync run": FETCHING | ROWS,
    "sync set": BOOK | ROWS,
    "sync status": BOOK | ROWS,
    "sync tastytrade": FETCHING | ROWS,
    "sync today": FETCHING | ROWS,
    "holdings": BOOK | ROWS,
    "cash": BOOK | ROWS,
    "reconcile": BOOK | ROWS,
    "reconcile accepted": BOOK | ROWS,
    "reconcile revoke": BOOK | ROWS,
    "lots list": BOOK | ROWS,
    "lots check-case": PEOPLE,
    "lots closings": BOOK | ROWS,
    "lots compare": BOOK | ROWS,
    "lots explain": BOOK | ROWS,
    "lots rebuild": BOOK | ROWS,
    "lots what-if": BOOK | ROWS,
    "transactions list": BOOK | ROWS,
    "transactions add": BOOK | ROWS,
    "transactions correct": BOOK | ROWS,
    "transactions void": BOOK | ROWS,
    "instruments changes": BOOK | ROWS,
    "instruments list": BOOK | ROWS,
    "instruments merge": BOOK | ROWS,
    "instruments show": BOOK | ROWS,
    "instruments split": BOOK | ROWS,
    "instruments undo": BOOK | ROWS,
    "account list": BOOK | ROWS,
    "account add": BOOK | ROWS,
    "account set": BOOK | ROWS,
    "account rename": BOOK | ROWS,
    "account remove": BOOK | ROWS,
    "account merge": BOOK | ROWS,
    "basis set": BOOK | ROWS,
    "export": BOOK,
    "legacy inspect": PEOPLE | ROWS,
    "legacy migrate": PERSON | ROWS,
    "prices load": PRICES | ROWS,
    "prices explain": PRICES,
    "prices held": PRICES | ROWS,
    "prices accept": PRICES,
    "prices reject": PRICES,
    "sql": PERSON | ROWS,
    "sql grant": PEOPLE | ROWS,
    "audit log": BOOK | ROWS,
    "audit head": BOOK | ROWS,
    "audit verify": BOOK | ROWS,
    "login": LOGIN,
    "logout": LOGIN,
    "whoami": BOOK | ROWS,
    "key create": BOOK | ROWS,
    "key list": BOOK | ROWS,
    "key revoke": BOOK,
    "share add": BOOK | ROWS,
    "share list": BOOK | ROWS,
    "share revoke": BOOK,
    "user add": PEOPLE | ROWS,
    "user default": PERSON,
    "user disable": PEOPLE | ROWS,
    "user erase": PEOPLE | ROWS,
    "user export": PEOPLE | ROWS,
    "user import": PEOPLE | ROWS,
    "user instruments": PEOPLE,
    "user list": PEOPLE | ROWS,
    "user passwd": PERSON,
    "user role": PEOPLE | ROWS,
    "user sessions-end": PEOPLE,
    "user token": PERSON | ROWS,
    "user unlock": PEOPLE,
    "up": SERVERS | ROWS,
    "down": SERVERS,
    "status": SERVERS | ROWS,
    "doctor": SERVERS | ROWS,
    "doctor explain-line": NOWHERE,
    "backup": PEOPLE | ROWS,
    "restore": PEOPLE | ROWS,
    "serve": SERVERS,
    "mail list": PEOPLE | ROWS,
    "mail retry": PEOPLE,
    "mail run": PEOPLE,
    "mail send": PEOPLE,
    "mail show": PEOPLE | ROWS,
    "migrate keys": SERVERS,
    "migrate prepare": NOWHERE,
    "migrate status": PEOPLE | ROWS,
    "migrate up": PEOPLE,
    "migrate verify": PEOPLE,
    "work": PEOPLE,
}

_MACHINE = "it is about the servers and files of this machine"
_CLUSTER = "it works on the whole database, which no API gives away"
_PEOPLE = "it administers people with the database's own login; administrators call the API's functions"
_FETCHES = "it holds a lock of the database while it fetches, which no request can"
_OLD_BOOK = "one transaction of the database holds the whole migration, with the backup before it"

NOT_OVER_THE_API = {
    "backup": _CLUSTER,
    "demo": _MACHINE,
    "doctor": _MACHINE,
    "doctor explain-line": "it looks at the files of this program",
    "down": _MACHINE,
    "import formats": "the formats are those of this program",
    "legacy inspect": _OLD_BOOK,
    "legacy migrate": _OLD_BOOK,
    "lots check-case": "it makes people up, and takes them back with all that it did",
    "mail list": _MACHINE,
    "mail retry": _MACHINE,
    "mail run": _MACHINE,
    "mail send": _MACHINE,
    "mail show": _MACHINE,
    "migrate keys": _CLUSTER,
    "migrate prepare": _CLUSTER,
    "migrate status": _CLUSTER,
    "migrate up": _CLUSTER,
    "migrate verify": _CLUSTER,
    "restore": _CLUSTER,
    "serve": _MACHINE,
    "sql": "it speaks SQL, which the API does not",
    "sql grant": "it speaks SQL, which the API does not",
    "status": _MACHINE,
    "sync crypto": _FETCHES,
    "sync ibkr": _FETCHES,
    "sync run": _FETCHES,
    "sync tastytrade": _FETCHES,
    "sync today": _FETCHES,
    "up": _MACHINE,
    "user add": _PEOPLE,
    "user default": "it is about who acts with the database of this machine",
    "user disable": _PEOPLE,
    "user erase": _PEOPLE,
    "user export": _PEOPLE,
    "user import": _PEOPLE,
    "user instruments": _PEOPLE,
    "user list": _PEOPLE,
    "user passwd": _PEOPLE,
    "user role": _PEOPLE,
    "user sessions-end": _PEOPLE,
    "user token": "it signs with the key of this machine; over an API, quantmatrix login gives a token",
    "user unlock": _PEOPLE,
    "work": _MACHINE,
}
"""Why a command does without ``--api``. All others work in a person's book, by either door."""

OPTIONS = {
    "api": "--api",
    "database_url": "--database-url",
    "data_dir": "--data-dir",
    "demo": "--demo",
    "user": "--user",
    "book": "--book",
    "format": "--format",
    "raw": "--raw",
}


def guard(command: click.Command) -> None:
    """Let ``command``, and the commands below it, refuse options that they do not use."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            guard(below)
    if command.callback is not None and not hasattr(command.callback, "__wrapped_by_doors__"):
        command.callback = _checked(command.callback)


def _checked(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def checked(*arguments: Any, **named: Any) -> Any:
        context = click.get_current_context()
        if context.invoked_subcommand is None:
            check(context.ensure_object(Settings), command_name(context))
        return callback(*arguments, **named)

    checked.__dict__["__wrapped_by_doors__"] = True
    return checked


def command_name(context: click.Context) -> str:
    """The words of the running command, without the program's name."""
    words: list[str] = []
    here: click.Context | None = context
    while here is not None and here.parent is not None:
        words.insert(0, str(here.command.name))
        here = here.parent
    return " ".join(words)


def check(settings: Settings, command: str) -> None:
    """Refuse what ``command`` does not use, and what names two places; settle which place is meant."""
    uses = DOORS.get(command, NOWHERE)
    shown = command.removesuffix(" files")
    for name, option in OPTIONS.items():
        source = settings.named.get(name)
        if source is None or name in uses:
            continue
        is_elsewhere = name == "api" and not PLACE & settings.named.keys()
        if source == option or ("strict" in uses and (is_elsewhere or name == "book")):
            raise _refused(
                f"{shown} does not use {source}", _why(name, uses, command), _instead(source, name)
            )
    places = [name for name in ("demo", "database_url", "data_dir") if settings.named.get(name)]
    if settings.named.get("api") == "--api" and "api" in uses and places:
        raise _two(OPTIONS[places[0]], "--api")
    if settings.demo and "database_url" in places:
        raise _two("--demo", "--database-url")
    # What is typed is meant; variables are for commands that say nothing.
    if places:
        settings.api = None
    for name in ("user", "book") if settings.demo else ():
        if settings.named.get(name) != OPTIONS[name]:
            setattr(settings, name, None)
    if settings.raw and settings.format not in ("csv", "tsv"):
        raise _refused(
            "--raw is for --format csv and --format tsv", None, "add one of them, or leave --raw out"
        )


def _why(name: str, uses: frozenset[str], command: str) -> str:
    if name == "api":
        return NOT_OVER_THE_API[command]
    if name in PLACE:
        return "it works at an API" if uses == LOGIN else "it needs no database"
    if name == "user":
        return "nobody acts in it, or its argument says who is meant"
    if name == "book":
        return "it is not about a book"
    return "it prints no rows"


def _instead(source: str, name: str) -> str:
    if source.startswith("--"):
        return f"leave {source} out"
    place = ", or name the place: --data-dir or --database-url" if name == "api" else ""
    return f"run it without that variable: env -u {source} quantmatrix …{place}"


def _two(first: str, second: str) -> Problem:
    return _refused(f"{first} and {second} name two places", None, "leave one of them out")


def _refused(what: str, why: str | None, next_step: str) -> Problem:
    return Problem(
        what,
        why=why,
        unchanged="nothing was read or written",
        next_step=next_step,
        exit_code=ExitCode.USAGE,
    )
