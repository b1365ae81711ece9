"""Which stock row delivers which exercised or assigned option: brokers print both and tie them by nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from quantmatrix.ingest.model import Link, LinkKind, PositionEffect, Terms, TransactionType


@dataclass(slots=True)
class Removal:
    """An option that left by exercise or assignment; ``shares`` are what its contracts deliver, unsigned."""

    line: int
    type: TransactionType
    underlying: str
    option_type: Literal["call", "put"]
    strike: Decimal
    shares: Decimal

    @property
    def key(self) -> tuple[str, Decimal, bool]:
        """Stock, price and whether the stock is bought, which is how its leg must look."""
        called = self.option_type == "call"
        return self.underlying, self.strike, called == (self.type is TransactionType.OPTION_EXERCISE)


@dataclass(slots=True)
class StockLeg:
    """A purchase (positive) or sale (negative quantity) of stock that may be such a delivery."""

    line: int
    symbol: str
    price: Decimal
    quantity: Decimal

    @property
    def key(self) -> tuple[str, Decimal, bool]:
        """Stock, price and whether it is bought."""
        return self.symbol, self.price, self.quantity > 0


@dataclass(slots=True)
class Pairing:
    """``links`` from option rows to stock rows, and the lines left without a counterpart or part of it."""

    links: list[Link]
    lonely_removals: list[int]
    lonely_legs: list[int]


def settlement(kind: TransactionType, cash: Decimal) -> Literal["linked", "cash"] | None:
    """How options that leave are settled: not at all, in their own row's cash, or in shares of another."""
    if kind is TransactionType.OPTION_EXPIRATION:
        return None
    return "cash" if cash else "linked"


def leaving(kind: TransactionType, quantity: Decimal, *, cash: Decimal) -> dict[str, Any]:
    """The fields of a row by which options leave."""
    settled = settlement(kind, cash)
    return {
        "type": kind,
        "position_effect": PositionEffect.CLOSE,
        "quantity": quantity,
        "terms": Terms(exercise_settlement=settled) if settled else None,
    }


def pair(removals: Iterable[Removal], legs: Iterable[StockLeg]) -> Pairing:
    """Pair by stock, price = strike and direction: equal quantities first, then one event in several rows."""
    wanting: defaultdict[tuple[str, Decimal, bool], list[Removal]] = defaultdict(list)
    offered: defaultdict[tuple[str, Decimal, bool], list[StockLeg]] = defaultdict(list)
    for removal in removals:
        wanting[removal.key].append(removal)
    for leg in legs:
        offered[leg.key].append(leg)
    result = Pairing([], [], [])
    for key, group in wanting.items():
        _pair_group(group, offered.pop(key, []), result)
    result.lonely_legs += [leg.line for group in offered.values() for leg in group]
    return result


def _pair_group(removals: list[Removal], legs: list[StockLeg], result: Pairing) -> None:
    by_quantity: defaultdict[Decimal, list[StockLeg]] = defaultdict(list)
    for leg in reversed(legs):
        by_quantity[abs(leg.quantity)].append(leg)
    rest: list[Removal] = []
    taken: set[int] = set()
    for removal in removals:
        if same := by_quantity[removal.shares]:
            leg = same.pop()
            taken.add(leg.line)
            result.links.append(_link(removal, leg))
        else:
            rest.append(removal)
    _pair_in_parts(rest, [leg for leg in legs if leg.line not in taken], result)


def _pair_in_parts(removals: list[Removal], legs: list[StockLeg], result: Pairing) -> None:
    waiting: Iterator[StockLeg] = iter(legs)
    leg = next(waiting, None)
    left = abs(leg.quantity) if leg else Decimal(0)
    for removal in removals:
        wanted = removal.shares
        while leg is not None and wanted > 0:
            result.links.append(_link(removal, leg))
            wanted, left = wanted - min(wanted, left), left - min(wanted, left)
            if left == 0:
                leg = next(waiting, None)
                left = abs(leg.quantity) if leg else Decimal(0)
        if wanted > 0:
            result.lonely_removals.append(removal.line)
    if leg is not None:
        result.lonely_legs += [leg.line, *(other.line for other in waiting)]


def _link(removal: Removal, leg: StockLeg) -> Link:
    return Link(kind=LinkKind.EXERCISE, from_line=removal.line, to_line=leg.line)
