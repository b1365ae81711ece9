"""Coinbase Pro, later Coinbase Exchange: the report of fills as CSV."""

from __future__ import annotations

from decimal import Decimal

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.crypto import FIAT, CryptoReading, Values
from quantmatrix.ingest.dates import instant
from quantmatrix.ingest.references import Leg, event_of
from quantmatrix.ingest.table import Row, Verdict

_CENT = Decimal("0.01")
_ZERO = Decimal(0)
_FORMATS = ("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ")
_TOTAL = "total"


class FillsReading(CryptoReading):
    """One row is one trade; its total is what moved, the fee in it."""

    needed = frozenset({"portfolio", "trade id", "product", "side", "created at", "size", "total"})
    known = frozenset({"size unit", "price", "fee", "price/fee/total unit"})
    what = "a report of fills of Coinbase Pro"
    identity = "trade id"
    hint = "choose Statements, Generate, Fills, CSV"

    def row(self, row: Row) -> Verdict:
        """One trade."""
        text = row.text("created at")
        try:
            moment = instant(text, _FORMATS, "UTC")
        except ValueError as error:
            raise RowError("bad_date", str(error), column=row.printed("created at"), text=text) from None
        day = self.day_of(moment)
        self.at(day)
        product, side = row.text("product").upper(), row.text("side").upper()
        base, _, quote = product.partition("-")
        quote = row.text("price/fee/total unit").upper() or quote
        if not base or not quote or row.text("size unit").upper() not in ("", base):
            raise RowError("bad_symbol", "not a market such as BTC-USD", column="product", text=product)
        if side not in ("BUY", "SELL"):
            raise RowError("unknown_value", "neither BUY nor SELL", column=row.printed("side"), text=side)
        identity = row.text("trade id")
        own = self.own_id(row, identity) if identity else None
        if identity and own is None:
            return "skipped"
        reason = (
            "fills alone: deposits, withdrawals and conversions are in other files; trades that a history "
        )
        reason += "of Coinbase lists too (Advanced Trade) would count twice"
        self.warn_once("fills", row.line, None, "", reason)
        sign = 1 if side == "BUY" else -1
        size, total = abs(row.needed("size")), row.needed(_TOTAL)
        if not size or (total and (total > 0) == (sign > 0)):
            reason = "a purchase that brings money, or a sale that costs some"
            raise RowError("contradiction", reason, column=row.printed(_TOTAL), text=row.text(_TOTAL))
        fee = row.number("fee") or _ZERO
        self._check(row, size, total, fee)
        values: Values = {
            "line": row.line,
            "external_id": f"{product}:{own}" if own else None,
            "executed_at": moment,
            "trade_date": day,
            "currency": quote if quote in FIAT else self.options.currency,
            "metadata": {"product": product, "portfolio": row.text("portfolio")},
        }
        event = event_of([Leg(row.line, base, size * sign), Leg(row.line, quote, EXACT.add(total, fee), fee)])
        if not event.is_exchange:
            raise RowError("contradiction", "a trade that moves nothing", column=row.printed(_TOTAL))
        for made in self.exchanged(values, event.given[0], event.got[0]):
            self.emit(made)
        return "row"

    def _check(self, row: Row, size: Decimal, total: Decimal, fee: Decimal) -> None:
        """Size times price and the fee lead to the total."""
        price = row.number("price")
        if price is None:
            return
        value = EXACT.multiply(size, price)
        stated = EXACT.subtract(abs(total), fee) if total < 0 else EXACT.add(total, fee)
        if abs(EXACT.subtract(value, stated)) > max(_CENT, EXACT.multiply(value, Decimal("0.0001"))):
            reason = f"size times price is {value:f}; the total counts"
            self.warn(row.line, row.printed(_TOTAL), row.text(_TOTAL), reason)
