"""``import`` as a person and as a program see it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.testing.cluster import Database

STATEMENT = "examples/ibkr-2024.csv"


def run(database: Database, *arguments: str) -> Result:
    return CliRunner(env=database.variables()).invoke(cli, list(arguments))


def test_the_report_has_the_shape_of_the_contract(database: Database) -> None:
    done = run(database, "import", STATEMENT, "--format", "json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert {
        "file",
        "source",
        "import_id",
        "status",
        "rows",
        "types",
        "warnings",
        "refusals",
        "positions",
        "cash",
    } <= set(report)
    assert report["file"] == "ibkr-2024.csv"
    assert report["source"] == "ibkr_activity_csv"
    assert report["status"] == "imported"
    assert report["rows"] == {"read": 15, "new": 15, "known": 0, "changed": 0, "refused": 0}
    assert report["types"]["dividend"] == 4
    assert {"account": "U1000001", "symbol": "NVDA", "quantity": "70"} in report["positions"]
    assert report["cash"] == [{"account": "U1000001", "currency": "USD", "amount": "9864.09"}]


def test_a_second_import_is_known_and_ends_with_zero(database: Database) -> None:
    run(database, "import", STATEMENT)
    again = run(database, "import", STATEMENT, "--format", "json")
    assert again.exit_code == 0
    assert json.loads(again.stdout)["rows"]["new"] == 0
    assert json.loads(again.stdout)["rows"]["known"] == 15


def test_several_files_are_a_list(database: Database) -> None:
    done = run(database, "import", STATEMENT, "examples/ibkr-2023.csv", "--format", "json")
    assert [report["rows"]["new"] for report in json.loads(done.stdout)] == [15, 2]


def test_a_file_that_names_no_account_is_refused_and_the_next_one_read(
    database: Database, tmp_path: Path
) -> None:
    own = tmp_path / "own.csv"
    own.write_text("Date,Symbol,Quantity,Price,Commission,Type\n2024-01-02,ABC,10,5,1,BUY\n")
    done = run(database, "import", str(own), STATEMENT, "--format", "json")
    assert done.exit_code == 5
    refused, imported = json.loads(done.stdout)
    assert (refused["status"], imported["status"]) == ("refused", "imported")
    assert refused["refusals"][0]["reason"] == (
        "line 2 names no account, and neither does the file"
        f" (say which account it is: quantmatrix import {own} --account NUMBER)"
    )
    shown = run(database, "import", str(own)).stdout
    assert shown.startswith("own.csv  refused, nothing written\n"), "its format is known: the account is not"


def test_words_of_the_group_are_commands_wherever_they_stand(database: Database, tmp_path: Path) -> None:
    assert json.loads(run(database, "import", "--format", "json", "list").stdout) == []
    missing = run(database, "import", STATEMENT, str(tmp_path / "none.csv"))
    assert missing.exit_code == 2
    assert "quantmatrix import [OPTIONS] FILE" in missing.stderr.replace("cli", "quantmatrix")
    assert json.loads(run(database, "import", "list", "--format", "json").stdout) == []
    assert "--day-first" in run(database, "import", "--help").stdout


def test_a_dry_run_leaves_nothing(database: Database) -> None:
    tried = run(database, "import", "--dry-run", STATEMENT, "--format", "json")
    assert json.loads(tried.stdout)["rows"]["new"] == 15
    assert json.loads(run(database, "import", "list", "--format", "json").stdout) == []
    assert json.loads(run(database, "holdings", "--format", "json").stdout) == []


def test_a_broken_line_refuses_the_file_and_is_named(database: Database, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text(Path(STATEMENT).read_text().replace(",200,59.5,", ",two hundred,59.5,"))
    refused = run(database, "import", str(broken), "--format", "json")
    assert refused.exit_code == 5, refused.output
    report = json.loads(refused.stdout)
    assert report["status"] == "refused"
    assert [(r["line"], r["column"], r["text"]) for r in report["refusals"]] == [
        (22, "Quantity", "two hundred")
    ]
    assert json.loads(run(database, "transactions", "list", "--format", "json").stdout) == []

    accepted = run(database, "import", "--accept-refusals", str(broken), "--format", "json")
    assert accepted.exit_code == 0, accepted.output
    assert json.loads(accepted.stdout)["rows"] == {
        "read": 15,
        "new": 14,
        "known": 0,
        "changed": 0,
        "refused": 1,
    }


def test_something_that_is_no_statement_is_refused_with_a_hint(database: Database, tmp_path: Path) -> None:
    poem = tmp_path / "poem.csv"
    poem.write_text("Roses,are\nred,indeed\n")
    refused = run(database, "import", str(poem))
    assert refused.exit_code == 5
    assert "poem.csv" in refused.output


def test_list_show_and_undo(database: Database) -> None:
    number = json.loads(run(database, "import", STATEMENT, "--format", "json").stdout)["import_id"]
    listed = json.loads(run(database, "import", "list", "--format", "json").stdout)
    assert [row["id"] for row in listed] == [number]

    shown = json.loads(run(database, "import", "show", str(number), "--format", "json").stdout)
    assert shown["lines"]["new"] == 15
    assert shown["file"]["period_end"] == "2024-12-31"

    tried = run(database, "import", "undo", str(number), "--dry-run", "--format", "json")
    assert json.loads(tried.stdout)["transactions"]["removed"] == 15
    assert json.loads(run(database, "holdings", "--format", "json").stdout) != []

    undone = run(database, "import", "undo", str(number), "--format", "json")
    assert undone.exit_code == 0, undone.output
    assert json.loads(run(database, "holdings", "--format", "json").stdout) == []
    again = run(database, "import", "undo", str(number), "--format", "json")
    assert json.loads(again.stdout)["transactions"]["removed"] == 0
    assert run(database, "import", "undo", str(number + 1000)).exit_code == 1


def test_an_import_never_undoes_a_correction(database: Database) -> None:
    number = json.loads(run(database, "import", STATEMENT, "--format", "json").stdout)["import_id"]
    rows = json.loads(run(database, "transactions", "list", "--format", "json").stdout)
    fee = next(row for row in rows if row["transaction_type"] == "fee")
    changed = run(
        database, "transactions", "correct", str(fee["id"]), "--net", "-2.50", "--gross", "-2.50",
        "--reason", "the broker's letter of 9 July",
    )  # fmt: skip
    assert changed.exit_code == 0, changed.output
    interest = next(row for row in rows if row["transaction_type"] == "interest")
    gone = run(database, "transactions", "void", str(interest["id"]), "--reason", "never arrived")
    assert gone.exit_code == 0, gone.output
    moved = next(row for row in rows if row["transaction_type"] == "transfer_in")
    for cost in ("999", "3750"):
        run(database, "basis", "set", str(moved["id"]), "--basis", cost, "--reason", "confirmation")

    run(database, "import", "undo", str(number))
    again = run(database, "import", STATEMENT)
    assert again.exit_code == 0, again.output
    rows = json.loads(run(database, "transactions", "list", "--format", "json").stdout)
    assert [row["net_amount"] for row in rows if row["transaction_type"] == "fee"] == ["-2.50"]
    assert [row for row in rows if row["transaction_type"] == "interest"] == []
    lots = json.loads(run(database, "lots", "list", "--format", "json").stdout)
    assert [lot["cost_remaining"] for lot in lots if lot["symbol"] == moved["symbol"]] == ["3750.00"]

    # Taken back and given again, also after its row was voided.
    moved, told = (
        next(row["id"] for row in rows if row["transaction_type"] == kind)
        for kind in ("transfer_in", "set_basis")
    )
    run(database, "transactions", "void", str(told), "--reason", "a wrong paper")
    run(database, "basis", "set", str(moved), "--basis", "3800", "--reason", "the right paper")
    run(database, "import", STATEMENT)
    lots = json.loads(run(database, "lots", "list", "--format", "json").stdout)
    assert "3800.00" in [lot["cost_remaining"] for lot in lots]


def test_an_import_ends_with_the_files_own_totals(database: Database) -> None:
    flex = "tests/ingest/fixtures/ibkr_flex/year.xml"
    told = run(database, "import", flex)
    assert told.exit_code == 0, told.output
    assert "cash U5550001 USD: 10,000.00 and -" in told.stdout
    assert "positions: 2 of 2 as the file states" in told.stdout
    report = json.loads(run(database, "import", STATEMENT, "--format", "json").stdout)
    [cash] = [row for row in report["totals"]["cash"] if row["currency"] == "USD"]
    assert cash["difference"] == "0.00"


def test_a_file_that_does_not_add_up_is_told(database: Database, tmp_path: Path) -> None:
    text = Path("tests/ingest/fixtures/ibkr_flex/year.xml").read_text()
    wrong = tmp_path / "wrong.xml"
    wrong.write_text(text.replace('position="200"', 'position="250"'))
    told = run(database, "import", str(wrong))
    assert "positions: 1 of 2 as the file states" in told.stdout
    assert "KO: 200 recorded, the file states 250" in told.stdout


def test_formats_are_listed(database: Database) -> None:
    listed = json.loads(run(database, "import", "formats", "--format", "json").stdout)
    names = {row["source"] for row in listed}
    assert {"ibkr_flex", "schwab_csv", "ofx", "kraken_csv", "simple_csv"} <= names
    assert all(row["problem"] is None for row in listed)
    unknown = run(database, "import", "--source", "moon_csv", STATEMENT)
    assert unknown.exit_code == 2
    assert "ibkr_flex" in unknown.output


def test_what_two_sources_tell_counts_once_and_the_rest_is_decided(
    database: Database, tmp_path: Path
) -> None:
    nothing = run(database, "import", "conflicts")
    assert nothing.stdout == "no conflicts: nothing is told twice\n"
    run(database, "import", "tests/ingest/fixtures/ibkr_flex/year.xml")
    assert json.loads(run(database, "import", "conflicts", "--format", "json").stdout) == []
    trades = tmp_path / "trades.csv"
    trades.write_text(
        "Date,Symbol,Quantity,Price,Commission,Type\n2024-01-10,KO,100,60,1.00,BUY\n"
        "2024-01-05,GCM,2500,0.30,0,BUY\n2024-11-11,KO,1,60,0,SELL\n"
    )
    told = run(database, "import", str(trades), "--account", "U5550001")
    assert "1 rows are told by another source too, and count once" in told.stdout
    assert "1 conflicts with another source" in told.stderr

    # The order of the list is the two fills of the statement.
    matched = json.loads(run(database, "import", "conflicts", "--matched", "--format", "json").stdout)
    assert [(m["symbol"], m["source"], m["attested_by"], m["rule"]) for m in matched] == [
        ("KO", "ibkr_flex", "simple_csv", "fills")
    ] * 2
    [found] = json.loads(run(database, "import", "conflicts", "--format", "json").stdout)
    assert (found["day"], found["symbol"], found["verdict"]) == ("2024-01-05", "GCM", "differs")
    table = run(database, "import", "conflicts", "--account", "U5550001")
    assert "simple_csv: 1 rows, 2500 units" in table.stdout
    assert "resolve" in table.stderr

    resolve = ("import", "conflicts", "resolve", found["conflict"], "--reason", "mistyped")
    assert run(database, *resolve).exit_code == 2
    tried = run(database, *resolve, "--same", "--dry-run")
    assert "ibkr_flex counts; transactions: 0 added, 0 changed, 1 removed" in tried.stdout
    assert "nothing was kept" in tried.stderr
    assert run(database, *resolve, "--same").exit_code == 0
    assert "2 events are told by several sources" in run(database, "import", "conflicts").stdout
    again = run(database, *resolve, "--same")
    assert (again.exit_code, "where:" in again.stderr) == (1, False)
    [decision] = json.loads(run(database, "import", "conflicts", "decisions", "--format", "json").stdout)
    assert (decision["verdict"], decision["kept_source"], decision["reason"]) == (
        "same",
        "ibkr_flex",
        "mistyped",
    )
    reopen = run(
        database, "import", "conflicts", "reopen", str(decision["id"]), "--reason", "asked the broker"
    )
    assert "reopened; transactions: 1 added" in reopen.stdout
    [reopened] = json.loads(run(database, "import", "conflicts", "--format", "json").stdout)
    assert reopened["conflict"] == found["conflict"]


def test_instruments_are_listed_merged_and_split(database: Database, tmp_path: Path) -> None:
    trades = tmp_path / "trades.csv"
    trades.write_text(
        "Date,Symbol,Quantity,Price,Commission,Type\n2024-01-10,KO,100,60,0,BUY\n2024-01-11,COKE,10,60,0,BUY\n"
    )
    assert "no instruments yet" in run(database, "instruments", "list").stderr
    run(database, "import", str(trades), "--account", "A1")
    listed = json.loads(run(database, "instruments", "list", "--format", "json").stdout)
    assert [row["symbol"] for row in listed] == ["COKE", "KO"]
    merged = run(database, "instruments", "merge", "COKE", "KO", "--reason", "another spelling")
    assert "merge of COKE into KO; transactions: 0 added, 1 changed, 0 removed" in merged.stdout
    shown = json.loads(run(database, "instruments", "show", "ko", "--format", "json").stdout)
    assert shown["holdings"] == [{"account": "A1", "quantity": "110"}]
    assert shown["counts_for"] == ["stock|COKE|USD"]
    split = run(
        database,
        "instruments",
        "split",
        "KO",
        "--until",
        "2024-01-10",
        "--reason",
        "used again",
        "--format",
        "json",
    )
    assert (json.loads(split.stdout)["into"], json.loads(split.stdout)["moved"]) == ("KO~2", 1)
    for change in json.loads(run(database, "instruments", "changes", "--format", "json").stdout):
        assert run(database, "instruments", "undo", str(change["id"]), "--reason", "a test").exit_code == 0
    held = json.loads(run(database, "holdings", "--format", "json").stdout)
    assert [(row["symbol"], row["quantity"]) for row in held] == [("COKE", "10"), ("KO", "100")]
    missing = run(database, "instruments", "show", "NOWHERE")
    assert (missing.exit_code, "there is no instrument" in missing.stderr) == (1, True)
