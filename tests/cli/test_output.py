"""Rows in each format: exact, complete, for programs and for people."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import click
import pytest

from quantmatrix.cli import table
from quantmatrix.cli.output import to_json, write_object, write_rows
from quantmatrix.cli.settings import Settings

ROWS = [
    {
        "id": 12345,
        "symbol": "AAPL",
        "quantity": Decimal("1234567.50"),
        "price": Decimal("1E-7"),
        "count": 1234,
        "open": True,
        "on": date(2026, 1, 2),
        "note": None,
    },
    {
        "id": 7,
        "symbol": "=cmd|' /C calc'!A0",
        "quantity": Decimal("-3"),
        "price": Decimal("12.5000000000000000001"),
        "count": 5,
        "open": False,
        "on": date(2026, 12, 31),
        "note": 'tab\there, "quoted"\nand a line',
    },
]


def test_json_keeps_exact_numbers_as_strings(capsys: pytest.CaptureFixture[str]) -> None:
    assert write_rows(iter(ROWS), "json") == 2
    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "id": 12345,
        "symbol": "AAPL",
        "quantity": "1234567.50",
        "price": "0.0000001",
        "count": 1234,
        "open": True,
        "on": "2026-01-02",
        "note": None,
    }
    assert second["price"] == "12.5000000000000000001"


def test_ndjson_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(ROWS, "ndjson")
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [12345, 7]


def test_csv_is_plain_and_complete(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(ROWS, "csv")
    names, first, second = csv.reader(io.StringIO(capsys.readouterr().out))
    assert names == list(ROWS[0])
    assert first == ["12345", "AAPL", "1234567.50", "0.0000001", "1234", "true", "2026-01-02", ""]
    assert second[2] == "-3"
    assert second[7] == ROWS[1]["note"]


FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "－1+1", "-", "+")
NO_FORMULAS = ("-3", "+3.50", "-0.25", "a=1", "", "–")


@pytest.mark.parametrize(("name", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_what_people_open_holds_no_formula(
    capsys: pytest.CaptureFixture[str], name: str, delimiter: str
) -> None:
    """By default, texts and headings; numbers, and texts that are numbers, stay as they are."""
    write_rows([{"=heading": text, "n": Decimal(-3)} for text in (*FORMULAS, *NO_FORMULAS)], name)
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out, newline=""), delimiter=delimiter)
    assert header == ["'=heading", "n"]
    assert all(text.startswith("'") for text, _ in rows[: len(FORMULAS)])
    assert [text for text, _ in rows[len(FORMULAS) :]] == list(NO_FORMULAS)
    assert {number for _, number in rows} == {"-3"}


@pytest.mark.parametrize("name", ["csv", "tsv"])
def test_raw_is_for_programs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with click.Context(click.Command("x"), obj=Settings(raw=True)):
        write_rows([{"symbol": text} for text in ("=1+1", "+a")], name)
    assert capsys.readouterr().out == "symbol\n=1+1\n+a\n"


def test_json_holds_nothing_that_steers_a_terminal() -> None:
    text = "a\x1b]0;t\x07\x7f\x9b2J\u202eb\u2066"
    assert to_json({"x": text}).isprintable() is False  # the line breaks of its own layout
    assert to_json({"x": text}, indent=None).isprintable()
    assert json.loads(to_json({"x": text}))["x"] == text


def test_tsv_has_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(ROWS, "tsv", columns=["note", "id"])
    lines = capsys.readouterr().out.split("\n")
    assert lines == ["note\tid", "\t12345", 'tab\\there, "quoted"\\nand a line\t7', ""]


def test_a_table_is_aligned_with_separators_and_points_in_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(ROWS, "table", columns=["id", "symbol", "quantity", "count", "open", "note"])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["id", "symbol", "quantity", "count", "open", "note"]
    assert first.split() == ["12345", "AAPL", "1,234,567.50", "1,234", "yes", "–"]
    assert first.index(".50") == second.index("-3") + 2
    assert second.endswith('tab here, "quoted" and a line')
    assert "\x1b" not in header


def test_no_rows_are_nothing_on_stdout_but_valid(capsys: pytest.CaptureFixture[str]) -> None:
    for name, expected in {
        "table": "",
        "json": "[]\n",
        "ndjson": "",
        "csv": "a,b\n",
        "tsv": "a\tb\n",
    }.items():
        assert write_rows([], name, columns=["a", "b"], empty="no lots") == 0
        captured = capsys.readouterr()
        assert captured.out == expected
        assert captured.err == ("no lots\n" if name == "table" else "")


def test_one_thing_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"api_url": "http://x", "total": Decimal("1000.10")}
    write_object(row, "json")
    assert json.loads(capsys.readouterr().out) == {"api_url": "http://x", "total": "1000.10"}
    write_object(row, "table")
    assert capsys.readouterr().out == "api url  http://x\ntotal    1,000.10\n"
    write_object(row, "csv")
    assert capsys.readouterr().out == "api_url,total\nhttp://x,1000.10\n"


def test_json_of_what_is_nested() -> None:
    value = {
        "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "user": UUID(int=1),
        "parts": [{"amount": Decimal("1.0")}, (1, None)],
    }
    assert json.loads(to_json(value)) == {
        "at": "2026-01-02T03:04:00+00:00",
        "user": "00000000-0000-0000-0000-000000000001",
        "parts": [{"amount": "1.0"}, [1, None]],
    }


def test_a_terminal_gets_a_bold_header_and_lines_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    rows = [{"name": "x" * 60, "amount": Decimal("1234.5"), "when": datetime(2026, 1, 2, tzinfo=UTC)}]
    write_rows(rows, "table", columns=["name", "amount", "when"])
    header, line = terminal.getvalue().splitlines()
    assert header.startswith("\x1b[1m")
    assert len(line) <= 40
    assert "…" in line
    assert "1,234.5" in line
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    monkeypatch.setattr("sys.stdout", plain)
    write_rows(rows, "table", columns=["name"])
    assert "\x1b" not in plain.getvalue()


def test_wide_letters_keep_columns_aligned() -> None:
    rows = [{"name": "日本", "id": 1}, {"name": "abcd", "id": 2}]
    lines = table.render_rows(["name", "id"], rows)
    assert lines[1] == "日本   1"
    assert lines[2] == "abcd   2"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True
