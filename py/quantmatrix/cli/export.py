"""``export``: all transactions as one file that imports again, here or elsewhere, row by row."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from quantmatrix.cli.rows import account_id
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.door.protocol import Door, Row
from quantmatrix.errors import Problem
from quantmatrix.terminal import data_stream

PAGE = 1000

INSTRUMENT = {
    "instrument_type": "instrument_type",
    "symbol": "symbol",
    "instrument_currency": "currency",
    "instrument_name": "name",
    "exchange": "exchange",
    "underlying": "underlying",
    "option_type": "option_type",
    "strike": "strike",
    "expiration": "expiration",
    "multiplier": "multiplier",
}


@click.command(short_help="All transactions as one CSV file that imports again.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--account", help="Only this account: number or name.")
@click.pass_obj
def export(settings: Settings, file: Path | None, account: str | None) -> None:
    """Write all transactions, with terms, links and instruments, as quantmatrix_csv to FILE (-: stdout).

    Imported where it came from, every row is known; imported elsewhere, the same rows are made. So texts
    stand as they are, also those that a spreadsheet would take for formulas: look at other lists instead.

    \b
      quantmatrix export all.csv
      quantmatrix export --account U1234567 > one.csv
    """
    from quantmatrix.ingest.canonical import write

    with door(settings) as session:
        rows = map(_canonical, _pages(session, account_id(session, account)))
        if file is None or file == Path("-"):
            write(rows, data_stream())
            return
        beside = file.with_name(f".{file.name}.{os.getpid()}.part")
        try:
            with beside.open("x", encoding="utf-8", newline="") as target:
                number = write(rows, target)
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
    settings.narrate(f"{number:,} transactions in {file}")


def _pages(session: Door, account: int | None) -> Iterator[Row]:
    """All rows, a page at a time; a ``Problem`` where the book changes meanwhile."""
    book, after = None, 0
    while True:
        page = session.call("transactions_export", {"account_id": account, "after": after, "at_most": PAGE})
        if after and page["book"] != book:
            raise Problem(
                "the book was changed while it was written out",
                unchanged="the file that was there before is as it was",
                next_step="run the command again",
            )
        yield from page["rows"]
        if len(page["rows"]) < PAGE:
            return
        book, after = page["book"], after + PAGE


def _canonical(row: Row) -> dict[str, Any]:
    values = dict(row)
    if values["executed_at"] is not None:
        values["executed_at"] = datetime.fromisoformat(values["executed_at"]).astimezone(UTC)
    told = {
        **_instrument(values.pop("instrument"), ""),
        **_instrument(values.pop("new_instrument"), "new_"),
        **(values.pop("terms") or {}),
    }
    return told | values


def _instrument(found: dict[str, Any] | None, prefix: str) -> dict[str, Any]:
    if found is None:
        return {}
    columns = {name: found[field] for name, field in INSTRUMENT.items()}
    for identifier in found["identifiers"] or ():
        name, _, value = identifier.partition(":")
        columns.setdefault(name, value)
    return {f"{prefix}{name}": value for name, value in columns.items()}
