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
    Options,
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
    assert (str(sold.trade_date), sold.quantity, sold.net_amount) == (
        "2025-03-03", Decimal(-2), Decimal(300),
    )  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [("2025-03-07", "ZUSD", "200"), ("2025-03-04", "ZEC", "-1")],
)
def test_kraken_halves_that_fit_several_stay_apart(more: tuple[str, str, str]) -> None:
    records = delisted(("2025-03-03", "XMR", "-2"), ("2025-03-06", "ZUSD", "300"), more)
    assert T.SELL not in {kind for _, kind in types(records)}
    assert "-2 XMR" in reasons(records, 2)
    assert "300 USD" in reasons(records, 3)


COINBASE = (
    "ID,Timestamp,Transaction Type,Asset,Quantity Transacted,Price Currency,Price at Transaction,Subtotal,"
    "Total (inclusive of fees and/or spread),Fees and/or Spread,Notes\n"
)


def coinbase(*rows: str) -> list[Record]:
    return read(CoinbaseParser, COINBASE + "".join(f"{row}\n" for row in rows))


def test_coinbase_a_conversion_bears_its_cost_once_on_what_was_given_up() -> None:
    records = coinbase(
        "a,2024-12-05 06:33:40 UTC,Convert,BTC,-0.1,EUR,€96847.4,€338.93,€351.66,€12.73,"
        "Converted 0.1 BTC to 156 XRP"
    )
    sold, bought = only(records, Transaction)
    assert these(sold.gross_amount, sold.commission, sold.net_amount, sold.currency) == (
        Decimal("351.66"), Decimal("-12.73"), Decimal("338.93"), "EUR",
    )  # fmt: skip
    assert these(bought.net_amount, bought.quantity) == (Decimal("-338.93"), 156)


@pytest.mark.parametrize("is_turned", [False, True])
def test_coinbase_a_conversion_in_two_rows_is_one_exchange(is_turned: bool) -> None:
    rows = [
        "a,2026-01-24 22:14:05 UTC,Convert,BTC,0.00084397,USD,$89345.925,$75.40,$77.58,$2.18,",
        "a,2026-01-24 22:14:05 UTC,Convert,USDC,-77.589329,USD,$1.00,$77.58,$77.58,$0.00,",
    ]
    records = coinbase(*(reversed(rows) if is_turned else rows), rows[0])
    sold, bought = only(records, Transaction)
    assert these(sold.quantity, sold.net_amount, sold.commission, sold.also_lines) == (
        Decimal("-77.589329"), Decimal("75.40"), Decimal("-2.18"), (3,),
    )  # fmt: skip
    assert these(bought.quantity, bought.net_amount) == (Decimal("0.00084397"), Decimal("-75.40"))
    assert "counted once" in reasons(records, 4)


def test_coinbase_two_rows_that_both_tell_the_conversion_count_once() -> None:
    note = "Converted 10 USDC to 0.1 SOL"
    records = coinbase(
        f"a,2026-01-24 22:14:05 UTC,Convert,USDC,-10,USD,$1.00,$9.90,$10.00,$0.10,{note}",
        f"a,2026-01-24 22:14:05 UTC,Convert,SOL,0.1,USD,$99.00,$9.90,$10.00,$0.10,{note}",
    )
    assert totals(records) == {"USDC": -10, "SOL": Decimal("0.1")}
    assert only(records, Transaction)[0].commission == Decimal("-0.10")


def test_coinbase_half_a_conversion_moves_nothing_and_says_its_units() -> None:
    records = coinbase("a,2026-01-24 22:14:05 UTC,Convert,USDC,-10,USD,$1.00,$9.90,$10.00,$0.10,")
    assert types(records) == [(2, T.OTHER)]
    assert "-10 USDC" in reasons(records, 2)


def test_coinbase_what_is_paid_in_a_coin_leaves_as_that_coin() -> None:
    records = coinbase(
        "a,2026-01-24 22:14:05 UTC,Advanced Trade Buy,BTC,0.001,USDC,$89345.92,$89.35,$90.00,$0.65,"
    )
    assert totals(records) == {"USDC": Decimal("-90.00"), "BTC": Decimal("0.001")}


def test_coinbase_an_amount_of_another_currency_is_refused() -> None:
    records = coinbase("a,2026-01-24 22:14:05 UTC,Buy,BTC,0.001,USD,€89345.92,€89.35,€90.00,€0.65,")
    [refused] = only(records, Refusal)
    assert "is not the currency" in refused.reason


def test_coinbase_coins_that_were_staked_come_back_as_they_were() -> None:
    records = coinbase(
        "c,2026-03-01 10:00:00 UTC,Receive,ETH,1.5,USD,$3000,$4500,$4500,$0.00,Received 1.5 ETH from "
        "Coinbase Staked Assets",
        "b,2026-02-01 10:00:00 UTC,Send,ETH,-1,USD,$3000,-$3000,-$3000,$0.00,Sent 1 ETH to Coinbase "
        "Staked Assets",
        "a,2026-01-01 10:00:00 UTC,Buy,ETH,1,USD,$3000,$3000,$3000,$0.00,",
    )
    assert types(records) == [(2, T.TRANSFER_IN), (4, T.BUY)]
    assert transaction(records, 2).quantity == Decimal("0.5")
    assert "0.5 ETH" in reasons(records, 2)


FILLS = "portfolio,trade id,product,side,created at,size,size unit,price,fee,total,price/fee/total unit\n"


def test_coinbase_pro_fills_are_trades() -> None:
    records = read(
        CoinbaseParser,
        FILLS
        + "default,11,BTC-USD,BUY,2021-01-05T12:00:00.123Z,0.01,BTC,30000,1.5,-301.5,USD\n"
        + "default,12,BTC-EUR,SELL,2021-01-06T12:00:00.123Z,0.005,BTC,30000,0.75,149.25,EUR\n"
        + "default,13,ETH-BTC,BUY,2021-01-07T12:00:00Z,1,ETH,0.03,0.0001,-0.0301,BTC\n",
    )
    assert types(records) == [(2, T.BUY), (3, T.SELL), (4, T.SELL), (4, T.BUY)]
    assert totals(records) == {
        "BTC": Decimal("-0.0251"), "USD": Decimal("-301.5"), "EUR": Decimal("149.25"), "ETH": 1,
    }  # fmt: skip
    bought = transaction(records, 2)
    assert these(bought.external_id, bought.commission) == ("BTC-USD:11", Decimal("-1.5"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("default,11,BTC-USD,BUY,2021-01-05T12:00:00Z,0.01,BTC,30000,1.5,301.5,USD", "brings money"),
        ("default,11,BTC-USD,HOLD,2021-01-05T12:00:00Z,0.01,BTC,30000,1.5,301.5,USD", "neither BUY"),
        ("default,11,BTC,BUY,2021-01-05T12:00:00Z,0.01,BTC,30000,1.5,-301.5,", "not a market"),
        ("default,11,BTC-USD,BUY,5.1.2021,0.01,BTC,30000,1.5,-301.5,USD", "not a date"),
    ],
)
def test_coinbase_pro_fills_that_contradict_themselves_are_refused(row: str, reason: str) -> None:
    [refused] = only(read(CoinbaseParser, FILLS + row + "\n"), Refusal)
    assert reason in refused.reason


def test_coinbase_pro_fills_are_checked_by_their_price() -> None:
    row = "default,11,BTC-USD,BUY,2021-01-05T12:00:00Z,0.01,BTC,40000,1.5,-301.5,USD\n"
    assert "400" in reasons(read(CoinbaseParser, FILLS + row), 2)


def test_the_day_of_an_exchange_is_new_yorks_unless_another_zone_is_named() -> None:
    row = COINBASE + "a,2026-01-25 02:14:05 UTC,Buy,BTC,0.001,EUR,€89345.92,€89.35,€90.00,€0.65,\n"
    days = [
        str(only(records_of(CoinbaseParser, row, options), Transaction)[0].trade_date)
        for options in (Options(), Options(zone="UTC"), Options(zone="Europe/Berlin"))
    ]
    assert days == ["2026-01-24", "2026-01-25", "2026-01-25"]


def binance(*rows: str) -> list[Record]:
    head = "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark\n"
    return read(BinanceParser, head + "".join(f"1,2025-01-{row},\n" for row in rows))


def test_binance_a_purchase_in_three_lines_is_one() -> None:
    records = binance(
        "02 10:00:00,Spot,Transaction Buy,BTC,0.01",
        "02 10:00:00,Spot,Transaction Spend,EUR,-900",
        "02 10:00:00,Spot,Transaction Fee,BTC,-0.00001",
    )
    assert types(records) == [(2, T.BUY)]
    assert totals(records) == {"BTC": Decimal("0.00999"), "EUR": -900}


def test_binance_exchanges_of_two_kinds_in_one_second_stay_apart() -> None:
    records = binance(
        "02 10:00:00,Spot,Binance Convert,EUR,-50",
        "02 10:00:00,Spot,Transaction Buy,BTC,0.01",
        "02 10:00:00,Spot,Binance Convert,ETH,0.02",
        "02 10:00:00,Spot,Transaction Spend,EUR,-900",
        "02 10:00:00,Spot,Transaction Fee,BNB,-0.001",
    )
    assert types(records) == [(2, T.BUY), (3, T.BUY), (3, T.SELL)]
    assert totals(records) == {
        "BTC": Decimal("0.01"),
        "ETH": Decimal("0.02"),
        "BNB": Decimal("-0.001"),
        "EUR": -950,
    }


def test_binance_small_balances_for_one_coin() -> None:
    records = binance(
        "02 10:00:00,Spot,Small assets exchange BNB,ADA,-1",
        "02 10:00:00,Spot,Small assets exchange BNB,DOT,-2",
        "02 10:00:00,Spot,Small assets exchange BNB,BNB,0.003",
    )
    assert types(records) == [(2, T.SELL), (3, T.SELL), (4, T.BUY)]
    assert "0.003 BNB" in reasons(records, 2)


def test_binance_a_launchpad_is_an_exchange_for_what_did_not_come_back() -> None:
    records = binance(
        "02 10:00:00,Spot,Launchpad Subscribe,BNB,-10",
        "03 10:00:00,Spot,Launchpad Token Distribution,NEW,500",
        "03 10:00:01,Spot,Launchpad Subscribe,BNB,7",
        "12 10:00:00,Spot,Launchpad Subscribe,BNB,-2",
    )
    assert types(records) == [(2, T.SELL), (2, T.BUY), (5, T.OTHER)]
    assert totals(records) == {"BNB": -3, "NEW": 500}
    assert "2 BNB did not come back" in reasons(records, 5)


def test_binance_more_than_was_given_is_income() -> None:
    records = binance(
        "02 10:00:00,Earn,Dual Investment Subscription,USDT,-100",
        "05 10:00:00,Earn,Dual Investment Settlement,USDT,103",
    )
    assert types(records) == [(2, T.PROMOTION)]
    assert totals(records) == {"USDT": 3}


def test_binance_what_is_settled_in_kind_is_an_exchange() -> None:
    records = binance(
        "02 10:00:00,Earn,Dual Investment Subscription,USDT,-100",
        "05 10:00:00,Earn,Dual Investment Settlement,BTC,0.001",
    )
    assert types(records) == [(2, T.SELL), (2, T.BUY)]
