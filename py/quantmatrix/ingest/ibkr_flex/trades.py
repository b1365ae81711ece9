"""The element Trade: securities, options, currencies; what cancels what; exercises with their stock."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from quantmatrix.ingest.amounts import DEFAULT_MULTIPLIERS, agrees
from quantmatrix.ingest.cells import EXACT, RowError, transaction
from quantmatrix.ingest.futures import settled_result, size_of
from quantmatrix.ingest.ibkr_activity.codes import CodeSet, read_codes
from quantmatrix.ingest.ibkr_activity.exercises import Exercises, is_cash_settled
from quantmatrix.ingest.ibkr_flex.element import Element
from quantmatrix.ingest.ibkr_flex.instruments import OPTIONS, PAIR, FlexContext
from quantmatrix.ingest.ibkr_flex.survey import Survey, cancel_keys, exercise_keys, is_cancel, trade_keys
from quantmatrix.ingest.model import (
    InstrumentType,
    Link,
    LinkKind,
    PositionEffect,
    Terms,
    Transaction,
    TransactionType,
)

_ZERO = Decimal(0)
_CENT = Decimal("0.01")
_NOT_PAID = (InstrumentType.FUTURE, InstrumentType.OTHER)
_NOT_SUMMED = (*_NOT_PAID, InstrumentType.BOND, InstrumentType.FUTURE_OPTION)
"""Accrued interest and daily results are in the cash too."""
_EVENTS = {
    "assignment": TransactionType.OPTION_ASSIGNMENT,
    "exercise": TransactionType.OPTION_EXERCISE,
    "expiration": TransactionType.OPTION_EXPIRATION,
    "cash settlement": TransactionType.OPTION_EXERCISE,
}


class Trades:
    """Reads trades; those that wait for a second row are emitted by ``finish``."""

    def __init__(self, context: FlexContext, survey: Survey) -> None:
        self._context = context
        self._survey = survey
        self._exercises = Exercises(context)
        self._named: dict[str, list[Transaction]] = {}
        self._cancels: list[tuple[Element, Transaction]] = []

    def trade(self, element: Element, account: str | None) -> None:
        """Read one trade. Raises ``RowError``."""
        codes = read_codes(element.text("notes", "code"))
        for code in codes.unknown:
            self._context.warn_once("code", element.number, "notes", code, "a code that nobody knows")
        cancels = is_cancel(element.attributes)
        quantity = element.amount("quantity")
        if not quantity:
            self._context.out.append(self._of_nothing(element, account))
            return
        kind = self._context.category_of(element)
        if kind is InstrumentType.CURRENCY and PAIR.fullmatch(element.text("symbol")):
            row = self._conversion(element, account, cancels, codes)
        else:
            row = self._security(element, account, cancels, codes)
        if cancels:
            self._cancels.append((element, row))
            return
        if self._survey.cancelled:
            for key in trade_keys(element.attributes):
                if key in self._survey.cancelled:
                    self._named.setdefault(key, []).append(row)
        if codes.is_assignment or codes.is_exercise or self._event_of(element):
            self._delivery(row)
        else:
            self._context.out.append(row)

    def event(self, element: Element, account: str | None) -> bool:
        """A row of OptionEAE; false where a trade books the same. Raises ``RowError``."""
        if any(key in self._survey.booked for key in exercise_keys(element.attributes)):
            return False
        row = self._security(element, account, False, read_codes(element.text("notes")))
        reason = "taken from OptionEAE, because no trade of this file books it"
        self._context.warn_once("option event", element.number, "transactionType", "", reason)
        self._delivery(row)
        return True

    def finish(self) -> None:
        """Emit what waited for a second row."""
        self._exercises.finish()
        for element, row in self._cancels:
            self._cancel(element, row)

    def _security(self, element: Element, account: str | None, cancels: bool, codes: CodeSet) -> Transaction:
        currency = element.currency()
        key = self._context.key_of(element, currency)
        kind = InstrumentType(key.partition("|")[0])
        values = self._common(element, account, cancels, codes)
        quantity, price = values["quantity"], values["price"]
        proceeds = self._proceeds(element, kind, quantity, price)
        self._price_check(element, key, kind, quantity, price, proceeds)
        gross: Decimal | None = proceeds
        type_, effect = self._type(element, kind, quantity, price, codes, cancels)
        fee_currency = element.text("ibCommissionCurrency").upper() or currency
        costs = EXACT.add(values["commission"], values["fees"])
        net_cash = element.number_of("netCash")
        own_costs = costs if fee_currency == currency else _ZERO
        if kind is InstrumentType.FUTURE:
            gross = settled_result(net_cash, own_costs, proceeds)
            self._size(key, quantity, price, proceeds)
        elif kind in _NOT_PAID and net_cash is not None:
            gross = EXACT.subtract(net_cash, own_costs)
        settlement: Literal["cash"] | None = None
        if type_ in (TransactionType.OPTION_EXERCISE, TransactionType.OPTION_ASSIGNMENT) and is_cash_settled(
            self._context.facts_of(key), gross
        ):
            settlement = "cash"
        is_foreign = fee_currency != currency and bool(costs)
        if kind not in _NOT_SUMMED and not is_foreign:
            self._sum_check(element, EXACT.add(proceeds, costs))
        rate = self._context.rate_of(element, account, currency)
        net = gross or _ZERO
        values |= {
            "instrument": key,
            "type": type_,
            "position_effect": effect,
            "gross_amount": gross,
            "net_amount": net if is_foreign else EXACT.add(net, costs),
            "currency": currency,
            "terms": _terms(rate, fee_currency if is_foreign else None, settlement),
        }
        return transaction(values)

    def _size(self, key: str, quantity: Decimal, price: Decimal | None, worth: Decimal) -> None:
        """The size of a future whose row leaves it out, from what a contract is worth."""
        size = size_of(quantity, price, worth)
        if size is not None and self._context.facts_of(key).multiplier is None:
            self._context.state_multiplier(key, size)

    def _of_nothing(self, element: Element, account: str | None) -> Transaction:
        """A row that moves no units; its cash counts."""
        executed_at, day = when(element)
        cash = element.number_of("netCash") or _ZERO
        reason = "a trade of nothing; only its cash counts"
        self._context.warn(element.number, "quantity", element.text("quantity"), reason)
        return transaction(
            {
                "line": element.number,
                "account": account,
                "external_id": identity_of(element, False),
                "type": TransactionType.OTHER,
                "executed_at": executed_at,
                "trade_date": day,
                "gross_amount": cash,
                "net_amount": cash,
                "currency": element.currency(),
                "description": element.text("description") or None,
            }
        )

    def _conversion(
        self, element: Element, account: str | None, cancels: bool, codes: CodeSet
    ) -> Transaction:
        """One row: quantity in the first currency of the pair, the amount in the second."""
        pair = PAIR.fullmatch(element.text("symbol"))
        if pair is None:
            raise RowError("bad_symbol", "not a currency pair such as EUR.USD", column="symbol")
        bought, quote = pair[1], pair[2]
        values = self._common(element, account, cancels, codes)
        gross = self._proceeds(element, InstrumentType.CURRENCY, values["quantity"], values["price"])
        costs = EXACT.add(values["commission"], values["fees"])
        fee_currency = element.text("ibCommissionCurrency").upper() or quote
        is_foreign = fee_currency != quote and bool(costs)
        rate = self._context.rate_of(element, account, quote) if element.currency() == quote else None
        values |= {
            "instrument": self._context.named(InstrumentType.CURRENCY, bought, bought),
            "type": TransactionType.FX_CONVERSION,
            "gross_amount": gross,
            "net_amount": gross if is_foreign else EXACT.add(gross, costs),
            "currency": quote,
            "terms": _terms(rate, fee_currency if is_foreign else None),
        }
        return transaction(values)

    def _common(self, element: Element, account: str | None, cancels: bool, codes: CodeSet) -> dict[str, Any]:
        executed_at, day = when(element)
        price = element.number_of("tradePrice")
        if price is not None and price < 0:
            reason = "a negative price; only the amount is imported"
            self._context.warn(element.number, "tradePrice", f"{price:f}", reason)
            price = None
        metadata = dict(codes.metadata)
        if trade := element.text("tradeID"):
            metadata["trade_id"] = trade
        if execution := element.text("ibExecID"):
            metadata["exec_id"] = execution
        settles = element.day("settleDateTarget", "settleDate")
        if settles is not None and abs((settles - day).days) > 366:
            settles = None
        return {
            "line": element.number,
            "account": account,
            "external_id": identity_of(element, cancels),
            "fingerprint": element.text("tradeID", "ibOrderID") or None,
            "order_id": element.text("ibOrderID") or None,
            "executed_at": executed_at,
            "trade_date": day,
            "settlement_date": settles,
            "quantity": self._quantity(element, cancels),
            "price": price,
            "commission": element.number_of("ibCommission") or _ZERO,
            "fees": element.number_of("taxes") or _ZERO,
            "metadata": metadata,
        }

    def _quantity(self, element: Element, cancels: bool) -> Decimal:
        quantity = element.amount("quantity")
        word = element.text("buySell").upper()
        side = 1 if word.startswith("B") else -1 if word.startswith("S") else 0
        side = -side if cancels else side
        if side and (quantity > 0) != (side > 0):
            reason = "quantities are printed without a sign; buySell decides"
            self._context.warn_once("sign", element.number, "quantity", word, reason)
            return quantity.copy_negate()
        return quantity

    def _proceeds(
        self, element: Element, kind: InstrumentType, quantity: Decimal, price: Decimal | None
    ) -> Decimal:
        proceeds = element.number_of("proceeds")
        if proceeds is None and (money := element.number_of("tradeMoney")) is not None:
            proceeds = money.copy_negate() if money else money
        if proceeds is None:
            if price is None:
                return self._net_of_costs(element, quantity)
            multiplier = element.number_of("multiplier") or DEFAULT_MULTIPLIERS.get(kind.value, Decimal(1))
            if kind is InstrumentType.BOND:
                multiplier = DEFAULT_MULTIPLIERS[kind.value]
            reason = "no amount is printed; quantity times price counts"
            self._context.warn_once("proceeds", element.number, "proceeds", "", reason)
            return EXACT.multiply(EXACT.multiply(quantity.copy_negate(), price), multiplier)
        if proceeds and price and (proceeds > 0) == (quantity > 0):
            reason = "the sign of the amount contradicts buySell, which decides"
            self._context.warn_once("amount sign", element.number, "proceeds", f"{proceeds:f}", reason)
            return proceeds.copy_negate()
        return proceeds

    def _net_of_costs(self, element: Element, quantity: Decimal) -> Decimal:
        """Proceeds where neither they nor a price are printed: from netCash, else from the cost.

        ``cost`` has the sign of the quantity and holds the costs of the trade; of what closes it is the
        basis, which the realised gain takes to the money that came.
        """
        costs = EXACT.add(element.number_of("ibCommission") or _ZERO, element.number_of("taxes") or _ZERO)
        net = element.number_of("netCash")
        cost, gain = element.number_of("cost"), element.number_of("fifoPnlRealized")
        if net is None and cost is not None:
            opens = element.text("openCloseIndicator").upper() == "O" or quantity > 0
            if gain is not None or (opens and "C" not in element.text("openCloseIndicator").upper()):
                net = EXACT.subtract(gain or _ZERO, cost)
                reason = "no amount is printed; what the broker calls its cost counts"
                self._context.warn_once("cost", element.number, "cost", "", reason)
        if net is None:
            raise RowError("missing_value", "neither an amount nor a price", column="proceeds")
        return EXACT.subtract(net, costs)

    def _sum_check(self, element: Element, total: Decimal) -> None:
        """What moved is the amount and its costs, all three of which are printed."""
        net = element.number_of("netCash")
        if net and abs(EXACT.subtract(net, total)) > _CENT:
            reason = f"not the amount and its costs, which are {total:f}; these count"
            self._context.warn(element.number, "netCash", f"{net:f}", reason)

    def _price_check(
        self,
        element: Element,
        key: str,
        kind: InstrumentType,
        quantity: Decimal,
        price: Decimal | None,
        gross: Decimal,
    ) -> None:
        facts = self._context.facts_of(key)
        multiplier = facts.multiplier or DEFAULT_MULTIPLIERS.get(kind.value)
        if price is None or multiplier is None or kind in _NOT_PAID:
            return
        if not agrees(quantity, price, multiplier, gross):
            reason = f"not quantity {quantity} times price {price} times {multiplier}; the amount counts"
            self._context.warn(element.number, "proceeds", f"{gross:f}", reason)

    def _type(
        self,
        element: Element,
        kind: InstrumentType,
        quantity: Decimal,
        price: Decimal | None,
        codes: CodeSet,
        cancels: bool,
    ) -> tuple[TransactionType, PositionEffect]:
        if kind in OPTIONS and not cancels:
            if codes.is_assignment:
                return TransactionType.OPTION_ASSIGNMENT, PositionEffect.CLOSE
            if codes.is_exercise:
                return TransactionType.OPTION_EXERCISE, PositionEffect.CLOSE
            if codes.is_expiration and not price:
                return TransactionType.OPTION_EXPIRATION, PositionEffect.CLOSE
            if event := self._event_of(element):
                return event, PositionEffect.CLOSE
            if not price and element.text("transactionType") == "BookTrade":
                reason = "an option booked away without saying why; read as expired"
                self._context.warn(element.number, "notes", element.text("notes"), reason)
                return TransactionType.OPTION_EXPIRATION, PositionEffect.CLOSE
        elif codes.is_reinvestment and quantity > 0 and not cancels:
            return TransactionType.REINVEST, PositionEffect.OPEN
        printed = element.text("openCloseIndicator").upper().replace(",", ";")
        effect = {"O": PositionEffect.OPEN, "C": PositionEffect.CLOSE}.get(
            printed.strip(";"), codes.effect if not printed else PositionEffect.AUTO
        )
        if cancels:
            effect = PositionEffect.AUTO
        return (TransactionType.BUY if quantity > 0 else TransactionType.SELL), effect

    def _event_of(self, element: Element) -> TransactionType | None:
        if not self._survey.exercises:
            return None
        for key in exercise_keys(element.attributes):
            if (word := self._survey.exercises.get(key)) is not None:
                return _EVENTS.get(word)
        return None

    def _delivery(self, row: Transaction) -> None:
        kind = InstrumentType((row.instrument or "other|").partition("|")[0])
        if row.type in (TransactionType.OPTION_EXERCISE, TransactionType.OPTION_ASSIGNMENT):
            if row.terms is None or row.terms.exercise_settlement is None:
                self._exercises.option_leg(row, self._context.facts_of(row.instrument or ""))
                return
        elif kind in (InstrumentType.STOCK, InstrumentType.FUND, InstrumentType.FUTURE):
            self._exercises.stock_leg(row)
        self._context.out.append(row)

    def _cancel(self, element: Element, row: Transaction) -> None:
        for key in cancel_keys(element.attributes):
            originals = self._named.get(key, [])
            fitting = [o for o in originals if o.quantity is not None and o.quantity == -(row.quantity or 0)]
            if fitting:
                original = fitting[0]
                for known in self._named.values():
                    if original in known:
                        known.remove(original)
                self._context.out.append(_without_costs(row, original))
                self._context.out.append(
                    Link(kind=LinkKind.CORRECTION, from_line=row.line, to_line=original.line)
                )
                return
        reason = "cancels a trade that is not in this file; imported as the opposite trade"
        self._context.warn(row.line, "origTradeID", element.text("origTradeID"), reason)
        self._context.out.append(row)


def _terms(
    rate: Decimal | None, fee_currency: str | None, settlement: Literal["cash"] | None = None
) -> Terms | None:
    if rate is None and fee_currency is None and settlement is None:
        return None
    return Terms(fx_rate=rate, fee_currency=fee_currency, exercise_settlement=settlement)


def when(element: Element) -> tuple[datetime | None, date]:
    """Instant and trade date: the date that the element states, which for a foreign exchange is its own."""
    printed = element.moment("dateTime")
    time = element.text("tradeTime")
    day = element.day("tradeDate")
    if printed is None and day is not None and time:
        joined = time if len(time) > len("HH:MM:SS TZ") else f"{day.isoformat()};{time}"
        try:
            printed = element.style.moment(joined)
        except ValueError as error:
            raise RowError("bad_date", str(error), column="tradeTime", text=time) from None
    if day is None and printed is None:
        fallback = element.day("date", "reportDate")
        if fallback is None:
            raise RowError("missing_value", "the trade has no date", column="tradeDate")
        return None, fallback
    moment = printed[0] if printed else None
    return moment, day or (printed[1] if printed else date.min)


def identity_of(element: Element, cancels: bool) -> str | None:
    """The broker's id of the row: never tradeID, which a rebooked trade has again."""
    if transaction_id := element.text("transactionID"):
        return transaction_id
    if execution := element.text("ibExecID"):
        return f"{'cancel' if cancels else 'exec'}:{execution}"
    return None


def _without_costs(cancel: Transaction, original: Transaction) -> Transaction:
    """A cancel gives back what the original cost, where it does not say so itself."""
    if cancel.commission or cancel.fees or not (original.commission or original.fees):
        return cancel
    commission, fees = original.commission.copy_negate(), original.fees.copy_negate()
    net = cancel.net_amount
    if original.terms is None or original.terms.fee_currency is None:
        net = EXACT.add(net, EXACT.add(commission, fees))
    return cancel.model_copy(
        update={
            "commission": commission if commission else _ZERO,
            "fees": fees if fees else _ZERO,
            "net_amount": net,
            "terms": original.terms if cancel.terms is None else cancel.terms,
        }
    )
