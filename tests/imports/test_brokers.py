"""Every broker's file through the whole way: parsed, loaded, known when it comes again, the same in parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from quantmatrix.cli import cli
from quantmatrix.testing.cluster import Database

FIXTURES = Path(__file__).parents[1] / "ingest" / "fixtures"
FILES = (
    "ibkr_flex/year.xml", "ibkr_flex/sections.csv", "brokers/schwab.csv", "brokers/statement.qfx",
    "brokers/ibkr_history.csv", "brokers/fidelity.csv", "brokers/robinhood.csv", "brokers/coinbase.csv",
    "brokers/kraken.csv", "brokers/binance.csv", "brokers/vanguard.csv", "brokers/etrade.csv",
    "brokers/etrade_v2.csv",
)  # fmt: skip
NAMING = ("ibkr_flex/", "brokers/statement.qfx", "brokers/ibkr_history.csv", "brokers/vanguard.csv")


def imported(database: Database, path: Path, *more: str) -> dict[str, Any]:
    done = CliRunner(env=database.variables()).invoke(cli, ["import", str(path), *more, "--format", "json"])
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def account(name: str) -> list[str]:
    return [] if name.startswith(NAMING) else ["--account", name.replace("/", "-")]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_whole_and_known_when_it_comes_again(database: Database, name: str) -> None:
    first = imported(database, FIXTURES / name, *account(name))
    assert first["status"] == "imported"
    assert first["rows"]["refused"] == 0
    assert first["rows"]["read"] == first["rows"]["new"] > 0
    with database.connect() as connection:
        before = connection.execute("select count(*), sum(net_amount) from core.transactions").fetchone()
    again = imported(database, FIXTURES / name, *account(name))
    assert (again["rows"]["new"], again["rows"]["changed"]) == (0, 0)
    assert again["rows"]["known"] == first["rows"]["read"]
    with database.connect() as connection:
        after = connection.execute("select count(*), sum(net_amount) from core.transactions").fetchone()
    assert after == before


@pytest.mark.parametrize(
    ("name", "head", "foot", "starts", "ends"),
    [
        ("brokers/schwab.csv", 2, 1, 9, 20),
        ("brokers/coinbase.csv", 4, 0, 3, 6),
        ("brokers/kraken.csv", 1, 0, 4, 11),
        ("brokers/fidelity.csv", 5, 5, 7, 16),
    ],
)
def test_overlapping_windows_of_whole_days_give_what_the_whole_gives(
    database: Database, tmp_path: Path, name: str, head: int, foot: int, starts: int, ends: int
) -> None:
    lines = (FIXTURES / name).read_text().splitlines(keepends=True)
    rows = lines[head : len(lines) - foot]
    reports = []
    for number, window in enumerate((rows[:ends], rows[starts:])):
        part = tmp_path / f"{number}.csv"
        part.write_text("".join((*lines[:head], *window)))
        reports.append(imported(database, part, "--account", "windows"))
    whole = imported(database, FIXTURES / name, "--account", "whole")
    assert reports[1]["rows"]["known"] > 0
    assert whole["rows"]["refused"] == 0
    with database.connect() as connection:
        rows_of = connection.execute(
            "select a.account_number, count(*), sum(t.net_amount), sum(t.quantity) from core.transactions t "
            "join core.accounts a on a.user_id = t.user_id and a.id = t.account_id group by 1 order by 1"
        ).fetchall()
    assert [row[0] for row in rows_of] == ["whole", "windows"]
    assert rows_of[0][1:] == rows_of[1][1:]


def test_flex_as_csv_is_known_after_the_xml(database: Database) -> None:
    imported(database, FIXTURES / "ibkr_flex" / "year.xml")
    table = imported(database, FIXTURES / "ibkr_flex" / "sections.csv")
    assert (table["rows"]["read"], table["rows"]["new"], table["rows"]["refused"]) == (3, 0, 0)


def test_the_report_of_a_flex_query_has_its_positions_and_cash(database: Database) -> None:
    report = imported(database, FIXTURES / "ibkr_flex" / "year.xml")
    positions = {row["symbol"]: row["quantity"] for row in report["positions"]}
    assert positions == {"KO": "200", "PEP": "10", "GCM": "100", "NEWCO": "20", "VTI": "15"}
    cash = {row["currency"]: row["amount"] for row in report["cash"]}
    assert cash["EUR"] == "1000"
