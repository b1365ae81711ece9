"""``ccxt``: trades, deposits, withdrawals and balances of an exchange, in the common words of ccxt.

What the common words do not have (rewards of staking, conversions in an app) is not here; the balances show
what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, TextIO

from quantmatrix.ingest.cells import EXACT, RowError, number, transaction
from quantmatrix.ingest.crypto import FIAT, CryptoReading, Values
from quantmatrix.ingest.dates import exchange_date
from quantmatrix.ingest.documents import Identities, is_such, read_rows, statement_of, text_of
from quantmatrix.ingest.model import (
    CashEvidence,
    FileRefused,
    Line,
    Options,
    PositionEvidence,
    Record,
)
from quantmatrix.ingest.model import TransactionType as T

SOURCE = "ccxt"
_ZERO = Decimal(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DONE = frozenset({"ok", ""})


class _Repeated(Exception):
    """The very row of before."""


class CcxtParser:
    """Reads what ``quantmatrix sync crypto`` fetched."""

    source: ClassVar[str] = SOURCE
    broker: ClassVar[str] = "crypto"
    title: ClassVar[str] = "trades and transfers of an exchange, as sync fetches them through ccxt"
    newest_first: ClassVar[bool] = False

    @staticmethod
    def detect(head: str, _name: str, /) -> str | None:
        """``jsonl``."""
        return "jsonl" if is_such(head, SOURCE) else None

    def parse(self, text: TextIO, options: Options, /) -> Iterator[Record]:
        """Records in file order."""
        yield from _Reading(options, Identities(text, SOURCE)).run(text)


class _Reading(CryptoReading):
    what = "a document of sync"

    def __init__(self, options: Options, identities: Identities) -> None:
        super().__init__(options)
        self.identities = identities
        self.raw = ""

    def run(self, text: TextIO) -> Iterator[Record]:
        """All records of the file. Raises ``FileRefused``."""
        head: Mapping[str, Any] = {}
        account = self.options.account
        for line, raw, kind, told in read_rows(text, SOURCE):
            if kind == "head":
                head = told
                account = str(told.get("account") or account or "")
                if not account:
                    raise FileRefused("the first line names no account", line=1)
                yield Line(number=line, raw=raw, verdict="skipped")
                continue
            self.raw = raw
            verdict = self._take(line, kind, told, head)
            yield Line(number=line, raw=raw, verdict=verdict)
            yield from self.out
            self.out.clear()
        yield statement_of(head, account)

    def _take(self, line: int, kind: str, told: Any, head: Mapping[str, Any]) -> Any:
        try:
            if kind == "trade":
                self.out += [transaction(values) for values in list(self._traded(line, told))]
            elif kind in ("deposit", "withdrawal"):
                moved = self._transfer(line, kind, told)
                if moved is None:
                    return "skipped"
                self.out.append(transaction(moved))
            elif kind == "balance":
                self._balance(line, told, head)
                return "evidence"
            elif kind == "broken":
                raise RowError("bad_json", told)
            else:
                return "unknown" if kind else "skipped"
        except _Repeated:
            return "skipped"
        except RowError as error:
            self.out.append(error.refusal(line))
        return "row"

    def _traded(self, line: int, told: Mapping[str, Any]) -> Iterator[Values]:
        market = text_of(told, "symbol")
        base, _, quote = market.partition("/")
        quote, _, settled_in = quote.partition(":")
        if not base or not quote:
            raise RowError("bad_symbol", "not a market such as BTC/USD", column="symbol", text=market)
        values = self._common(line, told, f"{market}:{_needed_text(told, 'id')}")
        values["order_id"] = text_of(told, "order") or None
        if settled_in:
            reason = "a derivative; its trades are not read, and positions are not changed"
            self.warn_once("derivative", line, "symbol", market, reason)
            yield values | {"type": T.OTHER, "metadata": values["metadata"] | {"market": market}}
            return
        side = text_of(told, "side").lower()
        if side not in ("buy", "sell"):
            raise RowError("unknown_value", "neither buy nor sell", column="side", text=side)
        amount, cost = _positive(told, "amount"), _cost(told)
        fees = _fees(told)
        if base in FIAT and quote in FIAT:
            yield self._conversion(values, side, (base, amount), (quote, cost), fees)
        elif side == "buy":
            yield from self._exchanged(values, (quote, cost), (base, amount), fees)
        else:
            yield from self._exchanged(values, (base, amount), (quote, cost), fees)
        yield from self._other_fees(values, fees)

    def _exchanged(
        self, values: Values, out: tuple[str, Decimal], into: tuple[str, Decimal], fees: dict[str, Decimal]
    ) -> Iterator[Values]:
        """``out`` was given for ``into``; a fee in a coin of the trade changes how much of it moved."""
        given, got = out[0], into[0]
        if given in FIAT:
            received = EXACT.subtract(into[1], fees.pop(got, _ZERO))
            yield self.bought(values | {"currency": given}, got, received, out[1], fees.pop(given, _ZERO))
        elif got in FIAT:
            paid = EXACT.add(out[1], fees.pop(given, _ZERO))
            yield self.sold(values | {"currency": got}, given, paid, into[1], fees.pop(got, _ZERO))
        else:
            paid = EXACT.add(out[1], fees.pop(given, _ZERO))
            received = EXACT.subtract(into[1], fees.pop(got, _ZERO))
            reason = "coin for coin without a value in money; tax figures wait for one"
            self.warn_once("swap", values["line"], None, "", reason)
            yield from self.swapped(values, (given, paid), (got, received), None)

    def _conversion(
        self,
        values: Values,
        side: str,
        base: tuple[str, Decimal],
        quote: tuple[str, Decimal],
        fees: dict[str, Decimal],
    ) -> Values:
        sign = 1 if side == "buy" else -1
        gross = (quote[1] * -sign).normalize(EXACT)
        fee = fees.pop(quote[0], _ZERO).copy_negate()
        return values | {
            "type": T.FX_CONVERSION,
            "instrument": self.money(base[0]).key,
            "quantity": EXACT.subtract(base[1] * sign, fees.pop(base[0], _ZERO)),
            "gross_amount": gross,
            "commission": fee,
            "net_amount": EXACT.add(gross, fee),
            "currency": quote[0],
        }

    def _other_fees(self, values: Values, fees: dict[str, Decimal]) -> Iterator[Values]:
        """Fees in a third coin: units that leave; of money: a fee."""
        for part, (code, fee) in enumerate(sorted(fees.items()), 2):
            if not fee:
                continue
            made = values | {"part": part, "external_id": f"{values['external_id']}/fee {code}"}
            if code in FIAT:
                cash = fee.copy_negate()
                yield made | {"type": T.FEE, "gross_amount": cash, "net_amount": cash, "currency": code}
            elif fee > 0:
                quantity = fee.copy_negate()
                yield made | {"type": T.SELL, "instrument": self.coin(code).key, "quantity": quantity}
            else:
                yield made | {
                    "type": T.PROMOTION,
                    "instrument": self.coin(code).key,
                    "quantity": abs(fee),
                }

    def _transfer(self, line: int, kind: str, told: Mapping[str, Any]) -> Values | None:
        status = text_of(told, "status").lower()
        if status not in _DONE:
            reason = "not done; it is fetched again later, and counts if it is done then"
            self.warn_once("pending", line, "status", status, reason)
            return None
        if told.get("internal") is True:
            reason = "moves within the exchange, which has no effect"
            self.warn_once("internal", line, "internal", "true", reason)
            return None
        code = _needed_text(told, "currency").upper()
        values = self._common(line, told, f"{kind}:{_needed_text(told, 'id')}")
        amount = _positive(told, "amount")
        fees = _fees(told)
        fee = fees.pop(code, _ZERO)
        if fees:
            reason = "a fee in another coin than the one that moved; it is not booked"
            self.warn(line, "fee", ", ".join(sorted(fees)), reason)
        if code in FIAT:
            values["currency"] = code
        return self.moved(values, code, amount if kind == "deposit" else amount.copy_negate(), fee)

    def _balance(self, line: int, told: Mapping[str, Any], head: Mapping[str, Any]) -> None:
        """What the exchange says is there: compared, never booked."""
        try:
            code = _needed_text(told, "currency").upper()
            amount = number(text_of(told, "amount"), "amount") or _ZERO
            day = _day(str(head.get("generated_at") or ""))
            if not amount:
                return
            if code in FIAT:
                held = CashEvidence(line=line, currency=code, as_of=day, moment="end", amount=amount)
                self.out.append(held)
                return
            coin = self.coin(code)
            self.out.append(
                PositionEvidence(
                    line=line, instrument=coin.key, as_of=day, quantity=amount, currency=coin.currency
                )
            )
        except (RowError, ValueError) as error:
            reason = f"{getattr(error, 'reason', error)}; not compared with the books"
            self.warn(line, "balance", str(told.get("currency"))[:40], reason)

    def _common(self, line: int, told: Mapping[str, Any], identity: str) -> Values:
        moment = _moment(told)
        own = self.identities.own(told, identity[:200], self.raw)
        if own is None:
            raise _Repeated
        return {
            "line": line,
            "external_id": own,
            "executed_at": moment,
            "trade_date": self.day_of(moment),
            "currency": self.options.currency,
            "metadata": {},
        }


def _moment(told: Mapping[str, Any]) -> datetime:
    """The instant of ``timestamp``, in milliseconds. Raises ``RowError``."""
    text = text_of(told, "timestamp")
    try:
        moment = _EPOCH + timedelta(milliseconds=int(text))
    except (ValueError, OverflowError):
        reason = "not an instant in milliseconds"
        raise RowError("bad_date", reason, column="timestamp", text=text[:40]) from None
    return moment


def _day(text: str) -> date:
    try:
        return exchange_date(datetime.fromisoformat(text))
    except ValueError:
        raise RowError("bad_date", "the first line does not say when it was made") from None


def _needed_text(told: Mapping[str, Any], field: str) -> str:
    text = text_of(told, field)
    if not text:
        raise RowError("missing_value", "a row needs it", column=field)
    return text


def _positive(told: Mapping[str, Any], field: str) -> Decimal:
    value = number(text_of(told, field), field)
    if value is None or value <= 0:
        raise RowError("bad_value", "more than nothing is wanted", column=field, text=text_of(told, field))
    return value


def _cost(told: Mapping[str, Any]) -> Decimal:
    """What was paid or got; where the exchange does not say, amount times price."""
    if number(text_of(told, "cost"), "cost"):
        return _positive(told, "cost")
    return EXACT.multiply(_positive(told, "amount"), _positive(told, "price"))


def _fees(told: Mapping[str, Any]) -> dict[str, Decimal]:
    """Fees by coin, rebates negative. ``fees`` counts where it is there: ``fee`` is one of them."""
    listed = told.get("fees")
    one = told.get("fee")
    fees: dict[str, Decimal] = {}
    for fee in listed if isinstance(listed, list) and listed else [one]:
        if not isinstance(fee, dict):
            continue
        cost = number(text_of(fee, "cost"), "fee")
        if cost:
            code = _needed_text(fee, "currency").upper()
            fees[code] = EXACT.add(fees.get(code, _ZERO), cost)
    return fees
