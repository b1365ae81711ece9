"""Rows on stdout: a table for people, and csv, tsv, json, ndjson for programs, with the API's field names.

Exact numbers (``Decimal``) are strings in JSON and plain digits elsewhere; counts (``int``) are numbers; what
is not known is ``null``, or an empty cell. Thousands separators stand in tables only.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import click

from quantmatrix.cli.table import render_fields, render_rows
from quantmatrix.cli.values import plain

Row = Mapping[str, Any]

# A spreadsheet takes a text that begins so for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_rows(
    rows: Iterable[Row],
    output_format: str,
    *,
    columns: Sequence[str] | None = None,
    spreadsheet: bool = False,
    empty: str = "nothing to show",
) -> int:
    """Write ``rows`` in ``output_format``; the number written.

    ``columns`` are the fields and their order (default: those of the first row). ``spreadsheet`` keeps text
    cells of CSV and TSV from being taken for formulas. ``empty`` is said on stderr where a table would have
    no rows. All formats but the table are written row by row.
    """
    remaining = iter(rows)
    first = next(remaining, None)
    names = list(columns if columns is not None else first or ())
    counted = _Counted(chain([first] if first is not None else [], remaining), names)
    WRITERS[output_format](names, counted, spreadsheet)
    if counted.number == 0 and output_format == "table":
        click.echo(empty, err=True)
    return counted.number


def write_object(row: Row, output_format: str) -> None:
    """Write one thing: a list of its fields as a table, one object in JSON, one line elsewhere."""
    if output_format == "table":
        click.echo(render_fields(row))
    elif output_format == "json":
        click.echo(to_json(row))
    else:
        write_rows([row], output_format)


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON text of ``value``: exact numbers as strings in plain notation, instants and dates in ISO 8601."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False)


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


def _write_table(names: list[str], rows: Iterable[Row], _: bool) -> None:
    collected = list(rows)
    if collected:
        click.echo(render_rows(names, collected))


def _write_json(_: list[str], rows: Iterable[Row], __: bool) -> None:
    opening = "["
    for row in rows:
        click.echo(f"{opening}\n  {to_json(row, indent=None)}", nl=False)
        opening = ","
    click.echo("[]" if opening == "[" else "\n]")


def _write_ndjson(_: list[str], rows: Iterable[Row], __: bool) -> None:
    for row in rows:
        click.echo(to_json(row, indent=None))


def _write_csv(names: list[str], rows: Iterable[Row], spreadsheet: bool) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_guarded(value, spreadsheet) for value in row.values()])


def _write_tsv(names: list[str], rows: Iterable[Row], spreadsheet: bool) -> None:
    click.echo("\t".join(names))
    for row in rows:
        cells = (_guarded(value, spreadsheet) for value in row.values())
        click.echo("\t".join(cell.translate(TSV_ESCAPES) for cell in cells))


def _guarded(value: Any, spreadsheet: bool) -> str:
    text = cell_text(value)
    if spreadsheet and isinstance(value, str) and text.startswith(FORMULA_STARTS):
        return f"'{text}"
    return text


TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

WRITERS: dict[str, Callable[[list[str], Iterable[Row], bool], None]] = {
    "table": _write_table,
    "csv": _write_csv,
    "tsv": _write_tsv,
    "json": _write_json,
    "ndjson": _write_ndjson,
}
