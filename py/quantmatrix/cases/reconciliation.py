"""The reconciliation block of a case: our book and the broker's figure side by side, with the cause."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import psycopg

from quantmatrix.cases.names import bare
from quantmatrix.cases.results import printed

Row = dict[str, Any]
Book = dict[tuple[str, str], Row]

POSITIONS = """
    select a.account_number as account, i.symbol, p.quantity, p.native_cost
    from core.positions p
    join core.accounts a on a.user_id = p.user_id and a.id = p.account_id
    join core.instruments i on i.id = p.instrument_id
"""


def book(connection: psycopg.Connection[Row], namespace: str) -> Book:
    """Our positions by account and symbol."""
    return {(r["account"], bare(namespace, r["symbol"])): r for r in connection.execute(POSITIONS)}


def reconciliation(
    connection: psycopg.Connection[Row], case: Row, namespace: str, positions: Book
) -> list[Row]:
    """One row for each position that the broker stated, by account and symbol.

    ``positions`` are ours at the day of the broker's figures.
    """
    stated = case["reconcile"]
    row = connection.execute("select api.reconcile(null, %s) as report", [stated["as_of"]]).fetchone()
    assert row is not None
    report = row["report"] if isinstance(row["report"], dict) else json.loads(row["report"])
    causes: dict[tuple[str, str], str] = {}
    for finding in [*report["differences"], *report["explained"]]:
        if finding["kind"] in {"position", "lot"}:
            place = finding["account"], bare(namespace, str(finding["symbol"]))
            causes.setdefault(place, finding["cause"])
    rows = []
    for position in sorted(stated["positions"], key=lambda p: (p["account"], p["symbol"])):
        place = position["account"], position["symbol"]
        ours = positions.get(place, {"quantity": Decimal(0), "native_cost": Decimal(0)})
        quantity = Decimal(position["quantity"])
        basis = position.get("basis")
        unknown = basis is None or ours["native_cost"] is None
        rows.append(
            {
                "account": place[0],
                "symbol": place[1],
                "book_quantity": printed("quantity", ours["quantity"]),
                "broker_quantity": printed("quantity", quantity),
                "quantity_difference": printed("quantity", ours["quantity"] - quantity),
                "basis_difference": None
                if unknown
                else printed("basis", ours["native_cost"] - Decimal(basis)),
                "cause": causes.get(place, "match"),
            }
        )
    return rows
