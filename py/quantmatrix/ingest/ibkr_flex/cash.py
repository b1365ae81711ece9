"""The element CashTransaction: one amount, moved on the day on which it is booked."""

from __future__ import annotations

import re
from datetime import timedelta

from quantmatrix.ingest.cells import RowError, transaction
from quantmatrix.ingest.ibkr_activity.cash import of_deposit, of_dividend, of_interest
from quantmatrix.ingest.ibkr_activity.identifiers import symbol_of
from quantmatrix.ingest.ibkr_flex.element import Element
from quantmatrix.ingest.ibkr_flex.instruments import FlexContext, identifiers_of
from quantmatrix.ingest.model import InstrumentType, Terms, Transaction, TransactionType

_HEAD = re.compile(r"(?P<symbol>[A-Z0-9][A-Z0-9. ]{0,15}?) ?\([A-Z0-9]{8,12}\) ")
_NEAR = timedelta(days=4)
_YEAR = timedelta(days=366)
_FEES = frozenset(
    {
        "other fees", "advisor fees", "management fees", "broker fees", "client fees", "sales tax",
        "commission adjustments", "price adjustments", "fees", "fee",
    }
)  # fmt: skip
_TAXES = frozenset({"withholding tax", "871(m) withholding", "withholding 871(m)", "foreign tax withholding"})
_INTEREST = frozenset(
    {
        "broker interest paid", "broker interest received", "bond interest paid", "bond interest received",
        "interest", "broker interest", "bond interest", "credit interest", "debit interest",
    }
)  # fmt: skip
_DEPOSITS = frozenset(
    {"deposits/withdrawals", "deposits & withdrawals", "deposits and withdrawals", "deposits", "withdrawals"}
)
_DIVIDENDS = frozenset({"dividends", "dividend"})
_IN_LIEU = frozenset({"payment in lieu of dividends", "payment in lieu of dividend", "payment in lieu"})
_NEEDS_INSTRUMENT = (TransactionType.RETURN_OF_CAPITAL, TransactionType.CASH_IN_LIEU)


def cash_transaction(element: Element, account: str | None, context: FlexContext) -> Transaction:
    """Read one row of cash. Raises ``RowError``."""
    currency = element.currency()
    amount = element.amount("amount")
    valued = element.moment("dateTime")
    day = element.day("reportDate", "date", "settleDate") or (valued[1] if valued else None)
    if day is None:
        raise RowError("missing_value", "the row has no date", column="dateTime")
    text = " ".join(element.text("description").split())
    printed = element.text("type")
    word = printed.lower()
    if word in _DIVIDENDS:
        kind = of_dividend(text, amount)
    elif word in _IN_LIEU:
        kind = TransactionType.PAYMENT_IN_LIEU
    elif word in _TAXES:
        kind = TransactionType.TAX_WITHHELD
    elif word in _INTEREST:
        kind = of_interest(text, amount)
    elif word in _DEPOSITS:
        kind = of_deposit(text, amount)
    elif word in _FEES:
        kind = TransactionType.FEE
    else:
        kind = TransactionType.OTHER
        reason = "a type of cash transaction that nobody knows; imported as other"
        context.warn_once("cash type", element.number, "type", printed, reason)
    instrument = _instrument(element, context, currency)
    if instrument is None and kind in _NEEDS_INSTRUMENT:
        reason = f"a {kind.value} that names no instrument; imported as other"
        context.warn(element.number, "symbol", text, reason)
        kind = TransactionType.OTHER
    executed_at = valued[0] if valued and abs(valued[1] - day) < _NEAR else None
    metadata = {"cash_type": printed} if printed else {}
    if valued and valued[1] != day:
        metadata["value_date"] = valued[1].isoformat()
    for attribute, name in (("actionID", "action_id"), ("tradeID", "trade_id"), ("code", "codes")):
        if value := element.text(attribute):
            metadata[name] = value
    settles = element.day("settleDate")
    rate = context.rate_of(element, account, currency)
    return transaction(
        {
            "line": element.number,
            "account": account,
            "instrument": instrument,
            "type": kind,
            "external_id": element.text("transactionID") or None,
            "fingerprint": text or None,
            "executed_at": executed_at,
            "trade_date": day,
            "settlement_date": settles if settles and abs(settles - day) <= _YEAR else None,
            "gross_amount": amount,
            "net_amount": amount,
            "currency": currency,
            "description": text or None,
            "metadata": metadata,
            "terms": None if rate is None else Terms(fx_rate=rate),
        }
    )


def _instrument(element: Element, context: FlexContext, currency: str) -> str | None:
    """The security that pays; dividends may come in another currency than it trades in."""
    symbol = element.text("symbol")
    if not symbol and element.text("conid", "isin") and (head := _HEAD.match(element.text("description"))):
        symbol = element.attributes["symbol"] = head["symbol"]
    if not symbol:
        return None
    if element.text("assetCategory") == "CASH":
        return None
    conid = element.text("conid")
    kind = context.category_of(element)
    isin = element.text("isin")
    if conid and (known := context.known_as(f"conid:{conid}")):
        return known
    if isin and (known := context.known_as(f"isin:{isin}")):
        return known
    if kind is not InstrumentType.STOCK:
        return context.key_of(element, currency)
    named, traded_in = context.traded_as(symbol_of(InstrumentType.STOCK, symbol), currency)
    if named is InstrumentType.STOCK and not identifiers_of(element):
        return context.named(named, symbol_of(named, symbol), traded_in)
    return context.key_of(element, traded_in)
