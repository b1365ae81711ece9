"""Every option of all commands is used by each command or refused by it: none is ignored."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.cli.doors import BOOK, DOORS, LOGIN, NOT_OVER_THE_API, OPTIONS
from quantmatrix.cli.settings import FORMATS, Settings
from quantmatrix.door import retries
from quantmatrix.errors import ExitCode
from quantmatrix.testing.cluster import Database

NOBODY = "nobody@nowhere.invalid"
# What a command says first that wants more than the address of a database, or looks at its file before.
NAMED_BY_NOBODY = (
    "nothing of ours to start or stop",
    "superuser's login is not known",
    "signing keys is not known",
    "no whole backup",
)
ELSEWHERE = {
    # Where nothing answers, and where nothing can be.
    "--api": ("http://127.0.0.1:1", ("http://127.0.0.1:1",)),
    "--database-url": ("postgresql://authenticator@127.0.0.1:1/x", ("127.0.0.1", *NAMED_BY_NOBODY)),
    "--data-dir": ("/proc/nowhere", ("/proc/nowhere", "no whole backup")),
    "--user": (NOBODY, (NOBODY,)),
    "--book": (NOBODY, (NOBODY, "shared", "share")),
}
# What a command wants besides what its usage says, so that it gets as far as its session.
WORDS = {
    "account set": ["--name", "B"],
    "basis set": ["--basis", "1"],
    "import conflicts resolve": ["--same"],
    "login": ["a@b.example", "--password-file", "-"],
    "lots explain": ["1"],
    "restore": ["--verify"],
    "transactions correct": ["--price", "1"],
    "user erase": ["--yes"],
}
FILES = {
    "lots check-case": '{"id": "x", "transactions": [], "expected": {}}',
}


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Each command that does something, with its words."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        if command.invoke_without_command:
            yield " ".join(words), command
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from leaves(below, (*words, name))
    else:
        yield " ".join(words), command


COMMANDS = dict(leaves(cli))


def arguments(name: str, folder: Path) -> list[str]:
    """Words with which the command gets as far as its session."""
    file = folder / "file.csv"
    file.write_text(FILES.get(name, "Date,Symbol,Quantity,Price,Commission,Type\n2024-05-01,A,1,1,0,buy\n"))
    found = list(WORDS.get(name, []))
    if name.startswith("legacy"):
        found += ["--from", str(file)]
    if name == "restore":
        found += [str(file)]
    for parameter in COMMANDS[name].params if "--from" not in found else ():
        if parameter.required or (isinstance(parameter, click.Argument) and parameter.nargs == -1):
            text = _value(parameter.type, file)
            found += [text] if isinstance(parameter, click.Argument) else [parameter.opts[0], text]
    return found


def _value(kind: click.ParamType[Any], file: Path) -> str:
    if isinstance(kind, click.Path | click.File):
        return str(file)
    if isinstance(kind, click.Choice):
        return str(kind.choices[0])
    if isinstance(kind, click.DateTime):
        return "2024-05-01"
    return "1"


def run(*words: str, environment: dict[str, str] | None = None) -> Result:
    return CliRunner(env=environment).invoke(cli, words, input="")


def test_the_table_names_every_command_and_no_other() -> None:
    assert set(COMMANDS) == set(DOORS)
    assert set().union(*DOORS.values()) == {*OPTIONS, "strict"}
    assert set(NOT_OVER_THE_API) == {name for name, uses in DOORS.items() if "api" not in uses}


# They go on until they are stopped, and wait for a database that is away.
ENDLESS = {"mail run", "serve", "work"}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - ENDLESS))
def test_no_option_is_ignored(
    name: str, module_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "TRIES", 1)
    words = [*name.replace("import files", "import").split(), *arguments(name, tmp_path)]
    environment = {
        "QUANTMATRIX_CONFIG_DIR": str(tmp_path),
        "QUANTMATRIX_TOKEN": "x",
        "QUANTMATRIX_SMTP_URL": "smtp://127.0.0.1:1",
        "QUANTMATRIX_MAIL_FROM": "a@b.example",
    }
    with module_database.connect() as connection:
        before = counted(connection)
    for option, (value, signs) in ELSEWHERE.items():
        here = {} if option in ("--database-url", "--data-dir") else module_database.variables()
        field = option.removeprefix("--").replace("-", "_")
        done = run(*words, option, value, environment=environment | here)
        if field not in DOORS[name]:
            assert done.exit_code == ExitCode.USAGE, (option, done.output)
            assert f"does not use {option}" in done.stderr, (option, done.output)
        elif (name, option) not in (("down", "--data-dir"), ("legacy migrate", "--user")):
            # Where no server was ever started none is to be stopped; a migration makes the person it names.
            assert done.exit_code != ExitCode.DONE, (option, done.output)
            assert any(sign in done.output for sign in signs), (option, done.output)
    with module_database.connect() as connection:
        assert counted(connection) == before


def counted(connection: Any) -> Any:
    """How many people, accounts, transactions and feeds there are."""
    return connection.execute(
        "select (select count(*) from core.users where email <> 'me@localhost'),"
        " (select count(*) from core.transactions), (select count(*) from core.accounts),"
        " (select count(*) from ingest.feeds)"
    ).fetchone()


@pytest.mark.parametrize("name", sorted(name for name, uses in DOORS.items() if "format" not in uses))
@pytest.mark.parametrize("option", [["--format", "json"], ["--format", "csv", "--raw"]])
def test_a_format_is_refused_by_what_prints_no_rows(name: str, option: list[str], tmp_path: Path) -> None:
    words = [*name.split(), *arguments(name, tmp_path)]
    done = run(*words, *option)
    assert done.exit_code == ExitCode.USAGE
    assert "does not use --format" in done.stderr


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_what_a_command_prints_is_in_the_format_that_is_wanted(name: str) -> None:
    """A command that says it obeys ``--format`` hands it on, and one that writes rows says that it obeys."""
    callback = COMMANDS[name].callback
    assert callback is not None
    names = set().union(*reached(callback).values())
    assert ("format" in DOORS[name]) == bool({"write_rows", "write_object", "to_json"} & names), names


SHARED = ("quantmatrix.cli.output", "quantmatrix.cli.session")


def reached(function: Any, found: dict[Any, set[str]] | None = None) -> dict[Any, set[str]]:
    """The functions of the command line that ``function`` reaches, with the names that each uses."""
    found = {} if found is None else found
    function = getattr(function, "__wrapped__", function)
    function = getattr(function, "__wrapped__", function)
    if function in found or not isinstance(function, FunctionType):
        return found
    found[function] = set(_names(function.__code__))
    module = sys.modules[function.__module__]
    for name in found[function]:
        there = getattr(module, name, None)
        home = getattr(there, "__module__", "")
        if callable(there) and home.startswith("quantmatrix.cli.") and home not in SHARED:
            reached(there, found)
    return found


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def test_raw_wants_a_format_for_spreadsheets() -> None:
    for name in FORMATS:
        done = run("import", "formats", "--raw", "--format", name)
        assert (done.exit_code == 0) == (name in ("csv", "tsv"))
    assert "--raw is for" in run("import", "formats", "--raw").stderr


def test_two_places_are_refused_and_what_is_typed_goes_before_a_variable(module_database: Database) -> None:
    place = ["--database-url", module_database.variables()["QUANTMATRIX_DATABASE_URL"]]
    for first, second in ((["--api", "http://127.0.0.1:1"], place), (["--demo"], place)):
        done = run("holdings", *first, *second, environment=module_database.variables())
        assert done.exit_code == ExitCode.USAGE
        assert "name two places" in done.stderr
    away = module_database.variables() | {"QUANTMATRIX_API": "http://127.0.0.1:1"}
    assert run("holdings", *place, environment=away).exit_code == 0


def test_a_variable_that_names_an_api_is_not_passed_over(module_database: Database) -> None:
    """A person who works at an API does not find out later that a user was made here."""
    away = module_database.variables() | {"QUANTMATRIX_API": "http://127.0.0.1:1"}
    for words in (["user", "add", "x@y.example"], ["user", "list"], ["sql", "-c", "select 1"], ["backup"]):
        done = run(*words, environment=away)
        assert done.exit_code == ExitCode.USAGE
        assert "does not use QUANTMATRIX_API" in done.stderr
    assert run("status", environment=away).exit_code == 0


def test_other_variables_lead_to_no_other_database(module_database: Database) -> None:
    variables = module_database.variables()
    elsewhere = variables["QUANTMATRIX_DATABASE_URL"].replace("dbname=", "dbname=not_")
    done = run("user", "list", "--database-url", elsewhere, environment=variables)
    assert done.exit_code == ExitCode.USAGE
    assert "name two databases" in done.stderr


def test_whoever_is_named_over_an_api_must_be_signed_in_there() -> None:
    assert "user" in BOOK
    assert {"api"} == LOGIN


def test_a_book_that_is_not_open_names_the_command_that_lists_them(database: Database) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments, obj=Settings(_environment=database.environment))

    assert run("user", "add", "other@example.test").exit_code == 0
    done = run("--user", "other@example.test", "--book", "nobody@example.test", "holdings")
    assert done.exit_code == ExitCode.PERMISSION
    assert "next: quantmatrix share list" in done.stderr
