"""Kraken: the ledger as CSV. Rows with one refid are the legs of one event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, TextIO

from quantmatrix.ingest.balances import Chain
from quantmatrix.ingest.cells import EXACT, RowError, transaction
from quantmatrix.ingest.crypto import FIAT, CryptoReading, Values
from quantmatrix.ingest.dates import instant
from quantmatrix.ingest.kraken_moves import Inside, asset, is_inside, moves_within
from quantmatrix.ingest.model import (
    CashEvidence,
    Options,
    PositionEvidence,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.references import Event, Leg, Side, event_of
from quantmatrix.ingest.table import Row, TableParser, Verdict

_ZERO = Decimal(0)
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ")
_TRADES = frozenset({"trade", "tradespot", "spend", "receive", "conversion", "sale", "settled"})
_INCOME = frozenset({"staking", "dividend", "reward", "airdrop", "invite bonus", "credit", "earn"})
_HELD_AT_MOST = 20_000
_HALVES_AT_MOST = 500
_HALVES_APART = 31
"""Days between the two halves of a forced conversion."""


@dataclass(slots=True)
class _Leg:
    row: Row
    values: Values
    kind: str
    code: str
    amount: Decimal
    fee: Decimal

    @property
    def line(self) -> int:
        return self.row.line

    @property
    def change(self) -> Decimal:
        return EXACT.subtract(self.amount, self.fee)

    @property
    def text(self) -> str:
        return f"{self.change:f} {self.code}"


class _Reading(CryptoReading):
    needed = frozenset({"txid", "refid", "time", "type", "asset", "amount", "fee"})
    known = frozenset(
        {
            "subtype", "aclass", "subclass", "wallet", "balance", "amountusd", "feeusd", "balanceusd",
            "feecurrency",
        }
    )  # fmt: skip
    what = "a ledger of Kraken"
    identity = "txid"
    hint = "choose Documents, New Export, Ledgers, CSV"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.events: dict[str, list[_Leg]] = {}
        self.newest: dict[tuple[str, str], tuple[datetime, int, Decimal, str]] = {}
        self.chains: dict[tuple[str, str], Chain] = {}
        self.inside = Inside()
        self.halves: list[_Leg] = []

    def before(self, text: TextIO) -> None:
        """Which moves return, beside the ids that repeat."""
        super().before(text)
        self.inside = moves_within(text, self.needed)
        text.seek(0)

    def at(self, day: Any) -> None:
        """Events whose legs stand on one day are whole when another begins."""
        if day != self.current:
            self._flush()
        super().at(day)

    def row(self, row: Row) -> Verdict:
        """One leg."""
        text = row.text("time")
        try:
            moment = instant(text, _FORMATS, "UTC")
        except ValueError as error:
            raise RowError("bad_date", str(error), column=row.printed("time"), text=text) from None
        day = self.day_of(moment)
        self.at(day)
        identity = row.text("txid")
        if not identity:
            reason = "without an id: the pending double of another row"
            self.warn_once("pending", row.line, row.printed("txid"), "", reason)
            return "skipped"
        own = self.own_id(row, identity)
        if own is None:
            return "skipped"
        kind = row.text("type").lower()
        printed = row.text("asset").upper()
        code = asset(printed)
        if not code:
            raise RowError("missing_value", "a row needs its asset", column=row.printed("asset"))
        self._balance(row, printed, code, moment)
        subtype = row.text("subtype").lower()
        amount = row.needed("amount")
        if is_inside(kind, subtype, amount) or row.line in self.inside.pairs:
            reason = "moves within the account, which has no effect"
            self.warn_once("inside", row.line, row.printed("subtype"), subtype or kind, reason)
            if row.line in self.inside.doubtful:
                reason = "more than one row may be its other half; the nearest one is taken"
                self.warn(row.line, row.printed("amount"), f"{amount:f} {code}", reason)
            return "skipped"
        values: Values = {
            "line": row.line,
            "external_id": own,
            "order_id": row.text("refid") or None,
            "executed_at": moment,
            "trade_date": day,
            "currency": code if code in FIAT else self.options.currency,
            "metadata": {"kind": " ".join(filter(None, (kind, subtype)))},
        }
        leg = _Leg(row, values, kind, code, amount, abs(row.number("fee") or _ZERO))
        if kind in _TRADES:
            key = row.text("refid") or identity
            self.events.setdefault(key, []).append(leg)
            if len(self.events) > _HELD_AT_MOST:
                self._flush()
        elif subtype == "delistingconversion" and len(self.halves) < _HALVES_AT_MOST:
            self.halves.append(leg)
        else:
            for made in self._alone(leg, kind):
                self.emit(made)
        return "row"

    def finish(self) -> None:
        """The last day's events, conversions in halves, and the balances that the ledger ends with."""
        self._flush()
        self._book(list(self._paired_halves()))
        for line, code, rest in self.inside.lost:
            reason = (
                "left for a wallet within the exchange and did not come back in this file; counted as held"
            )
            self.warn(line, None, f"{rest:f} {code}", reason)
        totals: dict[str, tuple[int, Decimal]] = {}
        for _, line, balance, code in self.newest.values():
            before = totals.get(code, (line, _ZERO))
            totals[code] = max(before[0], line), EXACT.add(before[1], balance)
        if self.last is None:
            return
        for code, (line, balance) in totals.items():
            if code in FIAT:
                self.out.append(
                    CashEvidence(line=line, currency=code, as_of=self.last, moment="end", amount=balance)
                )
            else:
                coin = self.coin(code)
                self.out.append(
                    PositionEvidence(
                        line=line, instrument=coin.key, as_of=self.last, quantity=balance,
                        currency=coin.currency,
                    )
                )  # fmt: skip

    def _paired_halves(self) -> Iterator[list[_Leg]]:
        """Both rows of each forced conversion: out and in, days apart, where only these two fit."""

        def fits(out: _Leg, into: _Leg) -> bool:
            apart = (into.values["trade_date"] - out.values["trade_date"]).days
            return out.code != into.code and 0 <= apart <= _HALVES_APART

        gone = [leg for leg in self.halves if leg.amount < 0]
        came = [leg for leg in self.halves if leg.amount >= 0]
        taken: set[int] = set()
        for out in gone:
            fitting = [leg for leg in came if fits(out, leg)]
            if len(fitting) == 1 and sum(fits(other, fitting[0]) for other in gone) == 1:
                taken |= {out.line, fitting[0].line}
                yield [out, fitting[0]]
        yield from ([leg] for leg in self.halves if leg.line not in taken)

    def _balance(self, row: Row, printed: str, code: str, moment: datetime) -> None:
        balance = row.number("balance")
        if balance is None:
            return
        key = printed, row.text("wallet")
        change = EXACT.subtract(row.number("amount") or _ZERO, row.number("fee") or _ZERO)
        if not self.chains.setdefault(key, Chain()).follows(moment, balance, change):
            reason = f"{balance:f} {code} does not follow from the row before or behind; one may be missing"
            self.warn(row.line, row.printed("balance"), row.text("balance"), reason)
        known = self.newest.get(key)
        if known is None or moment > known[0] or (moment == known[0] and self.forwards >= self.backwards):
            self.newest[key] = moment, row.line, balance, code

    def _alone(self, leg: _Leg, kind: str) -> Iterator[Values]:
        values, change = leg.values, leg.change
        if kind in ("deposit", "withdrawal", "transfer"):
            yield self.moved(values, leg.code, leg.amount, leg.fee)
        elif kind in _INCOME and change > 0:
            if leg.code in FIAT:
                yield self._cash(leg, T.DIVIDEND if kind == "dividend" else T.INTEREST)
            else:
                usd = leg.row.number("amountusd")
                currency = "USD" if usd else values["currency"]
                yield from self.earned(values | {"currency": currency}, leg.code, change, usd or None)
        elif kind in ("rollover", "margin", "settled", "adjustment") and leg.code in FIAT:
            yield self._cash(leg, T.FEE if kind == "rollover" else T.OTHER)
        else:
            reason = "unknown kind of row; positions are not changed"
            if leg.code in FIAT:
                reason = f"unknown kind of row; its {leg.text} count as cash"
                yield self._cash(leg, T.OTHER)
            elif change:
                reason = f"unknown kind of row; its {leg.text} are booked as moved"
                yield self.moved(values, leg.code, change)
            else:
                yield values | {"type": T.OTHER, "instrument": self.coin(leg.code).key}
            self.warn(leg.row.line, leg.row.printed("type"), kind, reason)

    def _cash(self, leg: _Leg, kind: T) -> Values:
        commission = leg.fee.copy_negate() if leg.fee else _ZERO
        more = {"type": kind, "gross_amount": leg.amount, "commission": commission, "net_amount": leg.change}
        return leg.values | more

    def _flush(self) -> None:
        """Events whose legs are all there."""
        self._book(list(self.events.values()))
        self.events.clear()

    def _book(self, events: list[list[_Leg]]) -> None:
        for legs in events:
            try:
                made = list(self._event(legs))
                rows = [transaction(values) for values in made]
            except RowError as error:
                self.out += [error.refusal(leg.row.line) for leg in legs]
                continue
            self.booked(rows)

    def _event(self, legs: list[_Leg]) -> Iterator[Values]:
        by_line = {leg.line: leg for leg in legs}
        event = event_of(Leg(leg.line, leg.code, leg.amount, leg.fee) for leg in legs)
        if all(leg.kind == "settled" for leg in legs) and not (event.given and event.got):
            for leg in legs:
                yield from self._alone(leg, leg.kind)
        elif event.is_exchange:
            yield from self._exchange(event, by_line)
        elif self.is_sweep(event):
            yield from self._sweep(event, by_line)
        else:
            for leg in legs:
                reason = (
                    f"a leg of a trade without exactly one other; its {leg.text} are booked by themselves"
                )
                self.warn(leg.line, leg.row.printed("refid"), leg.row.text("refid"), reason)
                yield self.moved(leg.values, leg.code, leg.amount, leg.fee)

    def _exchange(self, event: Event, legs: dict[int, _Leg]) -> Iterator[Values]:
        given, got = event.given[0], event.got[0]
        costs = {line for side in event.beside if side.fee for line in side.lines}
        lines = [line for line in event.lines if line not in costs]
        value = self._worth(got, legs)
        yield from self.exchanged(
            legs[given.lines[0]].values
            | {
                "line": lines[0],
                "external_id": min(legs[line].values["external_id"] for line in lines),
                "also_lines": tuple(lines[1:]),
                "currency": "USD" if value is not None else self.options.currency,
            },
            given,
            got,
            value,
        )
        yield from self._costs(event, legs)

    def _sweep(self, event: Event, legs: dict[int, _Leg]) -> Iterator[Values]:
        (one,), many = (event.got, event.given) if len(event.got) == 1 else (event.given, event.got)
        in_usd = all(self._worth(side, legs) is not None for side in many)

        def values_of(side: Side) -> Values:
            values = legs[side.lines[0]].values | {"also_lines": tuple(side.lines[1:])}
            return values | {"currency": "USD"} if in_usd and side.code not in FIAT else values

        yield from self.swept(one, many, values_of, lambda side: self._worth(side, legs))
        yield from self._costs(event, legs)

    def _costs(self, event: Event, legs: dict[int, _Leg]) -> Iterator[Values]:
        for side in event.beside:
            more = {"also_lines": tuple(side.lines[1:])} if side.fee else {}
            yield from self.third_fees(legs[side.lines[0]].values | more, [side])

    @staticmethod
    def _worth(side: Side, legs: dict[int, _Leg]) -> Decimal | None:
        """What the ledger says that the units are worth in dollars."""
        found = [legs[line].row.number("amountusd") for line in side.lines]
        values = [abs(value) for value in found if value]
        return sum(values, _ZERO) if len(values) == len(found) else None


class KrakenParser(TableParser):
    """Reads ``kraken_csv``."""

    source: ClassVar[str] = "kraken_csv"
    broker: ClassVar[str] = "kraken"
    title: ClassVar[str] = "ledger of Kraken, as CSV"
    reading = _Reading
