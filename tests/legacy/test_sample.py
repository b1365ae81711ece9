"""The sample: every figure that its makers expect, and every transaction."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from quantmatrix.backup.manifest import TableCount
from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.v1 import FOLDER, OWNER, SAMPLE, WITH_FILE, Migrating

Proof = dict[str, Any]

EXPECTED = json.loads((FOLDER / "expected.json").read_text())
V2 = EXPECTED["v2"]
CENT = Decimal("0.01")

# Lots and closings as V1's makers count them: without wash sales.
UNWASHED = """
    from core.users u
    join (select distinct g.user_id, g.group_id from tax.instrument_groups g) g on g.user_id = u.id
    cross join lateral tax.run(u.id, g.group_id, '{"wash_scope": "none"}') r
"""
CLOSINGS = f"""
    select a.account_number, i.symbol, (r.closing).tax_year, (r.closing).quantity,
        (r.closing).proceeds - (r.closing).basis, (r.closing).term::text
    {UNWASHED}
    join core.accounts a on a.user_id = u.id and a.id = (r.closing).account_id
    join core.instruments i on i.id = (r.closing).instrument_id
    where r.kind = 'closing'
"""


@pytest.fixture(scope="module")
def sample(cluster: Cluster) -> Iterator[tuple[Migrating, Proof]]:
    """The sample carried over once, with the owner's file."""
    with cluster.database() as database:
        migrating = Migrating(database)
        yield migrating, migrating.migrate(SAMPLE, *WITH_FILE)


def untouched(migrating: Migrating) -> list[TableCount]:
    """All tables but the one whose row is the lock of the taxpayer."""
    return [table for table in migrating.content() if table.table != "tax.rebuild_state"]


def source(proof: Proof, name: str) -> Proof:
    return next(found for found in proof["sources"] if found["source"] == name)


def test_v1_is_described_as_it_is(database: Database) -> None:
    told = Migrating(database).run("legacy", "inspect", "--from", str(SAMPLE), "--format", "json")
    found = json.loads(told.stdout)
    for name in ("tables", "columns", "foreign_keys"):
        assert found[name] == EXPECTED["v1"][name]
    assert {table["table"]: table["rows"] for table in found["by_table"]} == EXPECTED["v1"]["row_counts"]
    leftovers = {table["table"] for table in found["by_table"] if table["use"] == "leftover"}
    assert leftovers == {"portfolios", "positions"}
    assert [t["leftover_columns"] for t in found["by_table"] if t["table"] == "trades"] == [["position_id"]]
    wanted = EXPECTED["v1"]["discrepancy"]
    assert {name: found["discrepancy"][name] for name in wanted if name != "rule"} == {
        name: wanted[name] for name in wanted if name != "rule"
    }


def test_inspecting_keeps_nothing(database: Database) -> None:
    migrating = Migrating(database)
    before = migrating.content()
    migrating.run("legacy", "inspect", "--from", str(SAMPLE))
    assert migrating.content() == before


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("transactions", "from_v1_transactions"),
        ("dividends", "from_v1_dividends"),
        ("file user_history_U80000001.csv", "from_user_csv"),
    ],
)
def test_rows_in_are_kept_or_rejected_for_a_reason(
    sample: tuple[Migrating, Proof], name: str, key: str
) -> None:
    found, wanted = source(sample[1], name), V2["transactions"][key]
    assert {part: found[part] for part in wanted} == wanted


def test_rejected_rows_can_be_looked_up(sample: tuple[Migrating, Proof]) -> None:
    migrating, proof = sample
    evidence = EXPECTED["evidence"]
    rejected = source(proof, "transactions")["rejected_ids"]
    for reason, ids in evidence["rejected_v1_transaction_ids"].items():
        assert rejected[reason] == ids
    holdings = source(proof, "holdings")
    assert holdings["rejected_ids"] == {k: v for k, v in evidence["holdings_not_migrated_ids"].items() if v}
    assert holdings["rejected"] == {k: v for k, v in V2["holdings_not_migrated"].items() if v}
    dividends = source(proof, "dividends")["rejected_ids"]
    assert dividends["dividend_estimated"] == evidence["rejected_v1_dividend_ids"]["estimated"]
    assert dividends["orphan_account"] == evidence["rejected_v1_dividend_ids"]["orphan_account"]
    lines = migrating.rows(
        "select (l.raw::jsonb ->> 'id')::int, l.reason from ingest.lines l "
        "where l.section = 'transactions' and l.verdict = 'refused'"
    )
    assert sorted(number for number, _ in lines) == sorted(n for ids in rejected.values() for n in ids)


def test_one_event_leaves_one_transaction_that_names_all_its_rows(sample: tuple[Migrating, Proof]) -> None:
    rows = sample[0].rows(
        "select t.metadata -> 'v1_transactions' from core.transactions t where t.metadata ? 'v1_transactions'"
    )
    families = [ids for (ids,) in rows]
    assert len(families) == V2["transactions"]["from_v1_transactions"]["kept"]
    for event in EXPECTED["evidence"]["same_event_v1_transaction_ids"]:
        assert [ids for ids in families if set(ids) & set(event)] == [sorted(event)]
    attested = sample[0].rows(
        "select count(*) from ingest.lines l where l.transaction_id is not null "
        "and l.reason in ('duplicate_broker_id', 'duplicate_cross_source', 'duplicate_dividend')"
    )
    assert attested == [(11 + 3 + 1,)]


def test_every_expected_transaction_is_there_and_no_other(sample: tuple[Migrating, Proof]) -> None:
    found = []
    for account, symbol, kind, executed, day, quantity, price, net, commission, shares, multiplier in sample[
        0
    ].rows(
        """
        select a.account_number, coalesce(i.symbol, ''), t.transaction_type::text, t.executed_at,
            t.trade_date, abs(t.quantity), t.price, t.net_amount, abs(t.commission),
            t.metadata ->> 'shares', i.multiplier
        from core.transactions t
        join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
        left join core.instruments i on i.id = t.instrument_id
        """
    ):
        cash = kind in ("deposit", "withdrawal")
        found.append(
            (
                account,
                symbol,
                kind,
                executed.isoformat() if executed else day.isoformat(),
                None if cash else Decimal(shares) if kind == "dividend" else quantity,
                abs(net) if cash else price,
                commission,
                Decimal(1) if cash else multiplier,
            )
        )
    wanted = []
    with (FOLDER / "expected_transactions.csv").open() as file:
        for row in csv.DictReader(file):
            instant = row["executed_at"].replace("Z", "+00:00")
            wanted.append(
                (
                    row["account"],
                    row["symbol"],
                    row["type"],
                    instant[:10] if row["origin"] == "user_csv" else instant,
                    Decimal(row["quantity"]) if row["quantity"] else None,
                    Decimal(row["price"]),
                    Decimal(row["commission"]),
                    Decimal(row["multiplier"]),
                )
            )
    key = [str(row) for row in sorted(found, key=str)]
    assert len(key) == V2["transactions"]["total_kept"]
    assert sorted(found, key=lambda row: row[:4]) != []
    assert sorted(map(_plain, found)) == sorted(map(_plain, wanted))


def _plain(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(format(cell.normalize(), "f") if isinstance(cell, Decimal) else str(cell) for cell in row)


def test_people_accounts_and_instruments(sample: tuple[Migrating, Proof]) -> None:
    migrating, proof = sample
    assert migrating.rows("select u.email, u.role::text from core.users u") == [(OWNER, "user")]
    accounts = [(a["broker"], a["account"], a["v1_ids"]) for a in proof["accounts"]]
    assert accounts == [(a["broker"], a["account_number"], a["v1_ids"]) for a in V2["accounts"]]
    kinds = dict(
        migrating.rows(
            "select a.account_number, a.account_type::text from core.accounts a where a.status = 'active'"
        )
    )
    assert kinds == {"U80000001": "taxable", "U80000002": "ira", "5WT80001": "taxable"}
    symbols = migrating.rows(
        "select i.instrument_type::text, array_agg(i.symbol order by i.symbol) from core.instruments i "
        "where exists (select from core.transactions t where t.instrument_id = i.id) group by 1"
    )
    assert dict(symbols) == {"stock": V2["instruments"]["stocks"], "option": V2["instruments"]["options"]}
    kinds_of_rows = dict(
        migrating.rows("select t.transaction_type::text, count(*)::int from core.transactions t group by 1")
    )
    assert kinds_of_rows == V2["transactions"]["by_type"]


def test_positions_lots_and_costs(sample: tuple[Migrating, Proof]) -> None:
    migrating, proof = sample
    lots = migrating.rows(
        f"""
        select a.account_number, i.symbol, sum((r.lot).quantity_remaining), count(*),
            sum((r.lot).native_cost_remaining * case (r.lot).side when 'short' then -1 else 1 end)
        {UNWASHED}
        join core.accounts a on a.user_id = u.id and a.id = (r.lot).account_id
        join core.instruments i on i.id = (r.lot).instrument_id
        where r.kind = 'lot' and (r.lot).quantity_remaining > 0
        group by 1, 2
        """
    )
    by_key = {(account, symbol): rest for account, symbol, *rest in lots}
    assert len(by_key) == V2["positions_count"]
    assert sum(number for _, number, _ in by_key.values()) == V2["open_lots_count"]
    shown = {(row["account"], row["symbol"]): row for row in proof["holdings"]}
    for wanted in V2["positions"]:
        key = (wanted["account"], wanted["symbol"])
        quantity, number, cost = by_key[key]
        assert quantity == Decimal(wanted["open_lot_quantity"])
        assert number == wanted["open_lots"]
        assert abs(abs(cost) - abs(Decimal(wanted["cost_basis_with_costs"]))) <= CENT * number
        assert shown[key]["position"] == wanted["quantity"]
        assert shown[key]["cause"] == "match"


def test_realised_gains(sample: tuple[Migrating, Proof]) -> None:
    closings = sample[0].rows(CLOSINGS)
    wanted = V2["realised"]

    def check(rows: list[tuple[Any, ...]], figures: dict[str, Any]) -> None:
        assert len(rows) == figures["closings"]
        for field, chosen in (
            ("net", rows),
            ("net_short_term", [row for row in rows if row[5] == "short"]),
            ("net_long_term", [row for row in rows if row[5] == "long"]),
        ):
            assert abs(sum((row[4] for row in chosen), Decimal(0)) - Decimal(figures[field])) <= CENT * len(
                rows
            )

    check(closings, wanted["total"])
    for account, figures in wanted["per_account"].items():
        check([row for row in closings if row[0] == account], figures)
    for year, figures in wanted["per_tax_year"].items():
        check([row for row in closings if row[2] == int(year)], figures)
    for figures in wanted["per_symbol"]:
        rows = [row for row in closings if row[:2] == (figures["account"], figures["symbol"])]
        check(rows, figures)
        assert sum(row[3] for row in rows) == Decimal(figures["quantity_closed"])


def test_dividends_and_cash(sample: tuple[Migrating, Proof]) -> None:
    migrating, proof = sample
    dividends = migrating.rows(
        "select count(*)::int, sum(t.gross_amount), sum(t.net_amount) from core.transactions t "
        "where t.transaction_type = 'dividend'"
    )
    wanted = V2["dividends"]
    assert dividends == [(wanted["count"], Decimal(wanted["gross"]), Decimal(wanted["net"]))]
    moved = migrating.rows(
        "select count(*)::int, sum(t.net_amount) from core.transactions t "
        "where t.transaction_type in ('deposit', 'withdrawal')"
    )
    assert moved == [(V2["cash_movements"]["count"], Decimal(V2["cash_movements"]["net"]))]
    for pair in EXPECTED["evidence"]["dividend_pairs"]:
        found = migrating.rows(
            "select t.net_amount, coalesce(t.metadata -> 'v1_transactions', '[]'), "
            "coalesce(t.metadata -> 'v1_dividends', '[]') "
            "from core.transactions t join core.instruments i on i.id = t.instrument_id "
            "where t.transaction_type = 'dividend' and i.symbol = %s and t.trade_date = %s",
            pair["symbol"],
            pair["pay_date"],
        )
        assert found == [(Decimal(pair["net"]), pair["v1_transaction_ids"], pair["v1_dividend_ids"])]
    for total in [*proof["cash"], *proof["quantities"]]:
        assert total["before"] == total["after"]


def test_discrepancies_before_and_after(sample: tuple[Migrating, Proof]) -> None:
    migrating, proof = sample
    before, after = proof["discrepancies"]["before"], proof["discrepancies"]["after"]
    assert (before["holdings"], before["shares"]) == (9, "2500")
    assert (after["holdings"], after["shares"], after["lots"]) == (V2["discrepancies_after"], "0", 0)
    assert [criterion["verdict"] for criterion in proof["criteria"]] == ["go"] * 8 + ["ask"]
    assert proof["discarded"]["tax_lots"] == V2["tax_lots_discarded"]
    told = json.loads(migrating.run("reconcile", "--format", "json").stdout)
    assert (told["checked"]["positions"], told["differences"], told["explained"]) == (12, [], [])
    assert migrating.run("lots", "rebuild", "--verify", "--format", "json").exit_code == 0


def test_the_run_and_its_proof_are_kept(sample: tuple[Migrating, Proof]) -> None:
    migrating, proof = sample
    run = migrating.rows(
        "select h.kind::text, h.status::text, h.rows_in, h.rows_accepted, f.report - 'criteria' "
        "from core.sync_history h join ingest.files f on f.sync_id = h.id"
    )
    stored = {
        name: proof[name] for name in proof if name not in ("criteria", "dry_run", "user_created", "backup")
    }
    stored["v1_written_at"] = run[0][4]["v1_written_at"]
    assert run == [("migration", "finished", 88, 53, stored)]
    assert migrating.rows("select count(*)::int from core.transactions t where t.sync_id is null") == [(0,)]
    assert migrating.rows(
        "select count(*)::int from core.transactions t "
        "where not t.metadata ?| array['v1_transactions', 'v1_dividends', 'v1_file']"
    ) == [(0,)]


def test_no_secret_of_v1_arrives(sample: tuple[Migrating, Proof]) -> None:
    migrating, proof = sample
    for secret in (*EXPECTED["text_that_must_not_reach_v2"], "!not-a-hash!"):
        assert secret in SAMPLE.read_text()
        assert secret not in json.dumps(proof)
        for (table,) in migrating.rows(
            "select n.nspname || '.' || c.relname from pg_class c "
            "join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' "
            "and n.nspname in ('core', 'tax', 'ingest', 'auth', 'audit', 'work')"
        ):
            assert (
                migrating.rows(f"select t::text from {table} t where strpos(t::text, '{secret}') > 0") == []
            )


def test_a_second_run_finds_nothing_new(database: Database) -> None:
    migrating = Migrating(database)
    migrating.migrate(SAMPLE, *WITH_FILE)
    before = untouched(migrating)
    again = migrating.migrate(SAMPLE, *WITH_FILE)
    assert (again["status"], again["rows"]) == ("known", {"new": 0, "known": 53, "changed": 0})
    without = migrating.migrate(SAMPLE)
    assert without["rows"] == {"new": 0, "known": 50, "changed": 0}
    assert untouched(migrating) == before


def test_a_later_run_brings_what_was_missing(database: Database) -> None:
    migrating = Migrating(database)
    short = migrating.migrate(SAMPLE, status=3)
    assert {(row["symbol"], row["cause"]) for row in short["holdings"] if row["cause"] != "match"} == {
        ("NVDA", "missing_history"),
        ("TQQQ", "missing_history"),
    }
    whole = migrating.migrate(SAMPLE, *WITH_FILE)
    assert whole["rows"] == {"new": 3, "known": 50, "changed": 0}
    assert whole["discrepancies"]["after"]["holdings"] == 0


def test_a_trial_run_says_go_or_no_go_and_leaves_nothing(database: Database) -> None:
    migrating = Migrating(database)
    before = migrating.content()
    stopped = migrating.migrate(SAMPLE, "--dry-run", status=3)
    assert [c["criterion"] for c in stopped["criteria"] if c["verdict"] == "no-go"] == [
        "history of IBKR is complete",
        "no discrepancy is left",
    ]
    assert migrating.migrate(SAMPLE, "--dry-run", *WITH_FILE)["dry_run"] is True
    assert migrating.content() == before


def test_a_run_can_be_taken_back(database: Database) -> None:
    migrating = Migrating(database)
    number = migrating.migrate(SAMPLE, *WITH_FILE)["import_id"]
    undone = json.loads(migrating.run("import", "undo", str(number), "--format", "json").stdout)
    assert undone["transactions"]["removed"] == 53
    assert migrating.migrate(SAMPLE, *WITH_FILE)["rows"]["new"] == 53


def test_the_page_for_people_names_every_part(database: Database) -> None:
    migrating = Migrating(database)
    page = migrating.run("legacy", "migrate", "--from", str(SAMPLE), "--no-backup", *WITH_FILE).stdout
    for words in (
        "9 holdings, 2500 shares",
        "after: 0 holdings",
        "duplicate_broker_id",
        "go     history of IBKR",
    ):
        assert words in page
    inspected = migrating.run("legacy", "inspect", "--from", str(SAMPLE)).stdout
    assert "37 tables, 653 columns, 38 foreign keys" in inspected
