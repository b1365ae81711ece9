"""What a first pass finds out: the order of day and month, and which rows tell of the same event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from quantmatrix.ingest.ibkr_flex.dates import StyleFinder
from quantmatrix.ingest.ibkr_flex.levels import Levels, level_of
from quantmatrix.ingest.ibkr_flex.sections import ROWS
from quantmatrix.ingest.numbers import parse_decimal
from quantmatrix.ingest.repeats import Repeats

_DATES = (
    *("dateTime", "tradeDate", "reportDate", "date", "fromDate", "toDate", "settleDate", "settleDateTarget"),
    *("expiry", "whenGenerated", "openDateTime"),
)
_AT_MOST = 100_000


@dataclass(slots=True)
class Survey:
    """Facts about a whole file, none of which grows with its trades."""

    has_rows: bool = False
    """Whether the file has rows that carry transactions."""
    bases: dict[str, str] = field(default_factory=dict)
    """The base currency that the file states for each account."""
    unvested: dict[tuple[str, str, str], list[Decimal]] = field(default_factory=dict)
    """Units and cost of lots that are not the customer's yet, by account, thing and day."""
    levels: Levels = field(default_factory=Levels)
    dates: StyleFinder = field(default_factory=StyleFinder)
    exercises: dict[str, str] = field(default_factory=dict)
    """Keys of OptionEAE rows, each with what happened: assignment, exercise, expiration."""
    booked: set[str] = field(default_factory=set)
    """Those of these keys that a trade has too."""
    cancelled: set[str] = field(default_factory=set)
    """Keys of trades that a cancel of this file names."""
    ids: Repeats = field(default_factory=Repeats)
    """Values of transactionID that more than one element has."""

    def look(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take in one element."""
        for date in _DATES:
            if "/" in (value := attributes.get(date, "")):
                self.dates.look(value)
        if identity := attributes.get("transactionID"):
            self.ids.look(identity.strip())
        if name in ROWS:
            self.has_rows = True
            self.levels.look(name, attributes)
        elif name == "OpenPosition":
            if is_unvested(attributes) and len(self.unvested) < _AT_MOST:
                sums = self.unvested.setdefault(position_key(attributes), [Decimal(0), Decimal(0)])
                for at, measure in enumerate(
                    (attributes.get("position", ""), attributes.get("costBasisMoney", ""))
                ):
                    sums[at] += _number(measure)
        elif name == "AccountInformation":
            self.bases[attributes.get("accountId", "").strip()] = (
                attributes.get("currency", "").strip().upper()
            )
        if name == "Trade":
            if is_cancel(attributes) and len(self.cancelled) < _AT_MOST:
                self.cancelled.update(cancel_keys(attributes))
        elif name == "OptionEAE" and len(self.exercises) < _AT_MOST:
            kind = attributes.get("transactionType", "").strip().lower()
            self.exercises.update(dict.fromkeys(exercise_keys(attributes), kind))

    def look_again(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take in one element once all option events and sums are known."""
        self.levels.look_again(name, attributes)
        if name == "Trade":
            self.booked.update(key for key in exercise_keys(attributes) if key in self.exercises)


def survey(elements: Callable[[], Iterable[tuple[str, Mapping[str, str]]]]) -> Survey:
    """Look at every element of a file; ``elements`` begins anew where events need a second look."""
    found = Survey()
    for name, attributes in elements():
        found.look(name, attributes)
    if found.exercises or found.levels.want_second_look:
        for name, attributes in elements():
            found.look_again(name, attributes)
    return found


def is_unvested(attributes: Mapping[str, str]) -> bool:
    """Whether a lot of a position is one that the customer has been promised."""
    vests, day = attributes.get("vestingDate", ""), attributes.get("reportDate", "")
    return level_of(attributes) == "LOT" and (
        "Un" in attributes.get("code", "").replace(",", ";").split(";")
        or (len(vests) == len(day) and vests[:4].isdigit() and vests > day)
    )


def position_key(attributes: Mapping[str, str]) -> tuple[str, str, str]:
    """Account, thing and day of a position or one of its lots."""
    return attributes.get("accountId", ""), _security(attributes), attributes.get("reportDate", "")


def is_cancel(attributes: Mapping[str, str]) -> bool:
    """Whether a trade takes another back."""
    return (
        "(CA" in attributes.get("buySell", "").upper()
        or attributes.get("transactionType", "").strip().lower().endswith("cancel")
        or ("Ca" in (notes := attributes.get("notes", "")) and "Ca" in notes.replace(",", ";").split(";"))
    )


def cancel_keys(attributes: Mapping[str, str]) -> list[str]:
    """How a cancel names the trade that it takes back, the surest first."""
    keys = []
    if original := attributes.get("origTransactionID", "").strip().strip("-"):
        keys.append(f"transaction {original}")
    quantity = attributes.get("quantity", "").strip().lstrip("+-")
    price = attributes.get("tradePrice", "").strip()
    if (original := attributes.get("origTradeID", "").strip().strip("-")) not in ("", "0"):
        keys.append(f"trade {original} {quantity} {price}")
    if not keys:
        keys.append(f"like {attributes.get('accountId')} {_security(attributes)} {quantity} {price}")
    return keys


def trade_keys(attributes: Mapping[str, str]) -> list[str]:
    """How a cancel may name this trade."""
    quantity = attributes.get("quantity", "").strip().lstrip("+-")
    price = attributes.get("tradePrice", "").strip()
    return [
        f"transaction {attributes.get('transactionID', '').strip()}",
        f"trade {attributes.get('tradeID', '').strip()} {quantity} {price}",
        f"like {attributes.get('accountId')} {_security(attributes)} {quantity} {price}",
    ]


def exercise_keys(attributes: Mapping[str, str]) -> list[str]:
    """What an OptionEAE row and the trade that books the same have in common."""
    keys = []
    if trade := attributes.get("tradeID", "").strip().strip("-"):
        keys.append(f"trade {trade}")
    day = attributes.get("date") or attributes.get("tradeDate") or attributes.get("dateTime", "")
    digits = "".join(c for c in day if c.isdigit())[:8]
    quantity = attributes.get("quantity", "").strip().replace(",", "").lstrip("+-")
    keys.append(f"event {attributes.get('accountId')} {_security(attributes)} {digits} {quantity}")
    return keys


def _number(text: str) -> Decimal:
    try:
        return parse_decimal(text) or Decimal(0)
    except ValueError:
        return Decimal(0)


def _security(attributes: Mapping[str, str]) -> str:
    return (attributes.get("conid") or attributes.get("symbol") or "").strip()
