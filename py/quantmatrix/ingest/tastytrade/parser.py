"""Reads a tastytrade transaction history as a stream: only the rows of one moment are held back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, TextIO

from quantmatrix.ingest.cells import EXACT, RowError, transaction
from quantmatrix.ingest.futures import Settled, Sizes, known_size
from quantmatrix.ingest.model import (
    FileRefused,
    Instrument,
    InstrumentType,
    Line,
    Link,
    Options,
    Record,
    Refusal,
    Statement,
    Warning,
)
from quantmatrix.ingest.reader import head_record, records
from quantmatrix.ingest.tastytrade.events import printed_price
from quantmatrix.ingest.tastytrade.group import Member, Outcome, decide, single
from quantmatrix.ingest.tastytrade.instruments import (
    derived_multiplier,
    instrument_of,
    is_adjusted,
    settled_contract,
)
from quantmatrix.ingest.tastytrade.kinds import Kind, kind_of
from quantmatrix.ingest.tastytrade.money import SETTLEMENTS
from quantmatrix.ingest.tastytrade.row import Row, RowReader, layout_of

_NAME = re.compile(
    r"tastytrade_transactions_history_x?(?P<account>[0-9A-Za-z]+)_\d{6}_to_\d{6}", re.IGNORECASE
)
_BESIDE = timedelta(seconds=60)
_GROUP_LIMIT = 1_000
"""Rows held back at most; no account has more events in one second."""


class TastytradeParser:
    """Reads both layouts of ``tastytrade_csv``."""

    source: ClassVar[str] = "tastytrade_csv"
    broker: ClassVar[str] = "tastytrade"
    title: ClassVar[str] = "transaction history of tastytrade, as CSV"
    newest_first: ClassVar[bool] = True

    @staticmethod
    def detect(head: str, _name: str) -> str | None:
        """``old``, or the number of columns of the new layout (``21col``)."""
        layout = layout_of(head_record(head)[1])
        return layout.name if layout else None

    def parse(self, text: TextIO, options: Options) -> Iterator[Record]:
        """Records in file order; an instrument whose contract size only rows show comes once it is known."""
        yield from Reading(options).run(text)


class Reading:
    """One pass over one file; keeps its instruments and the rows of one moment."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.reader: RowReader | None = None
        self.instruments: dict[tuple[Any, ...], Instrument] = {}
        self.told: set[str] = set()
        self.untold: dict[str, Instrument] = {}
        self.sizes = Sizes()
        self.reference: str | None = None
        self.held: list[tuple[Line, Member | Record | None]] = []
        self.moment = datetime.min.replace(tzinfo=UTC)
        self.newest: date | None = None
        self.oldest: date | None = None

    def run(self, text: TextIO) -> Iterator[Record]:
        """All records of the file. Raises ``FileRefused``."""
        for number, raw, fields in records(text):
            if not any(cell.strip() for cell in fields):
                yield from self._pass(Line(number=number, raw=raw, verdict="skipped"), None)
            elif self.reader is None:
                yield Line(number=number, raw=raw, verdict="skipped")
                yield from self._start(number, fields)
            else:
                line = Line(number=number, raw=raw, verdict="row")
                try:
                    row = self.reader.read(number, fields)
                    self._same_account(row)
                    member = (row, kind_of(row), self._instrument(row))
                except RowError as error:
                    yield from self._pass(line, error.refusal(number))
                    continue
                yield from self._take(line, member)
        yield from self._flush()
        yield from self._tell_late()
        if self.oldest is not None:
            yield Statement(period_start=self.oldest, period_end=self.newest, account_name=self.reference)

    def _start(self, number: int, header: list[str]) -> Iterator[Record]:
        layout = layout_of(header)
        if layout is None:
            raise FileRefused(
                "the first line is not the header of a tastytrade transaction history",
                line=number,
                hint="export History > Transactions as CSV; positions and tax reports hold no transactions",
            )
        self.reader = RowReader(layout, self.options)
        for name in layout.unknown:
            reason = "unknown column, kept with the raw line only"
            yield Warning(line=number, column=name, text=name, reason=reason)
        if layout.is_old:
            reason = f"times are printed without a zone; read as {self.options.zone} (--timezone for another)"
            yield Warning(line=number, column="Date/Time", text="Date/Time", reason=reason)
        found = _NAME.search(self.options.file_name or "")
        if found and self.options.account is None:
            account = found["account"]
            reason = f"the rows name no account; {account} is taken from the file's name"
            yield Statement(account=account)
            yield Warning(line=number, text=found[0], reason=reason)

    def _take(self, line: Line, member: Member) -> Iterator[Record]:
        row, kind, _ = member
        plain = kind in (Kind.TRADE, Kind.UNKNOWN) or (kind is Kind.MONEY and row.sub != "dividend")
        if self.held:
            beside = not plain and abs(row.when - self.moment) <= _BESIDE
            if (row.when == self.moment or beside) and len(self.held) < _GROUP_LIMIT:
                self.moment = row.when
                self.held.append((line, member))
                return
            yield from self._flush()
        if plain:
            yield line
            yield from self._finish(member, single(*member))
        else:
            self.moment = row.when
            self.held.append((line, member))

    def _pass(self, line: Line, record: Record | None) -> Iterator[Record]:
        """A line that is no part of any group, in its place."""
        if self.held:
            self.held.append((line, record))
        else:
            yield line
            if record is not None:
                yield record

    def _flush(self) -> Iterator[Record]:
        held, self.held = self.held, []
        outcomes, after = decide([member for _, member in held if isinstance(member, tuple)])
        refused: set[int] = set()
        for line, member in held:
            yield line
            if not isinstance(member, tuple):
                if member is not None:
                    yield member
                continue
            for record in self._finish(member, outcomes[line.number]):
                if isinstance(record, Refusal):
                    refused.add(record.line)
                yield record
        for record in after:
            if not (isinstance(record, Link) and {record.from_line, record.to_line} & refused):
                yield record

    def _finish(self, member: Member, outcome: Outcome) -> Iterator[Record]:
        row, kind, instrument = member
        values, notes = outcome
        if instrument is not None:
            yield from self._tell(row, kind, instrument)
        if values is not None:
            try:
                yield transaction(values)
            except RowError as error:
                for line in (row.line, *values.get("also_lines", ())):
                    yield error.refusal(line)
                return
            self.oldest = min(self.oldest or row.day, row.day)
            self.newest = max(self.newest or row.day, row.day)
        yield from notes
        if row.total is not None:
            total = EXACT.add(EXACT.add(row.value, row.commission), row.fees)
            if total != row.total:
                reason = f"Value, Commissions and Fees add up to {total:f}, which counts"
                yield Warning(line=row.line, column="Total", text=f"{row.total:f}", reason=reason)

    def _instrument(self, row: Row) -> Instrument | None:
        if not row.symbol and row.sub in SETTLEMENTS:
            row.symbol = settled_contract(row.description) or ""
        if not row.symbol:
            return None
        key = (
            row.symbol, row.asset, row.expiration, row.strike, row.right,
            row.underlying, row.multiplier, row.currency,
        )  # fmt: skip
        known = self.instruments.get(key)
        if known is None:
            known = self.instruments[key] = instrument_of(row)
        return known

    def _tell(self, row: Row, kind: Kind, instrument: Instrument) -> Iterator[Record]:
        """The instrument at its first row; where only rows show its contract size, at the first that does."""
        if instrument.key in self.told:
            return
        if instrument.type is InstrumentType.FUTURE:
            size = known_size(instrument.symbol)
            if size is None:
                self._note(row, instrument)
                return
            instrument = instrument.model_copy(update={"multiplier": size})
        elif instrument.type in (InstrumentType.FUTURE_OPTION, InstrumentType.BOND):
            price = printed_price(row) if kind is Kind.TRADE else None
            size = derived_multiplier(row.value, row.quantity or Decimal(0), price) if price else None
            if size is None:
                self.untold.setdefault(instrument.key, instrument)
                return
            self.untold.pop(instrument.key, None)
            instrument = instrument.model_copy(update={"multiplier": size})
        self.told.add(instrument.key)
        yield instrument
        if is_adjusted(instrument):
            reason = (
                "an adjusted contract: it may deliver something else than 100 shares, which no row states"
            )
            yield Warning(line=row.line, column="Symbol", text=instrument.symbol, reason=reason)

    def _note(self, row: Row, instrument: Instrument) -> None:
        """A row of a future whose size the file's rows must show together."""
        self.untold.setdefault(instrument.key, instrument)
        traded = EXACT.multiply(row.quantity or Decimal(0), Decimal(row.side))
        self.sizes.note(instrument.symbol, Settled(row.when, traded, printed_price(row), row.value))

    def _tell_late(self) -> Iterator[Record]:
        """Instruments whose size no row shows by itself: with that of all rows, else with none."""
        for instrument in self.untold.values():
            size: Decimal | None = None
            if instrument.type is InstrumentType.FUTURE:
                size = self.sizes.of(instrument.symbol)
            elif instrument.type is InstrumentType.FUTURE_OPTION and instrument.underlying:
                size = known_size(instrument.underlying) or self.sizes.of(instrument.underlying)
            yield instrument.model_copy(update={"multiplier": size}) if size else instrument

    def _same_account(self, row: Row) -> None:
        if not row.reference:
            return
        if self.reference is None:
            self.reference = row.reference
        elif row.reference != self.reference:
            reason = f"the rows before belong to {self.reference}; import one account at a time"
            raise RowError("contradiction", reason, column="Account Reference", text=row.reference)
