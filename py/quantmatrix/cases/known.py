"""Which fields a case may have: one that nobody reads would have no effect (K.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]

CASE = {
    "id",
    "title",
    "section",
    "level",
    "notes",
    "sources",
    "method_family",
    "as_of",
    "config",
    "accounts",
    "instruments",
    "transactions",
    "holding_checks",
    "broker_comparison",
    "harvest",
    "export",
    "reconcile",
    "netting",
    "expected",
}
CONFIG = {"method", "wash_scope", "tz"}
ACCOUNT = {"id", "type", "method", "methods", "allow_short", "reports_1099"}
INSTRUMENT = {
    "symbol",
    "kind",
    "multiplier",
    "underlying",
    "right",
    "strike",
    "expiry",
    "deliverable_shares",
    "deliverable_cash",
    "section_1256",
    "wash_exempt",
    "si_group",
}
ANY_ROW = {"id", "type", "account", "symbol", "date", "ts"}
TRADE = {
    "quantity",
    "price",
    "amount",
    "fees",
    "fx",
    "effect",
    "order_id",
    "settle_date",
    "method",
    "lots",
    "accrued_interest",
}
OPTION_EVENT = {"quantity", "fees", "fx", "settle_date", "stock_lots", "lots", "method", "side"}
UNITS = {"num", "den", "fraction", "cash_in_lieu", "fx"}
DEPARTURE = {"quantity", "lots", "method"}
CASH = {"amount", "per_share", "quantity", "price", "fees", "fx", "settle_date"}
PICK = {"txn", "quantity"}
RECONCILE = {"as_of", "positions"}
POSITION = {"account", "symbol", "quantity", "basis", "lots"}
POSITION_LOT = {"acquired", "quantity", "basis"}
ROWS: dict[str, set[str]] = {
    "buy": TRADE,
    "sell": TRADE,
    "reinvest": TRADE,
    "deliver": {"quantity", "lots", "method"},
    "exercise": OPTION_EVENT,
    "assign": OPTION_EVENT,
    "expire": OPTION_EVENT,
    "mtm": {"price", "amount", "fx"},
    "split": UNITS,
    "stock_dividend": {"rate", "fraction", "cash_in_lieu", "fx"},
    "spinoff": UNITS | {"child", "basis_fraction"},
    "symbol_change": UNITS | {"new_symbol"},
    "merger_stock": UNITS | {"new_symbol"},
    "merger_cash": {"price", "fees", "fx"},
    "merger_mixed": UNITS | {"new_symbol", "cash_per_share", "fmv_per_new_share", "taxable"},
    "return_of_capital": {"per_share", "amounts", "fx"},
    "transfer": DEPARTURE | {"to_account", "side"},
    "transfer_in": {"quantity", "basis", "acquired", "covered"},
    "transfer_out": DEPARTURE,
    "gift_out": DEPARTURE,
    "gift_in": {"quantity", "donor_basis", "donor_acquired", "fmv"},
    "inherit": {"quantity", "fmv"},
    "set_basis": {"ref", "basis", "acquired"},
    "dividend": CASH,
    "interest": CASH,
    "fee": CASH,
}


def unknown_fields(case: Row) -> Iterator[str]:
    """Places of the fields that the case format does not have, as ``transactions[3].colour``."""
    yield from _more(case, CASE, "")
    yield from _more(case.get("config", {}), CONFIG, "config.")
    for place, account in enumerate(case.get("accounts", [])):
        yield from _more(account, ACCOUNT, f"accounts[{place}].")
    for place, instrument in enumerate(case.get("instruments", [])):
        yield from _more(instrument, INSTRUMENT, f"instruments[{place}].")
    for place, row in enumerate(case.get("transactions", [])):
        if row["type"] in ROWS:
            yield from _more(row, ANY_ROW | ROWS[row["type"]], f"transactions[{place}].")
            for field in ("lots", "stock_lots"):
                for order, pick in enumerate(row.get(field, [])):
                    yield from _more(pick, PICK, f"transactions[{place}].{field}[{order}].")
        else:
            yield f"transactions[{place}].type {row['type']}"
    reconcile = case.get("reconcile", {})
    yield from _more(reconcile, RECONCILE, "reconcile.")
    for place, position in enumerate(reconcile.get("positions", [])):
        yield from _more(position, POSITION, f"reconcile.positions[{place}].")
        for order, lot in enumerate(position.get("lots", [])):
            yield from _more(lot, POSITION_LOT, f"reconcile.positions[{place}].lots[{order}].")


def _more(given: Row, known: set[str], place: str) -> Iterator[str]:
    for name in given:
        if name not in known:
            yield place + name
