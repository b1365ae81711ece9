"""Who acts: what names somebody goes before what chose somebody, and that before what is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode
from quantmatrix.testing.cluster import Database

ANN, BOB, CAY = (f"{name}@example.test" for name in ("ann", "bob", "cay"))


class Run(Protocol):
    def __call__(self, *arguments: str, variable: str | None = None) -> Result: ...


@pytest.fixture
def run(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("QUANTMATRIX_CONFIG_DIR", str(tmp_path / "config"))

    def call(*arguments: str, variable: str | None = None) -> Result:
        return CliRunner().invoke(
            cli,
            arguments,
            obj=Settings(_environment=database.environment),
            env={"QUANTMATRIX_USER": variable},
        )

    return call


def acts(run: Run, *words: str, variable: str | None = None) -> str:
    """Whose row a command writes that names nobody but by these words."""
    done = run(*words, "account", "list", variable=variable)
    assert done.exit_code == 0, done.output
    told = run(*words, "user", "default", variable=variable)
    assert told.exit_code == 0, told.output
    return told.stdout.strip()


def add(run: Run, *emails: str) -> None:
    for email in emails:
        assert run("user", "add", email).exit_code == 0


def test_each_way_to_name_somebody_goes_before_the_next(run: Run) -> None:
    add(run, ANN, BOB, CAY)
    assert run("user", "default", CAY).exit_code == 0
    assert acts(run) == CAY
    assert acts(run, variable=BOB) == BOB
    assert acts(run, "--user", ANN, variable=BOB) == ANN
    assert run("user", "default", "--none").exit_code == 0
    assert acts(run, variable=BOB) == BOB


def test_where_nobody_is_named_it_is_the_local_person_or_the_only_one(run: Run) -> None:
    add(run, ANN)
    assert acts(run) == ANN
    add(run, BOB)
    unclear = run("account", "list")
    assert unclear.exit_code == ExitCode.USAGE
    assert "there are several users" in unclear.stderr
    add(run, "me@localhost")
    assert acts(run) == "me@localhost"


def test_the_local_person_is_made_at_first_use_and_only_then(run: Run) -> None:
    assert acts(run) == "me@localhost"
    people = json.loads(run("user", "list", "--format", "json").stdout)
    assert [row["email"] for row in people] == ["me@localhost"]


def test_somebody_unknown_is_refused_and_what_named_them_is_said(run: Run) -> None:
    add(run, ANN)
    by_variable = run("account", "list", variable="nobody@example.test")
    assert by_variable.exit_code == ExitCode.PERMISSION
    assert "QUANTMATRIX_USER names that one" in by_variable.stderr
    typed = run("--user", "nobody@example.test", "account", "list", variable=ANN)
    assert typed.exit_code == ExitCode.PERMISSION
    assert "QUANTMATRIX_USER" not in typed.stderr
    chosen = run("user", "default", "nobody@example.test")
    assert chosen.exit_code == ExitCode.PERMISSION
    assert acts(run) == ANN


def test_a_chosen_person_who_is_gone_is_not_replaced_by_somebody_else(run: Run) -> None:
    add(run, ANN, BOB)
    run("user", "default", BOB)
    assert run("user", "erase", BOB, "--reason", "left", "--yes").exit_code == 0
    refused = run("account", "list")
    assert refused.exit_code == ExitCode.PERMISSION
    assert "user default chose that one" in refused.stderr


def test_a_name_as_argument_and_another_as_option_are_refused(run: Run) -> None:
    add(run, ANN, BOB)
    both = run("--user", ANN, "user", "default", BOB)
    assert both.exit_code == ExitCode.USAGE
    assert "not both" in both.stderr
    # The variable is for commands that name nobody: an argument goes before it.
    assert run("user", "default", BOB, variable=ANN).exit_code == 0
    assert acts(run) == BOB
