"""What the database would refuse about one transaction, said of the line while the file is read."""

from __future__ import annotations

from datetime import UTC

from quantmatrix.ingest.dates import FIRST_YEAR, LAST_YEAR
from quantmatrix.ingest.model import Instrument, InstrumentType, Terms, Transaction
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.symbols import terms_in

_FURTHEST_DAYS = 4

_NEEDS_POSITIVE = frozenset({T.BUY, T.REINVEST, T.GIFT_IN, T.INHERITANCE})
_NEEDS_NEGATIVE = frozenset({T.SELL, T.GIFT_OUT})
_NOT_NEGATIVE = frozenset({T.TRANSFER_IN, T.PROMOTION})
_NOT_POSITIVE = frozenset({T.TRANSFER_OUT})
_NO_QUANTITY = frozenset({T.DEPOSIT, T.WITHDRAWAL})
_CASH_ALONE = frozenset(
    {
        T.DEPOSIT, T.WITHDRAWAL, T.TRANSFER_IN, T.TRANSFER_OUT, T.INTEREST, T.STOCK_LENDING_INCOME, T.FEE,
        T.TAX_WITHHELD, T.DIVIDEND, T.PAYMENT_IN_LIEU, T.CAPITAL_GAIN_DISTRIBUTION, T.SET_BASIS, T.PROMOTION,
        T.OTHER,
    }
)  # fmt: skip


def problem(transaction: Transaction) -> tuple[str, str] | None:
    """The field that contradicts the rest of the row and why, or None; the rules of ``core.transactions``."""
    day = transaction.trade_date
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        return "trade_date", f"not a year between {FIRST_YEAR} and {LAST_YEAR}"
    moment = transaction.executed_at
    if moment is not None and abs((moment.astimezone(UTC).date() - day).days) > _FURTHEST_DAYS:
        return "executed_at", f"far from the trade date {day}"
    if transaction.settlement_date is not None and abs((transaction.settlement_date - day).days) > 366:
        return "settlement_date", f"more than a year from the trade date {day}"
    if transaction.price is not None and transaction.price < 0:
        return "price", "a price is not negative"
    if transaction.instrument is None and transaction.type not in _CASH_ALONE:
        return "symbol", f"{transaction.type} needs an instrument"
    return _quantity_problem(transaction) or _sum_problem(transaction) or _terms_problem(transaction.terms)


def instrument_problem(instrument: Instrument) -> tuple[str, str] | None:
    """The field that ``core.instruments`` would refuse and why, or None."""
    if instrument.symbol != instrument.symbol.strip():
        return "symbol", "blanks around the symbol"
    if instrument.multiplier is not None and instrument.multiplier <= 0:
        return "multiplier", "must be positive"
    if instrument.strike is not None and instrument.strike < 0:
        return "strike", "must not be negative"
    is_option = instrument.type in (InstrumentType.OPTION, InstrumentType.FUTURE_OPTION)
    for field in ("option_type", "strike") + (("expiration",) if is_option else ()):
        if (getattr(instrument, field) is not None) != is_option:
            return field, f"{'missing for' if is_option else 'not a property of'} a {instrument.type}"
    return _contradiction(instrument) if is_option else None


def _contradiction(instrument: Instrument) -> tuple[str, str] | None:
    """The term that is another than the symbol says; a symbol that says none contradicts nothing."""
    said = terms_in(instrument.symbol)
    if said is None:
        return None
    for field in ("option_type", "strike", "expiration"):
        ours = getattr(said, field)
        if getattr(instrument, field) != ours:
            return field, f"the symbol {instrument.symbol} says {ours}"
    return None


def _quantity_problem(transaction: Transaction) -> tuple[str, str] | None:
    kind, quantity = transaction.type, transaction.quantity
    if kind in _NEEDS_POSITIVE and (quantity is None or quantity <= 0):
        return "quantity", f"{kind} needs a positive quantity"
    if kind in _NEEDS_NEGATIVE and (quantity is None or quantity >= 0):
        return "quantity", f"{kind} needs a negative quantity"
    if quantity is None:
        return None
    if (kind in _NOT_NEGATIVE and quantity < 0) or (kind in _NOT_POSITIVE and quantity > 0):
        return "quantity", f"the sign contradicts {kind}"
    if kind in _NO_QUANTITY:
        return "quantity", f"{kind} has no quantity"
    return None


def _sum_problem(transaction: Transaction) -> tuple[str, str] | None:
    gross, net = transaction.gross_amount, transaction.net_amount
    if gross is None or net == gross:
        return None
    total = gross + transaction.commission + transaction.fees
    if net == total:
        return None
    return "net_amount", f"gross_amount, commission and fees add up to {total:f}"


_NOT_NEGATIVE_TERMS = (
    "cash_per_share",
    "value_per_new_share",
    "amount_per_share",
    "supplied_basis",
    "donor_basis",
    "market_value",
)
_POSITIVE_TERMS = ("fx_rate", "fee_fx_rate", "ratio_numerator", "ratio_denominator")


def _terms_problem(terms: Terms | None) -> tuple[str, str] | None:
    if terms is None:
        return None
    for field in _POSITIVE_TERMS:
        value = getattr(terms, field)
        if value is not None and value <= 0:
            return field, "must be positive"
    for field in _NOT_NEGATIVE_TERMS:
        value = getattr(terms, field)
        if value is not None and value < 0:
            return field, "must not be negative"
    if (terms.ratio_numerator is None) != (terms.ratio_denominator is None):
        return "ratio_numerator", "a ratio has a numerator and a denominator"
    if terms.basis_fraction is not None and not 0 <= terms.basis_fraction <= 1:
        return "basis_fraction", "must be between 0 and 1"
    return None
