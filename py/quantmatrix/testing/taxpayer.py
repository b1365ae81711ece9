"""A taxpayer whose history a test writes straight into the tables, as the load function does in the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import psycopg

from quantmatrix.ingest.symbols import terms_in

Connection = psycopg.Connection[Any]

LOAD = """
with given as (
    select r.*
    from jsonb_to_recordset(%(rows)s::jsonb) as r (
        id bigint, account bigint, instrument bigint, type core.transaction_type,
        effect core.position_effect, key text, order_id text,
        at timestamptz, day date, settles date, sequence integer, quantity numeric, price numeric,
        gross numeric, commission numeric,
        net numeric, currency text, terms jsonb, partner bigint, link tax.link_kind
    )
),
loaded as (
    insert into core.transactions (
        user_id, id, account_id, instrument_id, transaction_type, position_effect, source, dedupe_key,
        order_id, executed_at, trade_date,
        settlement_date, sequence, quantity, price, gross_amount, commission, net_amount, currency
    )
    select
        %(user)s, g.id, g.account, g.instrument, g.type, coalesce(g.effect, 'auto'), 'test',
        coalesce(g.key, g.id::text), g.order_id, g.at, g.day,
        g.settles, coalesce(g.sequence, g.id::integer), g.quantity, g.price, g.gross,
        coalesce(g.commission, 0), coalesce(g.net, 0),
        coalesce(g.currency, 'USD')
    from given g
),
termed as (
    insert into tax.transaction_terms
    select (jsonb_populate_record(null::tax.transaction_terms, g.terms || jsonb_build_object('user_id',
        %(user)s::uuid, 'transaction_id', g.id))).*
    from given g
    where g.terms is not null
)
insert into tax.transaction_links (user_id, from_id, to_id, kind)
select %(user)s, g.id, g.partner, g.link
from given g
where g.partner is not null
"""

# Everything derived, without numbers that depend on when; transactions by their own, which tests choose.
STATE = {
    "lots": """
        select l.opening_transaction_id, l.account_id, l.instrument_id, l.side, l.piece, l.acquired_at,
            l.holding_start, l.quantity_opened,
            l.quantity_remaining, l.native_cost_remaining, l.cost_remaining, l.wash_sale_adjustment,
            l.closed_at, l.basis_status,
            s.arrived_on, s.is_purchase, s.is_used, s.gift_loss_basis, s.gift_loss_holding_start,
            s.is_inherited, s.is_covered
        from core.tax_lots l
        left join tax.lot_state s on s.user_id = l.user_id and s.lot_id = l.id
        where l.user_id = %s
        order by 1, 2, 3, 4, 5
    """,
    "positions": """
        select account_id, instrument_id, quantity, average_cost, cost_basis, realized_pnl,
            unmatched_quantity, open_lots,
            unknown_basis_quantity, wash_sale_adjustment, native_cost, currency, opened_at,
            last_transaction_at
        from core.positions
        where user_id = %s
        order by 1, 2
    """,
    "closings": """
        select closing_transaction_id, ordinal, group_id, account_id, instrument_id, side, kind, quantity,
            opening_transaction_id, piece, opened_on,
            holding_start, closed_on, proceeds, basis, native_proceeds, native_basis, disallowed,
            permanently_disallowed, term, taxable,
            tax_year, box
        from tax.closings
        where user_id = %s
        order by 1, 2
    """,
    "matches": """
        select loss_transaction_id, loss_ordinal, match_order, replacement_transaction_id,
            replacement_account_id,
            replacement_instrument_id, replacement_piece, is_permanent, quantity, amount
        from tax.wash_matches
        where user_id = %s
        order by 1, 2, 3
    """,
    "notices": """
        select code, transaction_id, related_transaction_id, sentence
        from tax.notices
        where user_id = %s
        order by 1, 2, 3
    """,
}
VERSIONS = """
    select 'lots', id, xmin::text from core.tax_lots where user_id = %(user)s
    union all select 'positions', id, xmin::text from core.positions where user_id = %(user)s
    union all select 'closings', id, xmin::text from tax.closings where user_id = %(user)s
    union all select 'matches', id, xmin::text from tax.wash_matches where user_id = %(user)s
    union all select 'notices', id, xmin::text from tax.notices where user_id = %(user)s
    union all select 'states', lot_id, xmin::text from tax.lot_state where user_id = %(user)s
    order by 1, 2
"""


class Taxpayer:
    """A person with accounts 1, 2, ... (taxable, may short) and instruments named by a letter."""

    def __init__(
        self, connection: Connection, *, accounts: Sequence[dict[str, Any]] = ({}, {}), **user: Any
    ) -> None:
        self.connection = connection
        columns = {"email": f"{uuid4()}@example.org"} | user
        names = ", ".join(columns)
        marks = ", ".join(["%s"] * len(columns))
        row = connection.execute(
            f"insert into core.users ({names}) values ({marks}) returning id".encode(), list(columns.values())
        ).fetchone()
        assert row is not None
        self.id: UUID = row[0]
        for number, changed in enumerate(accounts, start=1):
            values = {
                "account_type": "taxable",
                "allow_short": True,
                "lot_method": None,
                "reports_1099": True,
            } | changed
            connection.execute(
                "insert into core.accounts (user_id, id, broker, account_number, name, account_type,"
                " allow_short, lot_method, reports_1099)"
                " values (%s, %s, 'test', %s, %s, %s, %s, %s, %s)",
                [self.id, number, str(number), str(number), *values.values()],
            )

    def instrument(self, symbol: str = "ABC", kind: str = "stock", **more: Any) -> int:
        """The catalogue's number of an instrument, made if it is new; what it is on is the person's fact."""
        columns = {"symbol": symbol, "instrument_type": kind, "currency": "USD"} | more
        underlying_id = columns.pop("underlying_id", None)
        if "strike" in columns and terms_in(symbol) is None:
            day = date.fromisoformat(str(columns["expiration"]))
            letter = str(columns["option_type"])[0].upper()
            columns["symbol"] = f"{symbol} {day:%y%m%d}{letter}{columns['strike']}"
        names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
        self.connection.execute(
            f"insert into core.instruments ({names}) values ({marks}) on conflict do nothing".encode(),
            list(columns.values()),
        )
        row = self.connection.execute(
            "select id from core.instruments where symbol = %s and instrument_type = %s and multiplier = %s",
            [columns["symbol"], kind, columns.get("multiplier", 1)],
        ).fetchone()
        assert row is not None
        if underlying_id is not None:
            self.connection.execute(
                "insert into tax.instrument_facts (user_id, instrument_id, underlying_instrument_id)"
                " values (%s, %s, %s) on conflict do nothing",
                [self.id, row[0], underlying_id],
            )
        return int(row[0])

    def load(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write transactions with terms and links in one statement."""
        text = json.dumps(list(rows), default=_as_text)
        self.connection.execute(LOAD.encode(), {"user": self.id, "rows": text})

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that is derived."""
        return {
            name: self.connection.execute(query.encode(), [self.id]).fetchall()
            for name, query in STATE.items()
        }

    def versions(self) -> list[tuple[Any, ...]]:
        """Number and version of each derived row: a row that was written again shows."""
        return self.connection.execute(VERSIONS.encode(), {"user": self.id}).fetchall()

    def rebuild(self) -> int:
        """Rebuild everything; the number of rows written."""
        return int(self.value("select tax.rebuild_all(%s)"))

    def differences(self) -> list[tuple[Any, ...]]:
        """Rows stored otherwise than derived."""
        return self.connection.execute("select * from tax.verify(%s)", [self.id]).fetchall()

    def totals(self) -> dict[str, Any]:
        """Totals over the taxable accounts."""
        found: dict[str, Any] = self.value("select tax.totals(%s)")
        return found

    def value(self, query: str) -> Any:
        """The one value of a query about this person."""
        row = self.connection.execute(query.encode(), [self.id]).fetchone()
        assert row is not None
        return row[0]


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
