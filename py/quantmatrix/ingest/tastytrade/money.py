"""Money movements: the text decides, then the symbol, then the sign; the sub type is not reliable."""

from __future__ import annotations

import re
from decimal import Decimal

from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.tastytrade.row import Row

_LENDING = r"\bfully paid\b.*\blending\b|\b(?:stock|securities) lending\b"

_ANYWHERE: tuple[tuple[re.Pattern[str], T], ...] = (
    (re.compile(r"\bcash in lieu\b", re.I), T.CASH_IN_LIEU),
    (re.compile(r"\bpayments? in lieu\b|\bsubstitute (?:dividend|payment)", re.I), T.PAYMENT_IN_LIEU),
    (re.compile(r"\breturn of capital\b", re.I), T.RETURN_OF_CAPITAL),
    (
        re.compile(r"\bfully paid\b.*\blending\b|\b(?:stock|securities) lending\b", re.I),
        T.STOCK_LENDING_INCOME,
    ),
)
"""Texts that mean the same whatever the sub type says."""

_DEBIT_INTEREST = re.compile(r"\bfrom \d\d/\d\d(?:/\d+)? thru \d\d/\d\d(?:/\d+)? *@", re.I)
_INTEREST = re.compile(r"\binterest\b", re.I)
_FEE = re.compile(r"\bregulatory fee\b|\bfee correction\b", re.I)

_BY_SUB = {
    "credit interest": T.INTEREST,
    "debit interest": T.INTEREST,
    "fee": T.FEE,
    "mark to market": T.OTHER,
    "futures settlement": T.OTHER,
    "fully paid stock lending income": T.STOCK_LENDING_INCOME,
}
SETTLEMENTS = frozenset({"mark to market", "futures settlement"})
"""What a future settles day by day, and at its end."""

_CASH = frozenset({"deposit", "withdrawal", "transfer", "acat", ""})
_NEEDS_SYMBOL = frozenset({T.CASH_IN_LIEU, T.RETURN_OF_CAPITAL})


def classify(row: Row, net: Decimal) -> tuple[T, str | None]:
    """What a money movement is, and a remark where that is not certain."""
    for pattern, kind in _ANYWHERE:
        if pattern.search(row.description) and (row.symbol or kind not in _NEEDS_SYMBOL):
            return kind, None
    if row.sub in _BY_SUB:
        return _BY_SUB[row.sub], None
    if row.sub == "dividend":
        return (T.DIVIDEND if net >= 0 else T.TAX_WITHHELD), None
    if row.sub == "balance adjustment":
        if _FEE.search(row.description):
            return T.FEE, None
        return T.OTHER, "a balance adjustment that is not a fee; its cash counts, its kind is unknown"
    if row.sub in _CASH:
        return _cash(row, net)
    return T.OTHER, f"unknown kind of money movement {row.sub!r}; its cash counts"


def _cash(row: Row, net: Decimal) -> tuple[T, str | None]:
    by_sign = T.DEPOSIT if net >= 0 else T.WITHDRAWAL
    if _DEBIT_INTEREST.search(row.description):
        return T.INTEREST, None
    if _FEE.search(row.description):
        return T.FEE, None
    if not row.symbol:
        return (T.INTEREST if _INTEREST.search(row.description) else by_sign), None
    if row.sub:
        return T.TAX_WITHHELD, None
    return (T.DIVIDEND if net >= 0 else T.TAX_WITHHELD), None
