"""Ties a cancelled trade to the row that it takes back, where both are in the file."""

from __future__ import annotations

from datetime import datetime

from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.row import Row
from quantmatrix.ingest.model import Link, LinkKind

_GENERATION = 10_000

_Key = tuple[str | None, str, str, str]
_Seen = tuple[str, datetime | None, int]


class Cancels:
    """Remembers the last ten to twenty thousand trades: a cancel stands near the trade of the same symbol."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._young: dict[_Key, list[_Seen]] = {}
        self._old: dict[_Key, list[_Seen]] = {}
        self._young_count = 0
        self._waiting: dict[_Key, list[_Seen]] = {}
        self._waiting_count = 0

    def trade(self, row: Row, account: str | None, executed_at: datetime | None) -> None:
        """A trade that a cancel may take back."""
        key, sign = _key(row, account)
        if self._waiting and (cancel := _take(self._waiting, key, sign, executed_at)) is not None:
            self._waiting_count -= 1
            self._link(cancel, row.line)
            return
        seen = (sign, executed_at, row.line)
        self._young.setdefault(key, []).append(seen)
        self._young_count += 1
        if self._young_count > _GENERATION:
            self._old, self._young, self._young_count = self._young, {}, 0

    def cancel(self, row: Row, account: str | None, executed_at: datetime | None) -> None:
        """A row with code Ca."""
        key, sign = _key(row, account)
        for trades in (self._young, self._old):
            original = _take(trades, key, sign, executed_at)
            if original is not None:
                self._link(row.line, original)
                return
        if self._waiting_count < _GENERATION:
            self._waiting.setdefault(key, []).append((sign, executed_at, row.line))
            self._waiting_count += 1
        else:
            self._unmatched(row.line)

    def finish(self) -> None:
        """Name the cancels whose trade is not in this file."""
        for seen in self._waiting.values():
            for _, _, line in seen:
                self._unmatched(line)
        self._waiting.clear()

    def _link(self, cancel: int, original: int) -> None:
        self._context.out.append(Link(kind=LinkKind.CORRECTION, from_line=cancel, to_line=original))

    def _unmatched(self, line: int) -> None:
        self._context.warn(
            line, "Code", "Ca", "cancels a trade that is not in this file; imported as the opposite trade"
        )


def _key(row: Row, account: str | None) -> tuple[_Key, str]:
    quantity = row.text("Quantity")
    magnitude = quantity.lstrip("-")
    return (account, row.text("Symbol"), magnitude, row.text("T. Price")), quantity[
        : len(quantity) - len(magnitude)
    ]


def _take(seen: dict[_Key, list[_Seen]], key: _Key, sign: str, executed_at: datetime | None) -> int | None:
    """Remove and return the line of an entry of the other sign.

    The one of the same second, else the latest.
    """
    entries = seen.get(key)
    if not entries:
        return None
    opposite = [entry for entry in entries if entry[0] != sign]
    if not opposite:
        return None
    chosen = next((entry for entry in opposite if entry[1] == executed_at), opposite[-1])
    entries.remove(chosen)
    if not entries:
        del seen[key]
    return chosen[2]
