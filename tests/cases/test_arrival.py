"""Each case with its rows arriving in two statements, cut at every event, and one by one from the last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from quantmatrix.cases.check import enter
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.taxpayer import STATE

FILES = Path(__file__).parent / "files"
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(FILES.glob("*.json"))}
WITH_ROWS = [name for name, case in CASES.items() if case.get("transactions")]

Row = dict[str, Any]
Connection = psycopg.Connection[Row]

TABLES = ("core.transactions", "tax.transaction_terms", "tax.transaction_links", "tax.lot_picks")
# What a row waits for, beside the transaction that it belongs to.
NEEDS = {
    "core.transactions": ("id",),
    "tax.transaction_terms": ("transaction_id",),
    "tax.transaction_links": ("from_id", "to_id"),
    "tax.lot_picks": ("transaction_id", "opening_transaction_id"),
}


@pytest.fixture(scope="module")
def connection(module_database: Database) -> Iterator[Connection]:
    with module_database.connect() as made:
        made.autocommit = False
        made.row_factory = dict_row
        yield made


def imported(connection: Connection, case: Row) -> Any:
    """The case imported as a fresh person, as check-case does it; the person's id."""
    claims = json.dumps({"sub": "00000000-0000-0000-0000-000000000000", "role": "quantmatrix_admin"})
    connection.execute("set local session authorization authenticator")
    connection.execute(
        "select set_config('request.jwt.claims', %s, true), set_config('role', 'quantmatrix_admin', true)",
        [claims],
    )
    enter(connection, case, "arrival:")
    row = connection.execute("select auth.user_id() as id").fetchone()
    connection.execute("reset role")
    connection.execute("reset session authorization")
    assert row is not None
    return row["id"]


def contents(connection: Connection, user_id: Any) -> dict[str, list[Row]]:
    return {
        table: [
            row["row"]
            for row in connection.execute(
                f"select to_jsonb(t) as row from {table} t where user_id = %s".encode(), [user_id]
            )
        ]
        for table in TABLES
    }


def load(connection: Connection, rows: dict[str, list[Row]]) -> None:
    """Write rows of all four tables in one statement."""
    inserts = [
        f"part_{place} as (insert into {table} select * from"
        f" jsonb_populate_recordset(null::{table}, %({table})s::jsonb) returning 1)"
        for place, table in enumerate(TABLES)
    ]
    given = {table: json.dumps(rows[table]) for table in TABLES}
    connection.execute(f"with {', '.join(inserts)} select 1".encode(), given)


def arrive(connection: Connection, everything: dict[str, list[Row]], parts: Sequence[set[int]]) -> None:
    """Load the transactions of each part, and what hangs on them as soon as all that it needs is there.

    Lots are named when everything is there: a history with holes may not hold what a row names.
    """
    there: set[int] = set()
    everybody = set[int]().union(*parts)
    for part in parts:
        before, there = there, there | part
        load(
            connection,
            {
                table: [
                    row
                    for row in everything[table]
                    if all(row[name] in there for name in NEEDS[table])
                    and not all(row[name] in before for name in NEEDS[table])
                ]
                if table != "tax.lot_picks"
                else everything[table] * (there == everybody)
                for table in TABLES
            },
        )


def state(connection: Connection, user_id: Any) -> dict[str, list[Row]]:
    return {name: connection.execute(query.encode(), [user_id]).fetchall() for name, query in STATE.items()}


@pytest.mark.parametrize("name", WITH_ROWS)
def test_arrival_does_not_matter(connection: Connection, name: str) -> None:
    try:
        user_id = imported(connection, CASES[name])
        expected = state(connection, user_id)
        defects = connection.execute(
            "select * from ingest.internal_checks(%s, null, '2100-01-01') where cause = 'defect'", [user_id]
        ).fetchall()
        assert defects == []
        everything = contents(connection, user_id)
        places = sorted({row["sequence"] for row in everything["core.transactions"]})
        events = [
            {row["id"] for row in everything["core.transactions"] if row["sequence"] == place}
            for place in places
        ]
        orders = [
            [set[int]().union(*events[:cut]), set[int]().union(*events[cut:])]
            for cut in range(1, len(events))
        ]
        for parts in [*orders, events[::-1]]:
            with connection.transaction(force_rollback=True):
                connection.execute("delete from core.transactions where user_id = %s", [user_id])
                assert not any(state(connection, user_id).values())
                arrive(connection, everything, parts)
                assert state(connection, user_id) == expected
                differing = connection.execute("select * from tax.verify(%s)", [user_id]).fetchall()
                assert differing == []
    finally:
        connection.rollback()
