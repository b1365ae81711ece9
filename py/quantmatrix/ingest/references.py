"""Rows under one reference: what the movements of one event are together.

An exchange of one thing for another may stand in two rows, in three (a fee, a second wallet) or in many
(a sweep of small balances). The movements are added up thing by thing; each cost is taken once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from quantmatrix.ingest.cells import EXACT

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Leg:
    """One movement: ``change`` is signed, ``fee`` what it cost beside, in the same thing."""

    line: int
    code: str
    change: Decimal
    fee: Decimal = _ZERO


@dataclass(slots=True)
class Side:
    """All movements of one thing in an event; ``units`` unsigned, without the fee."""

    code: str
    units: Decimal = _ZERO
    fee: Decimal = _ZERO
    is_given: bool = False
    lines: list[int] = field(default_factory=list)

    @property
    def paid(self) -> Decimal:
        """What left in all."""
        return EXACT.add(self.units, self.fee)

    @property
    def received(self) -> Decimal:
        """What arrived after costs."""
        return EXACT.subtract(self.units, self.fee)


@dataclass(slots=True)
class Event:
    """What was given for what; ``beside`` are costs in things that are on neither side."""

    given: list[Side]
    got: list[Side]
    beside: list[Side]

    @property
    def is_exchange(self) -> bool:
        """Whether one thing was given for one other."""
        return len(self.given) == len(self.got) == 1

    @property
    def lines(self) -> list[int]:
        """The lines of all of it, in order."""
        sides = (*self.given, *self.got, *self.beside)
        return sorted({line for side in sides for line in side.lines})


def event_of(legs: Iterable[Leg]) -> Event:
    """The movements added up thing by thing, each in the order in which it is first seen."""
    sides: dict[str, Side] = {}
    for leg in legs:
        side = sides.setdefault(leg.code, Side(leg.code))
        side.units = EXACT.add(side.units, leg.change)
        side.fee = EXACT.add(side.fee, leg.fee)
        side.lines.append(leg.line)
    event = Event([], [], [])
    for side in sides.values():
        if side.units < 0:
            side.units, side.is_given = abs(side.units), True
            event.given.append(side)
        elif side.units > 0:
            event.got.append(side)
        else:
            event.beside.append(side)
    return event


def shared_out(amount: Decimal, weights: list[Decimal], places: Decimal) -> list[Decimal]:
    """``amount`` by ``weights``, each share rounded to ``places``, the last one taking what is left."""
    whole = sum(weights, _ZERO)
    shares: list[Decimal] = []
    rest = amount
    for weight in weights[:-1]:
        share = EXACT.divide(EXACT.multiply(amount, weight), whole).quantize(places, context=EXACT)
        shares.append(share)
        rest = EXACT.subtract(rest, share)
    return [*shares, rest]
