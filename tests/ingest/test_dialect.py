"""Tables that a spreadsheet saved with semicolons or tabs, and with commas in their numbers."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest

from quantmatrix.ingest.detect import choose_parser
from quantmatrix.ingest.model import FileRefused, Line, Options, Record, Refusal, Transaction
from quantmatrix.ingest.reader import SourceFile
from quantmatrix.testing.conformance import hold_together
from quantmatrix.testing.parsing import only

SIMPLE = "Date;Symbol;Quantity;Price;Commission;Type\n"
ROBINHOOD = "Activity Date;Process Date;Settle Date;Instrument;Description;Trans Code;Quantity;Price;Amount\n"
HEADER_OF_SCHWAB = '"Date";"Action";"Symbol";"Description";"Quantity";"Price";"Fees & Comm";"Amount"\n'


def read(text: str, source: str | None = None) -> tuple[str, list[Record]]:
    with SourceFile(io.BytesIO(text.encode()), "file.csv") as file:
        parser, _ = choose_parser(file, source)
        records = list(parser.parse(file.text, Options(account="A-1")))
    hold_together(records)
    return parser.source, records


def trade(text: str, source: str | None = None) -> tuple[Decimal | None, Decimal]:
    _, records = read(text, source)
    assert not only(records, Refusal)
    [made] = only(records, Transaction)
    return made.quantity, made.net_amount


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("is_declared", [False, True])
def test_any_delimiter_declared_or_not(delimiter: str, is_declared: bool) -> None:
    text = f"sep={delimiter}\r\n" * is_declared + (SIMPLE + "2024-08-16;TQQQ;1000;70.25;1.00;BUY\n").replace(
        ";", delimiter
    )
    assert trade(text) == (Decimal(1000), Decimal("-70251"))
    assert trade(text, "simple_csv") == (Decimal(1000), Decimal("-70251"))


def test_lines_keep_their_text_and_number() -> None:
    text = "sep=;\n" + SIMPLE + "2024-08-16;TQQQ;1000;70,25;1,00;BUY\n"
    _, records = read(text)
    assert [(x.number, x.raw) for x in only(records, Line)] == list(enumerate(text.splitlines(), 1))


def test_decimal_commas_of_a_column() -> None:
    row = '1/14/2025;1/14/2025;1/16/2025;VTI;"Vanguard; ETF";Buy;0,345678;$289,29;($100,00)\n'
    assert trade(ROBINHOOD + row) == (Decimal("0.345678"), Decimal("-100.00"))
    row = "1/14/2025;1/14/2025;1/16/2025;VTI;Vanguard ETF;Buy;10;$200,00;($2.000,00)\n"
    assert trade(ROBINHOOD + row) == (Decimal(10), Decimal("-2000.00"))


def test_decimal_points_between_semicolons_stay_points() -> None:
    row = "1/14/2025;1/14/2025;1/16/2025;VTI;Vanguard ETF;Buy;1,000;$2.00;($2,000.00)\n"
    assert trade(ROBINHOOD + row) == (Decimal(1000), Decimal("-2000.00"))


def test_each_column_is_read_as_it_shows() -> None:
    row = "1/14/2025;1/14/2025;1/16/2025;VTI;Vanguard ETF;Buy;0,5;$200.00;($100.00)\n"
    assert trade(ROBINHOOD + row) == (Decimal("0.5"), Decimal("-100.00"))


def test_a_column_that_could_be_either_follows_the_others() -> None:
    assert trade(SIMPLE + "2024-08-16;TQQQ;1,234;70,25;1,00;BUY\n")[0] == Decimal("1.234")


def test_sections_have_columns_of_their_own() -> None:
    text = (
        "Statement;Header;Field Name;Field Value\nStatement;Data;Title;Activity Statement\n"
        "Statement;Data;Period;January 1, 2024 - December 31, 2024\n"
        "Account Information;Header;Field Name;Field Value\nAccount Information;Data;Account;U5550001\n"
        "Account Information;Data;Base Currency;USD\n"
        "Deposits & Withdrawals;Header;Currency;Settle Date;Description;Amount\n"
        "Deposits & Withdrawals;Data;USD;2024-01-05;Electronic Fund Transfer;1.000,50\n"
    )
    name, records = read(text)
    assert name == "ibkr_activity_csv"
    assert [t.net_amount for t in only(records, Transaction)] == [Decimal("1000.50")]


@pytest.mark.parametrize(
    ("rows", "reason", "line"),
    [
        ("2024-08-16;TQQQ;10;70,25;1;BUY\n2024-08-17;TQQQ;10;70.25;1;BUY\n", "decimal commas in one row", 3),
        ("2024-08-16;TQQQ;10;1.234;1;BUY\n", "thousands or decimals", 2),
        ("2024-08-16;TQQQ;1,234;70;1;BUY\n", "thousands or decimals", 2),
        ("2024-08-16;TQQQ;1.234;70,25;1;BUY\n", "thousands or decimals", 2),
        ("2024-08-16;TQQQ;1,234;70.25;1;BUY\n", "thousands or decimals", 2),
        ("2024-08-16;TQQQ;1,234;70.25;1,5;BUY\n", "thousands or decimals", 2),
    ],
)
def test_what_may_be_read_both_ways_refuses_the_file(rows: str, reason: str, line: int) -> None:
    with pytest.raises(FileRefused, match=reason) as refused:
        read(SIMPLE + rows)
    assert refused.value.line == line
    assert "commas between the columns" in (refused.value.hint or "")


def test_a_comma_separated_file_reads_no_decimal_commas() -> None:
    _, records = read('Date,Symbol,Quantity,Price,Type\n2024-08-16,TQQQ,10,"70,25",BUY\n')
    assert [r.code for r in only(records, Refusal)] == ["bad_number"]


@pytest.mark.parametrize(
    "cell", ["1" + " " * 50_000 + "x", "9" * 50_000 + "x", "(" * 50_000, "1" + "," * 50_000]
)
def test_a_long_cell_is_read_once(cell: str) -> None:
    text = HEADER_OF_SCHWAB + f'"06/02/2025";"Buy";"DDD";"{cell}";"1";"$1.00";"";"-$1.00"\n'
    assert [row.quantity for row in read(text)[1] if isinstance(row, Transaction)] == [1]
