"""The same transactions again, in other statements: how they arrive must not matter (T.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from quantmatrix.testing.taxpayer import STATE

Connection = psycopg.Connection[Any]

TABLES = {
    "transactions": "core.transactions",
    "terms": "tax.transaction_terms",
    "links": "tax.transaction_links",
    "picks": "tax.lot_picks",
}
INSERT = """
with loaded as (
    insert into core.transactions
    select r.* from jsonb_populate_recordset(null::core.transactions, %(transactions)s) r
),
termed as (
    insert into tax.transaction_terms
    select r.* from jsonb_populate_recordset(null::tax.transaction_terms, %(terms)s) r
),
linked as (
    insert into tax.transaction_links
    select r.* from jsonb_populate_recordset(null::tax.transaction_links, %(links)s) r
)
insert into tax.lot_picks
select r.* from jsonb_populate_recordset(null::tax.lot_picks, %(picks)s) r
"""


class Reload:
    """All that one person's lots are derived from, kept aside to be loaded again with the same numbers."""

    def __init__(self, connection: Connection, user_id: UUID) -> None:
        self.connection = connection
        self.user_id = user_id
        self.rows = {name: self._rows(table) for name, table in TABLES.items()}
        events = {(row["trade_date"], row["sequence"]) for row in self.rows["transactions"]}
        self.events = sorted(events)
        place = {event: number for number, event in enumerate(self.events)}
        self._event = {
            row["id"]: place[row["trade_date"], row["sequence"]] for row in self.rows["transactions"]
        }

    def state(self) -> dict[str, list[Any]]:
        """All that is derived."""
        found = {}
        for name, query in STATE.items():
            rows = self.connection.execute(query.encode(), [self.user_id]).fetchall()
            found[name] = [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in rows]
        return found

    def load(self, parts: Sequence[Sequence[int]]) -> None:
        """Forget every transaction, then load those of the events of each part in a statement of their own.

        A link comes with the later of its rows, lots that are named come last: before, they may not be held.
        """
        self.connection.execute("delete from core.transactions where user_id = %s", [self.user_id])
        there: set[int] = set()
        linked: set[int] = set()
        for part in parts:
            there |= {number for number, event in self._event.items() if event in part}
            links = [
                number
                for number, link in enumerate(self.rows["links"])
                if number not in linked and {link["from_id"], link["to_id"]} <= there
            ]
            linked |= set(links)
            self._insert(
                transactions=[r for r in self.rows["transactions"] if self._event[r["id"]] in part],
                terms=[r for r in self.rows["terms"] if self._event[r["transaction_id"]] in part],
                links=[self.rows["links"][number] for number in links],
                picks=[r for r in self.rows["picks"] if self._is_there(r, there)]
                if part is parts[-1]
                else [],
            )

    def remove(self, event: int) -> None:
        """Take the transactions of one event away, in one statement."""
        gone = [number for number, of_event in self._event.items() if of_event == event]
        self.connection.execute(
            "delete from core.transactions where user_id = %s and id = any (%s)", [self.user_id, gone]
        )

    def _insert(self, **rows: list[Any]) -> None:
        self.connection.execute(INSERT.encode(), {name: Jsonb(value) for name, value in rows.items()})

    @staticmethod
    def _is_there(pick: dict[str, Any], there: set[int]) -> bool:
        return {pick["transaction_id"], pick["opening_transaction_id"]} <= there

    def _rows(self, table: str) -> list[Any]:
        query = f"select to_jsonb(r) as line from {table} r where r.user_id = %s"
        rows = self.connection.execute(query.encode(), [self.user_id]).fetchall()
        return [row["line"] if isinstance(row, dict) else row[0] for row in rows]
