"""What the tests of parsers share: reading text, and what must hold of every stream of records."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TypeVar

from quantmatrix.ingest.checks import instrument_problem, problem
from quantmatrix.ingest.model import (
    Instrument,
    Line,
    Link,
    Options,
    Record,
    Refusal,
    Transaction,
    Warning,
)
from quantmatrix.ingest.parser import Parser

_T = TypeVar("_T", bound=Record)


def parse(parser: type[Parser], text: str, options: Options | None = None) -> list[Record]:
    """All records, checked to be consistent with each other."""
    records = list(parser().parse(io.StringIO(text, newline=""), options or Options()))
    check(records)
    return records


def only(records: Iterable[Record], kind: type[_T]) -> list[_T]:
    """The records of one kind."""
    return [record for record in records if isinstance(record, kind)]


def transaction(records: Iterable[Record], line: int) -> Transaction:
    """The one transaction of a line."""
    found = [t for t in only(records, Transaction) if t.line == line]
    assert len(found) == 1, found
    return found[0]


def reasons(records: Iterable[Record], line: int) -> str:
    """Warnings about a line, in one text."""
    return "; ".join(w.reason for w in only(records, Warning) if w.line == line)


def these(*values: object) -> tuple[object, ...]:
    """Several values to compare at once with numbers of another type."""
    return values


def check(records: list[Record]) -> None:
    """Every row is one transaction, a part of one, or refused; every reference leads somewhere."""
    lines = [line.number for line in only(records, Line)]
    assert lines == sorted(set(lines))
    rows = {line.number for line in only(records, Line) if line.verdict == "row"}
    transactions = only(records, Transaction)
    carried = [line for t in transactions for line in (t.line, *t.also_lines)]
    refused = {refusal.line for refusal in only(records, Refusal)}
    assert sorted(carried + sorted(refused)) == sorted(rows)
    keys = {instrument.key for instrument in only(records, Instrument)}
    for instrument in only(records, Instrument):
        assert instrument_problem(instrument) is None
    for t in transactions:
        assert problem(t) is None
        assert t.instrument is None or t.instrument in keys
        assert t.terms is None or t.terms.new_instrument is None or t.terms.new_instrument in keys
    for link in only(records, Link):
        assert {link.from_line, link.to_line} <= set(carried)
        assert link.from_line != link.to_line
