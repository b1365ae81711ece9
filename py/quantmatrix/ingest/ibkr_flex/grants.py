"""The element StockGrantActivity: shares that the broker gives away."""

from __future__ import annotations

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.ibkr_activity.grants import Grant
from quantmatrix.ingest.ibkr_flex.element import Element
from quantmatrix.ingest.ibkr_flex.instruments import FlexContext


def grant(element: Element, account: str | None, context: FlexContext) -> Grant:
    """Read one row: an award, its vesting or its return. Raises ``RowError``."""
    currency = element.currency()
    vests = element.day("vestingDate", "reportDate")
    if vests is None:
        raise RowError("missing_value", "the grant has no date", column="vestingDate")
    quantity = element.amount("quantity")
    if not quantity:
        raise RowError(
            "zero_quantity", "a grant of nothing", column="quantity", text=element.text("quantity")
        )
    return Grant(
        line=element.number,
        account=account,
        key=context.key_of(element, currency),
        text=" ".join(element.text("activityDescription", "description").split()),
        reported=element.day("reportDate"),
        awarded=element.day("awardDate") or vests,
        vests=vests,
        quantity=quantity,
        price=element.number_of("price" if element.text("price") else "Price"),
        value=element.number_of("value"),
        currency=currency,
        external_id=element.text("transactionID") or None,
        fx_rate=context.rate_of(element, account, currency),
    )
