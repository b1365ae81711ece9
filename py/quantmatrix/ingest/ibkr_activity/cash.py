"""The sections that move cash on a date: dividends, taxes, interest, fees, deposits."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from quantmatrix.ingest.ibkr_activity.codes import read_codes
from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.identifiers import identifier, looks_like_id
from quantmatrix.ingest.ibkr_activity.row import Row
from quantmatrix.ingest.ibkr_activity.section import Section, Verdict
from quantmatrix.ingest.model import Transaction, TransactionType

_HEAD = re.compile(r"(?P<symbol>[A-Za-z0-9][^()]{0,63}?)\s*\((?P<id>[A-Z0-9]{4,20})\)\s")
_MASKED_ACCOUNT = re.compile(r"^([A-Z]{0,2}\*{1,20}[A-Z0-9]{0,20}):\s*")
_CAPITAL_GAIN = re.compile(r"\b(?:long|short)?[- ]?(?:term)?\s*capital gains?\b", re.IGNORECASE)
_CASH_FOR_FRACTION = re.compile(r"\bin lieu of (?:a )?fraction|\bcash in lieu\b", re.IGNORECASE)
_NEEDS_INSTRUMENT = (TransactionType.RETURN_OF_CAPITAL, TransactionType.CASH_IN_LIEU)
_DATE_COLUMNS = ("Date", "Settle Date", "Date/Time", "Report Date")

Classify = Callable[[str, Decimal], TransactionType]


def of_dividend(text: str, _amount: Decimal) -> TransactionType:
    """What a row of the section Dividends is; a reversal keeps its type and has the other sign."""
    lowered = text.lower()
    if "(return of capital)" in lowered:
        return TransactionType.RETURN_OF_CAPITAL
    if "payment in lieu" in lowered:
        return TransactionType.PAYMENT_IN_LIEU
    if _CASH_FOR_FRACTION.search(text):
        return TransactionType.CASH_IN_LIEU
    if _CAPITAL_GAIN.search(text):
        return TransactionType.CAPITAL_GAIN_DISTRIBUTION
    return TransactionType.DIVIDEND


def of_interest(text: str, _amount: Decimal) -> TransactionType:
    """What a row of the section Interest is: lending income and borrow fees stand there too."""
    lowered = text.lower()
    if "borrow fee" in lowered:
        return TransactionType.FEE
    if "managed securities" in lowered or "syep" in lowered or "stock yield" in lowered:
        return TransactionType.STOCK_LENDING_INCOME
    return TransactionType.INTEREST


def of_deposit(_text: str, amount: Decimal) -> TransactionType:
    """A deposit or a withdrawal, by its sign."""
    return TransactionType.WITHDRAWAL if amount < 0 else TransactionType.DEPOSIT


def always(kind: TransactionType) -> Classify:
    """The same type for each row."""
    return lambda _text, _amount: kind


class CashSection(Section):
    """One transaction for each row: an amount, a date, a text.

    The text tells equal amounts of a day apart.
    """

    columns = frozenset(
        {"Currency", "Account", "Description", "Amount", "Code", "Subtitle", "Fee Subtitle", *_DATE_COLUMNS}
    )

    def __init__(self, context: Context, classify: Classify) -> None:
        super().__init__(context)
        self._classify = classify

    def data(self, row: Row) -> Verdict:
        """One row of cash."""
        context = self.context
        currency = row.currency()
        text = " ".join(row.text("Description").split())
        masked = _MASKED_ACCOUNT.match(text)
        account = context.account_of(row, masked[1] if masked else "")
        date_column = next((column for column in _DATE_COLUMNS if row.has(column)), "Date")
        day = row.day(date_column)
        amount = row.amount("Amount")
        codes = read_codes(row.text("Code"))
        for code in codes.unknown:
            context.warn_once("code", row.line, "Code", code, "a code that nobody knows")
        kind = self._classify(text, amount)
        instrument = self._instrument(text, currency)
        if instrument is None and kind in _NEEDS_INSTRUMENT:
            context.warn(
                row.line, "Description", text, f"a {kind.value} that names no instrument; imported as other"
            )
            kind = TransactionType.OTHER
        metadata = dict(codes.metadata)
        if subtitle := row.text("Subtitle") or row.text("Fee Subtitle"):
            metadata["subtitle"] = subtitle
        context.out.append(
            Transaction(
                line=row.line,
                account=account,
                instrument=instrument,
                type=kind,
                fingerprint=_MASKED_ACCOUNT.sub("", text) or None,
                trade_date=day,
                gross_amount=amount,
                net_amount=amount,
                currency=currency,
                description=text or None,
                metadata=metadata,
            )
        )
        return "row"

    def _instrument(self, text: str, currency: str) -> str | None:
        head = _HEAD.match(text)
        if not head or not looks_like_id(head["id"]):
            return None
        ids = identifier(head["id"])
        kind, symbol, traded_in = self.context.listed(head["symbol"], ids | {"id": head["id"]}, currency)
        return self.context.named(kind, symbol, traded_in, identifiers=ids)


def cash_sections(context: Context) -> dict[str, Section]:
    """A reader for each section of this shape, older names included."""
    dividends = CashSection(context, of_dividend)
    in_lieu = CashSection(context, always(TransactionType.PAYMENT_IN_LIEU))
    tax = CashSection(context, always(TransactionType.TAX_WITHHELD))
    interest = CashSection(context, of_interest)
    fees = CashSection(context, always(TransactionType.FEE))
    deposits = CashSection(context, of_deposit)
    return {
        "Dividends": dividends,
        "Payment In Lieu Of Dividends": in_lieu,
        "Withholding Tax": tax,
        "871(m) Withholding": tax,
        "Interest": interest,
        "Broker Interest Paid": interest,
        "Broker Interest Received": interest,
        "Bond Interest Paid": interest,
        "Bond Interest Received": interest,
        "Fees": fees,
        "Other Fees": fees,
        "Advisor Fees": fees,
        "Client Fees": fees,
        "Commission Adjustments": fees,
        "Price Adjustments": fees,
        "Deposits & Withdrawals": deposits,
        "Deposits and Withdrawals": deposits,
    }
