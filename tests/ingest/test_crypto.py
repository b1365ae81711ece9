"""Exchanges of digital assets."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from quantmatrix.ingest.binance import BinanceParser
from quantmatrix.ingest.coinbase import CoinbaseParser
from quantmatrix.ingest.kraken import KrakenParser
from quantmatrix.ingest.kraken_moves import asset
from quantmatrix.ingest.model import (
    CashEvidence,
    Instrument,
    Line,
    PositionEvidence,
    Record,
    Refusal,
    Transaction,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.parser import Parser
from quantmatrix.testing.conformance import Conformance, hold_together, records_of
from quantmatrix.testing.parsing import only, reasons, these, transaction

FIXTURES = Path(__file__).parent / "fixtures" / "brokers"


def sample(name: str) -> str:
    return (FIXTURES / name).read_text()


class TestCoinbase(Conformance):
    parser = CoinbaseParser
    samples = {"coinbase.csv": sample("coinbase.csv")}
    repeat_from = "Receive"


class TestKraken(Conformance):
    parser = KrakenParser
    samples = {"kraken.csv": sample("kraken.csv")}
    repeat_from = '"rollover"'


class TestBinance(Conformance):
    parser = BinanceParser
    samples = {"binance.csv": sample("binance.csv")}
    repeat_from = "Distribution"


def read(parser: type[Parser], text: str) -> list[Record]:
    records = records_of(parser, text)
    hold_together(records)
    return records


def totals(records: list[Record]) -> dict[str, Decimal]:
    """Balances that the rows make, coins and money."""
    names = {i.key: i.symbol for i in only(records, Instrument)}
    found: dict[str, Decimal] = {}
    for t in only(records, Transaction):
        found[t.currency] = found.get(t.currency, Decimal(0)) + t.net_amount
        if t.instrument is not None and t.quantity is not None:
            name = names[t.instrument]
            found[name] = found.get(name, Decimal(0)) + t.quantity
    return {name: amount for name, amount in found.items() if amount}


def types(records: list[Record]) -> list[tuple[int, T]]:
    return [(t.line, t.type) for t in sorted(only(records, Transaction), key=lambda t: (t.line, t.part))]


def test_coinbase() -> None:
    records = read(CoinbaseParser, sample("coinbase.csv"))
    assert types(records) == [
        (5, T.TRANSFER_OUT), (6, T.SELL), (6, T.BUY), (7, T.INTEREST), (7, T.REINVEST), (8, T.SELL),
        (9, T.BUY), (10, T.TRANSFER_IN), (11, T.DEPOSIT), (12, T.WITHDRAWAL), (13, T.OTHER),
    ]  # fmt: skip
    assert totals(records) == {
        "BTC": Decimal("0.34"), "ETH": Decimal("4.01"), "USD": Decimal("15725"),
    }  # fmt: skip
    bought = transaction(records, 9)
    assert these(bought.gross_amount, bought.commission, bought.external_id) == (-49000, -100, "a5")
    assert "unknown kind" in reasons(records, 13)


def test_coinbase_of_old() -> None:
    text = (
        "Timestamp,Transaction Type,Asset,Quantity Transacted,Spot Price Currency,Spot Price at Transaction,"
        "Subtotal,Total (inclusive of fees),Fees,Notes\n"
        "2021-05-01T10:00:00Z,Send,BTC,0.5,USD,57000,,,,Sent\n"
        "2021-04-01T10:00:00Z,Buy,BTC,1,USD,58000,58000,58100,100,Bought\n"
    )
    records = read(CoinbaseParser, text)
    assert types(records) == [(2, T.TRANSFER_OUT), (3, T.BUY)]
    assert totals(records) == {"BTC": Decimal("0.5"), "USD": Decimal(-58100)}


def test_kraken() -> None:
    records = read(KrakenParser, sample("kraken.csv"))
    assert types(records) == [
        (3, T.DEPOSIT), (4, T.BUY), (6, T.BUY), (8, T.SELL), (8, T.BUY), (12, T.PROMOTION),
        (13, T.TRANSFER_OUT), (14, T.SELL), (16, T.FX_CONVERSION), (18, T.FEE), (19, T.OTHER),
    ]  # fmt: skip
    expected = {"EUR": "392.85", "BTC": "0.000798", "ETH": "0.0601", "USD": "104.5"}
    assert totals(records) == {name: Decimal(text) for name, text in expected.items()}
    bought = transaction(records, 4)
    assert these(bought.currency, bought.gross_amount, bought.commission) == ("EUR", -500, Decimal("-0.8"))
    assert (bought.external_id, bought.also_lines) == ("L2", (5,))


def test_the_balances_that_kraken_ends_with_are_those_of_the_rows() -> None:
    records = read(KrakenParser, sample("kraken.csv"))
    stated = {c.currency: c.amount for c in only(records, CashEvidence)}
    stated |= {p.instrument.split("|")[1]: p.quantity for p in only(records, PositionEvidence)}
    assert stated == totals(records)


def test_kraken_skips_pending_doubles_and_moves_within() -> None:
    verdicts = {x.number: x.verdict for x in only(read(KrakenParser, sample("kraken.csv")), Line)}
    assert [n for n, verdict in verdicts.items() if verdict == "skipped"] == [1, 2, 10, 11]


@pytest.mark.parametrize(
    ("printed", "code"),
    [
        ("XXBT", "BTC"), ("XBT.M", "BTC"), ("ZEUR", "EUR"), ("EUR.HOLD", "EUR"), ("XXDG", "DOGE"),
        ("ETH2.S", "ETH"), ("DOT28.S", "DOT"), ("ADA", "ADA"), ("XETH", "ETH"), ("SOL03.S", "SOL"),
    ],
)  # fmt: skip
def test_krakens_codes(printed: str, code: str) -> None:
    assert asset(printed) == code


def test_binance() -> None:
    records = read(BinanceParser, sample("binance.csv"))
    assert types(records) == [
        (2, T.DEPOSIT), (3, T.BUY), (3, T.SELL), (7, T.SELL), (7, T.BUY), (10, T.PROMOTION),
        (11, T.TRANSFER_OUT), (12, T.SELL), (15, T.PROMOTION), (16, T.OTHER),
    ]  # fmt: skip
    expected = {"EUR": "595.9", "BTC": "0.001", "ETH": "0.0301", "BNB": "0.49996395"}
    assert totals(records) == {name: Decimal(text) for name, text in expected.items()}
    sold = transaction(records, 12)
    assert these(sold.gross_amount, sold.commission, sold.net_amount) == (
        95,
        Decimal("-0.1"),
        Decimal("94.9"),
    )


def test_binance_legs_that_cannot_be_paired_are_kept_apart() -> None:
    head = "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark\n"
    at = "1,2025-01-02 10:00:00,Spot"
    text = head + f"{at},Buy,BTC,1,\n{at},Buy,ETH,1,\n{at},Buy,EUR,-5,\n"
    records = read(BinanceParser, text)
    assert types(records) == [(2, T.BUY), (3, T.BUY), (4, T.OTHER)]
    assert "cannot be told" in reasons(records, 2)


@pytest.mark.parametrize(
    ("parser", "name", "old", "new", "column"),
    [
        (CoinbaseParser, "coinbase.csv", "2025-01-17 16:57:02 UTC", "17.1.2025", "Timestamp"),
        (CoinbaseParser, "coinbase.csv", ",-0.01,", ",x,", "Quantity Transacted"),
        (KrakenParser, "kraken.csv", '"2025-01-01 09:05:00"', '"soon"', "time"),
        (KrakenParser, "kraken.csv", "-500.0000", "x", "amount"),
        (BinanceParser, "binance.csv", "2025-01-01 09:00:00", "soon", "UTC_Time"),
        (BinanceParser, "binance.csv", "EUR,1000", "EUR,x", "Change"),
    ],
)
def test_bad_cells_are_refused_with_their_column(
    parser: type[Parser], name: str, old: str, new: str, column: str
) -> None:
    text = sample(name)
    assert old in text
    found = only(read(parser, text.replace(old, new, 1)), Refusal)
    assert [r.column for r in found] == [column]


def test_the_same_row_twice_counts_once() -> None:
    lines = sample("coinbase.csv").splitlines()
    records = read(CoinbaseParser, "\n".join((*lines, lines[8], lines[8].replace("0.5,", "0.6,"))) + "\n")
    assert [t.external_id for t in only(records, Transaction) if t.line >= 14] == ["a5#2"]


KRAKEN = (
    '"txid","refid","time","type","subtype","aclass","asset","wallet","amount","fee","balance","amountusd"\n'
)


def kraken(*rows: str) -> list[Record]:
    return read(KrakenParser, KRAKEN + "".join(f"{row}\n" for row in rows))


def test_kraken_one_order_from_two_wallets_is_one_sale() -> None:
    records = kraken(
        "A,T,2025-02-03 10:00:00,trade,tradespot,currency,ETH,spot / main,-29.86,0,0,",
        "B,T,2025-02-03 10:00:00,trade,tradespot,currency,ETH,earn / flexible,-1.55,0,0,",
        "C,T,2025-02-03 10:00:00,trade,tradespot,currency,ZUSD,spot / main,81666,130.6656,0,",
    )
    sold = transaction(records, 2)
    assert types(records) == [(2, T.SELL)]
    assert these(sold.quantity, sold.net_amount, sold.also_lines) == (
        Decimal("-31.41"), Decimal("81535.3344"), (3, 4),
    )  # fmt: skip


def test_kraken_a_sweep_shares_its_money_out_by_what_each_coin_is_worth() -> None:
    records = kraken(
        "A,D,2025-02-03 10:00:00,spend,dustsweeping,currency,ADA,spot / main,-3,0,0,-1.50",
        "B,D,2025-02-03 10:00:00,spend,dustsweeping,currency,DOT,spot / main,-0.1,0,0,-0.50",
        "C,D,2025-02-03 10:00:00,receive,dustsweeping,currency,ZUSD,spot / main,2,0.04,0,2",
    )
    assert types(records) == [(2, T.SELL), (3, T.SELL)]
    assert [t.net_amount for t in only(records, Transaction)] == [Decimal("1.47"), Decimal("0.49")]
    assert totals(records) == {"ADA": -3, "DOT": Decimal("-0.1"), "USD": Decimal("1.96")}


def test_kraken_a_sweep_of_unknown_worth_says_its_units_and_money() -> None:
    records = kraken(
        "A,D,2025-02-03 10:00:00,spend,,currency,ADA,spot / main,-3,0,0,",
        "B,D,2025-02-03 10:00:00,spend,,currency,DOT,spot / main,-0.1,0,0,",
        "C,D,2025-02-03 10:00:00,receive,,currency,ZUSD,spot / main,2,0,0,",
    )
    assert types(records) == [(2, T.SELL), (3, T.SELL), (4, T.OTHER)]
    assert totals(records) == {"ADA": -3, "DOT": Decimal("-0.1"), "USD": 2}
    assert transaction(records, 2).gross_amount is None
    assert "2 USD" in reasons(records, 2)


def test_kraken_a_fee_in_a_third_coin_is_a_disposal_of_it() -> None:
    records = kraken(
        "A,T,2025-02-03 10:00:00,trade,,currency,ZUSD,spot / main,-100,0,0,",
        "B,T,2025-02-03 10:00:00,trade,,currency,ETH,spot / main,0.03,0,0,",
        "C,T,2025-02-03 10:00:00,trade,,currency,KFEE,spot / main,0,5,0,",
    )
    assert types(records) == [(2, T.BUY), (4, T.SELL)]
    assert transaction(records, 4).quantity == -5


def test_kraken_a_position_settled_in_kind_is_one_exchange() -> None:
    records = kraken(
        "A,S,2025-02-03 10:00:00,settled,,currency,ZUSD,spot / main,-100,0,0,",
        "B,S,2025-02-03 10:00:00,settled,,currency,ETH,spot / main,0.03,0,0,",
    )
    assert types(records) == [(2, T.BUY)]


def test_kraken_earn_rows_without_a_reference_return_or_are_rewards() -> None:
    records = kraken(
        "A,Unknown,2024-03-11 16:31:11,earn,,currency,BTC.M,,-0.2,0,0,",
        "B,Unknown,2024-03-11 16:31:12,earn,,currency,BTC,,0.2,0,0.2,",
        "C,Unknown,2024-03-12 09:29:47,earn,,currency,BTC,,0.0000000841,0,0.2,",
    )
    assert types(records) == [(4, T.PROMOTION)]
    assert {x.number: x.verdict for x in only(records, Line)} == {
        1: "skipped", 2: "skipped", 3: "skipped", 4: "row",
    }  # fmt: skip


def test_kraken_more_than_one_other_half_is_said_with_its_units() -> None:
    records = kraken(
        "A,Unknown,2024-03-11 16:31:11,earn,,currency,BTC.M,,-0.2,0,0,",
        "B,Unknown,2024-03-11 16:31:11,earn,,currency,BTC,,0.2,0,0.2,",
        "C,Unknown,2024-03-11 18:31:11,earn,,currency,BTC,,0.2,0,0.4,",
    )
    assert types(records) == [(4, T.PROMOTION)]
    assert "more than one row may be its other half" in reasons(records, 2)


def test_kraken_an_earn_row_whose_other_half_is_missing_says_its_units() -> None:
    records = kraken("A,Unknown,2024-03-11 16:31:11,earn,,currency,BTC.M,,-0.2,0,0,")
    assert types(records) == [(2, T.TRANSFER_OUT)]
    assert "-0.2 BTC" in reasons(records, 2)


def test_kraken_what_stays_in_a_wallet_is_held_and_said() -> None:
    records = kraken("A,FT,2024-03-11 16:31:11,earn,allocation,currency,BTC,spot / main,-0.2,0,0,")
    assert types(records) == []
    assert "did not come back" in reasons(records, 2)


def delisted(*rows: tuple[str, str, str]) -> list[Record]:
    return kraken(
        *(
            f"L{at},R{at},{day} 10:00:00,transfer,delistingconversion,currency,{code},spot,{amount},0,0,"
            for at, (day, code, amount) in enumerate(rows)
        )
    )


def test_kraken_the_halves_of_a_forced_conversion_are_one_sale_on_the_first_day() -> None:
    records = delisted(("2025-03-03", "XMR", "-2"), ("2025-03-06", "ZUSD", "300"))
    sold = transaction(records, 2)
    assert types(records) == [(2, T.SELL)]
    assert (str(sold.trade_date), sold.quantity, sold.net_amount) == ("2025-03-03", -2, 300)


@pytest.mark.parametrize(
    "more",
    [("2025-03-07", "ZUSD", "200"), ("2025-03-04", "ZEC", "-1")],
)
def test_kraken_halves_that_fit_several_stay_apart(more: tuple[str, str, str]) -> None:
    records = delisted(("2025-03-03", "XMR", "-2"), ("2025-03-06", "ZUSD", "300"), more)
    assert T.SELL not in {kind for _, kind in types(records)}
    assert "-2 XMR" in reasons(records, 2)
    assert "300 USD" in reasons(records, 3)
