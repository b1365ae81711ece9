"""What the rows of one corporate action mean together: a type, and terms for the engine to compute with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from quantmatrix.ingest.action_text import Action, ActionText
from quantmatrix.ingest.cells import EXACT
from quantmatrix.ingest.model import Terms, TransactionType

_ZERO = Decimal(0)
_ONE = Decimal(1)
_VALUE_PLACES = Decimal("1e-8")
_CONTRACTS = ("option|", "future_option|")

_Ratio = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Leg:
    """One row: signed change of the position of the instrument with this key, signed cash, market value."""

    line: int
    key: str
    quantity: Decimal
    proceeds: Decimal
    value: Decimal


@dataclass(slots=True)
class Event:
    """All rows of one action in one account. ``effective``: the first day on which it counts."""

    text: ActionText
    description: str
    category: str
    currency: str
    account: str | None
    executed_at: datetime | None
    effective: date
    metadata: dict[str, str]
    is_cancel: bool
    legs: list[Leg] = field(default_factory=list)

    @property
    def proceeds(self) -> Decimal:
        """Signed cash of all rows."""
        total = _ZERO
        for leg in self.legs:
            total = EXACT.add(total, leg.proceeds)
        return total

    def changes(self) -> dict[str, Decimal]:
        """Signed change of each instrument's position."""
        changes: dict[str, Decimal] = {}
        for leg in self.legs:
            changes[leg.key] = EXACT.add(changes.get(leg.key, _ZERO), leg.quantity)
        return changes


@dataclass(frozen=True, slots=True)
class Meaning:
    """``quantity`` is None where the engine computes it; the broker's own figures are in ``terms``."""

    type: TransactionType
    terms: Terms | None = None
    quantity: Decimal | None = None


def meaning(event: Event, source: str) -> Meaning:
    """What ``event`` does to the instrument with the key ``source``; ``other`` where that cannot be told."""
    reader = _READERS.get(event.text.action)
    return (reader(event, source) if reader else None) or Meaning(
        TransactionType.OTHER, Terms(stated_quantity=event.changes().get(source))
    )


def remark(meant: Meaning, event: Event) -> str | None:
    """What is to be said of an action that is not computed, or but for something that no statement states."""
    if meant.type is TransactionType.OTHER:
        moved = [f"{units:f} {key.split('|')[1]}" for key, units in event.changes().items() if units]
        if event.proceeds:
            moved.append(f"{event.proceeds:f} {event.currency}")
        shown = f" ({', '.join(moved)})" if moved else ""
        return f"a corporate action that is not computed; kept as other, enter its effect by hand{shown}"
    if meant.type is TransactionType.SPINOFF and meant.terms and meant.terms.basis_fraction is None:
        return (
            "no statement says which part of the basis goes to the new shares: the basis of both is unknown "
            "until it is supplied (`transaction_correct`, basis_fraction)"
        )
    return None


def _others(event: Event, source: str) -> list[str]:
    return [key for key in event.changes() if key != source]


def _ratio(event: Event, source: str, new: str | None) -> _Ratio | None:
    """New for old units: as the text says; of contracts, or without such words, as the quantities do."""
    stated = event.text.ratios[0] if event.text.ratios else None
    if stated and not source.startswith(_CONTRACTS):
        return stated
    if new is None:
        out = sum((leg.quantity for leg in event.legs if leg.quantity < 0), _ZERO)
        into = sum((leg.quantity for leg in event.legs if leg.quantity > 0), _ZERO)
    else:
        changes = event.changes()
        out, into = changes.get(source, _ZERO), changes[new]
    if out and into and (out < 0) != (into < 0):
        return (_ONE, _ONE) if out == -into else (abs(into), abs(out))
    return stated


def _in_lieu(event: Event) -> dict[str, object]:
    return {"fraction_handling": "cash", "cash_in_lieu": event.proceeds} if event.proceeds else {}


def _exchange(event: Event, source: str, new: str, kind: TransactionType) -> Meaning | None:
    ratio = _ratio(event, source, new)
    if ratio is None and event.text.action is Action.CHANGE:
        ratio = _ONE, _ONE
    if ratio is None:
        return None
    changes = event.changes()
    terms = Terms(
        ratio_numerator=ratio[0],
        ratio_denominator=ratio[1],
        new_instrument=new,
        stated_quantity=changes.get(source),
        stated_new_quantity=changes.get(new),
    )
    if kind is not TransactionType.MERGER_MIXED:
        terms = terms.model_copy(update=_in_lieu(event))
    return Meaning(kind, terms)


def _split(event: Event, source: str) -> Meaning | None:
    """With a new symbol, or for an option whose strike changes, it is a change of symbol with a ratio."""
    new = _others(event, source)
    if len(new) == 1:
        return _exchange(event, source, new[0], TransactionType.SYMBOL_CHANGE)
    ratio = _ratio(event, source, None)
    if new or ratio is None:
        return None
    terms = Terms(
        ratio_numerator=ratio[0], ratio_denominator=ratio[1], stated_quantity=event.changes().get(source)
    )
    return Meaning(TransactionType.SPLIT, terms.model_copy(update=_in_lieu(event)))


def _spinoff(event: Event, source: str) -> Meaning | None:
    """The share of the basis that goes to the child is not in any statement: it stays unknown."""
    new = _others(event, source)
    if len(new) != 1 or not event.text.ratios:
        return None
    ratio = event.text.ratios[-1]
    terms = Terms(
        ratio_numerator=ratio[0],
        ratio_denominator=ratio[1],
        new_instrument=new[0],
        stated_new_quantity=event.changes()[new[0]],
    )
    return Meaning(TransactionType.SPINOFF, terms.model_copy(update=_in_lieu(event)))


def _change(event: Event, source: str) -> Meaning | None:
    """A new id, with or without a new symbol; without one the instrument becomes itself."""
    new = _others(event, source)
    if len(new) > 1:
        return None
    return _exchange(event, source, new[0] if new else source, TransactionType.SYMBOL_CHANGE)


def _tender(event: Event, source: str) -> Meaning | None:
    """Shares offered are held under another symbol until the offer ends; how many is the holder's choice."""
    new = _others(event, source)
    if len(new) != 1:
        return None
    exchange = _exchange(event, source, new[0], TransactionType.SYMBOL_CHANGE)
    return exchange and Meaning(exchange.type, exchange.terms, event.changes().get(source))


def _stock_dividend(event: Event, source: str) -> Meaning | None:
    if _others(event, source) or not event.text.ratios:
        return None
    rate = event.text.ratios[0]
    stated = event.changes().get(source)
    return Meaning(
        TransactionType.STOCK_DIVIDEND,
        Terms(ratio_numerator=rate[0], ratio_denominator=rate[1], stated_quantity=stated),
    )


def _merger(event: Event, source: str) -> Meaning | None:
    new = _others(event, source)
    stays = not event.changes().get(source)
    if not new:
        return _merger_for_cash(event, source, stays)
    if len(new) > 1:
        return None
    if len(event.text.ratios) > 1 and stays:
        return _spinoff(event, source)
    if not event.text.cash:
        return _exchange(event, source, new[0], TransactionType.MERGER_STOCK)
    exchange = _exchange(event, source, new[0], TransactionType.MERGER_MIXED)
    if exchange is None or exchange.terms is None:
        return None
    received = event.changes()[new[0]]
    value = sum((leg.value for leg in event.legs if leg.key == new[0]), _ZERO)
    per_share = (
        EXACT.divide(value, received).quantize(_VALUE_PLACES, context=EXACT)
        if value > 0 and received > 0
        else None
    )
    terms = {"cash_per_share": _cash_in(event, source), "value_per_new_share": per_share}
    return Meaning(exchange.type, exchange.terms.model_copy(update=terms))


def _merger_for_cash(event: Event, source: str, stays: bool) -> Meaning | None:
    if stays and event.proceeds:
        return Meaning(TransactionType.RETURN_OF_CAPITAL)
    if stays:
        return _change(event, source) if event.text.ratios else None
    if not event.text.cash and not event.proceeds:
        return None
    terms = Terms(cash_per_share=_cash_in(event, source), stated_quantity=event.changes()[source])
    return Meaning(TransactionType.MERGER_CASH, terms)


def _cash_in(event: Event, source: str) -> Decimal | None:
    """Cash for each old unit, where the text states it in the currency of the instrument."""
    cash = event.text.cash
    return cash[1] if cash and cash[0] == source.rpartition("|")[2] else None


_READERS: dict[Action, Callable[[Event, str], Meaning | None]] = {
    Action.SPLIT: _split,
    Action.SPINOFF: _spinoff,
    Action.MERGER: _merger,
    Action.TENDER: _tender,
    Action.STOCK_DIVIDEND: _stock_dividend,
    Action.CHANGE: _change,
}
