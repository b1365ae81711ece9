"""What a first pass finds out: the order of day and month, and which rows tell of the same event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from quantmatrix.ingest.ibkr_flex.dates import StyleFinder
from quantmatrix.ingest.repeats import Repeats

_DATES = (
    *("dateTime", "tradeDate", "reportDate", "date", "fromDate", "toDate", "settleDate", "settleDateTarget"),
    *("expiry", "whenGenerated", "openDateTime"),
)
_AT_MOST = 100_000


@dataclass(slots=True)
class Survey:
    """Facts about a whole file, none of which grows with its trades."""

    has_executions: bool = False
    has_cash_details: bool = False
    generated_in: str = ""
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
        if name == "Trade":
            level = level_of(attributes)
            self.has_executions = self.has_executions or level in ("", "EXECUTION")
            if is_cancel(attributes) and len(self.cancelled) < _AT_MOST:
                self.cancelled.update(cancel_keys(attributes))
        elif name == "CashTransaction":
            self.has_cash_details = self.has_cash_details or level_of(attributes) == "DETAIL"
        elif name == "OptionEAE" and len(self.exercises) < _AT_MOST:
            kind = attributes.get("transactionType", "").strip().lower()
            self.exercises.update(dict.fromkeys(exercise_keys(attributes), kind))

    def look_again(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take in one element once all option events are known."""
        if name == "Trade":
            self.booked.update(key for key in exercise_keys(attributes) if key in self.exercises)


def survey(elements: Callable[[], Iterable[tuple[str, Mapping[str, str]]]]) -> Survey:
    """Look at every element of a file; ``elements`` begins anew, because option events need a second look."""
    found = Survey()
    for name, attributes in elements():
        found.look(name, attributes)
    if found.exercises:
        for name, attributes in elements():
            found.look_again(name, attributes)
    return found


def level_of(attributes: Mapping[str, str]) -> str:
    """``EXECUTION``, ``ORDER``, ``CLOSED_LOT``, ``DETAIL``, ...; empty where none is printed."""
    level = attributes.get("levelOfDetail", "").strip().upper().replace(" ", "_")
    return "EXECUTION" if level == "EXECUTIONS" else level


def is_cancel(attributes: Mapping[str, str]) -> bool:
    """Whether a trade takes another back."""
    return (
        "(CA" in attributes.get("buySell", "").upper()
        or attributes.get("transactionType", "").strip().lower().endswith("cancel")
        or "Ca" in attributes.get("notes", "").replace(",", ";").split(";")
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


def _security(attributes: Mapping[str, str]) -> str:
    return (attributes.get("conid") or attributes.get("symbol") or "").strip()
