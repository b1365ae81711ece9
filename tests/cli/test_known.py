"""A file that is imported already is known before it is read; what is not the same is read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.ingest.simple import SimpleParser
from quantmatrix.loading import readings
from quantmatrix.testing.cluster import Database

HEADER = "Date,Symbol,Quantity,Price,Commission,Type\n"
ROWS = "2024-05-01,ZZZ,10,5.00,1.00,buy\n2024-06-03,ZZZ,4,6.00,1.00,sell\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + ROWS)
    return path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which files were read, each time one was."""
    seen: list[str] = []
    parse = SimpleParser.parse

    def noted(self: Any, text: Any, options: Any) -> Any:
        seen.append(options.file_name)
        return parse(self, text, options)

    monkeypatch.setattr(SimpleParser, "parse", noted)
    return seen


def imported(database: Database, path: Path, *options: str, account: str = "M") -> dict[str, Any]:
    words = ["import", "--account", account, *options, "--format", "json", str(path)]
    done = CliRunner().invoke(cli, words, obj=Settings(_environment=database.environment))
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_the_answer_is_that_of_reading(
    database: Database, file: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = imported(database, file)
    assert (first["status"], read) == ("imported", ["mine.csv"])
    known = imported(database, file)
    assert read == ["mine.csv"]
    assert known["status"] == "known"
    assert known["rows"] == {"read": 2, "new": 0, "known": 2, "changed": 0, "refused": 0}
    # Readers that were mended since look at it again, and say the same where nothing became better.
    monkeypatch.setattr(readings, "_code", lambda: "mended")
    assert imported(database, file) == known
    assert read == ["mine.csv", "mine.csv"]


def test_what_is_not_the_same_is_read(database: Database, file: Path, read: list[str]) -> None:
    first = imported(database, file)
    imported(database, file, "--day-first")
    imported(database, file, "--replace", str(first["import_id"]))
    assert imported(database, file, "--new-account", account="N")["rows"]["new"] == 2
    file.write_text(HEADER + ROWS + "2024-07-01,YYY,1,1.00,0,buy\n")
    assert imported(database, file)["rows"]["new"] == 1
    assert len(read) == 5


def test_an_import_that_was_taken_back_is_read_again(database: Database, file: Path, read: list[str]) -> None:
    number = imported(database, file)["import_id"]
    undone = CliRunner().invoke(
        cli, ["import", "undo", str(number)], obj=Settings(_environment=database.environment)
    )
    assert undone.exit_code == 0, undone.output
    assert imported(database, file)["rows"]["new"] == 2
    assert len(read) == 2


def test_what_comes_through_a_pipe_is_read(database: Database, read: list[str]) -> None:
    def piped(row: str) -> dict[str, Any]:
        here, there = os.pipe()
        with os.fdopen(there, "w") as stream:
            stream.write(HEADER + row)
        try:
            return imported(database, Path(f"/dev/fd/{here}"), "--source", "simple_csv")
        finally:
            os.close(here)

    bought, sold = ROWS.splitlines(keepends=True)
    assert [piped(bought)["rows"]["new"], piped(sold)["rows"]["new"]] == [1, 1]
    assert len(read) == 2
