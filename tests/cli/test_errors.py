"""Errors: the status, and the parts that people are told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

import quantmatrix
from quantmatrix.cli import cli
from quantmatrix.cli.errors import report
from quantmatrix.database.connection import open_connection
from quantmatrix.door.problems import explain
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.testing.cluster import Database


def raised(database: Database, statement: str) -> psycopg.Error:
    with database.connect() as connection, pytest.raises(psycopg.Error) as error:
        connection.execute(statement.encode())
    return error.value


def raising(code: str) -> str:
    return (
        f"do $$ begin raise exception 'the message' using errcode = '{code}', detail = 'the detail',"
        " hint = 'the hint'; end $$"
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("QM001", ExitCode.FAILED),
        ("QM010", ExitCode.REFUSED),
        ("42501", ExitCode.PERMISSION),
        ("28000", ExitCode.PERMISSION),
        ("40001", ExitCode.FAILED),
        ("53100", ExitCode.FAILED),
        ("57P01", ExitCode.UNREACHABLE),
        ("P0001", ExitCode.FAILED),
    ],
)
def test_what_the_database_says_passes_unchanged(
    module_database: Database, capsys: pytest.CaptureFixture[str], code: str, status: ExitCode
) -> None:
    error = raised(module_database, raising(code))
    problem = explain(error)
    assert problem is not None
    assert "the message" in (problem.what, problem.why)
    assert problem.unchanged
    assert report(error) is status
    told = capsys.readouterr()
    assert told.out == ""
    assert "the message" in told.err
    # A code of ours says nothing to a person, and names no place.
    assert ("where:" in told.err) is not code.startswith(("QM", "57P01"))
    if code not in ("53100", "57P01"):
        assert "why: the detail" in told.err
        assert "next: the hint" in told.err


def test_a_constraint_is_named(module_database: Database) -> None:
    error = raised(module_database, "insert into core.users (email) values ('not an address')")
    problem = explain(error)
    assert problem is not None
    assert "core.users" in (problem.where or "")
    assert "users_email_is_lower_case_address" in (problem.where or "")
    assert "23514" in (problem.where or "")


def test_a_server_that_is_not_there_ends_with_status_6() -> None:
    with pytest.raises(Problem) as absent:
        open_connection("host=127.0.0.1 port=1 user=me password=secret dbname=x")
    assert absent.value.exit_code is ExitCode.UNREACHABLE
    assert "port 1" in (absent.value.where or "")
    assert "secret" not in str(absent.value)


def test_a_login_that_is_refused_ends_with_status_4(module_database: Database) -> None:
    with pytest.raises(Problem) as refused:
        open_connection(psycopg.conninfo.make_conninfo(module_database.dsn("authenticator"), password="no"))
    assert refused.value.exit_code is ExitCode.PERMISSION
    assert "password=" not in str(refused.value)


def test_a_lost_connection_ends_with_status_6(module_database: Database) -> None:
    with module_database.connect() as connection, pytest.raises(psycopg.OperationalError) as lost:
        connection.execute("select pg_terminate_backend(pg_backend_pid())")
    assert report(lost.value) is ExitCode.UNREACHABLE


def test_the_driver_says_nothing_beside_it() -> None:
    code = "import logging, quantmatrix.database.connection; logging.getLogger('psycopg').warning('x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_errors_of_the_system_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(FileNotFoundError(2, "No such file or directory", "trades.csv")) is ExitCode.FAILED
    assert "error: no such file or directory\n  where: trades.csv" in capsys.readouterr().err


def test_defects_are_called_defects(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(KeyError("x")) is ExitCode.FAILED
    assert "a defect in quantmatrix: KeyError" in capsys.readouterr().err
    try:
        raise KeyError("y")
    except KeyError as error:
        report(error, verbose=True)
    assert "Traceback" in capsys.readouterr().err


def test_a_problem_says_all_its_parts() -> None:
    problem = Problem("it broke", where="a.csv:3:4", why="reasons", unchanged="all", next_step="mend it")
    assert str(problem).splitlines() == [
        "it broke",
        "  where: a.csv:3:4",
        "  why: reasons",
        "  unchanged: all",
        "  next: mend it",
    ]


def test_a_secret_is_never_typed_where_it_would_be_shown() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "quantmatrix", "login", "--api", "http://127.0.0.1:9", "ann@example.test"],
        input="a password\n",
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert asked.returncode == ExitCode.USAGE
    assert "no terminal is here to ask at: Password" in asked.stderr
    assert "next: name a file that holds it: --password-file (- is stdin)" in asked.stderr
    assert "Warning" not in asked.stderr


def test_every_secret_is_asked_for_in_one_way() -> None:
    program = Path(quantmatrix.__file__).parent
    askers = [path.name for path in program.rglob("*.py") if "hide_input" in path.read_text(encoding="utf-8")]
    assert askers == ["hidden.py"]


def test_an_address_that_cannot_be_read_is_named_where_it_stands() -> None:
    typed = CliRunner().invoke(cli, ["--database-url", "nonsense", "holdings"])
    assert typed.exit_code == ExitCode.USAGE
    assert "where: --database-url" in typed.stderr
    named = CliRunner(env={"QUANTMATRIX_DATABASE_URL": "nonsense"}).invoke(cli, ["holdings"])
    assert "where: QUANTMATRIX_DATABASE_URL" in named.stderr
