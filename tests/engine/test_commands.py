"""``lots list`` and ``lots rebuild`` as a person runs them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.taxpayer import Taxpayer

Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in database.variables().items():
        monkeypatch.setenv(name, value)
    with database.connect() as connection:
        taxpayer = Taxpayer(connection, email="me@localhost")
        stock, other = taxpayer.instrument("ABC"), taxpayer.instrument("XYZ")
        trades = [
            (1, "buy", 1, stock, 10, 10),
            (2, "buy", 2, other, 5, 7),
            (3, "sell", 1, stock, -10, 12),
            (4, "buy", 1, stock, 3, 11),
        ]
        taxpayer.load(
            [
                {
                    "id": number,
                    "type": kind,
                    "account": account,
                    "instrument": instrument,
                    "day": f"2024-01-0{number}",
                    "quantity": quantity,
                    "price": price,
                }
                for number, kind, account, instrument, quantity, price in trades
            ]
        )

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--quiet", *arguments])

    return invoke


def listed(run: Run, *arguments: str) -> list[tuple[str, str, str]]:
    done = run("--format", "json", "lots", "list", *arguments)
    assert done.exit_code == 0, done.output
    return [(lot["account"], lot["symbol"], lot["quantity_opened"]) for lot in json.loads(done.output)]


def test_open_lots_are_listed(run: Run) -> None:
    assert listed(run) == [("1", "ABC", "3"), ("2", "XYZ", "5")]
    assert listed(run, "--closed") == [("1", "ABC", "10")]
    assert listed(run, "--all", "--symbol", "ABC") == [("1", "ABC", "10"), ("1", "ABC", "3")]
    assert listed(run, "--account", "2") == [("2", "XYZ", "5")]


def test_a_rebuild_of_what_is_right_changes_nothing(run: Run) -> None:
    done = run("--format", "json", "lots", "rebuild")
    assert json.loads(done.output) == {"groups": 2, "lots": 3, "closings": 1, "changed": 0, "differences": []}
    assert done.exit_code == 0


def test_verification_ends_with_three_where_a_row_differs(run: Run, database: Database) -> None:
    assert run("lots", "rebuild", "--verify").exit_code == 0
    with database.connect() as connection:
        connection.execute("update core.tax_lots set cost_remaining = 1 where closed_at is null")
    done = run("--format", "json", "lots", "rebuild", "--verify")
    assert done.exit_code == 3
    report = json.loads(done.output)
    assert [found["table"] for found in report["differences"]] == ["core.tax_lots", "core.tax_lots"]
    assert [found["stored"] for found in report["differences"]] == [{"cost_remaining": "1"}] * 2
    assert {found["derived"]["cost_remaining"] for found in report["differences"]} == {"33.00", "35.00"}

    assert json.loads(run("--format", "json", "lots", "rebuild").output)["changed"] == 2
    assert run("lots", "rebuild", "--verify").exit_code == 0


def add_another(database: Database) -> None:
    with database.connect() as connection:
        other = Taxpayer(connection, email="other@example.org")
        other.load(
            [
                {
                    "id": 9,
                    "type": "buy",
                    "account": 1,
                    "instrument": other.instrument("ABC"),
                    "day": "2024-01-02",
                    "quantity": 2,
                    "price": 5,
                }
            ]
        )


def test_everybody_is_rebuilt_side_by_side(run: Run, database: Database) -> None:
    add_another(database)
    done = run("--format", "json", "lots", "rebuild", "--jobs", "2")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)
    assert [(r["email"], r["lots"], r["changed"], r["error"]) for r in rows] == [
        ("me@localhost", 3, 0, None),
        ("other@example.org", 1, 0, None),
    ]
    with database.connect() as connection:
        connection.execute("update core.tax_lots set cost_remaining = 1 where closed_at is null")
    verified = run("--format", "json", "lots", "rebuild", "--everyone", "--verify")
    assert verified.exit_code == 3
    assert [len(r["differences"]) for r in json.loads(verified.output)] == [2, 1]
    assert run("lots", "rebuild", "--jobs", "2").exit_code == 0
    assert run("lots", "rebuild", "--everyone", "--verify").exit_code == 0


def test_a_comparison_is_a_table_of_methods(run: Run) -> None:
    done = run("--format", "csv", "lots", "compare", "--year", "2024", "--method", "lifo")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[1:] == [
        "2024,recorded,20.00,0.00,0.00,0.00,0.00,0.00,0.00,20.00",
        "2024,lifo,20.00,0.00,0.00,0.00,0.00,0.00,0.00,20.00",
    ]
    by_instrument = run("lots", "compare", "--by-instrument")
    assert "ABC" in by_instrument.output
    assert json.loads(run("--format", "json", "lots", "compare").output)["currency"] == "USD"


def test_a_sale_is_tried_from_the_command_line(run: Run) -> None:
    arguments = ("lots", "what-if", "ABC", "2", "--account", "1", "--price", "9", "--date", "2024-02-01")
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    assert "-4.00" in done.output
    report = json.loads(run("--format", "json", *arguments).output)
    assert (report["gain"], report["remaining"]["quantity"]) == ("-4.00", "1")
    refused = run("lots", "what-if", "ABC", "20", "--account", "1", "--price", "9", "--date", "2024-02-01")
    assert refused.exit_code == 1
    assert "only 3 units" in refused.output


def test_a_lot_and_a_closing_are_explained(run: Run) -> None:
    lot = json.loads(run("--format", "json", "lots", "list").output)[0]
    told = run("lots", "explain", str(lot["id"]))
    assert told.exit_code == 0, told.output
    assert "3 × 11 = 33.00" in told.output
    assert "typed by hand" in told.output
    closing = json.loads(run("--format", "json", "lots", "closings", "--year", "2024").output)[0]
    assert "gain: 120.00 − 100.00 = 20.00" in run("lots", "explain", "--closing", str(closing["id"])).output
    assert run("lots", "explain").exit_code == 2
    assert run("lots", "explain", "999999").exit_code == 1
