"""Charles Schwab."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from quantmatrix.ingest.model import (
    FileRefused,
    Instrument,
    Link,
    LinkKind,
    Options,
    PositionEffect,
    Record,
    Refusal,
    Statement,
    Terms,
    Transaction,
    Warning,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.schwab import SchwabParser
from quantmatrix.testing.conformance import Conformance
from quantmatrix.testing.parsing import only, parse, reasons, these, transaction

SAMPLE = (Path(__file__).parent / "fixtures" / "brokers" / "schwab.csv").read_text()
HEADER = '"Date","Action","Symbol","Description","Quantity","Price","Fees & Comm","Amount"\n'


class TestConformance(Conformance):
    parser = SchwabParser
    samples = {
        "schwab.csv": SAMPLE,
        "old.csv": HEADER.replace('"\n', '",\n')
        + '"07/02/2021","Buy","SCHB","ETF","1","$5.00","","-$5.00",\n',
    }
    repeat_from = '"Buy","T"'


@pytest.fixture(scope="module")
def history() -> list[Record]:
    return parse(SchwabParser, SAMPLE)


def rows(*lines: str) -> list[Record]:
    return parse(SchwabParser, HEADER + "\n".join(lines) + "\n")


def test_every_row_has_its_type(history: list[Record]) -> None:
    assert {t.line: t.type for t in only(history, Transaction)} == {
        3: T.SELL, 4: T.OPTION_EXPIRATION, 5: T.INTEREST, 6: T.BUY, 7: T.OPTION_ASSIGNMENT, 8: T.BUY,
        9: T.SPLIT, 11: T.SPLIT, 12: T.MERGER_STOCK, 15: T.MERGER_CASH, 17: T.SYMBOL_CHANGE,
        18: T.SELL, 19: T.BUY, 20: T.SELL, 21: T.BUY, 22: T.BUY, 23: T.REINVEST, 24: T.DIVIDEND,
        25: T.CAPITAL_GAIN_DISTRIBUTION, 26: T.TAX_WITHHELD, 27: T.FEE, 28: T.DEPOSIT, 29: T.WITHDRAWAL,
        30: T.TRANSFER_IN, 31: T.CASH_IN_LIEU, 32: T.OTHER,
    }  # fmt: skip


def test_cash_is_the_files_own_total(history: list[Record]) -> None:
    assert sum(t.net_amount for t in only(history, Transaction)) == Decimal("1412.05")
    assert reasons(history, 33) == ""


def test_a_total_that_does_not_fit_is_said() -> None:
    records = rows(
        '"03/05/2024","Buy","T","AT&T","10","$17.00","","-$170.00"',
        '"Transactions Total","","","","","","","-$171.00"',
    )
    assert "add up to -170.00" in reasons(records, 3)


def test_fees_are_inside_the_amount(history: list[Record]) -> None:
    sale = transaction(history, 3)
    assert these(sale.gross_amount, sale.commission, sale.net_amount) == (
        3100,
        Decimal("-0.03"),
        Decimal("3099.97"),
    )
    assert these(sale.quantity, sale.price, sale.executed_at) == (-50, 62, None)


def test_the_effective_day_counts(history: list[Record]) -> None:
    interest = transaction(history, 5)
    assert interest.trade_date == date(2024, 3, 19)
    assert interest.metadata["posted"] == "2024-03-20"


def test_options_and_their_assignment(history: list[Record]) -> None:
    opened, assigned = transaction(history, 18), transaction(history, 7)
    assert opened.instrument == "option|SPY   240322P00500000|USD"
    assert these(opened.quantity, opened.position_effect) == (-2, PositionEffect.OPEN)
    assert assigned.terms == Terms(exercise_settlement="linked")
    assert Link(kind=LinkKind.EXERCISE, from_line=7, to_line=8) in only(history, Link)
    assert transaction(history, 4).quantity == 2


def test_a_reverse_split_changes_the_tickers_own_position(history: list[Record]) -> None:
    split = transaction(history, 9)
    assert (split.type, split.instrument, split.also_lines) == (T.SPLIT, "stock|MINE|USD", (10,))
    assert split.terms == Terms(
        ratio_numerator=Decimal(1), ratio_denominator=Decimal(25), stated_quantity=Decimal(-240)
    )


def test_a_split_states_the_added_shares(history: list[Record]) -> None:
    split = transaction(history, 11)
    assert these(split.quantity, split.terms, split.price) == (None, Terms(stated_quantity=Decimal(90)), None)


def test_a_merger_finds_the_ticker_behind_a_cusip(history: list[Record]) -> None:
    merger = transaction(history, 12)
    assert merger.type is T.MERGER_STOCK
    assert merger.instrument == "stock|APEX|USD"
    assert merger.terms is not None
    assert these(merger.terms.new_instrument, merger.terms.stated_new_quantity) == ("stock|AMCX|USD", 3)


def test_a_cash_merger_is_one_event(history: list[Record]) -> None:
    merger = next(t for t in only(history, Transaction) if t.type is T.MERGER_CASH)
    assert these(merger.net_amount, merger.terms) == (
        500, Terms(cash_per_share=Decimal(25), stated_quantity=Decimal(-20)),
    )  # fmt: skip


def test_a_name_change_carries_the_position(history: list[Record]) -> None:
    change = next(t for t in only(history, Transaction) if t.type is T.SYMBOL_CHANGE)
    assert change.instrument == "stock|OLDN|USD"
    assert change.terms is not None
    assert change.terms.new_instrument == "stock|NEWN|USD"


def test_a_cancel_is_tied_to_its_trade_though_it_stands_above(history: list[Record]) -> None:
    [link] = [x for x in only(history, Link) if x.kind is LinkKind.CORRECTION]
    assert (link.from_line, link.to_line) == (20, 21)
    assert these(transaction(history, 20).quantity, transaction(history, 20).net_amount) == (-10, 170)


def test_an_unknown_action_is_kept_with_its_cash(history: list[Record]) -> None:
    other = transaction(history, 32)
    assert these(other.type, other.net_amount) == (T.OTHER, Decimal("0.07"))
    assert "unknown kind" in reasons(history, 32)


def test_the_title_names_account_and_time(history: list[Record]) -> None:
    told = only(history, Statement)
    assert [s.account for s in told if s.account] == ["...123"]
    assert [s.generated_at for s in told if s.generated_at] == [datetime(2024, 3, 26, 14, tzinfo=UTC)]
    assert not [s for s in only(parse(SchwabParser, SAMPLE, Options(account="mine")), Statement) if s.account]


def test_the_files_name_names_the_account() -> None:
    text = HEADER + '"03/05/2024","Buy","T","AT&T","10","$17.00","","-$170.00"\n'
    records = parse(
        SchwabParser, text, Options(file_name="Individual_XXX178_Transactions_20240309-115444.csv")
    )
    assert only(records, Statement)[0].account == "...178"


def test_rows_run_backwards() -> None:
    parser = SchwabParser()
    assert parser.newest_first


def test_bonds_by_their_cusip() -> None:
    records = rows(
        '"03/05/2024","Buy","912828ZT0","TREASURY NOTE DUE 05/31/25","10,000","$95.00","","-$9,500.00"'
    )
    [bond] = only(records, Instrument)
    assert (bond.type.value, bond.identifiers) == ("bond", {"cusip": "912828ZT0"})


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ('"13/45/2024","Buy","T","AT&T","10","$17.00","","-$170.00"', "Date"),
        ('"03/05/2024","Buy","T","AT&T","ten","$17.00","","-$170.00"', "Quantity"),
        ('"03/05/2024","Buy","T","AT&T","","$17.00","","-$170.00"', "Quantity"),
        ('"03/05/2024","Buy","T","AT&T","10","$17.00","","-$1,70.00"', "Amount"),
    ],
)
def test_bad_cells_are_refused_with_their_place(line: str, column: str) -> None:
    [refusal] = only(rows(line), Refusal)
    assert (refusal.line, refusal.column) == (2, column)


JSON = json.dumps(
    {
        "FromDate": "03/01/2024",
        "ToDate": "03/31/2024",
        "TotalTransactionsAmount": "$2,929.97",
        "BrokerageTransactions": [
            {
                "Date": "03/25/2024", "Action": "Sell", "Symbol": "KO", "Description": "COCA-COLA CO",
                "Quantity": "50", "Price": "$62.00", "Fees & Comm": "$0.03", "Amount": "$3,099.97",
                "AcctgRuleCd": "1",
            },
            {
                "Date": "03/05/2024", "Action": "Buy", "Symbol": "T", "Description": "AT&T, INC",
                "Quantity": "10", "Price": "$17.00", "Fees & Comm": None, "Amount": "-$170.00",
            },
        ],
    },
    indent=1,
)  # fmt: skip


def test_the_json_holds_the_same_rows() -> None:
    assert SchwabParser.detect(JSON, "x.json") == "json"
    records = parse(SchwabParser, JSON)
    assert [these(t.type, t.quantity, t.net_amount) for t in only(records, Transaction)] == [
        (T.SELL, -50, Decimal("3099.97")), (T.BUY, 10, -170),
    ]  # fmt: skip
    assert only(records, Warning) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (JSON[:200], "cannot be read"),
        ('{"BrokerageTransactions": 1}', "no list"),
        ('{"BrokerageTransactions": [1]}', "no list"),
        ("{" * 50, "cannot be read"),
    ],
)
def test_json_that_cannot_be_read_is_refused(text: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        list(SchwabParser().parse(io.StringIO(text, newline=""), Options()))


def test_a_journal_that_returns_on_its_day_has_no_effect() -> None:
    records = rows(
        '"06/02/2025","Journal","SNSXX","SCHWAB US TREASURY MONEY","103.26","","",""',
        '"06/02/2025 as of 06/02/2025","Journaled Shares","SNSXX","SCHWAB US TREASURY","-103.26","","",""',
        '"06/02/2025","Journal","","TO MARGIN","","","","-$5.00"',
        '"06/02/2025","Journal","","TO MARGIN","","","","$5.00"',
        '"03/03/2025","Buy","SNSXX","SCHWAB US TREASURY MONEY","103.26","$1.00","","-$103.26"',
        '"Transactions Total","","","","","","","-$103.26"',
    )
    assert [t.type for t in only(records, Transaction)] == [T.BUY]
    assert "within the account" in reasons(records, 2)
    assert reasons(records, 7) == ""


def test_a_journal_without_its_partner_is_a_transfer_named_with_its_units() -> None:
    records = rows(
        '"06/02/2025","Journaled Shares","VTI","VANGUARD TOTAL","25","","",""',
        '"06/02/2025","Journaled Shares","VTI","VANGUARD TOTAL","-24","","",""',
        '"06/02/2025","Journal","","JOURNAL FRM ...999","","","","$5.00"',
        '"06/02/2025","Journal","","JOURNAL TO ...888","","","","-$5.00"',
    )
    assert [t.type for t in only(records, Transaction)] == [
        T.TRANSFER_IN, T.TRANSFER_OUT, T.DEPOSIT, T.WITHDRAWAL,
    ]  # fmt: skip
    assert "25 of VTI" in reasons(records, 2)
    assert "-24 of VTI" in reasons(records, 3)


def test_the_cash_of_a_transfer_is_a_deposit_and_hyphens_are_blanks() -> None:
    records = rows(
        '"01/21/2024","Security Transfer","","TOA ACAT 0226","","","","$1,000.00"',
        '"01/18/2024","Journaled Shares","","TRAN - CASH MOVEMENT","","","","-$0.09"',
        '"01/19/2024","Pr Yr Non-Qual Div","AAPL","APPLE INC","","","","$286.11"',
        '"01/19/2024","Pr Yr Qualified Dividend","AAPL","APPLE INC","","","","$1.00"',
        '"01/19/2024","Non-Qualified Div","AAPL","APPLE INC","","","","$2.00"',
    )
    assert [t.type for t in only(records, Transaction)] == [
        T.DEPOSIT, T.WITHDRAWAL, T.DIVIDEND, T.DIVIDEND, T.DIVIDEND,
    ]  # fmt: skip
    assert only(records, Warning) == []


def test_a_money_fund_by_its_cusip_is_no_bond() -> None:
    records = rows(
        '"03/03/2025","Buy","808515209","SCHWAB US TREASURY MONEY INVESTOR","5","$1.00","","-$5.00"'
    )
    [fund] = only(records, Instrument)
    assert (fund.type.value, fund.identifiers) == ("stock", {"cusip": "808515209"})


@pytest.mark.parametrize("many", ["DDD", "000000003"])
def test_a_reverse_split_of_shares_that_are_owed(many: str) -> None:
    rows = (
        f'"06/02/2025","Reverse Split","{many}","DDD CORP","100","","",""\n'
        '"06/02/2025","Reverse Split","DDD","DDD CORP","-5","","",""\n'
    )
    (split,) = only(parse(SchwabParser, HEADER + rows), Transaction)
    assert split.type is T.SPLIT
    assert split.terms == Terms(
        ratio_numerator=Decimal(1), ratio_denominator=Decimal(20), stated_quantity=Decimal(95)
    )


def test_a_title_of_blanks_is_no_title() -> None:
    text = '"Transactions  for ' + " " * 20_000 + 'x"\n' + HEADER
    rows = '"06/02/2025","Buy","DDD","D' + " " * 20_000 + 'x","1","$1.00","","-$1.00"\n'
    assert [row.quantity for row in only(parse(SchwabParser, text + rows), Transaction)] == [1]
