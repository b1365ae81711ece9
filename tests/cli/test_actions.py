"""What texts of the database say to do: never a command, always something that clients can do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from quantmatrix import resources
from quantmatrix.cli import COMMANDS as GROUPS
from quantmatrix.cli import cli
from quantmatrix.cli.actions import COMMANDS, Action, actions, command, listed, told
from quantmatrix.testing.cluster import Database

DB = resources.root() / "db"
TEXTS = [
    (f"{path.relative_to(DB)}:{number}", line)
    for folder in ("functions", "policies", "schema")
    for path in sorted((DB / folder).rglob("*.sql"))
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    if not line.lstrip().startswith("--")
]
NAMED = [(place, action) for place, line in TEXTS for action in actions(line)]


def listed_in(document: str) -> dict[str, set[str]]:
    """The actions of a table, each with the arguments it names."""
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", document, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", arguments)) for name, arguments in rows}


LISTED = listed_in((DB / "functions" / "actions.md").read_text(encoding="utf-8"))
OVER_THE_API_ALONE = {
    "identity_link",
    "identity_list",
    "import_resolve",
    "import_stage",
    "job_cancel",
    "jobs",
    "password_forgot",
    "second_factor_begin",
    "second_factor_remove",
    "section_104",
    "session_list",
}
"""Named in texts, and done by no command."""
A_COMMAND = re.compile(rf"quantmatrix ({'|'.join(GROUPS)})\b|(?<![\w-])--[a-z]")


def test_no_text_of_the_database_names_a_command() -> None:
    assert A_COMMAND.search("hint = 'quantmatrix lots list'")
    assert A_COMMAND.search("hint = 'choose with --user'")
    found = [place for place, line in TEXTS if A_COMMAND.search(line)]
    assert found == []


def test_no_stored_comment_names_a_command(module_database: Database) -> None:
    with module_database.connect() as connection:
        comments = connection.execute(
            "select d.description from pg_description d where d.objoid >= 16384"
        ).fetchall()
    assert len(comments) > 500
    assert [text for (text,) in comments if A_COMMAND.search(text)] == []


def test_the_documentation_says_how_actions_are_found() -> None:
    document = (resources.root() / "docs" / "api.md").read_text(encoding="utf-8")
    [pattern] = re.findall(r"^    (`\(.*`)$", document, re.MULTILINE)
    for _, line in TEXTS:
        assert [found.group(1) for found in re.finditer(pattern, line)] == [a.name for a in actions(line)]
    assert listed_in(document).items() >= LISTED.items()


def test_every_backtick_belongs_to_an_action() -> None:
    assert len(NAMED) > 80
    assert [place for place, line in TEXTS if line.count("`") != 2 * len(list(actions(line)))] == []


def test_every_action_is_of_the_api_or_on_the_list(module_database: Database) -> None:
    with module_database.connect() as connection:
        functions = dict(
            connection.execute(
                "select p.proname::text, p.proargnames from pg_proc p"
                " where p.pronamespace = 'api'::regnamespace"
            ).fetchall()
        )
        # What stands in an object of these (changes, settings) is an argument too.
        open_ones = {
            name
            for (name,) in connection.execute(
                "select p.proname::text from pg_proc p where p.pronamespace = 'api'::regnamespace"
                " and 'jsonb'::regtype::oid = any (p.proargtypes::oid[])"
            )
        }
        views = dict(
            connection.execute(
                "select c.table_name::text, array_agg(c.column_name::text)"
                " from information_schema.columns c where c.table_schema = 'api' group by 1"
            ).fetchall()
        )
    known = {**{name: set(names or ()) for name, names in {**views, **functions}.items()}, **LISTED}
    assert LISTED.keys() & (views.keys() | functions.keys()) == set()
    assert [(place, action.name) for place, action in NAMED if action.name not in known] == []
    assert [
        (place, action)
        for place, action in NAMED
        if action.name not in open_ones and not action.arguments.keys() <= known[action.name]
    ] == []
    assert LISTED.keys() <= {action.name for _, action in NAMED}


def test_every_action_has_a_command_or_is_done_over_the_api_alone() -> None:
    names = {action.name for _, action in NAMED}
    assert names - OVER_THE_API_ALONE == set(COMMANDS)
    assert names >= OVER_THE_API_ALONE
    assert [
        (place, action) for place, action in NAMED if action.name in COMMANDS and not command(action)
    ] == []


def every_command() -> Iterator[str]:
    """Each command as it is told without values, and with each of its options."""
    for name, ways in COMMANDS.items():
        for way in ways:
            options = (option.partition("=") for option in way.options)
            given = [{argument: value or "VALUE"} for argument, _, value in options]
            for arguments in [dict.fromkeys(way.places, "VALUE"), *given]:
                words = command(Action(name, arguments))
                assert words is not None, (name, arguments)
                yield words


@pytest.mark.parametrize("typed", sorted(set(every_command())))
def test_every_command_can_be_typed(typed: str) -> None:
    words = shlex.split(typed)[1:]
    one: click.Command = cli
    while isinstance(one, click.Group):
        context = click.Context(one)
        name = words[0] if words and words[0] in one.list_commands(context) else "files"
        if one.get_command(context, name) is None:
            break
        one = one.get_command(context, name) or one
        words = words[words[:1] == [name] :]
    options = {name: option for option in one.params for name in (*option.opts, *option.secondary_opts)}
    places = 0
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            option = options[word]
            assert isinstance(option, click.Option)
            del words[: 0 if option.is_flag else 1]
        else:
            places += 1
    arguments = [parameter for parameter in one.params if isinstance(parameter, click.Argument)]
    assert places >= sum(argument.required for argument in arguments), typed
    assert places <= len(arguments), typed
    assert one.callback is not None, typed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "close it: `account_set(status => closed)`",
            "close it: quantmatrix account set ACCOUNT --status closed",
        ),
        ("`account_set(account => 'O''Neil & Co')`", """quantmatrix account set 'O'"'"'Neil & Co'"""),
        (r"`transactions(symbol => E'A\\B`C')`", r"quantmatrix transactions list --symbol 'A\B`C'"),
        ("`feed_set(query => NUMBER)`", "quantmatrix sync set main --query NUMBER"),
        ("`feed_set(name => 'other', is_paused => false)`", "quantmatrix sync set other --resume"),
        ("`lots` or `lots(is_open => true)`", "quantmatrix lots list --all or quantmatrix lots list"),
        ("`user_disable(disabled => false)`", "quantmatrix user disable EMAIL --undo"),
        # Another release may say what this one does not know.
        (
            "`lots(colour => red)`, `from_the_future`, `not ours`",
            "`lots(colour => red)`, `from_the_future`, `not ours`",
        ),
        ("no action", "no action"),
    ],
)
def test_an_action_is_told_as_the_command_to_type(text: str, shown: str) -> None:
    assert told(text, name="main") == shown


def test_programs_get_the_actions_themselves() -> None:
    assert listed("supply it: `basis_set(transaction_id => 17, basis => AMOUNT)` (`section_104`)") == [
        {
            "action": "basis_set",
            "arguments": {"transaction_id": "17", "basis": "AMOUNT"},
            "command": "quantmatrix basis set 17 --basis AMOUNT",
        },
        {"action": "section_104", "arguments": {}, "command": None},
    ]
