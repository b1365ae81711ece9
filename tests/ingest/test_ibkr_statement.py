"""A whole activity statement, and what holds for every section."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from quantmatrix.ingest.checks import problem
from quantmatrix.ingest.ibkr_activity import IbkrActivity
from quantmatrix.ingest.model import (
    CashEvidence,
    FileRefused,
    Line,
    Options,
    PositionEvidence,
    Record,
    Refusal,
    Statement,
    Transaction,
    Warning,
)
from quantmatrix.ingest.reader import open_source

Read = Callable[[str], list[Record]]

MARGIN = Path(__file__).parent / "fixtures" / "ibkr" / "margin.csv"
HEADER = "Statement,Header,Field Name,Field Value\n"


def parse(text: str, options: Options | None = None) -> list[Record]:
    return list(IbkrActivity().parse(io.StringIO(text, newline=""), options or Options()))


def margin() -> list[Record]:
    with open_source(MARGIN) as source:
        return list(IbkrActivity().parse(source.text, Options()))


def test_the_whole_statement() -> None:
    records = margin()
    types = Counter(r.type.value for r in records if isinstance(r, Transaction))
    assert types == {
        "buy": 5,
        "sell": 3,
        "option_assignment": 1,
        "option_expiration": 1,
        "fx_conversion": 1,
        "split": 1,
        "deposit": 2,
        "withdrawal": 1,
        "fee": 4,
        "dividend": 2,
        "return_of_capital": 1,
        "payment_in_lieu": 1,
        "tax_withheld": 2,
        "interest": 1,
        "stock_lending_income": 1,
        "transfer_in": 1,
        "transfer_out": 1,
    }
    assert not [r for r in records if isinstance(r, Refusal)]
    assert {r.text for r in records if isinstance(r, Warning)} == {"Mystery Section", "2025-11-28"}


def test_every_physical_line_has_one_verdict() -> None:
    lines = [r for r in margin() if isinstance(r, Line)]
    text = MARGIN.read_text()
    assert "\n".join(line.raw for line in lines) == text.rstrip("\n")
    first = 1
    for line in lines:
        assert line.number == first
        first += line.raw.count("\n") + 1
    assert Counter(line.verdict for line in lines)["unknown"] == 2


def test_rows_and_transactions_belong_together() -> None:
    records = margin()
    rows = {r.number for r in records if isinstance(r, Line) and r.verdict == "row"}
    stated: set[int] = set()
    for record in records:
        if isinstance(record, Transaction):
            stated |= {record.line, *record.also_lines}
    assert stated == rows


def test_the_database_takes_every_transaction() -> None:
    assert [problem(r) for r in margin() if isinstance(r, Transaction) and problem(r)] == []


def test_what_the_statement_says_of_itself() -> None:
    said: dict[str, object] = {}
    for record in margin():
        if isinstance(record, Statement):
            said |= record.model_dump(exclude_none=True)
    assert said == {
        "account": "U5550001",
        "base_currency": "USD",
        "period_start": date(2024, 1, 1),
        "period_end": date(2024, 12, 31),
        "generated_at": datetime(2025, 1, 6, 15, 15, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ('"April 1, 2025 - July 22, 2025"', date(2025, 4, 1), date(2025, 7, 22)),
        ('"July 25, 2023"', date(2023, 7, 25), date(2023, 7, 25)),
    ],
)
def test_periods(text: str, first: date, last: date) -> None:
    said = [r for r in parse(f"{HEADER}Statement,Data,Period,{text}\n") if isinstance(r, Statement)]
    assert [(r.period_start, r.period_end) for r in said] == [(first, last)]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("Period", '"July 22, 2025 - April 1, 2025"'),
        ("Period", '"Juli 22, 2025"'),
        ("Period", "someday"),
        ("WhenGenerated", '"2025-07-22, 10:15:00 XYZ"'),
        ("WhenGenerated", "yesterday"),
    ],
)
def test_a_period_or_time_that_cannot_be_read_is_a_warning(field: str, text: str) -> None:
    records = parse(f"{HEADER}Statement,Data,{field},{text}\n")
    assert [(r.line, r.column) for r in records if isinstance(r, Warning)] == [(2, field)]
    assert not [r for r in records if isinstance(r, Statement)]


def test_an_ira_says_so(read_ibkr: Read) -> None:
    records = read_ibkr("Account Information,Data,Customer Type,IRA Roth New\n")
    assert "roth_ira" in [r.account_type for r in records if isinstance(r, Statement)]


@pytest.mark.parametrize(
    "text",
    [
        "Statement,Header,Feldname,Feldwert\nStatement,Data,Zeitraum,April\n",
        "Statement,Header,字段名称,字段值\n",
    ],
)
def test_another_language_is_refused_by_name(text: str) -> None:
    assert IbkrActivity.detect(text, "x.csv") == "single"
    with pytest.raises(FileRefused, match="another language") as refused:
        parse(text)
    assert refused.value.line == 1
    assert "English" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (HEADER, "single"),
        ('"Statement","Header","Field Name","Field Value"\r\n', "single"),
        ("Trades,Header,DataDiscriminator,Asset Category,Currency,Account,Symbol\n", "consolidated"),
        (HEADER + "Transaction History,Header,Date,Account,Description\n", None),
        ("Date,Symbol,Quantity\n", None),
        ("", None),
    ],
)
def test_detection(text: str, layout: str | None) -> None:
    assert IbkrActivity.detect(text, "statement.csv") == layout


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n1,2\n", "x,y\n" * 500, "Codes;Header;Code\n"])
def test_what_is_no_statement_is_refused(text: str) -> None:
    with pytest.raises(FileRefused):
        parse(text)


def test_a_nul_character_is_refused_where_it_stands(read_ibkr: Read) -> None:
    with pytest.raises(FileRefused, match="NUL") as refused:
        read_ibkr("Dividends,Data,U\0SD\n")
    assert refused.value.line == 6


def test_unknown_things_are_kept_and_named(read_ibkr: Read) -> None:
    records = read_ibkr(
        "Dividends,Header,Currency,Date,Description,Amount,Mood\n"
        "Dividends,Data,USD,2024-05-15,plain text,1,good\n"
        "Dividends,Sonderzeile,1\n"
        "New Section,Header,A\n"
        "New Section,Data,1\n"
        "lonely\n"
    )
    assert [(r.line, r.text) for r in records if isinstance(r, Warning)] == [
        (6, "Mood"),
        (8, "Sonderzeile"),
        (9, "New Section"),
        (11, "lonely"),
    ]
    verdicts = [r.verdict for r in records if isinstance(r, Line)]
    assert verdicts[5:] == ["skipped", "row", "unknown", "unknown", "unknown", "unknown"]


def test_totals_and_notes_are_skipped(read_ibkr: Read) -> None:
    records = read_ibkr(
        "Dividends,Header,Currency,Date,Description,Amount\n"
        "Dividends,Data,Total,,,bad\n"
        "Dividends,Data,Total in USD,,,bad\n"
        "Dividends,SubTotal,,,,bad\n"
        "Dividends,Total,,,,bad\n"
        "Dividends,Notes,whatever\n"
        "Total P/L for Statement Period,,,1\n"
        "Notes,a,b\n"
        "\n"
        ",,\n"
    )
    assert {r.verdict for r in records if isinstance(r, Line)} == {"skipped"}
    assert not [r for r in records if isinstance(r, Transaction | Refusal | Warning)]


def test_a_row_that_cannot_be_read_is_refused_alone(read_ibkr: Read) -> None:
    records = read_ibkr(
        "Dividends,Data,USD,2024-05-15,before its header,1\n"
        "Dividends,Header,Currency,Date,Description,Amount\n"
        "Dividends,Data,USD,2024-05-15,good,1\n"
        "Dividends,Data,USD,2024-13-15,bad day,1\n"
        'Dividends,Data,USD,2024-05-15,bad amount,"1,02"\n'
        "Dividends,Data,dollars,2024-05-15,bad currency,1\n"
        "Dividends,Data,USD,2024-05-15,no amount,--\n"
        "Dividends,Data,USD,2024-05-15\n"
        "Dividends,Data,USD,1024-05-15,absurd day,1\n"
        "Dividends,Data,USD,2024-05-15,absurd amount,1e999999\n"
        "Dividends,Header,Currency,Date,Description\n"
        "Dividends,Data,USD,2024-05-15,no column\n"
    )
    refused = [(r.line, r.column, r.text, r.code) for r in records if isinstance(r, Refusal)]
    assert refused == [
        (6, None, "Dividends,Data,USD,2024-05-15,before its header,1", "no_header"),
        (9, "Date", "2024-13-15", "bad_date"),
        (10, "Amount", "1,02", "bad_number"),
        (11, "Currency", "dollars", "bad_currency"),
        (12, "Amount", "--", "missing_value"),
        (13, None, "Dividends,Data,USD,2024-05-15", "short_row"),
        (14, "Date", "1024-05-15", "bad_date"),
        (15, "Amount", "1e999999", "bad_number"),
        (17, "Amount", "", "missing_column"),
    ]
    assert [r.line for r in records if isinstance(r, Transaction)] == [8]


def test_rows_know_their_physical_lines_behind_quoted_line_ends(read_ibkr: Read) -> None:
    records = read_ibkr(
        'Notes/Legal Notes,Data,Legal Notes,"one\r\ntwo\nthree"\r\n'
        "Dividends,Header,Currency,Date,Description,Amount\r\n"
        "Dividends,Data,USD,2024-05-15,late,1\r\n"
    )
    assert [r.line for r in records if isinstance(r, Transaction)] == [10]
    assert [r.number for r in records if isinstance(r, Line)][5:] == [6, 9, 10]


def test_columns_are_found_by_name_and_the_last_header_rules(read_ibkr: Read) -> None:
    records = read_ibkr(
        "Dividends,Header,Amount,Description,Date,Currency\n"
        "Dividends,Data,1,a,2024-05-15,USD\n"
        "Dividends,Headers,Currency,Date,Description,Amount\n"
        "Dividends,Data,EUR,2024-05-16,b,2\n"
    )
    assert [(str(r.net_amount), r.currency) for r in records if isinstance(r, Transaction)] == [
        ("1", "USD"),
        ("2", "EUR"),
    ]


def test_consolidated_rows_name_their_account() -> None:
    head = (
        f"{HEADER}Statement,Data,Period,2024\n"
        "Account Information,Header,Field Name,Field Value\n"
        "Account Information,Data,Account,U1 (Custom Consolidated)\n"
        'Account Information,Data,Accounts Included,"U1, U2"\n'
    )
    records = parse(
        head + "Dividends,Header,Currency,Account,Date,Description,Amount\n"
        "Dividends,Data,USD,U2,2024-05-15,a,1\n"
        "Dividends,Data,USD,,2024-05-15,b,1\n"
        "Cash Report,Header,Currency Summary,Currency,Total\n"
        "Cash Report,Data,Ending Cash,USD,5\n"
    )
    assert [r.account for r in records if isinstance(r, Transaction)] == ["U2"]
    assert [(r.line, r.code) for r in records if isinstance(r, Refusal)] == [(8, "missing_account")]
    assert not [r for r in records if isinstance(r, Statement) and r.account]
    assert "Cash Report" in [r.text for r in records if isinstance(r, Warning)]
    single = parse(head.replace('"U1, U2"', "U1"))
    assert [r.account for r in single if isinstance(r, Statement) and r.account] == ["U1"]


_TWO = (
    "Account Information,Header,Field Name,Field Value\n"
    "Account Information,Data,Account,U1001234 (Custom Consolidated)\n"
    'Account Information,Data,Accounts Included,"U1001234, U1005678"\n'
)
_FEES = "Fees,Header,Subtitle,Currency,Date,Description,Amount\n"


def test_a_masked_account_in_the_text_is_an_account_where_it_can_only_be_one() -> None:
    records = parse(
        f"{_TWO}{_FEES}Fees,Data,Other Fees,USD,2024-05-15,U***5678:Data for May 2024,-1\n"
        "Fees,Data,Other Fees,USD,2024-05-15,U***:Data for May 2024,-1\n"
        "Fees,Data,Other Fees,USD,2024-05-15,S***678:Data for May 2024,-1\n"
        "Fees,Data,Total,,,,-3\n"
    )
    assert [(r.line, r.account) for r in records if isinstance(r, Transaction)] == [(5, "U1005678")]
    refused = [r for r in records if isinstance(r, Refusal)]
    assert [r.line for r in refused] == [6, 7]
    assert "U1001234, U1005678" in refused[0].reason
    assert "--account" in refused[0].reason


def test_the_person_may_say_whose_the_rows_without_an_account_are() -> None:
    records = parse(
        f"{_TWO}Transfers,Header,Asset Category,Currency,Symbol,Date,Type,Direction,Qty,Cash Amount\n"
        "Transfers,Data,Stocks,USD,XYZ,2024-05-15,ACATS,Out,-383,0.00\n"
        "Transfers,Data,Stocks,USD,ABC,2024-05-15,ACATS,Out,-3,0.00\n",
        Options(account="U1005678"),
    )
    assert {r.account for r in records if isinstance(r, Transaction)} == {"U1005678"}
    assert [r.line for r in records if isinstance(r, Warning)] == [5]


def test_rows_say_whose_a_statement_is_that_does_not_say_so_itself() -> None:
    positions = (
        "Statement,Header,Field Name,Field Value\n"
        'Statement,Data,Period,"May 1, 2024 - May 31, 2024"\n'
        "Open Positions,Header,DataDiscriminator,Asset Category,Currency,Symbol,Quantity,Cost Basis,Code\n"
        "Open Positions,Data,Summary,Stocks,USD,XYZ,3,30,\n"
        "Dividends,Header,Currency,Account,Date,Description,Amount\n"
        "Dividends,Data,USD,U1,2024-05-15,a,1\n"
    )
    one = parse(positions)
    assert [r.account for r in one if isinstance(r, Statement) and r.account] == ["U1"]
    assert len([r for r in one if isinstance(r, PositionEvidence)]) == 1
    two = parse(positions + "Dividends,Data,USD,U2,2024-05-15,a,1\n")
    assert not [
        r
        for r in two
        if isinstance(r, PositionEvidence | Refusal) or (isinstance(r, Statement) and r.account)
    ]
    assert "adds up several accounts" in " ".join(r.reason for r in two if isinstance(r, Warning))


def test_closed_lots_of_a_consolidated_statement_belong_to_the_order_above() -> None:
    records = parse(
        _TWO + "Trades,Header,DataDiscriminator,Asset Category,Currency,Account,Symbol,Date/Time,Quantity,"
        "T. Price,C. Price,Proceeds,Comm/Fee,Basis,Realized P/L,MTM P/L,Code\n"
        'Trades,Data,Order,Stocks,USD,U1005678,XYZ,"2024-05-15, 10:00:00",-5,10,10,50,-1,-40,9,0,C\n'
        'Trades,Data,ClosedLot,Stocks,USD,,XYZ,"2024-01-15, 10:00:00",5,8,,,,40,9,,ST\n'
        "Trades,SubTotal,,Stocks,USD,XYZ,,,-5,,,50,-1,-40,9,0,\n"
    )
    assert [(r.account, str(r.quantity)) for r in records if isinstance(r, Transaction)] == [
        ("U1005678", "-5")
    ]
    assert not [r for r in records if isinstance(r, Refusal)]


def test_other_capitals_and_lost_quotation_marks() -> None:
    assert IbkrActivity.detect("Net asset value,Header,Asset Class\n", "") == "single"
    records = parse(
        "Statement,Header,Field name,Field value,,,\n"
        'Statement,Data,Period,"May 1, 2024 - May 31, 2024",,,\n'
        "Account information,Header,Field name,Field value,,,\n"
        "Account information,Data,Account,U1,,,\n"
        "Mark-to-market performance summary,Header,Asset Category\n"
        "Trades,Header,DataDiscriminator,Asset category,Currency,Symbol,Date/Time,Quantity,T. price,"
        "Close Price,Proceeds,Comm/fee,Code\n"
        "Trades,Data,Order,Equity and index options,USD,AAPL 28MAR25 222.5 C,2025-03-27, 10:30:15,"
        "1,1.22,2,-122,-1,O\n"
        "Deposits & withdrawals,Header,Currency,Settle date,Description,Amount\n"
        "Deposits & withdrawals,Data,USD,2024-05-02,Electronic fund transfer,1500\n"
        "Cash report,Header,Currency summary,Currency,Total\n"
        "Cash report,Data,Ending cash,USD,1377\n"
    )
    assert [(r.type.value, str(r.net_amount)) for r in records if isinstance(r, Transaction)] == [
        ("buy", "-123"),
        ("deposit", "1500"),
    ]
    assert [str(r.amount) for r in records if isinstance(r, CashEvidence)] == ["1377"]
    assert not [r for r in records if isinstance(r, Warning | Refusal)]
