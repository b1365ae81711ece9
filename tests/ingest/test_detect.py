"""Which parser reads which file."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from quantmatrix.ingest.canonical_columns import NAMES
from quantmatrix.ingest.detect import choose_parser
from quantmatrix.ingest.formats import OWN, formats, parsers
from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.reader import SourceFile, open_source

FIXTURES = Path(__file__).parent / "fixtures"
IBKR = "Statement,Header,Field Name,Field Value\nStatement,Data,Title,Activity Statement\n"


def source(text: str, name: str = "file.csv") -> SourceFile:
    return SourceFile(io.BytesIO(text.encode()), name)


@pytest.mark.parametrize(
    ("text", "name", "layout"),
    [
        ((FIXTURES / "tastytrade" / "history_21col.csv").read_text(), "tastytrade_csv", "21col"),
        ((FIXTURES / "tastytrade" / "history_old.csv").read_text(), "tastytrade_csv", "old"),
        ((FIXTURES / "simple" / "trades.csv").read_text(), "simple_csv", "6col"),
        ("\ufeffdate,symbol,qty,price,side\n", "simple_csv", "5col"),
        ("TradeDate,Symbol,Quantity,TradePrice,IBCommission,Buy/Sell\n", "simple_csv", "6col"),
        (",".join(NAMES) + "\n", "quantmatrix_csv", "1"),
        ((FIXTURES / "ibkr_flex" / "year.xml").read_text(), "ibkr_flex", "xml"),
        ((FIXTURES / "ibkr_flex" / "sections.csv").read_text(), "ibkr_flex", "csv"),
        (IBKR, "ibkr_activity_csv", "single"),
        ("\ufeff" + IBKR, "ibkr_activity_csv", "single"),
    ],
)
def test_each_format_is_found(text: str, name: str, layout: str) -> None:
    parser, found = choose_parser(source(text))
    assert (parser.source, found) == (name, layout)


def test_every_format_has_a_parser_of_its_name_and_a_description() -> None:
    assert set(parsers()) == set(OWN)
    assert all(parser.source == name for name, parser in parsers().items())
    assert all(known.title and known.broker and known.problem is None for known in formats())


def test_each_file_gets_a_parser_of_its_own() -> None:
    first, _ = choose_parser(source(IBKR))
    second, _ = choose_parser(source(IBKR))
    assert first is not second


def test_the_user_can_force_a_format() -> None:
    parser, layout = choose_parser(source(IBKR), "simple_csv")
    assert (parser.source, layout) == ("simple_csv", "forced")
    parser, layout = choose_parser(
        source((FIXTURES / "tastytrade" / "history_old.csv").read_text()), "simple_csv"
    )
    assert (parser.source, layout) == ("simple_csv", "15col")


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("", "empty", "again"),
        (" \n\n", "empty", "again"),
        ("a,b,c\n1,2,3\n", "no known format", "ibkr_activity_csv"),
        ("not a table at all", "no known format", "--source"),
        (
            "ACCOUNT_NR,SEC_TYPE,SEC_SUBTYPE,SYMBOL,SEC_DESCRIPTION,8949_CODE,OPEN_DATE,CLOSE_DATE,QUANTITY,COST,"
            "PROCEEDS,GAIN_LOSS\n",
            "tax report",
            "transaction history",
        ),
        (
            "Account,Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,P/L Open\n",
            "positions",
            "history",
        ),
        ('<?xml version="1.0"?>', "XML", "CSV"),
        ("<!DOCTYPE html>", "web page", "download"),
        ('{"a": 1}', "JSON", "CSV"),
        ('{"Transactions": [{"TransactionDetails": []}]}', "list of awards", "brokerage"),
        ("DATE,TRANSACTION ID,DESCRIPTION,QUANTITY,SYMBOL,PRICE,REG FEE\n", "TD Ameritrade", "simple_csv"),
        ("When;Symbol;Quantity;Price;Type\n", "semicolons", "simple_csv"),
        ('"When";"Symbol";"Quantity";"Price";"Type"\n', "semicolons", "simple_csv"),
        ("When\tSymbol\tQuantity\tPrice\tType\n", "tabs", "simple_csv"),
        ("When|Symbol|Quantity|Price|Type\n", "bars", "simple_csv"),
        ("sep=;\nWhen;Symbol\n", "semicolons", "simple_csv"),
        ("Symbol;Market Value;% of account\n", "list of positions", "transaction history"),
    ],
)
def test_other_files_are_refused_with_what_they_are_and_a_hint(text: str, what: str, hint: str) -> None:
    with pytest.raises(FileRefused, match=what) as refused:
        choose_parser(source(text))
    assert hint in (refused.value.hint or "")


def test_a_file_that_two_brokers_could_have_made_is_refused() -> None:
    both = (FIXTURES / "tastytrade" / "history_21col.csv").read_text().splitlines()[0]
    both += ",transaction_type,trade_date,net_amount\n"
    with pytest.raises(FileRefused, match="tastytrade_csv and quantmatrix_csv") as refused:
        choose_parser(source(both))
    assert "--source" in (refused.value.hint or "")


def test_a_real_path_goes_all_the_way() -> None:
    with open_source(FIXTURES / "tastytrade" / "history_21col.csv") as file:
        parser, _ = choose_parser(file)
        assert parser.source == "tastytrade_csv"
