"""What belongs to a person, from the catalogue: tables that people fill, and tables that are derived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

# Written together, so that the engine sees a transaction with all that belongs to it.
TOGETHER = (
    "core.transactions",
    "tax.transaction_terms",
    "tax.transaction_links",
    "tax.lot_picks",
)
USERS = "core.users"

_QUERY = """
    select t.table_name::text as name,
        t.kind = 'input' as is_given,
        array(
            select a.attname::text from pg_catalog.pg_attribute a
            where a.attrelid = t.table_name and a.attnum > 0 and not a.attisdropped order by a.attnum
        ) as columns,
        array(
            select distinct f.confrelid::regclass::text from pg_catalog.pg_constraint f
            where f.conrelid = t.table_name and f.contype = 'f' and f.confrelid <> t.table_name
        ) as refers_to
    from auth.tenancies() t
    where t.kind in ('input', 'derived', 'logged')
    order by 1
"""


@dataclass(frozen=True)
class Table:
    """A table of persons' rows, as it says itself: ``is_given`` by people, else derived or logged."""

    name: str
    is_given: bool
    columns: tuple[str, ...]
    refers_to: tuple[str, ...]

    @property
    def tenant_column(self) -> str:
        """The column that says whose row it is."""
        return "id" if self.name == USERS else "user_id"

    @property
    def instrument_columns(self) -> tuple[str, ...]:
        """Columns that name rows of the shared catalogue, which have other numbers elsewhere."""
        return tuple(name for name in self.columns if name.endswith("instrument_id"))


def all_tables(connection: psycopg.Connection[Any]) -> list[Table]:
    """Every table of persons' rows, by name."""
    with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        found = cursor.execute(_QUERY.encode()).fetchall()
    return [Table(name, given, tuple(columns), tuple(refers)) for name, given, columns, refers in found]


def filling_order(tables: Sequence[Table]) -> list[Table]:
    """The given tables, each after those it refers to; a ``ValueError`` if there is no such order."""
    waiting = {table.name: table for table in tables if table.is_given}
    ordered: list[Table] = []
    while waiting:
        ready = [
            table for table in waiting.values() if not waiting.keys() & (set(table.refers_to) - {table.name})
        ]
        if not ready:
            raise ValueError(f"these tables refer to each other: {', '.join(waiting)}")
        ordered += ready
        for table in ready:
            del waiting[table.name]
    return ordered
