"""The section Transfers: securities and cash that come from other accounts, or go there."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.ibkr_activity.codes import read_codes
from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.row import Row
from quantmatrix.ingest.ibkr_activity.section import Section, Verdict
from quantmatrix.ingest.model import Link, LinkKind, Transaction, TransactionType

_REMEMBERED_AT_MOST = 10_000
_OWN = ("internal", "inter-company", "interdepot")


class Transfers(Section):
    """Positions and cash to and from other accounts.

    Neither cost nor acquisition date stands here: both stay unknown.
    """

    columns = frozenset(
        {
            "Asset Category",
            "Currency",
            "Account",
            "Symbol",
            "Date",
            "Type",
            "Direction",
            "Xfer Company",
            "Xfer Account",
            "Qty",
            "Xfer Price",
            "Market Value",
            "Realized P/L",
            "Cash Amount",
            "Code",
        }
    )

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._unpaired: dict[Hashable, list[Transaction]] = {}
        self._unpaired_count = 0

    def data(self, row: Row) -> Verdict:
        """A transfer of a position, of cash, or of both."""
        context = self.context
        category = row.required("Asset Category")
        currency = row.currency()
        account = context.account_of(row)
        day = row.day("Date")
        how = row.text("Type")
        quantity = row.number("Qty")
        cash = row.number("Cash Amount")
        metadata = dict(read_codes(row.text("Code")).metadata)
        if how:
            metadata["transfer_type"] = how
        if category.startswith("Cash"):
            quantity = None
        if not quantity and not cash:
            raise RowError(
                "missing_value", "neither a quantity nor a cash amount", column="Qty", text=row.text("Qty")
            )
        if quantity:
            key = context.instrument(row.line, category, row.required("Symbol"), currency)
            coming = quantity > 0
            direction = row.text("Direction")
            if direction.lower() == ("out" if coming else "in"):
                context.warn(
                    row.line,
                    "Direction",
                    direction,
                    "contradicts the sign of the quantity; the sign is taken",
                )
            transaction = Transaction(
                line=row.line,
                account=account,
                instrument=key,
                type=TransactionType.TRANSFER_IN if coming else TransactionType.TRANSFER_OUT,
                trade_date=day,
                quantity=quantity,
                currency=currency,
                description=" ".join(f"{how} {direction}".split()) or None,
                metadata=metadata,
            )
            context.out.append(transaction)
            if how.lower() in _OWN:
                self._pair(transaction, quantity)
        if cash:
            context.out.append(
                Transaction(
                    line=row.line,
                    part=1 if quantity else 0,
                    account=account,
                    type=TransactionType.DEPOSIT if cash > 0 else TransactionType.WITHDRAWAL,
                    fingerprint=f"transfer {how}".strip(),
                    trade_date=day,
                    gross_amount=cash,
                    net_amount=cash,
                    currency=currency,
                    description=f"{how} transfer of cash".strip(),
                    metadata=metadata,
                )
            )
        return "row"

    def _pair(self, transaction: Transaction, quantity: Decimal) -> None:
        """Link the two legs of a transfer between two accounts of one consolidated statement."""
        key = (transaction.instrument, transaction.trade_date, abs(quantity))
        waiting = self._unpaired.setdefault(key, [])
        for other in waiting:
            if other.type is not transaction.type and other.account != transaction.account:
                waiting.remove(other)
                self._unpaired_count -= 1
                out, into = (other, transaction) if quantity > 0 else (transaction, other)
                self.context.out.append(Link(kind=LinkKind.TRANSFER, from_line=out.line, to_line=into.line))
                return
        if self._unpaired_count < _REMEMBERED_AT_MOST:
            waiting.append(transaction)
            self._unpaired_count += 1
