"""``quantmatrix_csv``: all of a transaction in one row. ``export`` writes it, and anything can come in by it.

A row that carries ``original_source`` and ``original_key`` keeps the identity that the database gave it: an
export imported where it came from is known row by row, and imported elsewhere restores the same rows.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, TextIO, get_args

from quantmatrix.ingest.amounts import amount_problem
from quantmatrix.ingest.canonical_columns import (
    COLUMNS,
    IDENTIFIERS,
    NAMES,
    REQUIRED,
    BadCellError,
    Column,
    Group,
)
from quantmatrix.ingest.cells import EXACT, RowError, built, identity, transaction
from quantmatrix.ingest.model import (
    FileRefused,
    Instrument,
    Line,
    Link,
    LinkKind,
    Options,
    Record,
    Statement,
    Terms,
    Warning,
)
from quantmatrix.ingest.reader import head_record, records

_COLUMN_OF: dict[Group, dict[str, str]] = {
    group: {column.field: column.name for column in COLUMNS if column.group == group}
    for group in get_args(Group)
}

_BY_NAME = {column.name: column for column in COLUMNS}


class CanonicalParser:
    """Reads ``quantmatrix_csv``. Links may point forward: a first pass notes the references pointed at."""

    source: ClassVar[str] = "quantmatrix_csv"
    broker: ClassVar[str] = "manual"
    title: ClassVar[str] = "what quantmatrix export writes"
    newest_first: ClassVar[bool] = False

    @staticmethod
    def detect(head: str, _name: str) -> str | None:
        """Layout ``1`` if the header names the required columns."""
        _, header = head_record(head)
        return "1" if set(REQUIRED) <= set(_names(header)) else None

    def parse(self, text: TextIO, _options: Options) -> Iterator[Record]:
        """Records in file order; a ``Statement`` before the first row of each account, and at the end."""
        reading = _Reading(_linked_references(text))
        text.seek(0)
        yield from reading.run(text)


class _Reading:
    """One pass over one file; keeps its accounts, instruments, links and the lines that these point at."""

    def __init__(self, targets: dict[str, int | None]) -> None:
        self.targets = targets
        self.links: list[tuple[int, LinkKind, str]] = []
        self.accounts: set[str] = set()
        self.instruments: dict[str, Instrument] = {}
        self.read: dict[tuple[Any, ...], Instrument] = {}
        self.columns: list[tuple[int, Column]] = []
        self.width = 0
        self.first: date | None = None
        self.last: date | None = None

    def run(self, text: TextIO) -> Iterator[Record]:
        for number, raw, fields in records(text):
            if not any(fields):
                yield Line(number=number, raw=raw, verdict="skipped")
            elif not self.columns:
                yield Line(number=number, raw=raw, verdict="skipped")
                yield from self._header(number, fields)
            else:
                yield Line(number=number, raw=raw, verdict="row")
                try:
                    yield from self._row(number, fields)
                except RowError as error:
                    yield error.refusal(number)
        yield from self._links()
        if self.first is not None:
            yield Statement(period_start=self.first, period_end=self.last)

    def _header(self, number: int, fields: list[str]) -> Iterator[Record]:
        names = _names(fields)
        if missing := [name for name in REQUIRED if name not in names]:
            raise FileRefused(
                f"the header lacks {', '.join(missing)}",
                line=number,
                hint="docs/formats.md lists the columns of quantmatrix_csv",
            )
        self.width = len(names)
        seen: set[str] = set()
        for index, name in enumerate(names):
            if name in _BY_NAME and name not in seen:
                self.columns.append((index, _BY_NAME[name]))
                seen.add(name)
            elif name:
                reason = "this column stands twice; the first counts" if name in seen else "unknown column"
                reason += "; kept with the raw line only"
                yield Warning(line=number, column=name, text=fields[index], reason=reason)

    def _row(self, number: int, fields: list[str]) -> Iterator[Record]:
        cells = self._cells(fields)
        values, terms = cells["transaction"], cells["terms"]
        fresh: list[Instrument] = []
        group: Group
        for group, target in (("instrument", values), ("new_instrument", terms)):
            if cells[group]:
                instrument = self._instrument(group, cells[group], values["currency"])
                target[group] = instrument.key
                fresh.append(instrument)
        if terms:
            values["terms"] = built(Terms, terms, _COLUMN_OF["terms"])
        account = cells["account"].get("account")
        row = transaction({"line": number, "account": account, **values}, _COLUMN_OF["transaction"])
        self.links += self._linked(number, cells["link"])

        if account is not None and account not in self.accounts:
            self.accounts.add(account)
            yield Statement(**cells["account"])
        for instrument in fresh:
            if instrument.key not in self.instruments:
                self.instruments[instrument.key] = instrument
                yield instrument
        self.first = min(self.first or row.trade_date, row.trade_date)
        self.last = max(self.last or row.trade_date, row.trade_date)
        traded = self.instruments.get(row.instrument or "")
        if traded is not None and (wrong := amount_problem(row, traded.type, traded.multiplier)):
            yield Warning(line=number, column="net_amount", text=f"{row.net_amount:f}", reason=wrong)
        costs = EXACT.add(row.commission, row.fees)
        has_own_currency = row.terms is not None and row.terms.fee_currency is not None
        if costs and row.net_amount == row.gross_amount and not has_own_currency:
            reason = f"costs of {costs:f} are not in it, though no other currency is named for them"
            yield Warning(line=number, column="net_amount", text=f"{row.net_amount:f}", reason=reason)
        yield row

    def _cells(self, fields: list[str]) -> dict[Group, dict[str, Any]]:
        if len(fields) < self.width or any(fields[self.width :]):
            reason = f"{len(fields)} fields where the header has {self.width}"
            raise RowError("bad_columns", reason, text=",".join(fields))
        cells: dict[Group, dict[str, Any]] = {group: {} for group in get_args(Group)}
        for index, column in self.columns:
            if cell := fields[index]:
                try:
                    cells[column.group][column.field] = column.read(cell)
                except BadCellError as bad:
                    raise RowError(bad.code, str(bad), column=column.name, text=cell) from None
        values = cells["transaction"]
        for name in REQUIRED:
            if _BY_NAME[name].field not in values:
                raise RowError("missing_value", "every row needs it", column=name)
        if ("original_source" in values) != ("original_key" in values):
            reason = "original_source and original_key belong together"
            raise RowError(
                "contradiction", reason, column="original_key", text=values.get("original_key", "")
            )
        return cells

    def _instrument(self, group: Group, values: dict[str, Any], currency: str) -> Instrument:
        told = (currency, *values.items())
        if known := self.read.get(told):
            return known
        identifiers = {name: values.pop(name) for name in IDENTIFIERS if name in values}
        values = {"currency": currency, **values, "identifiers": identifiers}
        instrument = identity(values, _COLUMN_OF[group])
        known = self.instruments.get(instrument.key, instrument)
        for field in ("option_type", "strike", "expiration", "multiplier"):
            ours, theirs = getattr(known, field), getattr(instrument, field)
            if ours != theirs:
                reason = f"an earlier row gives {instrument.symbol} the {field} {ours}"
                raise RowError("contradiction", reason, column=_COLUMN_OF[group][field], text=str(theirs))
        if known is not instrument:
            self.read[told] = known
        return known

    def _linked(self, number: int, link: dict[str, str]) -> list[tuple[int, LinkKind, str]]:
        if not link.keys() - {"reference"} and link.get("reference") not in self.targets:
            return []
        kinds, references = (_split(link.get(name, "")) for name in ("link_kind", "linked_reference"))
        if len(kinds) != len(references):
            reason = "link_kind and linked_reference must hold equally many entries"
            raise RowError("contradiction", reason, column="link_kind", text=link.get("link_kind", ""))
        try:
            links = [(number, LinkKind(kind), to) for kind, to in zip(kinds, references, strict=True)]
        except ValueError:
            reason = f"not one of {', '.join(LinkKind)}"
            raise RowError("unknown_value", reason, column="link_kind", text=link["link_kind"]) from None
        reference = link.get("reference")
        if reference in self.targets:
            if other := self.targets[reference]:
                reason = f"line {other} has the same reference, and a link points at it"
                raise RowError("contradiction", reason, column="reference", text=reference)
            self.targets[reference] = number
        return links

    def _links(self) -> Iterator[Record]:
        for number, kind, reference in self.links:
            target = self.targets.get(reference)
            if target is not None:
                yield Link(kind=kind, from_line=number, to_line=target)
            else:
                yield Warning(
                    line=number,
                    column="linked_reference",
                    text=reference,
                    reason="no row of this file has this reference; the row is imported without its link",
                )


def _names(header: list[str]) -> list[str]:
    return [cell.strip().lower() for cell in header]


def _split(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _linked_references(text: TextIO) -> dict[str, int | None]:
    """The references that links of the file point at, their lines yet unknown."""
    wanted: dict[str, int | None] = {}
    index: int | None = None
    for _, _, fields in records(text):
        if index is None and any(fields):
            names = _names(fields)
            if "linked_reference" not in names:
                return {}
            index = names.index("linked_reference")
        elif index is not None and len(fields) > index and fields[index]:
            wanted.update(dict.fromkeys(_split(fields[index])))
    return wanted


def write(rows: Iterable[Mapping[str, object]], file: TextIO) -> int:
    """Write ``rows``, mappings from column name to value, with a header; returns how many.

    ``file`` is opened with ``newline=""``. Left out or None is an empty cell; decimals are printed plainly,
    instants as ISO 8601 with their offset, mappings as JSON. ``link_kind`` and ``linked_reference`` may be
    sequences of equal length. Raises ``ValueError`` for a column that does not exist, a float, an instant
    without an offset.
    """
    writer = csv.writer(file)
    writer.writerow(NAMES)
    count = 0
    for row in rows:
        if unknown := row.keys() - _BY_NAME.keys():
            raise ValueError(f"quantmatrix_csv has no column {sorted(unknown)[0]}")
        writer.writerow([_cell(name, row.get(name)) for name in NAMES])
        count += 1
    return count


def _cell(name: str, value: object) -> str:
    match value:
        case None:
            return ""
        case Enum():
            return str(value.value)
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal() if value.is_finite():
            return f"{value:f}"
        case int():
            return str(value)
        case datetime() if value.utcoffset() is not None:
            return value.isoformat()
        case datetime():
            raise ValueError(f"{name}: an instant needs an offset")
        case date():
            return value.isoformat()
        case Mapping():
            return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""
        case list() | tuple():
            parts = [_cell(name, part) for part in value]
            if any(";" in part for part in parts):
                raise ValueError(f"{name}: an entry of a list cannot hold a semicolon")
            return ";".join(parts)
        case _:
            raise ValueError(f"{name}: cannot be written exactly: {value!r}")
