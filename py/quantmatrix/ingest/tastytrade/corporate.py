"""Corporate actions: the broker prints the old position out and the new one in; together they are one event.

The amounts on the two rows cancel and are no money; no gain arises from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.model import (
    Instrument,
    InstrumentType,
    PositionEffect,
    Terms,
    TransactionType,
    Warning,
)
from quantmatrix.ingest.tastytrade.events import Values, common
from quantmatrix.ingest.tastytrade.kinds import Kind
from quantmatrix.ingest.tastytrade.row import Row

_LONGEST_RATIO = 50


@dataclass(slots=True)
class Side:
    """The rows that take one instrument out, or bring one in; several rows may move it in parts."""

    instrument: Instrument
    rows: list[Row]

    @property
    def quantity(self) -> Decimal:
        """Signed change of the position."""
        total = Decimal(0)
        for row in self.rows:
            total = EXACT.add(total, EXACT.multiply(row.quantity or Decimal(0), Decimal(row.side)))
        return total


@dataclass(slots=True)
class Event:
    """A closed and an opened side that belong together; ``new`` None where nothing came in."""

    kind: Kind
    old: Side
    new: Side | None


def check(row: Row) -> None:
    """What a row of a corporate action must state. Raises ``RowError``."""
    if not row.side or row.effect is PositionEffect.AUTO:
        raise RowError("missing_value", "a corporate action needs its direction", column="Action")
    if not row.quantity:
        raise RowError("missing_value", "a quantity is needed", column="Quantity")


def events(rows: Iterable[tuple[Row, Kind, Instrument]]) -> tuple[list[Event], list[Row]]:
    """The events that ``rows`` of one moment make, and the rows whose other half is missing."""
    buckets: dict[tuple[Kind, str, bool, bool], tuple[dict[str, Side], dict[str, Side]]] = {}
    for row, kind, instrument in rows:
        closing = row.effect is PositionEffect.CLOSE
        is_long = (row.side < 0) == closing
        is_option = instrument.type is not InstrumentType.STOCK
        closed, opened = buckets.setdefault((kind, row.sub, is_option, is_long), ({}, {}))
        side = (closed if closing else opened).setdefault(instrument.key, Side(instrument, []))
        side.rows.append(row)
    found: list[Event] = []
    lonely: list[Row] = []
    for (kind, _, _, _), (closed, opened) in buckets.items():
        for old, new in _matched(closed, opened):
            found.append(Event(kind, old, new))
        for key, old in closed.items():
            if kind is Kind.MERGER and any(row.value for row in old.rows):
                found.append(Event(kind, old, None))
            else:
                lonely += closed[key].rows
        lonely += [row for side in opened.values() for row in side.rows]
    return found, lonely


def values(event: Event) -> tuple[Values, list[Warning]]:
    """The one transaction of an event, at the line of the position that went out."""
    old, new = event.old, event.new
    parts = old.rows + (new.rows if new else [])
    first = old.rows[0]
    result = common(first, old.instrument)
    for field, name in (("gross_amount", "value"), ("commission", "commission"), ("fees", "fees")):
        result[field] = _sum(getattr(row, name) for row in parts)
    net = _sum(result[field] for field in ("gross_amount", "commission", "fees"))
    result |= {
        "net_amount": net,
        "order_id": None,
        "also_lines": tuple(row.line for row in parts[1:]),
        "fingerprint": " | ".join(row.text for row in parts),
        "description": " | ".join(row.text for row in parts),
    }
    if new is None:
        return result | _cash_merger(old, net), []
    fields, warnings = _exchange(event.kind, old, new, net)
    return result | fields, warnings


def _matched(closed: dict[str, Side], opened: dict[str, Side]) -> list[tuple[Side, Side]]:
    """Take out of both what belongs together: by instrument, by option terms, else by strike and place."""
    pairs = [(closed.pop(key), opened.pop(key)) for key in list(closed) if key in opened]
    for terms in (_same_contract, _same_expiration):
        for key in list(closed):
            wanted = terms(closed[key].instrument)
            fits = [other for other in opened if terms(opened[other].instrument) == wanted]
            alike = [other for other in closed if terms(closed[other].instrument) == wanted]
            if wanted is not None and len(fits) == len(alike) == 1:
                pairs.append((closed.pop(key), opened.pop(fits[0])))
    if len(closed) == len(opened):
        by_strike = [sorted(sides, key=lambda k: _strike(sides[k])) for sides in (closed, opened)]
        pairs += [(closed.pop(old), opened.pop(new)) for old, new in zip(*by_strike, strict=True)]
    return pairs


def _same_contract(instrument: Instrument) -> tuple[Any, ...] | None:
    if instrument.expiration is None:
        return None
    return instrument.expiration, instrument.option_type, instrument.strike


def _same_expiration(instrument: Instrument) -> tuple[Any, ...] | None:
    if instrument.expiration is None:
        return None
    return instrument.expiration, instrument.option_type


def _strike(side: Side) -> tuple[Any, ...]:
    instrument = side.instrument
    return str(instrument.expiration), str(instrument.option_type), instrument.strike or Decimal(0)


def _sum(numbers: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for number in numbers:
        total = EXACT.add(total, number)
    return total


def _cash_merger(old: Side, net: Decimal) -> Values:
    price = abs(EXACT.divide(net, old.quantity)).quantize(Decimal("0.00000001"), context=EXACT)
    return {"type": TransactionType.MERGER_CASH, "quantity": old.quantity, "price": price.normalize(EXACT)}


def _exchange(kind: Kind, old: Side, new: Side, net: Decimal) -> tuple[Values, list[Warning]]:
    first = old.rows[0]
    ratio = Fraction(abs(new.quantity)) / Fraction(abs(old.quantity))
    same = old.instrument.key == new.instrument.key
    change = EXACT.add(old.quantity, new.quantity) if same else old.quantity
    terms: dict[str, Any] = {
        "ratio_numerator": Decimal(ratio.numerator),
        "ratio_denominator": Decimal(ratio.denominator),
        "stated_quantity": change,
    }
    if not same:
        terms |= {"new_instrument": new.instrument.key, "stated_new_quantity": new.quantity}
    warnings = []
    if (
        min(ratio.numerator, ratio.denominator) > 1
        and max(ratio.numerator, ratio.denominator) > _LONGEST_RATIO
    ):
        shown = f"{abs(old.quantity):f} to {abs(new.quantity):f}"
        reason = "the ratio is only what these quantities give; a fraction paid in cash may be missing in it"
        warnings.append(Warning(line=first.line, column="Quantity", text=shown, reason=reason))
    if same:
        is_split = kind is Kind.SPLIT or ratio != 1
        result: Values = {"type": TransactionType.SPLIT if is_split else TransactionType.OTHER}
        if not is_split:
            terms = {}
            reason = "the position is replaced by an equal one; nothing changes"
            warnings.append(Warning(line=first.line, column="Symbol", text=first.symbol, reason=reason))
    elif kind is not Kind.MERGER:
        result = {"type": TransactionType.SYMBOL_CHANGE}
    elif net > 0:
        per_share = EXACT.divide(net, abs(old.quantity)).quantize(Decimal("0.00000001"), context=EXACT)
        terms["cash_per_share"] = per_share.normalize(EXACT)
        result = {"type": TransactionType.MERGER_MIXED}
    else:
        result = {"type": TransactionType.MERGER_STOCK}
    if net and result["type"] is not TransactionType.MERGER_CASH:
        reason = "the amounts of the two rows should cancel; the difference is kept as cash"
        warnings.append(Warning(line=first.line, column="Value", text=f"{net:f}", reason=reason))
    return result | {"terms": Terms(**terms) if terms else None}, warnings
