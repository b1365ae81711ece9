"""What the database derived from a case, grouped, sorted and printed as cases do (K.2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg

from quantmatrix.cases.names import bare

Row = dict[str, Any]
Connection = psycopg.Connection[Row]

OPEN_LOTS = """
    select
        a.account_number as account, i.symbol, l.side,
        (l.acquired_at at time zone 'America/New_York')::date as acquired, l.holding_start as holding_from,
        sum(l.quantity_remaining) as quantity, sum(l.cost_remaining) as basis,
            sum(l.wash_sale_adjustment) as wash_adjustment
    from core.tax_lots l
    join core.accounts a on a.user_id = l.user_id and a.id = l.account_id
    join core.instruments i on i.id = l.instrument_id
    where l.closed_at is null
    group by 1, 2, 3, 4, 5, l.cost_remaining is null
"""
CLOSINGS = """
    select
        a.account_number as account, i.symbol, c.side, c.kind, c.opened_on as opened,
            c.holding_start as holding_from,
        c.closed_on as closed, c.term, c.taxable, c.tax_year, c.box,
        sum(c.quantity) as quantity, sum(c.proceeds) as proceeds, sum(c.basis) as basis,
            sum(c.proceeds - c.basis) as gain,
        sum(c.disallowed) as disallowed, sum(c.permanently_disallowed) as permanently_disallowed,
        sum(c.proceeds - c.basis + c.disallowed + c.permanently_disallowed) as recognized
    from tax.closings c
    join core.accounts a on a.user_id = c.user_id and a.id = c.account_id
    join core.instruments i on i.id = c.instrument_id
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, c.basis is null
"""
MATCHES = """
    select
        loss.external_id as loss_txn, replacement.external_id as replacement_txn,
            a.account_number as replacement_account,
        i.symbol as replacement_symbol, m.is_permanent as permanent, sum(m.quantity) as quantity,
            sum(m.amount) as amount
    from tax.wash_matches m
    join core.transactions loss on loss.user_id = m.user_id and loss.id = m.loss_transaction_id
    join core.transactions replacement on replacement.user_id = m.user_id
        and replacement.id = m.replacement_transaction_id
    join core.accounts a on a.user_id = m.user_id and a.id = m.replacement_account_id
    join core.instruments i on i.id = m.replacement_instrument_id
    group by 1, 2, 3, 4, 5
"""
QUANTITIES = {"quantity", "book_quantity", "broker_quantity", "quantity_difference"}
LOT_KEY = ("account", "symbol", "side", "acquired", "holding_from", "basis")
CLOSING_KEY = (
    "closed",
    "account",
    "symbol",
    "side",
    "kind",
    "opened",
    "holding_from",
    "term",
    "box",
    "basis",
)
MATCH_KEY = ("loss_txn", "replacement_txn", "replacement_account", "replacement_symbol", "permanent")
NO_YEAR = dict.fromkeys(
    (
        "short_term",
        "long_term",
        "section_1256",
        "unknown_term",
        "disallowed",
        "permanently_disallowed",
        "unknown_basis_proceeds",
    ),
    "0.00",
)


def open_lots(connection: Connection, namespace: str) -> list[Row]:
    """Open lots, pieces with the same dates summed."""
    return _rows(connection, OPEN_LOTS, namespace, LOT_KEY)


def closings(connection: Connection, namespace: str) -> list[Row]:
    """Closings, those of the same dates, kind and term summed."""
    return _rows(connection, CLOSINGS, namespace, CLOSING_KEY)


def wash_matches(connection: Connection, namespace: str) -> list[Row]:
    """Matches, those of the same two transactions summed."""
    return _rows(connection, MATCHES, namespace, MATCH_KEY)


def totals(connection: Connection) -> Row:
    """Totals over the taxable accounts (K.3); money with two decimals."""
    row = connection.execute("select api.totals() as totals").fetchone()
    assert row is not None
    found: Row = row["totals"]
    by_year = {
        year: {name: printed(name, Decimal(value)) for name, value in sums.items()}
        for year, sums in found.pop("by_year").items()
    }
    return {"by_year": by_year} | {name: printed(name, Decimal(value)) for name, value in found.items()}


def holding_checks(connection: Connection, days: Sequence[str]) -> list[Row]:
    """First long-term day for each acquisition date."""
    rows = []
    for acquired in days:
        row = connection.execute("select tax.first_long_date(%s) as day", [acquired]).fetchone()
        assert row is not None
        rows.append({"acquired": acquired, "first_long_date": row["day"].isoformat()})
    return rows


def section_104(connection: Connection, namespace: str) -> Row:
    """Closings and pools of section 104; money with two decimals."""
    row = connection.execute("select api.section_104() as pools").fetchone()
    assert row is not None
    found: Row = row["pools"]
    money = {"proceeds", "basis", "gain", "cost"}

    def in_cents(part: Row) -> Row:
        return {n: printed(n, Decimal(v)) if n in money and v is not None else v for n, v in part.items()}

    closings = [in_cents(d) | {"symbol": bare(namespace, d["symbol"])} for d in found["closings"]]
    pools = {bare(namespace, symbol): in_cents(pool) for symbol, pool in found["pools"].items()}
    return {
        "closings": closings,
        "pools": pools,
        "total_gain": printed("gain", Decimal(found["total_gain"])),
    }


def _rows(connection: Connection, query: str, namespace: str, key: Sequence[str]) -> list[Row]:
    found = []
    for row in connection.execute(query.encode()):
        plain = {name: printed(name, value) for name, value in row.items()}
        for name in ("symbol", "replacement_symbol"):
            if name in plain:
                plain[name] = bare(namespace, plain[name])
        found.append(plain)
    return in_order(found, key)


def in_order(rows: list[Row], key: Sequence[str]) -> list[Row]:
    """Rows by their key, unknown first; ours and the expected ones are put into the same order."""
    return sorted(rows, key=lambda row: [(row.get(n) is not None, str(row.get(n, ""))) for n in key])


def printed(name: str, value: Any) -> Any:
    """A value as cases print it: quantities without trailing zeros, money with two decimals."""
    if isinstance(value, Decimal):
        if name in QUANTITIES:
            text = format(value, "f")
            return text.rstrip("0").rstrip(".") if "." in text else text
        return format(value.quantize(Decimal("0.01")), "f")
    if isinstance(value, date):
        return value.isoformat()
    return value
