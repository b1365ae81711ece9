"""The element Transfer: securities and cash that come from or go to another account."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal

from quantmatrix.ingest.cells import RowError, transaction
from quantmatrix.ingest.ibkr_flex.element import Element
from quantmatrix.ingest.ibkr_flex.instruments import FlexContext
from quantmatrix.ingest.model import Link, LinkKind, Transaction, TransactionType

_OWN = frozenset({"INTERNAL", "INTERCOMPANY", "INTER-COMPANY", "INTERDEPOT"})
_REMEMBERED_AT_MOST = 10_000


class Transfers:
    """Neither cost nor acquisition date stands in a transfer: market value is not cost."""

    def __init__(self, context: FlexContext) -> None:
        self._context = context
        self._unpaired: dict[Hashable, list[Transaction]] = {}
        self._count = 0

    def take(self, element: Element, account: str | None) -> None:
        """Read one transfer. Raises ``RowError``."""
        currency = element.currency()
        day = element.day("date", "dateTime", "reportDate", "settleDate")
        if day is None:
            raise RowError("missing_value", "the transfer has no date", column="date")
        is_cash = element.text("assetCategory").upper() == "CASH"
        quantity = None if is_cash else element.number_of("quantity")
        cash = element.number_of("cashTransfer")
        if is_cash and not cash:
            cash = element.number_of("positionAmount") or element.number_of("quantity")
        how, direction = element.text("type").upper(), element.text("direction").upper()
        metadata = {"transfer_type": how} if how else {}
        if company := element.text("company"):
            metadata["company"] = company[:64]
        common = {
            "line": element.number,
            "account": account,
            "external_id": element.text("transactionID") or None,
            "trade_date": day,
            "currency": currency,
            "description": " ".join(f"{how} {direction} {element.text('description')}".split()) or None,
            "metadata": metadata,
        }
        if not quantity and not cash:
            reason = "neither a quantity nor an amount of cash; it has no effect"
            self._context.warn(element.number, "quantity", element.text("quantity"), reason)
            self._context.out.append(transaction({**common, "type": TransactionType.OTHER}))
        if quantity:
            key = self._context.key_of(element, currency)
            if direction == ("OUT" if quantity > 0 else "IN"):
                reason = "contradicts the sign of the quantity, which counts"
                self._context.warn(element.number, "direction", direction, reason)
            type_ = TransactionType.TRANSFER_IN if quantity > 0 else TransactionType.TRANSFER_OUT
            row = transaction({**common, "instrument": key, "type": type_, "quantity": quantity})
            self._context.out.append(row)
            if how in _OWN:
                self._pair(row, quantity)
        if cash:
            type_ = TransactionType.DEPOSIT if cash > 0 else TransactionType.WITHDRAWAL
            part = 1 if quantity else 0
            identity = common["external_id"]
            more = {
                "part": part,
                "external_id": f"{identity}/cash" if identity and part else identity,
                "fingerprint": f"transfer {how}".strip(),
                "type": type_,
                "gross_amount": cash,
                "net_amount": cash,
            }
            self._context.out.append(transaction({**common, **more}))

    def _pair(self, row: Transaction, quantity: Decimal) -> None:
        """Link the two legs of a transfer between two accounts of one file."""
        key = (row.instrument, row.trade_date, abs(quantity))
        waiting = self._unpaired.setdefault(key, [])
        for other in waiting:
            if other.type is not row.type and other.account != row.account:
                waiting.remove(other)
                self._count -= 1
                out, into = (other, row) if quantity > 0 else (row, other)
                self._context.out.append(Link(kind=LinkKind.TRANSFER, from_line=out.line, to_line=into.line))
                return
        if self._count < _REMEMBERED_AT_MOST:
            waiting.append(row)
            self._count += 1
