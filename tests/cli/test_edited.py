"""A file that was mended and is imported again is known again: nothing counts twice without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.testing.cluster import Database

HEADER = "Date,Symbol,Quantity,Price,Commission,Type\n"
BUY = "2024-05-01,ZZZ,10,5.00,1.00,buy\n"
OTHER = "2024-05-02,YYY,3,7.00,0,buy\n"
SALE = "2024-06-03,ZZZ,4,6.00,1.00,sell\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + BUY + OTHER + SALE)
    return path


def run(database: Database, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, obj=Settings(_environment=database.environment))


def imported(database: Database, path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    done = run(database, "import", "--account", "M", *options, "--format", "json", str(path))
    return done.exit_code, json.loads(done.stdout)


def trades(database: Database) -> list[tuple[str, str, str]]:
    rows = json.loads(run(database, "transactions", "list", "--format", "json").stdout)
    return sorted((row["trade_date"], row["symbol"], row["price"]) for row in rows)


def test_a_changed_price_is_refused_and_replaces_by_name(database: Database, file: Path) -> None:
    first = imported(database, file)[1]["import_id"]
    before = trades(database)
    file.write_text(HEADER + BUY + OTHER + SALE.replace("6.00", "6.50"))
    status, report = imported(database, file)
    assert (status, report["status"]) == (5, "refused")
    assert report["edited"]["import"] == first
    assert report["edited"]["rows"] == {"same": 2, "changed": 1, "gone": 0, "new": 0, "of_other_days": 0}
    assert ("6.00" in report["edited"]["changes"][0]["was"], report["edited"]["changes"][0]["line"]) == (
        True,
        4,
    )
    assert trades(database) == before
    told = run(database, "import", "--account", "M", str(file))
    assert f"--replace {first}" in told.stderr
    assert "--anyway" in told.stderr

    status, report = imported(database, file, "--replace", str(first), "--dry-run")
    assert (status, report["edited"]["rows"]["changed"]) == (0, 1)
    assert trades(database) == before
    status, report = imported(database, file, "--replace", str(first))
    assert (status, report["status"]) == (0, "imported")
    assert [price for _, symbol, price in trades(database) if symbol == "ZZZ"] == ["5.00", "6.50"]
    states = {
        row["id"]: row["status"]
        for row in json.loads(run(database, "import", "list", "--format", "json").stdout)
    }
    assert states == {first: "undone", report["import_id"]: "finished"}
    assert run(database, "lots", "rebuild", "--verify").exit_code == 0


def test_a_file_of_another_name_is_known_by_its_rows(database: Database, file: Path, tmp_path: Path) -> None:
    imported(database, file)
    copy = tmp_path / "copy (2).csv"
    copy.write_text(HEADER + BUY.replace(",10,", ",11,") + OTHER + SALE)
    assert imported(database, copy)[0] == 5
    stranger = tmp_path / "stranger.csv"
    stranger.write_text(HEADER + "2024-05-01,ZZZ,9,5.10,1.00,buy\n")
    assert imported(database, stranger)[0] == 0


def test_rows_that_are_added_or_a_part_are_no_edit(database: Database, file: Path) -> None:
    imported(database, file)
    file.write_text(HEADER + BUY + OTHER + SALE + "2024-07-01,ZZZ,1,8.00,0,sell\n")
    status, report = imported(database, file)
    assert (status, report["rows"]["new"], report["rows"]["known"]) == (0, 1, 3)
    file.write_text(HEADER + OTHER)
    assert imported(database, file)[0] == 0
    assert len(trades(database)) == 4


def test_both_count_where_the_person_says_so(database: Database, file: Path) -> None:
    imported(database, file)
    file.write_text(HEADER + BUY + OTHER + SALE.replace("6.00", "6.50"))
    status, report = imported(database, file, "--anyway")
    assert (status, report["status"]) == (0, "imported")
    assert len(trades(database)) == 4


def test_only_a_live_import_of_the_same_kind_is_replaced(database: Database, file: Path) -> None:
    first = imported(database, file)[1]["import_id"]
    for number in (first + 1000, first):
        if number == first:
            assert run(database, "import", "undo", str(first)).exit_code == 0
        done = run(database, "import", "--account", "M", "--replace", str(number), str(file))
        assert done.exit_code == 1, done.output
        assert "cannot be replaced" in done.stderr
    assert trades(database) == []
