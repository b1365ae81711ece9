"""Each case again: gains equal cash (F.11), in two statements, last first, and each event taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.rows import dict_row

from quantmatrix.cases.check import enter
from quantmatrix.cases.given import names_lots
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.reload import Connection, Reload

CASES = {path.stem: path for path in sorted((Path(__file__).parent / "files").glob("*.json"))}


@pytest.fixture(scope="module")
def session(module_database: Database) -> Iterator[Connection]:
    with module_database.connect() as connection:
        connection.autocommit = False
        connection.row_factory = dict_row
        yield connection


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_arrival_changes_nothing(session: Connection, name: str) -> None:
    case = json.loads(CASES[name].read_text())
    try:
        session.execute("set session authorization authenticator")
        session.execute(
            "select set_config('role', 'quantmatrix_admin', true),"
            " set_config('request.jwt.claims', %s, true)",
            ['{"sub": "00000000-0000-0000-0000-000000000000", "role": "quantmatrix_admin"}'],
        )
        user_id = enter(session, case, "arrival:")
        session.execute("reset session authorization")
        groups = session.execute("select * from tax.conservation(%s)", [user_id]).fetchall()
        assert [group for group in groups if group["gains"] != group["cash"]] == []
        reload = Reload(session, user_id)
        expected = reload.state()
        events = range(len(reload.events))
        for cut in events:
            reload.load([events[:cut], events[cut:]])
            assert reload.state() == expected, f"cut before event {cut}"
        reload.load([[event] for event in reversed(events)])
        assert reload.state() == expected, "last first"
        # Three of them stand for the others: each is loaded twice.
        for event in events[:: max(1, len(events) // 3)] if not names_lots(case) else []:
            rest = [other for other in events if other != event]
            reload.load([rest])
            without = reload.state()
            reload.load([events])
            reload.remove(event)
            assert reload.state() == without, f"event {event} taken away"
    finally:
        session.rollback()
