"""Kraken: the ledger as CSV. Rows with one refid are the legs of one event."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from quantmatrix.ingest.cells import EXACT, RowError, transaction
from quantmatrix.ingest.crypto import FIAT, CryptoReading, Values
from quantmatrix.ingest.dates import exchange_date, instant
from quantmatrix.ingest.model import (
    CashEvidence,
    Options,
    PositionEvidence,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.table import Row, TableParser, Verdict

_ZERO = Decimal(0)
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ")
_RENAMED = {"XBT": "BTC", "XXBT": "BTC", "XDG": "DOGE", "XXDG": "DOGE", "ETH2": "ETH", "KFEE": "KFEE"}
_LONG = re.compile(r"[XZ][A-Z]{3}")
_SUFFIX = re.compile(r"(?:[0-9]{2})?\.(?:S|M|F|B|P|T|HOLD)$")
_TRADES = frozenset({"trade", "tradespot", "spend", "receive", "conversion", "sale"})
_INSIDE = re.compile(r"staking|earn|allocat|migration|autoallocat|spotfromspot", re.IGNORECASE)
_INCOME = frozenset({"staking", "dividend", "reward", "airdrop", "invite bonus", "credit", "earn"})
_HELD_AT_MOST = 20_000


@dataclass(slots=True)
class _Leg:
    row: Row
    values: Values
    code: str
    amount: Decimal
    fee: Decimal

    @property
    def change(self) -> Decimal:
        return EXACT.subtract(self.amount, self.fee)


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
        day = exchange_date(moment)
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
        is_inside = kind in ("transfer", "earn") or (kind == "staking" and amount <= 0)
        if (is_inside and _INSIDE.search(subtype)) or (kind == "earn" and subtype not in ("", "reward")):
            reason = "moves within the account, which has no effect"
            self.warn_once("inside", row.line, row.printed("subtype"), subtype, reason)
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
        leg = _Leg(row, values, code, amount, abs(row.number("fee") or _ZERO))
        if kind in _TRADES:
            key = row.text("refid") or identity
            self.events.setdefault(key, []).append(leg)
            if len(self.events) > _HELD_AT_MOST:
                self._flush()
            return "row"
        for made in self._alone(leg, kind):
            self.emit(made)
        return "row"

    def finish(self) -> None:
        """The last day's events, and the balances that the ledger ends with."""
        self._flush()
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

    def _balance(self, row: Row, printed: str, code: str, moment: datetime) -> None:
        balance = row.number("balance")
        if balance is None:
            return
        key = printed, row.text("wallet")
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
                yield self._cash(leg, T.OTHER)
            elif change:
                reason = "unknown kind of row; its units are booked as moved"
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
        for legs in self.events.values():
            try:
                made = list(self._event(legs))
                rows = [transaction(values) for values in made]
            except RowError as error:
                self.out += [error.refusal(leg.row.line) for leg in legs]
                continue
            for row in rows:
                self._moved(row.trade_date)
            self.out += rows
        self.events.clear()

    def _event(self, legs: list[_Leg]) -> Iterator[Values]:
        beside = [leg for leg in legs if not leg.amount] if len(legs) > 2 else []
        legs = [leg for leg in legs if leg not in beside]
        for leg in beside:  # what a third coin costs
            yield self.moved(leg.values, leg.code, leg.amount, leg.fee)
        out = [leg for leg in legs if leg.amount < 0 or (not leg.amount and leg.fee)]
        into = [leg for leg in legs if leg.amount > 0]
        if len(legs) != 2 or len(out) != 1 or len(into) != 1:
            for leg in legs:
                reason = "a leg of a trade without exactly one other; booked by itself"
                self.warn(leg.row.line, leg.row.printed("refid"), leg.row.text("refid"), reason)
                yield self.moved(leg.values, leg.code, leg.amount, leg.fee)
            return
        given, got = out[0], into[0]
        values = given.values | {
            "line": min(given.row.line, got.row.line),
            "external_id": min(given.values["external_id"], got.values["external_id"]),
            "also_lines": (max(given.row.line, got.row.line),),
        }
        paid, received = abs(given.change), got.change
        if given.code in FIAT and got.code in FIAT:
            yield values | {
                "type": T.FX_CONVERSION,
                "instrument": self.money(got.code).key,
                "quantity": received,
                "gross_amount": given.change,
                "net_amount": given.change,
                "currency": given.code,
            }
        elif given.code in FIAT:
            values |= {"currency": given.code}
            yield self.bought(values, got.code, received, abs(given.amount), given.fee)
        elif got.code in FIAT:
            values |= {"currency": got.code}
            yield self.sold(values, given.code, paid, got.amount, got.fee)
        else:
            usd = got.row.number("amountusd")
            value = abs(usd) if usd else None
            values |= {"currency": "USD" if value is not None else self.options.currency}
            if value is None:
                reason = "coin for coin without a value in money; tax figures wait for one"
                self.warn_once("swap", values["line"], None, "", reason)
            also = values.pop("also_lines")
            first, second = self.swapped(values, (given.code, paid), (got.code, received), value)
            yield first | {"also_lines": also}
            yield second


def asset(printed: str) -> str:
    """The coin or currency behind Kraken's code: ``XXBT``, ``ZEUR``, ``XBT.M`` and ``ETH2.S``."""
    bare = _SUFFIX.sub("", printed)
    if bare in _RENAMED:
        return _RENAMED[bare]
    if _LONG.fullmatch(bare):
        bare = bare[1:]
    return _RENAMED.get(bare, bare)


class KrakenParser(TableParser):
    """Reads ``kraken_csv``."""

    source: ClassVar[str] = "kraken_csv"
    broker: ClassVar[str] = "kraken"
    title: ClassVar[str] = "ledger of Kraken, as CSV"
    reading = _Reading
