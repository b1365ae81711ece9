"""What importers of one table share: find the header, read cells by column name, tell each thing once.

An importer says which columns it needs and what one row means; everything else is the same for all: blank
lines, titles above the header, notes below the rows, short rows, unknown columns, refusals with line and
column, the order of days, and rows of one day that belong together.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, ClassVar, Literal, TextIO

from quantmatrix.ingest.amounts import amount_problem
from quantmatrix.ingest.cells import RowError, identity, transaction
from quantmatrix.ingest.dates import day as read_day
from quantmatrix.ingest.day_book import DayBook
from quantmatrix.ingest.model import (
    FileRefused,
    Instrument,
    InstrumentType,
    Line,
    Options,
    Record,
    Statement,
    Transaction,
    Warning,
)
from quantmatrix.ingest.numbers import parse_decimal
from quantmatrix.ingest.reader import head_of, records
from quantmatrix.ingest.repeats import Repeats
from quantmatrix.ingest.symbols import OptionTerms, osi, ticker

_CELLS_OF_ROW = 5
_FIGURE = re.compile(r"[-+($]*[0-9][0-9,]*(?:\.[0-9]+)?\)?")
HEADER_WITHIN = 1000
"""Records above the header at most: titles, blank lines, a list of all positions."""

Verdict = Literal["row", "evidence", "skipped", "unknown"]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each column stands, by its name in lower case with single blanks."""

    index: dict[str, int]
    printed: dict[str, str]
    width: int
    places: dict[tuple[str, ...], int] = field(default_factory=dict)
    """Where the first of several names stands, once somebody asked; -1 for nowhere."""

    def place(self, names: tuple[str, ...]) -> int:
        """Where the first of these columns that exists stands; -1 where none does."""
        at = self.places[names] = next((self.index[name] for name in names if name in self.index), -1)
        return at

    @staticmethod
    def of(fields: list[str]) -> Columns:
        """The columns that a header names; of two with one name the first counts."""
        index: dict[str, int] = {}
        printed: dict[str, str] = {}
        width = 0
        for at, cell in enumerate(fields):
            name = name_of(cell)
            if name:
                index.setdefault(name, at)
                printed.setdefault(name, cell.strip())
                width = at + 1
        return Columns(index, printed, width)


@dataclass(slots=True)
class Row:
    """One data row; readers raise ``RowError`` with the file's own column name."""

    line: int
    fields: list[str]
    columns: Columns
    currency: str | None = None
    """Of the amounts: a sign or a code beside a number must agree with it."""

    def has(self, *names: str) -> bool:
        """Whether the header names one of these columns."""
        return any(name in self.columns.index for name in names)

    def text(self, *names: str) -> str:
        """The cell of the first of these columns that exists, without blanks around; else empty."""
        at = self.columns.places.get(names)
        if at is None:
            at = self.columns.place(names)
        return self.fields[at].strip() if 0 <= at < len(self.fields) else ""

    def printed(self, *names: str) -> str:
        """The file's own name of the first of these columns that exists."""
        return next((self.columns.printed[name] for name in names if name in self.columns.index), names[0])

    def number(self, *names: str) -> Decimal | None:
        """The number in a cell, None for a placeholder or a missing column."""
        text = self.text(*names)
        if not text:
            return None
        try:
            return parse_decimal(text, self.currency)
        except ValueError as error:
            raise RowError("bad_number", str(error), column=self.printed(*names), text=text) from None

    def needed(self, *names: str) -> Decimal:
        """A number that must be there."""
        value = self.number(*names)
        if value is None:
            text = self.text(*names)
            raise RowError("missing_value", "a number is needed here", column=self.printed(*names), text=text)
        return value

    def day(self, text: str, formats: tuple[str, ...], *names: str) -> date:
        """The day that ``text``, from one of these columns, states in one of the formats."""
        try:
            return read_day(text, formats)
        except ValueError as error:
            raise RowError("bad_date", str(error), column=self.printed(*names), text=text) from None


def name_of(cell: str) -> str:
    """A column's name for comparison."""
    return " ".join(cell.replace("\ufeff", "").lower().split())


def header_in(head: str, needed: frozenset[str]) -> list[str] | None:
    """The first record of ``head`` that names all ``needed`` columns, if it is among the first few."""
    try:
        for _, _, fields in islice(records(io.StringIO(head, newline=""), strict=False), HEADER_WITHIN):
            if needed <= {name_of(cell) for cell in fields}:
                return fields
    except FileRefused:
        return None
    return None


class TableReading:
    """One pass over one file. Subclasses say what a row means; records go to ``out``."""

    needed: ClassVar[frozenset[str]]
    """Columns without which a record is not the header."""

    known: ClassVar[frozenset[str]] = frozenset()
    """Further columns that somebody reads; others are reported once."""

    what: ClassVar[str]
    """What the file should be, for the refusal of one that is not."""

    hint: ClassVar[str] = "download the transaction history again, as CSV"

    identity: ClassVar[str | None] = None
    """The column of each row's own id."""

    newest_first: ClassVar[bool] = False
    """The order where the file shows only one day."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.currency = options.currency
        """Of amounts, where a row names no other."""
        self.out: list[Record] = []
        self.columns: Columns | None = None
        self.day_book = DayBook(self.out)
        self.first: date | None = None
        self.last: date | None = None
        self.current: date | None = None
        self.backwards = 0
        self.forwards = 0
        self._mark = 0
        self._told: dict[str, Instrument] = {}
        self._securities: dict[tuple[InstrumentType, str, str], Instrument] = {}
        self._warned: set[tuple[str, str]] = set()
        self._accounts: set[str] = set()
        self._repeats = Repeats()
        self._ids: dict[int, int] = {}

    def run(self, text: TextIO) -> Iterator[Record]:
        """All records of the file. Raises ``FileRefused``."""
        self.before(text)
        for line, raw, fields in records(text, strict=False):
            yield Line(number=line, raw=raw, verdict=self._record(line, fields), section=self.section)
            if self.out:
                yield from self.out
                self.out.clear()
        if self.columns is None:
            raise FileRefused(f"this is not {self.what}: its header is missing", hint=self.hint)
        self.day_book.close()
        self.finish()
        yield from self.out
        self.out.clear()
        if self.first is not None:
            yield Statement(period_start=self.first, period_end=self.last)

    section: str | None = None
    """What the line's section is called, where a file has several."""

    def before(self, text: TextIO) -> None:
        """A first pass, where one is needed; must rewind."""
        if self.identity is None:
            return
        at: int | None = None
        try:
            for _, _, fields in records(text, strict=False):
                if at is not None:
                    if len(fields) > at and (identity := fields[at].strip()):
                        self._repeats.look(identity)
                elif self.needed <= (names := {name_of(cell) for cell in fields}):
                    if self.identity not in names:
                        break
                    at = Columns.of(fields).index[self.identity]
        except FileRefused:
            pass  # the second pass says it, with all that stands before it
        text.seek(0)

    def header(self, fields: list[str], /) -> Columns:
        """The columns of the header."""
        return Columns.of(fields)

    def title(self, _line: int, _fields: list[str], /) -> None:
        """A record above the header."""

    def cell(self, fields: list[str], *names: str) -> str:
        """The cell of the first of these columns that exists, wherever it stands, of a record."""
        at = self.columns.place(names) if self.columns else 0
        return fields[at].strip() if 0 <= at < len(fields) else ""

    def is_row(self, _fields: list[str], /) -> bool:
        """Whether a record below the header is data; others are notes."""
        return True

    def is_note(self, _fields: list[str], /) -> bool:
        """Whether a record below the header is surely no row, even if it begins as one."""
        return False

    def note(self, _line: int, _fields: list[str], /) -> Verdict:
        """A record below the header that is no data: a total, a legal text."""
        return "skipped"

    def row(self, row: Row) -> Verdict:
        """What a row means. Raises ``RowError``."""
        raise NotImplementedError

    def finish(self) -> None:
        """The file ended."""

    def emit(self, values: dict[str, Any]) -> Transaction:
        """Check a transaction and pass it on."""
        made = transaction(values)
        self._moved(made.trade_date)
        traded = self._told.get(made.instrument or "") if self.is_priced(made) else None
        if traded is not None and (wrong := amount_problem(made, traded.type, traded.multiplier)):
            self.warn(made.line, None, f"{made.net_amount:f}", wrong)
        self.out.append(made)
        return made

    def is_priced(self, _made: Transaction, /) -> bool:
        """Whether its amount must be units times price; not where a reading says so itself."""
        return True

    def at(self, day: date) -> None:
        """The row read now is of this day: what the days before left open is settled."""
        if self.current is not None and day != self.current:
            self.backwards += day < self.current
            self.forwards += day > self.current
        if day != self.current:
            self.day_book.turn()
            self._mark = len(self.out)
        self.current = day

    def account(self, number: str | None) -> str | None:
        """Tell of an account at its first row."""
        if number and number not in self._accounts:
            self._accounts.add(number)
            self.out.append(Statement(account=number))
        return number or None

    def security(self, kind: InstrumentType, symbol: str, currency: str, **more: Any) -> Instrument:
        """An instrument that is no option, told at its first use."""
        key = kind, symbol, currency
        known = self._securities.get(key)
        if known is not None:
            return known
        clean = " ".join(symbol.split()).replace("|", "/")[:64]
        if kind in (InstrumentType.STOCK, InstrumentType.FUND):
            clean = ticker(clean)
        made = self._securities[key] = self.tell(
            {"type": kind, "symbol": clean, "currency": currency, **more}
        )
        return made

    def option(self, terms: OptionTerms, currency: str, multiplier: Decimal = Decimal(100)) -> Instrument:
        """An option, told at its first use. Raises ``RowError`` where the OSI form has no room for it."""
        try:
            symbol = osi(terms)
        except ValueError as error:
            raise RowError("bad_symbol", str(error), text=terms.root) from None
        return self.tell(
            {
                "type": InstrumentType.OPTION,
                "symbol": symbol,
                "currency": currency,
                "underlying": terms.underlying,
                "option_type": terms.option_type,
                "strike": terms.strike,
                "expiration": terms.expiration,
                "multiplier": multiplier,
            }
        )

    def tell(self, values: dict[str, Any]) -> Instrument:
        """An instrument of the catalogue's shape, told at its first use."""
        key = f"{values['type'].value}|{values['symbol']}|{values['currency']}"
        known = self._told.get(key)
        if known is None:
            known = self._told[key] = identity(values)
            self.out.append(known)
        return known

    def own_id(self, row: Row, identity: str) -> str | None:
        """The id of a row; None for the very row of before, another one for another row of the same id."""
        if not self._repeats.may_repeat(identity):
            return identity
        digest, number, known = hash(tuple(row.fields)), 1, identity
        while (seen := self._ids.get(hash(known))) is not None:
            if seen == digest:
                self.warn_once(
                    "repeated", row.line, None, identity, "the same row as one before; counted once"
                )
                return None
            number += 1
            known = f"{identity}#{number}"
        self._ids[hash(known)] = digest
        if known != identity:
            self.warn(row.line, None, identity, "another row has the same id; both are kept")
        return known

    def warn(self, line: int, column: str | None, text: str, reason: str) -> None:
        """Say something about a row that is imported as it is."""
        self.out.append(Warning(line=line, column=column, text=text[:200], reason=reason))

    def warn_unknown(
        self,
        row: Row,
        column: tuple[str, ...],
        cash: Decimal,
        units: Decimal | None,
        thing: Instrument | None,
    ) -> None:
        """Say which cash and which units a row of an unknown kind moves."""
        reason = f"unknown kind of row; its cash counts ({cash:f}), "
        if units:
            reason += f"its {units:f} {thing.symbol if thing else 'units'} are not booked"
        else:
            reason += "positions are not changed"
        self.warn(row.line, row.printed(*column), row.text(*column), reason)

    def warn_once(self, kind: str, line: int, column: str | None, text: str, reason: str) -> None:
        """Say it where ``text`` is first seen, not on each row."""
        if (kind, text) not in self._warned and len(self._warned) < 1000:
            self._warned.add((kind, text))
            self.warn(line, column, text, f"{reason} (first seen here)")

    def _record(self, line: int, fields: list[str]) -> Verdict:
        if not any(map(str.strip, fields)):
            return "skipped"
        if self.columns is None:
            if not self.needed <= {name_of(cell) for cell in fields}:
                self.title(line, fields)
                return "skipped"
            self.columns = self.header(fields)
            for name, printed in self.columns.printed.items():
                if name not in self.needed and name not in self.known:
                    reason = "unknown column; kept with the raw line only"
                    self.warn(line, printed, printed, reason)
            return "skipped"
        self._mark = len(self.out)
        try:
            if not self.is_row(fields):
                if not self.is_note(fields):
                    self._no_row(fields)
                return self.note(line, fields)
            row = Row(line, fields, self.columns, self.currency)
            self._check_width(row)
            return self.row(row)
        except RowError as error:
            told = [r for r in self.out[self._mark :] if isinstance(r, Instrument | Statement)]
            del self.out[self._mark :]
            self.out += told
            self.out.append(error.refusal(line))
            return "row"

    def _no_row(self, fields: list[str]) -> None:
        """Refuse what is no note either: many cells, the first begun as rows are or one a figure."""
        said = [cell.strip() for cell in fields if cell.strip()]
        if len(said) >= _CELLS_OF_ROW and (
            fields[0].strip()[:1].isdigit() or any(_FIGURE.fullmatch(cell) for cell in said)
        ):
            reason = "neither a row nor a note: it does not begin as rows do"
            raise RowError("unreadable_row", reason, text=",".join(fields))

    def _check_width(self, row: Row) -> None:
        width, found = row.columns.width, len(row.fields)
        if found < width or (found > width and any(map(str.strip, row.fields[width:]))):
            reason = f"{found} cells where the header has {width}"
            raise RowError("bad_columns", reason, text=",".join(row.fields))

    def _moved(self, day: date) -> None:
        if self.first is None or day < self.first:
            self.first = day
        if self.last is None or day > self.last:
            self.last = day


class TableParser:
    """A parser whose files are one table; subclasses name the reading."""

    source: ClassVar[str]
    broker: ClassVar[str]
    title: ClassVar[str]
    reading: ClassVar[type[TableReading]]

    def __init__(self) -> None:
        self.newest_first = self.reading.newest_first
        """Set by ``parse``: whether more days follow on a later than on an earlier one."""

    @classmethod
    def detect(cls, head: str, _name: str, /) -> str | None:
        """The number of columns, as ``8col``, where the head holds the header."""
        header = header_in(head, cls.reading.needed)
        return f"{sum(bool(cell.strip()) for cell in header)}col" if header else None

    def reading_of(self, _head: str, /) -> type[TableReading]:
        """The reading for a file that begins so, where a broker has several layouts."""
        return self.reading

    def parse(self, text: TextIO, options: Options, /) -> Iterator[Record]:
        """Records in file order, but for those that wait until their day ends."""
        reading = self.reading_of(head_of(text))(options)
        yield from reading.run(text)
        if reading.backwards != reading.forwards:
            self.newest_first = reading.backwards > reading.forwards
