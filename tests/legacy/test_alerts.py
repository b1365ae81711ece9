"""Alerts of V1: one row each with its conditions, and nothing lost without a name."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from quantmatrix.testing.v1 import SAMPLE, WITH_FILE, Migrating, OldDatabase

ALERTS = """
    select a.name, i.symbol, a.alert_type::text, a.condition, a.channels, a.status::text, a.trigger_count,
        a.last_triggered_at, a.metadata - 'sync_id'
    from core.alerts a
    join core.instruments i on i.id = a.instrument_id
    order by a.id
"""


def source(proof: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in proof["sources"] if s["source"] == name)
    return {key: found[key] for key in ("rows_in", "kept", "rejected_ids")}


def condition(operator: str, value: str) -> dict[str, str]:
    return {
        "type": "PRICE", "operator": operator, "value": value, "timeframe": "1D", "logical_operator": "AND",
    }  # fmt: skip


@pytest.fixture
def filled(old: OldDatabase) -> OldDatabase:
    """A V1 with one purchase that its holding confirms."""
    old.add("transactions")
    old.add("holdings", quantity=10.0)
    return old


def test_alerts_of_the_sample(migrating: Migrating) -> None:
    proof = migrating.migrate(SAMPLE, *WITH_FILE)
    assert migrating.rows(ALERTS) == [
        (
            "AAPL level 1", "AAPL", "price",
            {
                "conditions": [condition("GT", "100")], "repeats": False, "max_triggers": 1,
                "expires_at": None,
            },
            ["push", "webhook"], "active", 0, None,
            {
                "v1_alerts": [1], "v1_alert_conditions": [1], "v1_alert_type": "PRICE", "priority": "MEDIUM",
                "v1_created_at": "2025-06-20T02:00:00+00:00",
            },
        ),
        (
            "NVDA level 2", "NVDA", "price",
            {
                "conditions": [condition("GT", "105"), condition("LT", "105")], "repeats": False,
                "max_triggers": 1, "expires_at": None,
            },
            ["push", "webhook"], "triggered", 1, None,
            {
                "v1_alerts": [2], "v1_alert_conditions": [2, 3], "v1_alert_type": "INDICATOR",
                "priority": "MEDIUM", "v1_created_at": "2025-06-20T02:00:00+00:00",
            },
        ),
    ]  # fmt: skip
    assert proof["alerts_created"] == 2
    assert source(proof, "accounts") == {"rows_in": 4, "kept": 4, "rejected_ids": {}}
    assert source(proof, "alerts") == {"rows_in": 2, "kept": 2, "rejected_ids": {}}
    assert source(proof, "alert_conditions") == {"rows_in": 3, "kept": 3, "rejected_ids": {}}
    assert {table["table"] for table in proof["unread"]} & {"alerts", "alert_conditions"} == set()
    again = migrating.migrate(SAMPLE, *WITH_FILE)
    assert (again["status"], again["alerts_created"]) == ("known", 0)
    assert len(migrating.rows(ALERTS)) == 2


def test_what_is_not_carried_over_has_a_reason(
    migrating: Migrating, filled: OldDatabase, tmp_path: Path
) -> None:
    damaged = filled.add("alerts", is_active="perhaps")
    said = migrating.refuse(filled.write(tmp_path / "damaged.sql"))
    assert "alerts.is_active holds 'perhaps', which is no truth value" in said
    assert filled.rows["alerts"].pop()["id"] == damaged
    lost = filled.add("alerts", user_id=9)
    unknown = [filled.add("alerts", symbol=symbol) for symbol in ("UNKNOWN", " ")]
    kept = filled.add("alerts")
    with_it = filled.add("alert_conditions", alert_id=lost)
    orphan = filled.add("alert_conditions", alert_id=77)
    filled.add("alert_conditions", alert_id=kept)
    dump = filled.write(tmp_path / "v1.sql")
    proof = migrating.migrate(dump)
    alerts = {"orphan_user": [lost], "unknown_symbol": unknown}
    assert source(proof, "alerts") == {"rows_in": 4, "kept": 1, "rejected_ids": alerts}
    conditions = {"alert_not_kept": [with_it], "orphan_alert": [orphan]}
    assert source(proof, "alert_conditions") == {"rows_in": 3, "kept": 1, "rejected_ids": conditions}
    assert len(migrating.rows(ALERTS)) == 1
    # The run itself counts the purchase alone.
    assert migrating.rows("select h.rows_in, h.rows_accepted, h.rejects from core.sync_history h") == [
        (1, 1, {})
    ]
    told = json.loads(migrating.run("legacy", "inspect", "--from", str(dump), "--format", "json").stdout)
    assert source(told, "alerts") == source(proof, "alerts")
    assert {"source": "alerts", "defect": "orphan_user", "rows": 1} in told["defects"]


def test_each_word_of_v1_has_one_meaning(migrating: Migrating, filled: OldDatabase, tmp_path: Path) -> None:
    gone = "2025-01-01 00:00:00+00"
    filled.add("alerts", alert_type="Volume spike", is_active="f", symbol="brk/b")
    filled.add("alerts", alert_type="PORTFOLIO", expires_at=gone, is_active="f", name="  ")
    filled.add("alerts", is_repeating="t", max_triggers=2, current_triggers=5, last_triggered=gone)
    filled.add("alerts", max_triggers=None, current_triggers=1, symbol="ABC250620C00120000")
    filled.add("alerts", is_active=None, is_repeating=None, notify_email=None, custom_message="Sell it; now")
    filled.add("alert_conditions", alert_id=3, target_value="0.30000000000000004", group_id=2)
    filled.add("alert_conditions", alert_id=3, target_value="NaN", group_id=1, indicator_params='{"n": 14}')
    migrating.migrate(filled.write(tmp_path / "v1.sql"))
    rows = migrating.rows(ALERTS)
    assert [row[:3] + row[5:7] for row in rows] == [
        ("Watch", "BRK.B", "volume", "paused", 0),
        ("Alert 2", "ABC", "position", "expired", 0),
        ("Watch (2)", "ABC", "price", "active", 5),
        ("Watch (3)", "ABC   250620C00120000", "price", "triggered", 1),
        ("Watch (4)", "ABC", "price", "active", 0),
    ]
    parts = [(c["value"], c["group"], c.get("parameters")) for c in rows[2][3]["conditions"]]
    assert parts == [("NaN", 1, '{"n": 14}'), ("0.3", 2, None)]
    assert rows[1][3]["expires_at"] == "2025-01-01T00:00:00+00:00"
    assert rows[4][4] == []
    assert rows[4][8]["custom_message"] == "Sell it; now"
    traded = "select distinct t.instrument_id from core.transactions t"
    watched = "select distinct a.instrument_id from core.alerts a where a.name in ('Alert 2', 'Watch (4)')"
    assert migrating.rows(traded) == migrating.rows(watched)


def test_an_alert_added_since_is_brought_and_undone_alone(
    migrating: Migrating, filled: OldDatabase, tmp_path: Path
) -> None:
    filled.add("alerts")
    first = migrating.migrate(filled.write(tmp_path / "v1.sql"))
    filled.add("alerts", symbol="NEVER")
    later = migrating.migrate(filled.write(tmp_path / "later.sql"))
    assert (later["status"], later["rows"]["new"], later["alerts_created"]) == ("migrated", 0, 1)
    assert later["import_id"] != first["import_id"]
    assert [row[:2] for row in migrating.rows(ALERTS)] == [("Watch", "ABC"), ("Watch (2)", "NEVER")]
    migrating.run("import", "undo", str(later["import_id"]))
    assert [row[:2] for row in migrating.rows(ALERTS)] == [("Watch", "ABC")]
    assert migrating.rows("select sum(t.quantity) from core.transactions t") == [(Decimal(10),)]
