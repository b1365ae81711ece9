"""What a row is: from its type and sub type, and from its text where an early file has no sub type."""

from __future__ import annotations

import re
from enum import Enum, auto

from quantmatrix.ingest.tastytrade.row import Row


class Kind(Enum):
    """Everything that this importer treats differently."""

    TRADE = auto()
    MONEY = auto()
    DELIVERY = auto()
    """Stock that an exercise or assignment brings or takes."""
    ASSIGNMENT = auto()
    EXERCISE = auto()
    EXPIRATION = auto()
    CASH_ASSIGNMENT = auto()
    CASH_EXERCISE = auto()
    SPLIT = auto()
    MERGER = auto()
    RENAME = auto()
    """Symbol change, and an option contract adjusted for a special dividend."""
    REINVEST = auto()
    TRANSFER = auto()
    AWARD = auto()
    UNKNOWN = auto()


REMOVALS = frozenset({Kind.ASSIGNMENT, Kind.EXERCISE, Kind.EXPIRATION})
CASH_SETTLED = frozenset({Kind.CASH_ASSIGNMENT, Kind.CASH_EXERCISE})
CORPORATE = frozenset({Kind.SPLIT, Kind.MERGER, Kind.RENAME})

_SUB_TYPES = {
    "buy to open": Kind.DELIVERY,
    "buy to close": Kind.DELIVERY,
    "sell to open": Kind.DELIVERY,
    "sell to close": Kind.DELIVERY,
    "buy": Kind.DELIVERY,
    "sell": Kind.DELIVERY,
    "assignment": Kind.ASSIGNMENT,
    "exercise": Kind.EXERCISE,
    "expiration": Kind.EXPIRATION,
    "cash settled assignment": Kind.CASH_ASSIGNMENT,
    "cash settled exercise": Kind.CASH_EXERCISE,
    "forward split": Kind.SPLIT,
    "reverse split": Kind.SPLIT,
    "symbol change": Kind.RENAME,
    "special dividend": Kind.RENAME,
    "stock merger": Kind.MERGER,
    "merger": Kind.MERGER,
    "cash merger": Kind.MERGER,
    "dividend": Kind.REINVEST,
    "acat": Kind.TRANSFER,
    "transfer": Kind.TRANSFER,
    "futures settlement": Kind.MONEY,
}

_TEXTS: tuple[tuple[re.Pattern[str], Kind], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"\bcash settled\b.*\bassignment\b", Kind.CASH_ASSIGNMENT),
        (r"\bcash settled\b.*\bexercise\b", Kind.CASH_EXERCISE),
        (r"\bdue to assignment\b", Kind.ASSIGNMENT),
        (r"\bdue to exercise\b", Kind.EXERCISE),
        (r"\bdue to expiration\b", Kind.EXPIRATION),
        (r"\b(?:forward|reverse) split\b", Kind.SPLIT),
        (r"\bsymbol change\b|\bspecial dividend\b", Kind.RENAME),
        (r"\bmerger\b", Kind.MERGER),
        (r"\bvia dividend\b", Kind.REINVEST),
        (r"\bacat\b|\btransfer\b", Kind.TRANSFER),
        (r"^(?:buy|sell) to (?:open|close) ", Kind.DELIVERY),
    )
)
_AWARD = re.compile(r"\bawarded\b", re.IGNORECASE)


def kind_of(row: Row) -> Kind:
    """The kind of ``row``; ``UNKNOWN`` for a type, sub type or text that nobody has described."""
    if row.kind == "trade":
        return Kind.TRADE if row.side else Kind.UNKNOWN
    if row.kind == "money movement":
        return Kind.MONEY
    if row.kind != "receive deliver":
        return Kind.UNKNOWN
    if _AWARD.search(row.description):
        return Kind.AWARD
    if row.sub:
        return _SUB_TYPES.get(row.sub, Kind.UNKNOWN)
    return next((kind for pattern, kind in _TEXTS if pattern.search(row.description)), Kind.UNKNOWN)
