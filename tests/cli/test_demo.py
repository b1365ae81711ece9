"""The demonstration, which is also the shortest way from files to a reconciled book."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.testing.cluster import Database


def run(database: Database, *arguments: str) -> Result:
    """In a database that stands for the demonstration's own."""
    settings = Settings(_environment=database.environment)
    return CliRunner().invoke(cli, list(arguments), obj=settings)


def test_the_demonstration_finds_the_gap_and_ends_with_zero_differences(database: Database) -> None:
    shown = run(database, "demo")
    assert shown.exit_code == 0, shown.output
    assert "missing history" in shown.stdout
    assert shown.stdout.index("missing history") < shown.stdout.index("\n0 differences")

    again = run(database, "demo")
    assert again.exit_code == 0, again.output


def test_its_book_is_the_one_that_a_person_computes_by_hand(database: Database) -> None:
    assert run(database, "demo").exit_code == 0
    held = run(database, "--demo", "holdings", "--format", "json")
    assert {(row["account"], row["symbol"]): row["quantity"] for row in json.loads(held.stdout)} == {
        ("5WT00001", "PLTR"): "30",
        ("5WT00001", "SOFI"): "100",
        ("U1000001", "KO"): "200",
        ("U1000001", "MSFT"): "5",
        ("U1000001", "NVDA"): "70",
        ("U1000001", "TTD"): "50",
    }
    # The premium of the assigned put, 33.86, lowers the cost of the shares it brought: 805.00 - 33.86.
    lots = json.loads(run(database, "--demo", "lots", "list", "--format", "json").stdout)
    assert {row["symbol"]: row["cost_remaining"] for row in lots} == {
        "PLTR": "744.02",
        "SOFI": "771.14",
        "KO": "11901.00",
        "MSFT": "1250.25",
        "NVDA": "3360.70",
        "TTD": "3750.00",
    }
    cash = json.loads(run(database, "--demo", "cash", "--format", "json").stdout)
    assert {row["account"]: row["amount"] for row in cash} == {"5WT00001": "12662.45", "U1000001": "10863.09"}


def test_it_exports_everything_and_reads_it_back_without_loss(database: Database, tmp_path: Path) -> None:
    assert run(database, "demo").exit_code == 0
    exported = tmp_path / "all.csv"
    done = run(database, "--demo", "export", str(exported))
    assert done.exit_code == 0, done.output

    same = run(database, "--demo", "import", str(exported), "--format", "json")
    assert same.exit_code == 0, same.output
    rows = json.loads(same.stdout)["rows"]
    assert rows["new"] == rows["changed"] == rows["refused"] == 0
    assert rows["known"] == rows["read"]

    assert run(database, "user", "add", "copy@localhost").exit_code == 0
    copied = run(database, "--user", "copy@localhost", "import", str(exported))
    assert copied.exit_code == 0, copied.output
    again = tmp_path / "again.csv"
    assert run(database, "--user", "copy@localhost", "export", str(again)).exit_code == 0
    assert without_numbers(again.read_text()) == without_numbers(exported.read_text())


def without_numbers(text: str) -> list[str]:
    """Rows of an export without the columns that number rows within one database."""
    import csv
    import io

    rows = csv.DictReader(io.StringIO(text))
    local = {"reference", "linked_reference"}
    return sorted(json.dumps({k: v for k, v in row.items() if k not in local}) for row in rows)


def test_nobodys_data_are_in_it_and_it_is_in_nobodys(data_dir: Path, tmp_path: Path) -> None:
    """A data directory of its own: a second demonstration leaves what a person imported as it was."""
    here = CliRunner(env={"QUANTMATRIX_DATA_DIR": str(data_dir)})
    mine = tmp_path / "mine.csv"
    mine.write_text("Date,Symbol,Quantity,Price,Commission,Type\n2024-05-01,ZZZ,10,5.00,1.00,buy\n")
    shown = here.invoke(cli, ["demo"])
    assert shown.exit_code == 0, shown.output
    assert "--demo holdings" in shown.stdout
    done = here.invoke(cli, ["import", "--account", "MINE", str(mine)])
    assert done.exit_code == 0, done.output
    assert here.invoke(cli, ["demo"]).exit_code == 0
    held = json.loads(here.invoke(cli, ["holdings", "--format", "json"]).stdout)
    assert [(row["account"], row["symbol"]) for row in held] == [("MINE", "ZZZ")]
    examined = json.loads(here.invoke(cli, ["doctor", "--format", "json"]).stdout)
    assert [row for row in examined if row["result"] != "ok"] == [], "neither API nor worker is needed"
    people = json.loads(here.invoke(cli, ["user", "list", "--format", "json"]).stdout)
    assert [row["email"] for row in people] == ["me@localhost"]

    played = json.loads(here.invoke(cli, ["--demo", "holdings", "--format", "json"]).stdout)
    assert {row["account"] for row in played} == {"5WT00001", "U1000001"}
    told = here.invoke(cli, ["--demo", "import", "--account", "MINE", "--dry-run", str(mine)])
    assert "the next demonstration throws it away" in told.stderr

    stopped = here.invoke(cli, ["down"])
    assert "PostgreSQL and PostgreSQL of the demonstration" in stopped.stderr
    assert here.invoke(cli, ["--demo", "status"]).exit_code == 6
