"""A mistyped account: said before it is made, corrected, and removed when nothing is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.cli.accounts import distance
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode
from quantmatrix.testing.cluster import Database


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("Date,Symbol,Quantity,Price,Commission,Type\n2024-05-01,ZZZ,10,5.00,1.00,buy\n")
    return path


def run(database: Database, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, obj=Settings(_environment=database.environment))


def numbers(database: Database) -> list[str]:
    return [row["account"] for row in json.loads(run(database, "account", "list", "--format", "json").stdout)]


@pytest.mark.parametrize(
    ("first", "second", "errors"),
    [
        ("U1234567", "U1234567", 0),
        ("U1234567", "u123457", 1),
        ("U1234567", "U1243567", 1),
        ("M", "Roth", 4),
        ("", "ab", 2),
    ],
)
def test_how_many_letters_were_mistyped(first: str, second: str, errors: int) -> None:
    assert distance(first, second) == distance(second, first) == errors


def test_a_typo_makes_no_second_account_without_a_word(database: Database, file: Path) -> None:
    assert run(database, "import", "--account", "U1234567", str(file)).exit_code == 0
    done = run(database, "import", "--account", "U123457", str(file))
    assert done.exit_code == ExitCode.REFUSED
    assert "there is no account U123457, but there is U1234567" in done.stderr
    assert "--new-account" in done.stderr
    assert numbers(database) == ["U1234567"]
    assert run(database, "import", "--account", "Retirement", str(file)).exit_code == 0
    assert run(database, "import", "--account", "U123457", "--new-account", str(file)).exit_code == 0
    assert sorted(numbers(database)) == ["Retirement", "U1234567", "U123457"]


def test_a_number_is_corrected_and_files_find_the_account_by_it(database: Database, file: Path) -> None:
    run(database, "import", "--account", "U123457", str(file))
    done = run(database, "account", "rename", "U123457", "U1234567", "--format", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["account_name"] == "Manual U1234567"
    again = run(database, "import", "--account", "U1234567", "--format", "json", str(file))
    assert json.loads(again.stdout)["status"] == "known"
    run(database, "account", "add", "manual", "OTHER1")
    taken = run(database, "account", "rename", "OTHER1", "U1234567")
    assert taken.exit_code == ExitCode.FAILED
    assert sorted(numbers(database)) == ["OTHER1", "U1234567"]


def test_only_an_empty_account_is_removed(database: Database, file: Path) -> None:
    number = json.loads(run(database, "import", "--account", "M", "--format", "json", str(file)).stdout)[
        "import_id"
    ]
    done = run(database, "account", "remove", "M")
    assert done.exit_code == ExitCode.FAILED
    assert "is not empty" in done.stderr
    assert "1 transactions, 1 imports" in done.stderr
    assert run(database, "import", "undo", str(number)).exit_code == 0
    removed = run(database, "account", "remove", "M")
    assert removed.exit_code == 0, removed.output
    assert numbers(database) == []
    assert run(database, "audit", "verify").exit_code == 0
    assert run(database, "import", "--account", "M", str(file)).exit_code == 0
    assert run(database, "lots", "rebuild", "--verify").exit_code == 0


def test_two_accounts_become_one(database: Database, file: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.csv"
    later.write_text(file.read_text() + "2024-06-03,ZZZ,-4,6.00,1.00,sell\n")
    assert run(database, "import", "--account", "U1234567", str(file)).exit_code == 0
    assert run(database, "import", "--account", "U123457", "--new-account", str(later)).exit_code == 0
    words = ("account", "merge", "U123457", "U1234567", "--reason", "the number was mistyped")
    tried = run(database, *words, "--dry-run", "--format", "json")
    assert tried.exit_code == 0, tried.output
    assert "nothing was kept" in tried.stderr
    assert sorted(numbers(database)) == ["U1234567", "U123457"]
    done = run(database, *words, "--format", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads(tried.stdout)
    assert json.loads(done.stdout)["transactions"]["counted_once"] == 1
    assert numbers(database) == ["U1234567"]
    held = json.loads(run(database, "holdings", "--format", "json").stdout)
    assert [row["quantity"] for row in held] == ["6"]
    assert run(database, "lots", "rebuild", "--verify").exit_code == 0
    assert run(database, "audit", "verify").exit_code == 0
