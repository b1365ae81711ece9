"""What a text of the database says to do, as the command to type.

Texts name actions in backticks, as a call (``db/functions/actions.md``): ``account_set(status => closed)`` is
told as ``quantmatrix account set ACCOUNT --status closed``. What has no command is told as it stands.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_VALUE = r"E'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|[^\s,()`']+"
_ARGUMENT = re.compile(rf"(\w+) => ({_VALUE})")
_ACTION = re.compile(rf"`(\w+)(?:\(((?:\w+ => (?:{_VALUE})(?:, )?)*)\))?`")


class Action(NamedTuple):
    """Something to do: a function or view of the API, or a name of the list, with what is known of it."""

    name: str
    arguments: Mapping[str, str]


class Command(NamedTuple):
    """A command that does an action.

    ``usage`` is what is always typed. ``places`` names, by argument, the word in capitals of ``usage`` that a
    value takes the place of; ``options`` the option that is typed where the argument is given, with its value
    behind it, or without where it is listed by ``argument=value``.
    """

    usage: str
    places: Mapping[str, str] = {}
    options: Mapping[str, str] = {}


_BY_EMAIL = {"email": "EMAIL"}
_BY_NAME = {"name": "NAME"}
_BY_TRANSACTION = {"transaction_id": "NUMBER"}

COMMANDS: dict[str, tuple[Command, ...]] = {
    "acceptances": (Command("reconcile accepted"),),
    "account_merge": (Command("account merge FROM INTO", {"from_account": "FROM", "into_account": "INTO"}),),
    "account_set": (Command("account set ACCOUNT", {"account": "ACCOUNT"}, {"status": "--status"}),),
    "accounts": (Command("account list"),),
    "audit_verify": (Command("audit verify"),),
    "audit_verify_all": (Command("audit verify", {}, {"noted_head": "--head"}),),
    "basis_set": (
        Command(
            "basis set TRANSACTION",
            {"transaction_id": "TRANSACTION"},
            {"basis": "--basis", "acquired_on": "--acquired"},
        ),
    ),
    "closings": (Command("lots closings"),),
    "feed_add": (Command("sync add SERVICE NAME", {"service": "SERVICE", **_BY_NAME}),),
    "feed_remove": (Command("sync remove NAME", _BY_NAME),),
    "feed_seal": (Command("sync credentials NAME", _BY_NAME),),
    "feed_set": (
        Command(
            "sync set NAME",
            _BY_NAME,
            {
                "query": "--query",
                "since": "--since",
                "is_paused=true": "--pause",
                "is_paused=false": "--resume",
            },
        ),
    ),
    "feeds": (Command("sync status"),),
    "grant_list": (Command("share list"),),
    "grant_revoke": (Command("share revoke NUMBER", {"id": "NUMBER"}),),
    "holdings": (Command("holdings"),),
    "import": (Command("import FILE", {"file": "FILE"}, {"account": "--account"}),),
    "import_conflict_reopen": (Command("import conflicts reopen NUMBER", {"decision": "NUMBER"}),),
    "import_conflicts": (Command("import conflicts"),),
    "import_decisions": (Command("import conflicts decisions"),),
    "import_undo": (Command("import undo NUMBER", {"import_id": "NUMBER"}),),
    "imports": (Command("import list"),),
    "instrument_changes": (Command("instruments changes"),),
    "instruments": (Command("instruments list"), Command("instruments show SYMBOL", {"symbol": "SYMBOL"})),
    "key_create": (Command("key create NAME", _BY_NAME),),
    "key_list": (Command("key list"),),
    "key_revoke": (Command("key revoke NUMBER", {"id": "NUMBER"}),),
    "legacy_migrate": (Command("legacy migrate --from SOURCE", {}, {"csv_account": "--csv-account"}),),
    "lots": (Command("lots list --all"), Command("lots list", {}, {"is_open=true": ""})),
    "lots_rebuild": (Command("lots rebuild"),),
    "mail_list": (Command("mail list"),),
    "method_set": (
        Command("account set ACCOUNT --lot-method METHOD", {"account": "ACCOUNT", "method": "METHOD"}),
    ),
    "prices_held": (Command("prices held"),),
    "reconcile": (Command("reconcile"),),
    "sign_in": (Command("login"),),
    "signing_keys_load": (Command("migrate keys"),),
    "sync_attempts": (Command("sync history"),),
    "sync_run": (Command("sync run NAME", _BY_NAME, {"accept_refusals=true": "--accept-refusals"}),),
    "token": (Command("login"),),
    "transaction_add": (Command("transactions add"),),
    "transaction_correct": (Command("transactions correct NUMBER", _BY_TRANSACTION),),
    "transaction_void": (Command("transactions void NUMBER", _BY_TRANSACTION),),
    "transactions": (Command("transactions list", {}, {"symbol": "--symbol"}),),
    "user_disable": (Command("user disable EMAIL", _BY_EMAIL, {"disabled=false": "--undo"}),),
    "user_erase": (Command("user erase EMAIL", _BY_EMAIL),),
    "user_instruments": (Command("user instruments EMAIL NUMBER", {**_BY_EMAIL, "allowed": "NUMBER"}),),
    "user_list": (Command("user list"),),
}
"""By action the commands that do it: of several the first that takes what is known."""


def told(text: str, **known: str) -> str:
    """``text`` with the command in the place of each action; ``known`` is what the reader knows already."""
    return _ACTION.sub(lambda found: command(_action(found), **known) or found.group(), text)


def actions(text: str) -> Iterator[Action]:
    """The actions that ``text`` names."""
    return map(_action, _ACTION.finditer(text))


def listed(text: str, **known: str) -> list[dict[str, Any]]:
    """The actions of ``text`` for programs: name, arguments, and the command or None."""
    return [
        {"action": action.name, "arguments": dict(action.arguments), "command": command(action, **known)}
        for action in actions(text)
    ]


def row_told(row: Mapping[str, Any], field: str, **known: str) -> dict[str, Any]:
    """``row`` with the text of ``field`` told, where it has one, and beside it its actions for programs."""
    if field not in row:
        return dict(row)
    text = row[field]
    changed = {field: told(text, **known), "actions": listed(text, **known)} if text else {"actions": []}
    return {**row, **changed}


def command(action: Action, **known: str) -> str | None:
    """The command that does ``action``, as one types it into a shell; None if there is none."""
    for one in COMMANDS.get(action.name, ()):
        told_options = [_option(one, name, value) for name, value in action.arguments.items()]
        if None not in told_options:
            values = {**known, **action.arguments}
            words = {word: shlex.quote(values[name]) for name, word in one.places.items() if name in values}
            usage = [words.get(word, word) for word in one.usage.split()]
            return " ".join(["quantmatrix", *usage, *filter(None, told_options)])
    return None


def _option(one: Command, name: str, value: str) -> str | None:
    """What is typed for an argument behind the usage; None where the command does not take it."""
    if name in one.places:
        return ""
    if f"{name}={value}" in one.options:
        return one.options[f"{name}={value}"]
    return f"{one.options[name]} {shlex.quote(value)}" if name in one.options else None


def _action(found: re.Match[str]) -> Action:
    return Action(
        found.group(1), {name: _value(text) for name, text in _ARGUMENT.findall(found.group(2) or "")}
    )


def _value(text: str) -> str:
    """A value as it is, of a literal of SQL or a bare word."""
    if text.startswith("E'"):
        return re.sub(r"''|\\(.)", lambda found: found.group(1) or "'", text[2:-1])
    return text[1:-1].replace("''", "'") if text.startswith("'") else text
