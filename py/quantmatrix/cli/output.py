"""Rows on stdout: a table for people, and csv, tsv, json, ndjson for programs, with the API's field names.

Exact numbers (``Decimal``) are strings in JSON and plain digits elsewhere; counts (``int``) are numbers; what
is not known is ``null``, or an empty cell. Thousands separators stand in tables only.

People open CSV and TSV in a spreadsheet, which takes a text that begins like a formula for one: such cells
begin with an apostrophe, unless ``--raw`` says that a program reads them.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TextIO

import click

from quantmatrix.cli.table import render_fields, render_rows
from quantmatrix.cli.values import plain
from quantmatrix.terminal import Styled, data, data_stream, say

Row = Mapping[str, Any]

# A spreadsheet takes a text that begins so for a formula; the wide forms of the signs as well.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# What JSON may hold as it is and a terminal obeys: further control characters, marks that turn text round.
_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def write_rows(
    rows: Iterable[Row],
    output_format: str,
    *,
    columns: Sequence[str] | None = None,
    empty: str = "nothing to show",
) -> int:
    """Write ``rows`` in ``output_format``; the number written.

    ``columns`` are the fields and their order (default: those of the first row). ``empty`` is said on stderr
    where a table would have no rows. All formats but the table are written row by row.
    """
    remaining = iter(rows)
    first = next(remaining, None)
    names = list(columns if columns is not None else first or ())
    counted = _Counted(chain([first] if first is not None else [], remaining), names)
    WRITERS[output_format](names, counted)
    if counted.number == 0 and output_format == "table":
        say(empty, err=True)
    return counted.number


def write_object(row: Row, output_format: str) -> None:
    """Write one thing: a list of its fields as a table, one object in JSON, one line elsewhere."""
    if output_format == "table":
        for name, value in render_fields(row):
            say(Styled(name, bold=True), value)
    elif output_format == "json":
        data(to_json(row))
    else:
        write_rows([row], output_format)


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON text of ``value``: exact numbers as strings in plain notation, instants and dates in ISO 8601."""
    return _STEERING.sub(_escaped, json.dumps(plain(value), indent=indent, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"


def cell_text(value: Any) -> str:
    """The text of one CSV or TSV cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    simple = plain(value)
    return json.dumps(simple, ensure_ascii=False) if isinstance(simple, dict | list) else str(simple)


class _Counted:
    """Rows reduced to the wanted fields, counted as they pass."""

    def __init__(self, rows: Iterable[Row], names: list[str]) -> None:
        self._rows = rows
        self._names = names
        self.number = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self._rows:
            self.number += 1
            yield {name: row[name] for name in self._names}


def _write_table(names: list[str], rows: Iterable[Row]) -> None:
    collected = list(rows)
    if collected:
        header, *lines = render_rows(names, collected)
        say(Styled(header, bold=True))
        for line in lines:
            say(line)


def _write_json(_: list[str], rows: Iterable[Row]) -> None:
    opening = "["
    for row in rows:
        data(f"{opening}\n  {to_json(row, indent=None)}", nl=False)
        opening = ","
    data("[]" if opening == "[" else "\n]")


def _write_ndjson(_: list[str], rows: Iterable[Row]) -> None:
    for row in rows:
        data(to_json(row, indent=None))


def _write_csv(names: list[str], rows: Iterable[Row]) -> None:
    writer = csv.writer(_UnixLines(data_stream()))
    cell = _cell_writer()
    writer.writerow([cell(name) for name in names])
    for row in rows:
        writer.writerow([cell(value) for value in row.values()])


def _write_tsv(names: list[str], rows: Iterable[Row]) -> None:
    cell = _cell_writer()
    data("\t".join(cell(name).translate(TSV_ESCAPES) for name in names))
    for row in rows:
        data("\t".join(cell(value).translate(TSV_ESCAPES) for value in row.values()))


class _UnixLines:
    """Rows that end with a line feed. A writer told so itself leaves a carriage return in a cell unquoted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, row: str) -> int:
        return self._stream.write(row.removesuffix("\r\n") + "\n")


def _cell_writer() -> Callable[[Any], str]:
    """How a cell is written: guarded against formulas, unless the running command was given ``--raw``."""
    context = click.get_current_context(silent=True)
    raw = context is not None and getattr(context.find_root().obj, "raw", False)
    return cell_text if raw else guarded


def guarded(value: Any) -> str:
    """The text of one CSV or TSV cell that no spreadsheet takes for a formula; numbers stay numbers."""
    text = cell_text(value)
    if text.startswith(FORMULA_STARTS) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

WRITERS: dict[str, Callable[[list[str], Iterable[Row]], None]] = {
    "table": _write_table,
    "csv": _write_csv,
    "tsv": _write_tsv,
    "json": _write_json,
    "ndjson": _write_ndjson,
}
