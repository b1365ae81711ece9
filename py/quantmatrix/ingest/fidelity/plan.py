"""Rows of an employer plan in Fidelity's history: a bare word, a fund without symbol, its units as Price."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from quantmatrix.ingest.amounts import agrees
from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.fidelity.securities import named
from quantmatrix.ingest.model import PositionEffect
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.table import Row, TableReading, Verdict

_ZERO, _ONE = Decimal(0), Decimal(1)
_UNNAMED = frozenset({"", "No Description"})
_QUANTITY = ("quantity",)
_PRICE = ("price ($)", "price")
_AMOUNT = ("amount ($)", "amount")

_PAID_IN = frozenset({"CONTRIBUTION", "CONTRIBUTIONS", "LOAN REPAYMENT", "LOAN REPAYMENTS"})
_PAID_OUT = frozenset({"WITHDRAWAL", "WITHDRAWALS", "DISTRIBUTION", "LOAN WITHDRAWAL", "LOAN WITHDRAWALS"})
_COSTS = frozenset({"FEE", "FEES", "RECORDKEEPING FEE", "ADMINISTRATIVE FEE", "ADMINISTRATIVE FEES"})
_INCOME = frozenset({"DIVIDEND", "DIVIDENDS"})
_INTO = frozenset({"EXCHANGE IN", "EXCHANGES IN"})
_OUT_OF = frozenset({"EXCHANGE OUT", "EXCHANGES OUT"})


def is_row(row: Row, action: str) -> bool:
    """Whether the row is a plan's: no security in its text, no symbol, no type of account."""
    return (
        "(" not in action
        and not row.text("symbol")
        and not row.text("type", "security type")
        and row.text("description", "security description") not in _UNNAMED
    )


def read(reading: TableReading, row: Row, action: str, values: dict[str, Any]) -> Verdict:
    """Emit what a row is: money and units, both or one; raises ``RowError`` for what nobody knows."""
    units, amount = _units(reading, row), abs(row.number(*_AMOUNT) or _ZERO)
    if not units and not amount:
        reading.warn_once("plan", row.line, row.printed("action"), action, "moves neither units nor money")
        return "skipped"
    comes, money = _meaning(action)
    if comes is None or (units and not amount):
        reason = f"{units:f} units and {amount:f} of a plan: what they do there is not known"
        raise RowError("unknown_row", reason, column=row.printed("action"), text=row.text("action"))
    if units < 0 and comes:
        comes, money = False, T.WITHDRAWAL if money is T.DEPOSIT else money
    signed = amount if comes else amount.copy_negate()
    fund = named(reading, row.text("description", "security description"), values["currency"])
    plain = values | {"commission": _ZERO, "fees": _ZERO}
    if money is not None:
        key = fund.key if money is T.DIVIDEND else None
        plain |= {"gross_amount": signed, "net_amount": signed}
        reading.emit(plain | {"type": money, "instrument": key})
    if units:
        kind = T.SELL if not comes else T.REINVEST if money is T.DIVIDEND else T.BUY
        signed = signed.copy_negate()
        reading.emit(
            plain
            | {
                "type": kind,
                "part": 0 if money is None else 1,
                "position_effect": PositionEffect.OPEN if comes else PositionEffect.CLOSE,
                "instrument": fund.key,
                "quantity": abs(units) if comes else -abs(units),
                "gross_amount": signed,
                "net_amount": signed,
            }
        )
    return "row"


def _meaning(action: str) -> tuple[bool | None, T | None]:
    """Whether units come, and what the money is that pays for them or that they bring; None: not known."""
    if action in _PAID_IN:
        return True, T.DEPOSIT
    if action in _INCOME:
        return True, T.DIVIDEND
    if action in _INTO:
        return True, None
    if action in _PAID_OUT:
        return False, T.WITHDRAWAL
    if action in _COSTS:
        return False, T.FEE
    if action in _OUT_OF:
        return False, None
    return None, None


def _units(reading: TableReading, row: Row) -> Decimal:
    """The quantity, where it is there and price and amount agree with it; else what stands as price."""
    quantity, price = row.number(*_QUANTITY) or _ZERO, row.number(*_PRICE) or _ZERO
    amount = row.number(*_AMOUNT) or _ZERO
    if not quantity:
        if price:
            reason = "rows of an employer plan print their units in this column"
            reading.warn_once("units", row.line, row.printed(*_PRICE), "", reason)
        return price
    if price and amount and not agrees(abs(quantity), price, _ONE, -abs(amount)):
        reason = f"{quantity:f} times {price:f} is not {amount:f}: which of them are units is not known"
        raise RowError("contradiction", reason, column=row.printed(*_QUANTITY), text=row.text(*_QUANTITY))
    return quantity
