"""``prices``: files of several layouts, marks of statements, and what is held for review."""

from __future__ import annotations

import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.ingest.model import FileRefused
from quantmatrix.prices.bars import Bar, Options, read_bars
from quantmatrix.prices.marks import marks
from quantmatrix.testing.cluster import Database

FIXTURES = Path(__file__).parents[1] / "ingest" / "fixtures"
TODAY = date(2025, 6, 1)


def bars(text: str, **options: Any) -> list[Bar]:
    return list(read_bars(io.StringIO(text, newline=""), Options(today=TODAY, **options)))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Date,Open,High,Low,Close,Volume\n2025-01-02,59,61,58,60,1000\n", {"file_name": "ko_us_d.csv"}),
        ("Date,Open,Close,Adj Close\n2025-01-02,59,60,59.5\n2025-01-03,null,null,null\n", {"symbol": "KO"}),
        ("<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<CLOSE>\nKO,D,20250102,000000,59,60\n", {}),
        ("timestamp,open,high,low,close,volume\n2025-01-02,59,61,58,60,1000\n", {"symbol": "KO"}),
        ("symbol,date,price\nKO,01/02/2025,$60.00\n", {}),
        ("Date,Close/Last,Volume,Open,High,Low\n01/02/2025,$60,1000,$59,$61,$58\n", {"symbol": "KO"}),
        ("1735776000000,59,61,58,60,1000,1735862399999,1,1,1,1,0\n", {"symbol": "KO"}),
        ("1735776000000000,59,61,58,60,1000,1735862399999999,1,1,1,1,0\n", {"symbol": "KO"}),
    ],
)  # fmt: skip
def test_layouts(text: str, options: dict[str, Any]) -> None:
    assert [(b.symbol, b.day, b.close) for b in bars(text, **options)] == [
        ("KO", date(2025, 1, 2), Decimal(60))
    ]


def test_the_source_and_what_it_is_adjusted_for_are_kept() -> None:
    text = "Date,Close\n2025-01-02,60\n"
    [bar] = bars(text, symbol="KO", source="stooq", adjusted_for="splits")
    assert bar.source == "stooq, adjusted for splits"


def test_reference_rates() -> None:
    text = "Date,USD,JPY,BGN,CYP,CZK,\n2025-01-03,1.0299,161.9,1.9558,N/A,25.1,\n"
    found = bars(text)
    assert [(b.symbol, b.currency, b.close, b.source) for b in found][:2] == [
        ("EUR.USD", "USD", Decimal("1.0299"), "ECB"), ("EUR.JPY", "JPY", Decimal("161.9"), "ECB"),
    ]  # fmt: skip
    assert len(found) == 4


@pytest.mark.parametrize(
    "text",
    [
        "Date, USD, \n17 January 2025, 1.0299, \n",
        "KEY,FREQ,CURRENCY,CURRENCY_DENOM,TIME_PERIOD,OBS_VALUE\nEXR.D,D,USD,EUR,2025-01-17,1.0299\n",
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
        'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"><Cube><Cube time="2025-01-17">'
        '<Cube currency="USD" rate="1.0299"/></Cube></Cube></gesmes:Envelope>',
    ],
    ids=["daily", "portal", "xml"],
)
def test_reference_rates_of_other_downloads(text: str) -> None:
    [bar] = bars(text)
    assert (bar.symbol, bar.day, bar.close) == ("EUR.USD", date(2025, 1, 17), Decimal("1.0299"))


def test_three_letters_are_not_always_a_currency() -> None:
    with pytest.raises(FileRefused, match="a date and a close"):
        bars("Date,IBM,UPS,LMT,CAT,AMD,CSX\n2025-01-17,1,2,3,4,5,6\n")


def test_pence_are_pounds() -> None:
    [bar] = bars("Date,Close\n2025-01-02,6000\n", symbol="VOD", currency="GBX")
    assert (bar.currency, bar.close) == ("GBP", Decimal(60))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<!DOCTYPE html><html></html>\n", "not the header"),
        ("No data\n", "not the header"),
        ("Exceeded the daily hits limit\n", "not the header"),
        ("", "empty"),
        ("Date,Close\n2025-01-02,0\n", "not positive"),
        ("Date,Close\n2025-01-02,-3\n", "not positive"),
        ("Date,Close\n2025-01-02,60\n2025-01-02,61\n", "two closes"),
        ("Date,Close\n2026-01-02,60\n", "future"),
        ("Date,Close\n02.01.2025,60\n", "not a date"),
        ("Date,Close\n2025-01-02,60;5\n", "not a number"),
    ],
)
def test_what_is_no_price_is_refused(text: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        bars(text, symbol="KO")


def test_a_symbol_must_be_known() -> None:
    with pytest.raises(FileRefused, match="symbol"):
        bars("Date,Close\n2025-01-02,60\n")


def test_the_marks_of_statements() -> None:
    with (FIXTURES / "ibkr_flex" / "year.xml").open() as text:
        found = [(b.symbol, b.day, b.close, b.source) for b in marks(text, "ibkr_flex", Options())]
    assert found == [
        ("KO", date(2024, 12, 31), Decimal(62), "ibkr"), ("GCM", date(2024, 12, 31), Decimal(7), "ibkr"),
    ]  # fmt: skip
    with (FIXTURES / "brokers" / "statement.qfx").open() as text:
        held = {(b.symbol, b.close) for b in marks(text, "ofx", Options())}
    assert held == {("KO", Decimal(31)), ("VEXMX", Decimal(100))}
    with (FIXTURES / "ibkr" / "margin.csv").open() as text:
        assert list(marks(text, "ibkr_activity_csv", Options()))


def run(database: Database, *arguments: str) -> Result:
    return CliRunner(env=database.variables()).invoke(cli, list(arguments))


def load(database: Database, path: Path, *more: str) -> dict[str, Any]:
    done = run(database, "prices", "load", str(path), *more, "--format", "json")
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def write(path: Path, *rows: str) -> Path:
    path.write_text("Date,Close\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_prices_are_loaded_for_what_is_held_and_known_the_second_time(
    database: Database, tmp_path: Path
) -> None:
    assert run(database, "import", str(FIXTURES / "ibkr_flex" / "year.xml")).exit_code == 0
    file = write(tmp_path / "ko_us_d.csv", "2025-01-03,61", "2025-01-02,60")
    first = load(database, file, "--source", "stooq")
    assert (first["new"], first["held"], first["unknown"]) == (2, 0, {})
    again = load(database, file)
    assert (again["new"], again["known"]) == (0, 2)
    nobody = load(database, write(tmp_path / "zzzz.csv", "2025-01-02,1"))
    assert nobody["unknown"] == {"ZZZZ": 1}
    assert load(database, FIXTURES / "ibkr_flex" / "year.xml")["new"] == 2
    held = json.loads(run(database, "holdings", "--format", "json").stdout)
    assert {row["symbol"]: row["last_price"] for row in held}["KO"] == "61"


def test_a_jump_is_held_until_somebody_decides(database: Database, tmp_path: Path) -> None:
    run(database, "import", str(FIXTURES / "ibkr_flex" / "year.xml"))
    spike = write(tmp_path / "ko.csv", "2025-01-02,60", "2025-01-03,600", "2025-01-06,61")
    assert load(database, spike)["held"] == 1
    level = write(tmp_path / "pep.csv", "2025-01-02,160", "2025-01-03,80", "2025-01-06,81")
    assert load(database, level)["held"] == 2
    held = json.loads(run(database, "prices", "held", "--format", "json").stdout)
    assert [(h["symbol"], h["from"], h["bars"], h["previous_close"], h["close"]) for h in held] == [
        ("KO", "2025-01-03", 1, "60", "600"), ("PEP", "2025-01-03", 2, "160", "80"),
    ]  # fmt: skip
    assert run(database, "prices", "reject", "KO").exit_code == 0
    assert "2 prices of PEP were taken over" in run(database, "prices", "accept", "PEP").output
    assert json.loads(run(database, "prices", "held", "--format", "json").stdout) == []
    assert run(database, "prices", "accept", "PEP").exit_code == 1
    prices = {
        r["symbol"]: r["last_price"] for r in json.loads(run(database, "holdings", "--format", "json").stdout)
    }
    assert (prices["KO"], prices["PEP"]) == ("61", "81")


def test_a_jump_is_believed_when_an_administrator_explains_it(database: Database, tmp_path: Path) -> None:
    """The book that is imported knows of the split; what somebody's book knows publishes no price."""
    run(database, "import", str(FIXTURES / "ibkr_flex" / "year.xml"))
    file = write(tmp_path / "gcm.csv", "2024-06-17,0.30", "2024-06-18,7.40")
    assert load(database, file)["held"] == 1
    told = run(database, "prices", "explain", "GCM", "2024-06-18", "--reason", "one for twenty-five")
    assert told.exit_code == 0, told.output
    assert load(database, file)["held"] == 0


def test_a_symbol_that_is_several_is_asked_about(database: Database, tmp_path: Path) -> None:
    run(database, "import", str(FIXTURES / "ibkr_flex" / "year.xml"))
    with database.connect() as connection:
        connection.execute(
            "insert into core.instruments (symbol, instrument_type, currency) values ('KO', 'stock', 'XXX')"
        )
    file = write(tmp_path / "ko.csv", "2025-01-02,60")
    report = load(database, file)
    assert (report["new"], sorted(report["ambiguous"]["KO"])) == (0, ["stock|KO|USD", "stock|KO|XXX"])
    assert load(database, file, "--type", "stock", "--currency", "USD")["new"] == 1


def test_a_jump_that_the_source_explains_is_believed(database: Database, tmp_path: Path) -> None:
    run(database, "import", str(FIXTURES / "ibkr_flex" / "year.xml"))
    file = tmp_path / "ko.csv"
    file.write_text(
        "timestamp,close,adjusted_close,split_coefficient\n2025-01-02,60,30,1.0\n2025-01-03,31,31,2.0\n"
    )
    assert load(database, file)["held"] == 0


def test_a_bad_file_writes_nothing(database: Database, tmp_path: Path) -> None:
    run(database, "import", str(FIXTURES / "ibkr_flex" / "year.xml"))
    refused = run(
        database, "prices", "load", str(write(tmp_path / "ko.csv", "2025-01-02,60", "2025-01-03,x"))
    )
    assert refused.exit_code == 5
    assert "ko.csv:3" in refused.output
    assert load(database, write(tmp_path / "ko.csv", "2025-01-02,60"))["new"] == 1
