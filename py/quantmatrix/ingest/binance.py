"""Binance: the statement of transactions as CSV. One row is one movement of one coin.

The legs of a trade share nothing but the second; they are added up coin by coin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar

from quantmatrix.ingest.cells import EXACT, RowError, transaction
from quantmatrix.ingest.crypto import FIAT, CryptoReading, Values
from quantmatrix.ingest.dates import exchange_date, instant
from quantmatrix.ingest.model import Options
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.table import Row, TableParser, Verdict

_ZERO = Decimal(0)
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ")
_TRADES = frozenset(
    {
        "buy", "sell", "transaction buy", "transaction spend", "transaction sold", "transaction revenue",
        "transaction related", "binance convert", "small assets exchange bnb", "large otc trading",
        "buy crypto", "buy crypto with fiat", "buy crypto with card", "sell crypto to fiat", "convert",
        "otc trading",
        "small assets exchange bnb (spot)", "auto-invest transaction", "strategy trading fee rebate",
        "eth 2.0 staking", "eth 2.0 staking withdrawals", "token swap - redenomination/rebranding",
        "token swap - distribution",
    }
)  # fmt: skip
_FEES = frozenset({"fee", "transaction fee", "trading fee"})
_MOVES = frozenset(
    {
        "deposit", "withdraw", "withdrawal", "fiat deposit", "fiat withdraw", "fiat withdrawal",
        "send", "receive", "p2p trading", "c2c transfer", "crypto box", "pay",
    }
)  # fmt: skip
_INSIDE = re.compile(
    r"^(?:transfer (?:between|from|to)|main and funding|simple earn .*(?:subscription|redemption)|"
    r"savings (?:purchase|principal)|staking (?:purchase|redemption)|locked staking|launchpool subscription|"
    r"liquid swap (?:add|remove)|pos savings (?:purchase|redemption)|flexible loan)"
)
_INCOME = re.compile(
    r"interest|reward|distribution|airdrop|voucher|referral|rebate|cashback|bonus|commission history|"
    r"commission fee shared|launchpool"
)
_FUTURES = frozenset({"realized profit and loss", "funding fee", "insurance fund compensation"})
_HELD_AT_MOST = 20_000
_NEXT = timedelta(seconds=1)


@dataclass(slots=True)
class _Leg:
    row: Row
    values: Values
    code: str
    change: Decimal
    is_fee: bool


class _Reading(CryptoReading):
    needed = frozenset({"account", "operation", "coin", "change"})
    known = frozenset({"user_id", "user id", "utc_time", "time", "remark"})
    what = "a transaction statement of Binance"
    hint = "choose Orders, Transaction History, Export"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.legs: list[_Leg] = []
        self.moment: tuple[datetime, str] | None = None

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
        day = exchange_date(moment)
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
        if _INSIDE.search(kind):
            reason = "moves within the account, which has no effect"
            self.warn_once("inside", row.line, row.printed("operation"), row.text("operation"), reason)
            return "skipped"
        if kind in _TRADES or kind in _FEES:
            self.legs.append(_Leg(row, values, code, change, kind in _FEES))
            return "row"
        for made in self._alone(row, kind, code, change, values):
            self.emit(made)
        return "row"

    def finish(self) -> None:
        """The last second."""
        self._flush()

    def _is_other_half(self, group: tuple[datetime, str], kind: str, change: Decimal) -> bool:
        """Whether a row of the next second is what the rows that wait were given for."""
        moved = [leg.change for leg in self.legs if not leg.is_fee]
        if self.moment is None or not moved or kind not in _TRADES or group[1] != self.moment[1]:
            return False
        is_next = abs(group[0] - self.moment[0]) <= _NEXT
        return is_next and (all(c < 0 for c in moved) if change > 0 else all(c > 0 for c in moved))

    def _alone(self, row: Row, kind: str, code: str, change: Decimal, values: Values) -> Iterator[Values]:
        if kind in _MOVES:
            yield self.moved(values, code, change)
        elif _INCOME.search(kind) and change > 0:
            if code in FIAT:
                yield values | {"type": T.INTEREST, "gross_amount": change, "net_amount": change}
            else:
                yield from self.earned(values, code, change, None)
        elif code in FIAT:
            yield values | {"type": T.OTHER, "gross_amount": change, "net_amount": change}
            self._unknown(row, "unknown kind of row; its cash counts")
        elif kind in _FUTURES and change:
            yield self.moved(values, code, change)
            self._unknown(row, "the result of derivatives; its units are booked as moved")
        elif change:
            yield self.moved(values, code, change)
            self._unknown(row, "unknown kind of row; its units are booked as moved")
        else:
            yield values | {"type": T.OTHER, "instrument": self.coin(code).key}
            self._unknown(row, "unknown kind of row, which moves nothing")

    def _unknown(self, row: Row, reason: str) -> None:
        self.warn(row.line, row.printed("operation"), row.text("operation"), reason)

    def _flush(self) -> None:
        legs, self.legs = self.legs, []
        if not legs:
            return
        try:
            rows = [transaction(values) for values in self._event(legs)]
        except RowError as error:
            self.out += [error.refusal(leg.row.line) for leg in legs]
            return
        for row in rows:
            self._moved(row.trade_date)
        self.out += rows

    def _event(self, legs: list[_Leg]) -> Iterator[Values]:
        """What the movements of one second are together."""
        changes: dict[str, Decimal] = {}
        fees: dict[str, Decimal] = {}
        for leg in legs:
            sums = fees if leg.is_fee else changes
            sums[leg.code] = EXACT.add(sums.get(leg.code, _ZERO), leg.change)
        out = [code for code, change in changes.items() if change < 0]
        into = [code for code, change in changes.items() if change > 0]
        if len(out) != 1 or len(into) != 1:
            yield from self._apart(legs)
            return
        given, got = out[0], into[0]
        first, *others = sorted(legs, key=lambda leg: leg.row.line)
        values = first.values | {
            "also_lines": tuple(leg.row.line for leg in others),
            "fingerprint": " ".join(f"{c}{changes[c]:+f}" for c in sorted(changes)),
        }
        paid, received = abs(changes[given]), changes[got]
        part = 1
        if given in FIAT and got in FIAT:
            yield values | {
                "type": T.FX_CONVERSION,
                "instrument": self.money(got).key,
                "quantity": EXACT.add(received, fees.pop(got, _ZERO)),
                "gross_amount": changes[given],
                "net_amount": changes[given],
                "currency": given,
            }
        elif given in FIAT:
            received = EXACT.add(received, fees.pop(got, _ZERO))
            fee = abs(fees.pop(given, _ZERO))
            yield self.bought(values | {"currency": given}, got, received, paid, fee)
        elif got in FIAT:
            paid = EXACT.subtract(paid, fees.pop(given, _ZERO))
            fee = abs(fees.pop(got, _ZERO))
            yield self.sold(values | {"currency": got}, given, paid, received, fee)
        else:
            received = EXACT.add(received, fees.pop(got, _ZERO))
            paid = EXACT.subtract(paid, fees.pop(given, _ZERO))
            reason = "coin for coin without a value in money; tax figures wait for one"
            self.warn_once("swap", first.row.line, None, "", reason)
            also = values.pop("also_lines")
            sold, bought = self.swapped(
                values | {"currency": self.options.currency}, (given, paid), (got, received), None
            )
            yield sold | {"also_lines": also}
            yield bought
            part = 2
        yield from self._third(values, fees, part)

    def _third(self, values: Values, fees: dict[str, Decimal], part: int) -> Iterator[Values]:
        """Fees in another coin: units that leave, or money."""
        for number, (code, change) in enumerate(fees.items(), part):
            if not change:
                continue
            fresh = {k: v for k, v in values.items() if k not in ("also_lines", "fingerprint")}
            fresh |= {"part": number, "fingerprint": f"fee {code}"}
            if code in FIAT:
                fresh |= {"gross_amount": change, "net_amount": change, "currency": code}
                yield fresh | {"type": T.FEE}
            elif change < 0:
                yield fresh | {"type": T.SELL, "instrument": self.coin(code).key, "quantity": change}
            else:
                yield fresh | {"type": T.PROMOTION, "instrument": self.coin(code).key, "quantity": change}

    def _apart(self, legs: list[_Leg]) -> Iterator[Values]:
        """Nobody can tell which leg belongs to which: units are bought and sold without a value."""
        for leg in legs:
            reason = "the other side of this movement cannot be told; booked by itself, without a value"
            self.warn(leg.row.line, leg.row.printed("operation"), leg.row.text("operation"), reason)
            if leg.code in FIAT:
                more: Values = {"gross_amount": leg.change, "net_amount": leg.change}
                yield leg.values | {"type": T.OTHER} | more
            elif not leg.change:
                yield leg.values | {"type": T.OTHER, "instrument": self.coin(leg.code).key}
            else:
                kind = T.BUY if leg.change > 0 else T.SELL
                yield leg.values | {
                    "type": kind,
                    "instrument": self.coin(leg.code).key,
                    "quantity": leg.change,
                }


class BinanceParser(TableParser):
    """Reads ``binance_csv``."""

    source: ClassVar[str] = "binance_csv"
    broker: ClassVar[str] = "binance"
    title: ClassVar[str] = "transaction statement of Binance, as CSV"
    reading = _Reading
