"""A line that an error names is found in the file of the part that it stands in."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from quantmatrix import resources
from quantmatrix.cli import cli
from quantmatrix.database import lines, repeatable, source
from quantmatrix.errors import Problem
from quantmatrix.testing.cluster import Database


def test_a_run_time_error_is_found_in_its_part(tmp_path: Path, module_database: Database) -> None:
    whole, part = tmp_path / "whole.sql", tmp_path / "inner.part.sql"
    whole.write_text(
        "create function pg_temp.other() returns integer language sql as $$ select 1 $$;\n"
        "\n"
        "create function pg_temp.whole(v_n integer)\nreturns integer\nlanguage plpgsql\nas $$\n"
        "begin\n"
        "    -- include inner.part.sql\n"
        "    return v_n;\n"
        "end\n$$;\n"
    )
    part.write_text("-- Divides.\nv_n := v_n + 1;\nv_n := v_n / (v_n - 3);\n")
    with module_database.connect() as connection:
        repeatable.run_file(connection, whole)
        with pytest.raises(psycopg.errors.DivisionByZero) as failed:
            connection.execute("select pg_temp.whole(2)")
    named = re.search(r"whole\(integer\) line (\d+) at assignment", failed.value.diag.context or "")
    assert named is not None
    found = lines.find("pg_temp.whole", int(named[1]), [whole])
    assert (found.path, found.number) == (part, 3)


def test_every_line_of_the_loop_is_found() -> None:
    frame = resources.root() / "db" / "functions" / "tax" / "derive.sql"
    part = frame.parent / "derive" / "take.part.sql"
    whole = source.read(frame).lines
    opened = next(place for place, line in enumerate(whole) if line.text == "as $$")
    of_part = [place for place, line in enumerate(whole) if line.path == part]
    for place in of_part:
        assert lines.find("tax.derive", place - opened + 1) == whole[place]


def test_the_command_prints_the_place_and_the_line() -> None:
    frame = resources.root() / "db" / "functions" / "tax" / "derive.sql"
    told = CliRunner().invoke(cli, ["doctor", "explain-line", "tax.derive", "2"])
    assert told.exit_code == 0
    assert told.output.startswith(f"{frame}:")
    assert told.output.endswith(": declare\n")


@pytest.mark.parametrize(
    ("function", "number", "what"),
    [
        ("tax.derive", 1_000_000, "has no line"),
        ("tax.derive_all", 1, "no file declares"),
        ("tax.rounded()", 1, "no file"),
    ],
)
def test_what_is_nowhere_is_said(function: str, number: int, what: str) -> None:
    with pytest.raises(Problem, match=what):
        lines.find(function, number)
