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
