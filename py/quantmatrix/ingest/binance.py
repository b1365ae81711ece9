"""Binance: the statement of transactions as CSV. One row is one movement of one coin.

The legs of a trade share nothing but the second; they are added up coin by coin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar

from quantmatrix.ingest.binance_words import FEES, FUTURES, INCOME, INSIDE, MOVES, TRADES, product_of
from quantmatrix.ingest.cells import RowError, transaction
from quantmatrix.ingest.crypto import FIAT, CryptoReading, Values
from quantmatrix.ingest.dates import instant
from quantmatrix.ingest.model import Options
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.references import Event, Leg, Side, event_of
from quantmatrix.ingest.table import Row, TableParser, Verdict

_ZERO = Decimal(0)
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ")
_HELD_AT_MOST = 20_000
_NEXT = timedelta(seconds=1)


@dataclass(slots=True)
class _Leg:
    row: Row
    values: Values
    kind: str
    code: str
    change: Decimal

    @property
    def is_fee(self) -> bool:
        return self.kind in FEES

    @property
    def line(self) -> int:
        return self.row.line

    @property
    def text(self) -> str:
        return f"{self.change:f} {self.code}"

    @property
    def moved(self) -> Leg:
        """The leg for adding up: a fee is a cost, not a change."""
        if self.is_fee:
            return Leg(self.line, self.code, _ZERO, self.change.copy_negate())
        return Leg(self.line, self.code, self.change)


class _Reading(CryptoReading):
    needed = frozenset({"account", "operation", "coin", "change"})
    known = frozenset({"user_id", "user id", "utc_time", "time", "remark"})
    what = "a transaction statement of Binance"
    hint = "choose Orders, Transaction History, Export"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.legs: list[_Leg] = []
        self.moment: tuple[datetime, str] | None = None
        self.locked: list[tuple[str, _Leg]] = []

    def row(self, row: Row) -> Verdict:
        """One movement; those of one second and account wait for each other."""
        text = row.text("utc_time", "time")
        try:
            moment = instant(text, _FORMATS, "UTC")
        except ValueError as error:
            raise RowError(
                "bad_date", str(error), column=row.printed("utc_time", "time"), text=text
            ) from None
        code = row.text("coin").upper()
        change = row.needed("change")
        if not code:
            raise RowError("missing_value", "a row needs its coin", column=row.printed("coin"))
        day = self.day_of(moment)
        group = moment, row.text("account")
        kind = " ".join(row.text("operation").lower().split())
        if group != self.moment or len(self.legs) > _HELD_AT_MOST:
            if not self._is_other_half(group, kind, change):
                self._flush()
            self.moment = group
            self._mark = len(self.out)
        self.at(day)
        values: Values = {
            "line": row.line,
            "fingerprint": " ".join(filter(None, (row.text("operation"), code, row.text("remark")))),
            "executed_at": moment,
            "trade_date": day,
            "currency": code if code in FIAT else self.options.currency,
            "description": row.text("operation") or None,
            "metadata": {"account": row.text("account")},
        }
        leg = _Leg(row, values, kind, code, change)
        product = product_of(kind)
        if product is not None and change and code not in FIAT and len(self.locked) < _HELD_AT_MOST:
            self.locked.append((product, leg))
            return "row"
        if INSIDE.search(kind):
            reason = "moves within the account, which has no effect"
            self.warn_once("inside", row.line, row.printed("operation"), row.text("operation"), reason)
            return "skipped"
        if kind in TRADES or kind in FEES:
            self.legs.append(leg)
            return "row"
        for made in self._alone(leg):
            self.emit(made)
        return "row"

    def finish(self) -> None:
        """The last second, and what was locked for something else."""
        self._flush()
        self._unlocked()

    def _is_other_half(self, group: tuple[datetime, str], kind: str, change: Decimal) -> bool:
        """Whether a row of the next second is what the rows that wait were given for."""
        moved = [leg.change for leg in self.legs if not leg.is_fee]
        if self.moment is None or not moved or kind not in TRADES or group[1] != self.moment[1]:
            return False
        is_next = abs(group[0] - self.moment[0]) <= _NEXT
        return is_next and (all(c < 0 for c in moved) if change > 0 else all(c > 0 for c in moved))

    def _alone(self, leg: _Leg) -> Iterator[Values]:
        values, kind, code, change = leg.values, leg.kind, leg.code, leg.change
        if kind in MOVES:
            yield self.moved(values, code, change)
        elif INCOME.search(kind) and change > 0:
            if code in FIAT:
                yield values | {"type": T.INTEREST, "gross_amount": change, "net_amount": change}
            else:
                yield from self.earned(values, code, change, None)
        elif code in FIAT:
            yield values | {"type": T.OTHER, "gross_amount": change, "net_amount": change}
            self._unknown(leg, f"unknown kind of row; its cash counts ({leg.text})")
        elif change:
            what = "the result of derivatives" if kind in FUTURES else "unknown kind of row"
            yield self.moved(values, code, change)
            self._unknown(leg, f"{what}; its units are booked as moved ({leg.text})")
        else:
            yield values | {"type": T.OTHER, "instrument": self.coin(code).key}
            self._unknown(leg, "unknown kind of row, which moves nothing")

    def _unknown(self, leg: _Leg, reason: str) -> None:
        self.warn(leg.line, leg.row.printed("operation"), leg.row.text("operation"), reason)

    def _flush(self) -> None:
        legs, self.legs = self.legs, []
        if not legs:
            return
        families: dict[str, list[_Leg]] = {}
        for leg in legs:
            families.setdefault(TRADES.get(leg.kind, ""), []).append(leg)
        # Fees go with the trade of their second; where several kinds of trades share it, with the orders.
        fees = families.pop("", [])
        if not families:
            families[""] = fees
        elif fees:
            families["order" if "order" in families else next(iter(families))] += fees
        whole = event_of(leg.moved for leg in legs)
        for group in [legs] if whole.is_exchange else families.values():
            self._book(group, self._traded)

    def _book(self, legs: list[_Leg], meaning: Callable[[list[_Leg]], Iterable[Values]]) -> None:
        try:
            rows = [transaction(values) for values in meaning(legs)]
        except RowError as error:
            self.out += [error.refusal(leg.line) for leg in sorted(legs, key=lambda leg: leg.line)]
            return
        self.booked(rows)

    def _traded(self, legs: list[_Leg]) -> Iterator[Values]:
        """What the movements of one second are together."""
        event = event_of(leg.moved for leg in legs)
        if event.is_exchange:
            yield from self._exchange(event, legs)
        elif self.is_sweep(event) and any(TRADES.get(leg.kind) == "dust" for leg in legs):
            yield from self._sweep(event, legs)
        else:
            for leg in legs:
                yield self._apart(leg)

    def _exchange(self, event: Event, legs: list[_Leg]) -> Iterator[Values]:
        given, got = event.given[0], event.got[0]
        first, *others = event.lines
        moved = (f"{side.code}{side.units * sign:+f}" for side, sign in ((given, -1), (got, 1)))
        beside = (f"{side.code}{_ZERO:+f}" for side in event.beside if not side.fee)
        values = next(leg for leg in legs if leg.line == first).values | {
            "also_lines": tuple(others),
            "fingerprint": " ".join(sorted((*moved, *beside))),
            "currency": self.options.currency,
        }
        made = list(self.exchanged(values, given, got))
        yield from made
        for side in event.beside:
            fresh = {k: v for k, v in values.items() if k != "also_lines"}
            more = {"part": len(made), "fingerprint": f"fee {side.code}"}
            for fee in self.third_fees(fresh | more, [side]):
                made.append(fee)
                yield fee

    def _sweep(self, event: Event, legs: list[_Leg]) -> Iterator[Values]:
        """Small balances for one coin: none has a value of its own here."""
        (one,), many = (event.got, event.given) if len(event.got) == 1 else (event.given, event.got)
        by_line = {leg.line: leg for leg in legs}

        def values_of(side: Side) -> Values:
            return by_line[side.lines[0]].values | {"also_lines": tuple(side.lines[1:])}

        yield from self.swept(one, many, values_of, lambda _: None)
        for side in event.beside:
            yield from self.third_fees(values_of(side), [side])

    def _unlocked(self) -> None:
        """Coins that were given into a product, and what came of them: what leaves begins a new round."""
        for product in dict.fromkeys(product for product, _ in self.locked):
            legs = sorted(
                (leg for name, leg in self.locked if name == product),
                key=lambda leg: (leg.values["executed_at"], leg.change > 0),
            )
            began = 0
            for at in range(1, len(legs) + 1):
                if at == len(legs) or (legs[at].change < 0 < legs[at - 1].change):
                    self._book(legs[began:at], self._given_and_got)
                    began = at

    def _given_and_got(self, legs: list[_Leg]) -> Iterator[Values]:
        """One round: an exchange for what is missing at its end; the same coin again was only away."""
        event = event_of(leg.moved for leg in legs)
        if event.given and event.got:
            yield from self._traded(legs)
            return
        lines = event.lines
        values = next(leg for leg in legs if leg.line == lines[0]).values | {"also_lines": tuple(lines[1:])}
        if not event.given and event.got:
            for part, side in enumerate(event.got):
                came = values if not part else values | {"also_lines": (), "part": part}
                yield from self.earned(came, side.code, side.units, None)
            return
        away = ", ".join(f"{side.units:f} {side.code}" for side in event.given)
        if away:
            reason = f"{away} did not come back from this product in this file; counted as held"
            self._unknown(legs[0], reason)
        side = (*event.given, *event.beside)[0]
        yield values | {"type": T.OTHER, "instrument": self.coin(side.code).key}

    def _apart(self, leg: _Leg) -> Values:
        """Nobody can tell which leg belongs to which: units are bought and sold without a value."""
        reason = f"the other side of this movement cannot be told; {leg.text} alone, without a value"
        self.warn(leg.line, leg.row.printed("operation"), leg.row.text("operation"), reason)
        if leg.code in FIAT:
            return leg.values | {"type": T.OTHER, "gross_amount": leg.change, "net_amount": leg.change}
        if not leg.change:
            return leg.values | {"type": T.OTHER, "instrument": self.coin(leg.code).key}
        kind = T.BUY if leg.change > 0 else T.SELL
        return leg.values | {"type": kind, "instrument": self.coin(leg.code).key, "quantity": leg.change}


class BinanceParser(TableParser):
    """Reads ``binance_csv``."""

    source: ClassVar[str] = "binance_csv"
    broker: ClassVar[str] = "binance"
    title: ClassVar[str] = "transaction statement of Binance, as CSV"
    reading = _Reading
