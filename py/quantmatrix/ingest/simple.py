"""``simple_csv``: the user's own file of trades, ``Date, Symbol, Quantity, Price, Commission, Type``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, TextIO

from quantmatrix.ingest.cells import EXACT, RowError, number, transaction
from quantmatrix.ingest.exercise import Removal, StockLeg, pair
from quantmatrix.ingest.model import (
    FileRefused,
    Instrument,
    Line,
    Options,
    Record,
    Statement,
    Terms,
    TransactionType,
    Warning,
)
from quantmatrix.ingest.numbers import parse_decimal
from quantmatrix.ingest.reader import head_record, records
from quantmatrix.ingest.simple_columns import Header, When, looks_simple, read_header, read_when
from quantmatrix.ingest.simple_rows import DELIVERED, brought, instrument, magnitude, verb
from quantmatrix.ingest.symbols import OptionTerms

_TRADES_REMEMBERED = 10_000
"""Trades of one day that may be a delivery; a person's file does not have more."""

_NOTHING = Decimal(0)


class SimpleParser:
    """Reads ``simple_csv``. A first pass over the file decides which sign of a commission is a cost."""

    source: ClassVar[str] = "simple_csv"
    broker: ClassVar[str] = "manual"
    title: ClassVar[str] = "Date, Symbol, Quantity, Price, Commission, Type"

    def __init__(self) -> None:
        self.newest_first = False
        """Set by ``parse``: whether more days follow on a later than on an earlier one."""

    @staticmethod
    def detect(head: str, _name: str) -> str | None:
        """The number of columns (``6col``) if the header has a date, symbol, quantity, price and type."""
        _, header = head_record(head)
        return f"{len(header)}col" if looks_simple(header) else None

    def parse(self, text: TextIO, options: Options) -> Iterator[Record]:
        """Records in file order; ``FileRefused`` where header or order of day and month is not clear."""
        negative_is_cost = _negative_costs(text)
        text.seek(0)
        reading = _Reading(options, negative_is_cost)
        yield from reading.run(text)
        self.newest_first = reading.backwards > reading.forwards


class _Reading:
    """One pass over one file; keeps its accounts, its instruments, and one day's possible deliveries."""

    def __init__(self, options: Options, negative_is_cost: bool) -> None:
        self.options = options
        self.negative_is_cost = negative_is_cost
        self.header: Header | None = None
        self.instruments: dict[tuple[str, str], tuple[Instrument, OptionTerms | None]] = {}
        self.told: set[str] = set()
        self.accounts: set[str] = set()
        self.first: date | None = None
        self.last: date | None = None
        self.day: date | None = None
        self.backwards = 0
        self.forwards = 0
        self.removals: list[Removal] = []
        self.legs: list[StockLeg] = []

    def run(self, text: TextIO) -> Iterator[Record]:
        for line, raw, fields in records(text):
            if not any(cell.strip() for cell in fields):
                yield Line(number=line, raw=raw, verdict="skipped")
            elif self.header is None:
                yield Line(number=line, raw=raw, verdict="skipped")
                self.header = read_header(line, fields)
                yield from self._remarks(line, self.header)
            else:
                yield Line(number=line, raw=raw, verdict="row")
                try:
                    yield from self._row(line, fields, self.header)
                except RowError as error:
                    yield error.refusal(line)
                except FileRefused as refused:
                    raise FileRefused(refused.reason, line=line, hint=refused.hint) from None
        yield from self._deliveries(None)
        if self.first is not None:
            yield Statement(period_start=self.first, period_end=self.last)

    def _remarks(self, line: int, header: Header) -> Iterator[Record]:
        for name, reason in header.unused:
            yield Warning(line=line, column=name, text=name, reason=reason)
        if cost := header.names.get("commission"):
            rule = (
                "negative values are costs and positive ones rebates, because the file has negative values"
                if self.negative_is_cost
                else "positive values are costs, because the file has no negative value"
            )
            yield Warning(line=line, column=cost, text=cost, reason=rule)

    def _row(self, line: int, fields: list[str], header: Header) -> Iterator[Record]:
        if len(fields) < header.width or any(fields[header.width :]):
            reason = f"{len(fields)} fields where the header has {header.width}"
            raise RowError("bad_columns", reason, text=",".join(fields))
        cells = {field: fields[index].strip() for field, index in header.index.items()}
        try:
            yield from self._event(line, cells)
        except RowError as error:
            named = header.names.get(error.column, error.column) if error.column else None
            raise RowError(error.code, error.reason, column=named, text=error.text) from None

    def _event(self, line: int, cells: dict[str, str]) -> Iterator[Record]:
        when = self._when(cells["date"], "date")
        kind, sign, effect = verb(cells["type"])
        currency = cells.get("currency") or self.options.currency
        traded, option = self._instrument(cells["symbol"], currency)
        units = magnitude(cells["quantity"], sign)
        quantity = units.copy_negate() if sign < 0 else units
        multiplier = traded.multiplier or Decimal(1)
        price = number(cells["price"], "price")
        commission, fees = self._cost(cells, "commission"), self._cost(cells, "fees")
        values: dict[str, Any] = {
            "line": line,
            "account": cells.get("account") or None,
            "instrument": traded.key,
            "type": kind,
            "position_effect": effect,
            "external_id": cells.get("id") or None,
            "executed_at": when.executed_at,
            "trade_date": when.day,
            "quantity": quantity,
            "price": price,
            "currency": currency,
            "description": cells.get("description") or None,
        }
        if settle := cells.get("settle_date"):
            values["settlement_date"] = self._when(settle, "settle_date").day
        notes: list[Record] = []
        if kind is TransactionType.TRANSFER_IN:
            costs = EXACT.add(commission, fees)
            values["terms"] = brought(quantity, price, multiplier, costs, when)
        elif sign:
            if price is None:
                raise RowError("missing_value", "a trade needs its price", column="price")
            gross = EXACT.multiply(EXACT.multiply(quantity.copy_negate(), price), multiplier)
            values |= _amounts(gross, commission, fees)
        else:
            if option is None:
                reason = f"{traded.symbol} is not an option"
                raise RowError("contradiction", reason, column="symbol", text=cells["symbol"])
            settlement = "linked" if kind in DELIVERED else None
            terms = Terms(stated_quantity=units, exercise_settlement=settlement)
            values |= {"quantity": None, "price": None, "terms": terms}
            values |= _amounts(_NOTHING, commission, fees)
            if price:
                reason = "an option is removed without a price; this one is not used"
                notes.append(Warning(line=line, column="price", text=cells["price"], reason=reason))
        row = transaction(values)
        yield from self._deliveries(when.day)
        yield from self._fresh(traded, row.account)
        yield row
        yield from notes
        self.first = min(self.first or when.day, when.day)
        self.last = max(self.last or when.day, when.day)
        if option is not None and kind in DELIVERED:
            shares = EXACT.multiply(units, multiplier)
            removal = Removal(line, kind, option.underlying, option.option_type, option.strike, shares)
            self.removals.append(removal)
        elif option is None and price is not None and len(self.legs) < _TRADES_REMEMBERED:
            self.legs.append(StockLeg(line, traded.symbol, price, quantity))

    def _when(self, text: str, column: str) -> When:
        try:
            return read_when(text, self.options.day_first, self.options.zone)
        except RowError as error:
            raise RowError(error.code, error.reason, column=column, text=text) from None

    def _cost(self, cells: dict[str, str], field: str) -> Decimal:
        value = number(cells.get(field, ""), field) or _NOTHING
        return value if self.negative_is_cost or not value else value.copy_negate()

    def _instrument(self, text: str, currency: str) -> tuple[Instrument, OptionTerms | None]:
        known = self.instruments.get((text, currency))
        if known is None:
            known = self.instruments[text, currency] = instrument(text, currency)
        return known

    def _fresh(self, traded: Instrument, account: str | None) -> Iterator[Record]:
        if account is not None and account not in self.accounts:
            self.accounts.add(account)
            yield Statement(account=account)
        if traded.key not in self.told:
            self.told.add(traded.key)
            yield traded

    def _deliveries(self, day: date | None) -> Iterator[Record]:
        """When another day begins: links between the option events and the trades of the day before."""
        if day == self.day:
            return
        if day is not None and self.day is not None:
            self.backwards += day < self.day
            self.forwards += day > self.day
        if self.removals:
            pairing = pair(self.removals, self.legs)
            yield from pairing.links
            for line in pairing.lonely_removals:
                reason = "no trade of the underlying at the strike on this day for all of its shares"
                yield Warning(line=line, text="", reason=reason)
        self.day = day
        self.removals.clear()
        self.legs.clear()


def _amounts(gross: Decimal, commission: Decimal, fees: Decimal) -> dict[str, Decimal]:
    net = EXACT.add(EXACT.add(gross, commission), fees)
    return {"gross_amount": gross, "commission": commission, "fees": fees, "net_amount": net}


def _negative_costs(text: TextIO) -> bool:
    """Whether any commission of the file is negative; then negative is a cost, else positive is."""
    columns: list[int] | None = None
    for line, _, fields in records(text):
        if columns is None:
            if any(cell.strip() for cell in fields):
                index = read_header(line, fields).index
                columns = [index[field] for field in ("commission", "fees") if field in index]
            continue
        for column in columns:
            if len(fields) > column and ("-" in fields[column] or "(" in fields[column]):
                try:
                    value = parse_decimal(fields[column])
                except ValueError:
                    continue
                if value is not None and value < 0:
                    return True
    return False
