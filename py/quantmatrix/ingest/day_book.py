"""Rows of one day that belong together.

Exercises with their stock, the rows of a corporate action, what cancels what. A broker that prints days
prints such rows on the same day, in any order; cancels within some days.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from quantmatrix.ingest.cells import EXACT, RowError, transaction
from quantmatrix.ingest.exercise import Removal, StockLeg, pair
from quantmatrix.ingest.model import (
    Instrument,
    Link,
    LinkKind,
    Record,
    Terms,
    Transaction,
    TransactionType,
    Warning,
)

_DAY_AT_MOST = 10_000
_CANCELS_AT_MOST = 10_000
_NUMBER = re.compile(r"(?=[A-Z0-9]*[0-9])[A-Z0-9]{9}")
"""A CUSIP: what brokers print for shares that have lost their ticker to what they became."""

_ZERO = Decimal(0)
_PLACES = Decimal("0.00000001")


@dataclass(slots=True)
class Piece:
    """One row of a corporate action: signed change of a position, signed cash, the row's other fields.

    ``origin`` is what the row's own text says the shares came from, should no other row say it.
    ``is_reverse``: its text speaks of a reverse split.
    """

    line: int
    instrument: Instrument
    quantity: Decimal
    cash: Decimal
    values: dict[str, Any]
    origin: Instrument | None = None
    is_reverse: bool = False


@dataclass(slots=True)
class _Day:
    removals: list[Removal] = field(default_factory=list)
    legs: list[StockLeg] = field(default_factory=list)
    pieces: dict[str, list[Piece]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.removals or self.pieces)


class DayBook:
    """Holds what waits for the end of its day; ``turn`` when another begins, ``close`` at the file's end."""

    def __init__(self, out: list[Record]) -> None:
        self._out = out
        self._day = _Day()
        self._open: dict[Hashable, list[int]] = {}
        self._count = 0
        self._waiting: dict[Hashable, list[int]] = {}
        self._moved: Callable[[Transaction], None] | None = None

    def removal(self, row: Transaction, option: Instrument, contracts: Decimal) -> None:
        """An option that left; one that delivers stock waits for it."""
        if row.terms is None or row.terms.exercise_settlement != "linked":
            return
        if option.option_type is None or option.strike is None:
            return
        shares = EXACT.multiply(abs(contracts), option.multiplier or Decimal(1))
        self._day.removals.append(
            Removal(row.line, row.type, option.underlying or "", option.option_type, option.strike, shares)
        )

    def stock(self, row: Transaction, stock: Instrument, price: Decimal | None = None) -> None:
        """A trade in stock that may be a delivery; ``price`` where the row's is in another currency."""
        price = row.price if price is None else price
        if price is not None and row.quantity is not None and len(self._day.legs) < _DAY_AT_MOST:
            self._day.legs.append(StockLeg(row.line, stock.symbol, price, row.quantity))

    def piece(self, action: str, piece: Piece) -> None:
        """A row of a corporate action; ``action`` is what its other rows have in common with it."""
        self._day.pieces.setdefault(action, []).append(piece)

    def trade(self, key: Hashable, line: int) -> None:
        """A trade that a cancel may take back, before or after it in the file."""
        if waiting := self._waiting.get(key):
            self._link(waiting.pop(0), line)
            return
        if self._count >= _CANCELS_AT_MOST:
            self._take(next(iter(self._open)), 0)
        self._open.setdefault(key, []).append(line)
        self._count += 1

    def cancel(self, key: Hashable, line: int) -> None:
        """A row that takes back a trade."""
        if key in self._open:
            self._link(line, self._take(key, -1))
        elif len(self._waiting) < _CANCELS_AT_MOST:
            self._waiting.setdefault(key, []).append(line)
        else:
            self._unmatched(line)

    def _take(self, key: Hashable, at: int) -> int:
        lines = self._open[key]
        line = lines.pop(at)
        if not lines:
            del self._open[key]
        self._count -= 1
        return line

    def turn(self) -> None:
        """Another day begins."""
        day, self._day = self._day, _Day()
        if not day:
            return
        if day.removals:
            pairing = pair(day.removals, day.legs)
            self._out += pairing.links
            for line in pairing.lonely_removals:
                reason = "no trade of the underlying at the strike on this day for all of its shares"
                self._out.append(Warning(line=line, text="", reason=reason))
        for pieces in day.pieces.values():
            self._exchanges(pieces)

    def close(self) -> None:
        """The file ended."""
        self.turn()
        for lines in self._waiting.values():
            for line in lines:
                self._unmatched(line)
        self._waiting.clear()

    def _link(self, cancel: int, original: int) -> None:
        self._out.append(Link(kind=LinkKind.CORRECTION, from_line=cancel, to_line=original))

    def _unmatched(self, line: int) -> None:
        reason = "cancels a trade that is not in this file; imported as the opposite trade"
        self._out.append(Warning(line=line, text="", reason=reason))

    def _exchanges(self, pieces: list[Piece]) -> None:
        for event in _events(pieces):
            self._out += exchanged(event)


def exchanged(event: list[Piece]) -> list[Record]:
    """The one transaction of the rows of a corporate action, what leaves first, or their refusals."""
    try:
        values, remark = _of_a_short(event) or _exchange(event)
        made: list[Record] = [transaction(values)]
    except RowError as error:
        return [error.refusal(piece.line) for piece in event]
    if remark:
        made.append(Warning(line=event[0].line, text="", reason=remark))
    return made


def _of_a_short(event: list[Piece]) -> tuple[dict[str, Any], None] | None:
    """A reverse split of shares that are owed: many come, few leave. None if it is another event."""
    old, new = max(event, key=lambda piece: piece.quantity), min(event, key=lambda piece: piece.quantity)
    if not any(piece.is_reverse for piece in event) or not 0 < -new.quantity < old.quantity:
        return None
    if _NUMBER.fullmatch(old.instrument.symbol) and not _NUMBER.fullmatch(new.instrument.symbol):
        old = replace(old, instrument=new.instrument)
    if len(event) != 2 or old.instrument.key != new.instrument.key:
        told = ", ".join(f"{piece.quantity:+f} {piece.instrument.symbol}" for piece in event)
        raise RowError(
            "unclear_split",
            f"a reverse split in which fewer units leave than come ({told}): of a short position, "
            "as it seems; add it by hand (split)",
        )
    values, _ = _exchange([replace(old, quantity=-old.quantity), replace(new, quantity=-new.quantity)])
    stated = EXACT.add(old.quantity, new.quantity)
    return values | {"terms": values["terms"].model_copy(update={"stated_quantity": stated})}, None


def _events(pieces: list[Piece]) -> list[list[Piece]]:
    """Rows that make one event each: by instrument, else what leaves with what comes, in order."""
    out = [piece for piece in pieces if piece.quantity < 0]
    into = [piece for piece in pieces if piece.quantity > 0]
    cash = [piece for piece in pieces if not piece.quantity]
    found: list[list[Piece]] = []
    for piece in list(out):
        same = next((p for p in into if p.instrument.key == piece.instrument.key), None)
        if same is not None:
            found.append([piece, same])
            out.remove(piece)
            into.remove(same)
    if len(out) == 1 and len(into) >= 1:
        found.append([out.pop(), *into])
        into = []
    while out and into:
        found.append([out.pop(0), into.pop(0)])
    found += [[piece] for piece in (*out, *into)]
    for piece in cash:
        fitting = next((e for e in found if any(p.instrument.key == piece.instrument.key for p in e)), None)
        if fitting is None and len(found) == 1:
            fitting = found[0]
        if fitting is None:
            found.append([piece])
        else:
            fitting.append(piece)
    return found


def _exchange(event: list[Piece]) -> tuple[dict[str, Any], str | None]:
    """Fields of the one transaction of an event, at its first row, and what is to be said of it."""
    first = event[0]
    cash = _ZERO
    for piece in event:
        cash = EXACT.add(cash, piece.cash)
    values = dict(first.values)
    kind = values.pop("kind_of_exchange", TransactionType.MERGER_STOCK)
    values |= {
        "line": first.line,
        "also_lines": tuple(piece.line for piece in event[1:]),
        "instrument": first.instrument.key,
        "gross_amount": cash,
        "net_amount": cash,
        "quantity": None,
        "price": None,
        "commission": _ZERO,
        "fees": _ZERO,
    }
    changes: dict[str, Decimal] = {}
    for piece in event:
        changes[piece.instrument.key] = EXACT.add(changes.get(piece.instrument.key, _ZERO), piece.quantity)
    old = first.instrument.key
    others = [key for key in changes if key != old and changes[key] > 0]
    if kind is TransactionType.SPLIT and len(others) == 1 and first.quantity < 0:
        if _NUMBER.fullmatch(first.instrument.symbol):
            return _renamed_split(event, values, others[0]), None
        kind = TransactionType.SYMBOL_CHANGE
    if first.quantity > 0 and not others and first.origin is not None:
        kind = TransactionType.MERGER_MIXED if cash > 0 else TransactionType.MERGER_STOCK
        came = Terms(new_instrument=old, stated_new_quantity=changes[old])
        return values | {"type": kind, "instrument": first.origin.key, "terms": came}, (
            "the shares that left are not on this day; all of them are taken to have been exchanged"
        )
    if first.quantity > 0 and not others and changes[old]:
        added = Terms(stated_quantity=changes[old])
        return values | {"type": TransactionType.SPLIT, "terms": added}, (
            "the other half of this corporate action is not on its day; read as shares that were added"
        )
    if not others and len([p for p in event if p.quantity]) == 2:
        numerator, denominator = _ratio(event[1].quantity, first.quantity)
        terms = Terms(ratio_numerator=numerator, ratio_denominator=denominator, stated_quantity=changes[old])
        if kind is TransactionType.SYMBOL_CHANGE and numerator == denominator:
            terms = terms.model_copy(update={"new_instrument": old})
            return values | {"type": kind, "terms": terms}, None
        return values | {"type": TransactionType.SPLIT, "terms": terms}, None
    if not others:
        if not cash or not changes[old]:
            reason = "the other half of this corporate action is not on its day; imported as other"
            return values | {
                "type": TransactionType.OTHER,
                "terms": Terms(stated_quantity=changes[old]),
            }, reason
        if kind is TransactionType.SELL:
            return values | {"type": kind, "quantity": changes[old]}, None
        price = abs(EXACT.divide(cash, changes[old])).quantize(_PLACES, context=EXACT).normalize(EXACT)
        terms = Terms(cash_per_share=price, stated_quantity=changes[old])
        return values | {"type": TransactionType.MERGER_CASH, "terms": terms}, None
    new = others[0]
    numerator, denominator = _ratio(changes[new], changes[old])
    fields: dict[str, Any] = {
        "ratio_numerator": numerator,
        "ratio_denominator": denominator,
        "new_instrument": new,
        "stated_quantity": changes[old],
        "stated_new_quantity": changes[new],
    }
    if cash > 0 and kind is TransactionType.MERGER_STOCK:
        kind = TransactionType.MERGER_MIXED
        per_share = abs(EXACT.divide(cash, changes[old])).quantize(_PLACES, context=EXACT)
        fields["cash_per_share"] = per_share.normalize(EXACT)
    remark = None
    if len(others) > 1:
        remark = "more than one security came for the old one; only the first is followed"
    return values | {"type": kind, "terms": Terms(**fields)}, remark


def _renamed_split(event: list[Piece], values: dict[str, Any], ticker: str) -> dict[str, Any]:
    """A reverse split whose old shares are printed under another id: the ticker's own position changes."""
    new = next(piece.quantity for piece in event if piece.instrument.key == ticker)
    old = event[0].quantity
    numerator, denominator = _ratio(new, old)
    terms = Terms(
        ratio_numerator=numerator, ratio_denominator=denominator, stated_quantity=EXACT.add(new, old)
    )
    return values | {"type": TransactionType.SPLIT, "instrument": ticker, "terms": terms}


def _ratio(new: Decimal, old: Decimal) -> tuple[Decimal, Decimal]:
    ratio = Fraction(abs(new)) / Fraction(abs(old))
    return Decimal(ratio.numerator), Decimal(ratio.denominator)
