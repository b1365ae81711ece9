"""What real files of all brokers spell otherwise than their documentation; the rows are made up."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from quantmatrix.ingest.binance import BinanceParser
from quantmatrix.ingest.coinbase import CoinbaseParser
from quantmatrix.ingest.etrade import EtradeParser
from quantmatrix.ingest.fidelity import FidelityParser
from quantmatrix.ingest.ibkr_flex import IbkrFlex
from quantmatrix.ingest.kraken import KrakenParser
from quantmatrix.ingest.model import FileRefused, Instrument, InstrumentType, Record, Refusal, Transaction
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.ofx import OfxParser
from quantmatrix.ingest.parser import Parser
from quantmatrix.ingest.repeats import Repeats
from quantmatrix.ingest.schwab import SchwabParser
from quantmatrix.ingest.vanguard import VanguardParser
from quantmatrix.testing.conformance import hold_together, records_of
from quantmatrix.testing.parsing import only, reasons

FLEX = (
    "<FlexQueryResponse><FlexStatements><FlexStatement accountId='U1' {head}>\n{rows}\n"
    "</FlexStatement></FlexStatements></FlexQueryResponse>"
)
OFX = (
    "<OFX><INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS><DTASOF>20240701<CURDEF>USD<INVACCTFROM><BROKERID>b.com"
    "<ACCTID>1</INVACCTFROM><INVTRANLIST>\n{rows}\n</INVTRANLIST></INVSTMTRS></INVSTMTTRNRS>"
    "</INVSTMTMSGSRSV1></OFX>"
)
SCHWAB = '"Date","Action","Symbol","Description","Quantity","Price","Fees & Comm","Amount"\n'
COINBASE = (
    "ID,Timestamp,Transaction Type,Asset,Quantity Transacted,Price Currency,Price at Transaction,Subtotal,"
    "Total (inclusive of fees and/or spread),Fees and/or Spread,Notes\n"
)
KRAKEN = '"txid","refid","time","type","subtype","aclass","asset","amount","fee","balance"\n'
BINANCE = "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark\n"
FIDELITY = (
    "Run Date,Action,Symbol,Description,Type,Quantity,Price ($),Commission ($),Fees ($),"
    "Accrued Interest ($),Amount ($),Settlement Date\n"
)
VANGUARD = (
    "Account Number,Trade Date,Settlement Date,Transaction Type,Transaction Description,Investment Name,"
    "Symbol,Shares,Share Price,Principal Amount,Commissions and Fees,Net Amount,Accrued Interest,"
    "Account Type,\n"
)
ETRADE = (
    "Activity/Trade Date,Transaction Date,Settlement Date,Activity Type,Description,Symbol,Cusip,Quantity #,"
    "Price $,Amount $,Commission,Category,Note\n"
)


def read(parser: type[Parser], text: str) -> list[Record]:
    records = records_of(parser, text)
    hold_together(records)
    return records


def rows(records: list[Record]) -> list[tuple[T, str | None, Decimal]]:
    """Type, signed quantity and cash of each row."""
    return [
        (t.type, f"{t.quantity:f}" if t.quantity is not None else None, t.net_amount)
        for t in only(records, Transaction)
    ]


@pytest.mark.parametrize(
    ("zone", "hour"), [("AEST", 2), ("EDT", 16), ("CET", 11), ("HKT", 4), ("BST", 11), ("PST", 20)]
)
def test_flex_times_name_the_persons_zone(zone: str, hour: int) -> None:
    row = (
        f"<CashTransaction currency='USD' amount='1' type='Dividends' dateTime='2024-07-15 12:20:00 {zone}' "
        "symbol='KO' description='KO'/>"
    )
    [made] = only(read(IbkrFlex, FLEX.format(head="", rows=row)), Transaction)
    assert made.executed_at == datetime(2024, 7, 15, hour, 20, tzinfo=UTC)


def test_a_flex_trade_that_says_only_its_cost() -> None:
    row = (
        "<Trade currency='USD' assetCategory='STK' symbol='KO' tradeDate='20240110' transactionID='{id}' "
        "{more}/>"
    )
    made = read(
        IbkrFlex,
        FLEX.format(
            head="",
            rows=row.format(id=1, more="quantity='10' cost='501' ibCommission='-1' buySell='BUY'")
            + row.format(
                id=2,
                more="quantity='-10' cost='-501' fifoPnlRealized='98' ibCommission='-1' buySell='SELL'",
            ),
        ),
    )
    assert rows(made) == [(T.BUY, "10", Decimal(-501)), (T.SELL, "-10", Decimal(599))]


def test_ofx_without_a_list_of_securities_learns_what_a_thing_is_from_its_tags() -> None:
    purchase = (
        "<BUYMF><INVBUY><INVTRAN><FITID>1<DTTRADE>20240102</INVTRAN><SECID><UNIQUEID>123456789"
        "<UNIQUEIDTYPE>CUSIP</SECID><UNITS>2<UNITPRICE>10<TOTAL>-20<SUBACCTSEC>CASH<SUBACCTFUND>CASH</INVBUY>"
        "<BUYTYPE>BUY</BUYMF>\n"
    )
    transfer = (
        "<TRANSFER><INVTRAN><FITID>2<DTTRADE>20240103</INVTRAN><SECID><UNIQUEID>123456789"
        "<UNIQUEIDTYPE>CUSIP</SECID><SUBACCTSEC>CASH<UNITS>3<TFERACTION>IN<POSTYPE>LONG</TRANSFER>\n"
    )
    for text in (purchase + transfer, transfer + purchase):
        records = read(OfxParser, OFX.format(rows=text))
        assert {i.type for i in only(records, Instrument)} == {InstrumentType.FUND}
        assert sorted(rows(records)) == [(T.BUY, "2", Decimal(-20)), (T.TRANSFER_IN, "3", Decimal(0))]


@pytest.mark.parametrize(
    "title",
    [
        '"Transactions  for account Brokerage XXXX-1234 as of 03/08/2024 20:10:00 ET"\n',
        '"Transactions  for account XXXX-1234 From 01/01/2024 to 03/08/2024"\n',
        '"Transactions  for account ...234"\n',
        "",
    ],
)
def test_titles_of_schwab(title: str) -> None:
    line = '"03/05/2024","Buy","T","AT&T","10","$17.00","","-$170.00"\n'
    records = read(SchwabParser, title + SCHWAB + line)
    assert rows(records) == [(T.BUY, "10", Decimal(-170))]
    assert not only(records, Refusal)


def test_the_total_of_coinbase_is_what_moved_whatever_fee_it_prints() -> None:
    line = "a1,2025-01-17 16:57:02 UTC,Buy,BTC,0.01,USD,$100000,$1000,$1010.50,$0,Bought\n"
    records = read(CoinbaseParser, COINBASE + line)
    assert rows(records) == [(T.BUY, "0.01", Decimal("-1010.50"))]
    assert "the total" in reasons(records, 2)


def test_an_id_of_coinbase_that_repeats() -> None:
    line = "{id},2025-01-17 16:57:02 UTC,Receive,BTC,{units},USD,$100000,,,,Received\n"
    text = COINBASE + "".join(
        line.format(id=i, units=u) for i, u in (("a", "1"), ("b", "2"), ("a", "1"), ("b", "3"))
    )
    assert [t.external_id for t in only(read(CoinbaseParser, text), Transaction)] == ["a", "b", "b#2"]


def test_sales_and_rewards_of_kraken() -> None:
    text = (
        '"A","R1","2024-01-02 10:00:00","sale","","currency","XXBT","-0.5","0","0.5"\n'
        '"B","R1","2024-01-02 10:00:00","sale","","currency","ZUSD","20000","30","19970"\n'
        '"C","R2","2024-01-03 10:00:00","staking","stakingfromspot","currency","ETH2.S","0.01","0","0.01"\n'
    )
    made = rows(read(KrakenParser, KRAKEN + text))
    assert (T.SELL, "-0.5", Decimal(19970)) in made
    assert [kind for kind, _, _ in made] == [T.SELL, T.PROMOTION]


def test_halves_of_a_conversion_of_binance_one_second_apart() -> None:
    text = (
        "1,2024-01-02 10:00:00,Spot,Binance Convert,BTC,0.1,\n"
        "1,2024-01-02 10:00:01,Spot,Binance Convert,USDT,-4000,\n"
    )
    assert not only(read(BinanceParser, BINANCE + text), Refusal)
    assert "0.1" in {quantity for _, quantity, _ in rows(read(BinanceParser, BINANCE + text))}


def test_years_of_two_digits_and_broken_rows_of_fidelity() -> None:
    line = " {day},YOU BOUGHT VANGUARD INDEX FDS (VTI) (Cash),VTI,VANGUARD,Cash,10,240,,,,-2400.00,{day}\n"
    records = read(FidelityParser, FIDELITY + line.format(day="01/05/24") + line.format(day="2024.01.06"))
    assert rows(records) == [(T.BUY, "10", Decimal(-2400))]
    assert [refusal.line for refusal in only(records, Refusal)] == [3]


def vanguard(kind: str, name: str, symbol: str, shares: str, price: str, amount: str) -> str:
    about = f"{kind},{kind},{name},{symbol},{shares},{price},{amount},0,{amount},0"
    return f"12345,2026-04-30,2026-04-30,{about},CASH,\n"


def test_the_settlement_fund_and_the_options_of_vanguard() -> None:
    text = (
        vanguard("Dividend", "VANGUARD FEDERAL MONEY MARKET", "VMFXX", "0", "0", "14.03")
        + vanguard("Reinvestment", "VANGUARD FEDERAL MONEY MARKET", "VMFXX", "0", "0", "-14.03")
        + vanguard("Sell to open", "PUT LITE", "LITE 270716 P 560.00", "-1", "10", "1000")
    )
    records = read(VanguardParser, VANGUARD + text)
    assert rows(records) == [(T.DIVIDEND, None, Decimal("14.03")), (T.SELL, "-1", Decimal(1000))]
    assert "LITE  270716P00560000" in {i.symbol for i in only(records, Instrument)}


def test_the_plan_of_an_employer_is_refused_with_its_reason() -> None:
    plan = (
        "\nAccount Number,Trade Date,Run Date,Transaction Activity,Transaction Description,Investment Name,"
        "Share Price,Transaction Shares,Dollar Amount,\n99,2026-05-01,2026-05-01,Plan Contribution,Employer,"
        "Target Fund,10,5,50,\n"
    )
    history = VANGUARD + vanguard("Buy", "ETF", "VTI", "1", "240", "-240")
    [refusal] = only(read(VanguardParser, history + plan), Refusal)
    assert "employer plan" in refusal.reason
    with pytest.raises(FileRefused, match="employer plan"):
        records_of(VanguardParser, plan + history)


def test_the_tables_of_vanguard_may_repeat() -> None:
    positions = (
        "\nAccount Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n"
        "12345,VANGUARD TOTAL STOCK MARKET,VTI,10,240,2400,\n\n"
    )
    history = VANGUARD + vanguard("Buy", "ETF", "VTI", "1", "240", "-240")
    records = read(VanguardParser, positions + history + positions + history)
    assert rows(records) == [(T.BUY, "1", Decimal(-240))] * 2
    assert not only(records, Refusal)


def test_both_rows_of_an_exchange_of_etrade_are_one_event() -> None:
    line = "04/02/26,04/02/26,04/02/26,Exchange {kind},{name},{name},--,{units},0,0,0,--,--\n"
    text = line.format(kind="Delivered Out", name="OLDX", units="-10") + line.format(
        kind="Received In", name="NEWX", units="5"
    )
    [made] = only(read(EtradeParser, ETRADE + text), Transaction)
    assert made.type is T.MERGER_STOCK
    assert made.terms is not None
    assert made.terms.stated_new_quantity == 5


def test_repeated_ids_are_never_missed_and_seldom_suspected() -> None:
    repeats = Repeats()
    for number in range(20_000):
        repeats.look(f"id {number}")
    repeats.look("id 7")
    assert repeats.may_repeat("id 7")
    assert sum(repeats.may_repeat(f"id {number}") for number in range(20_000)) < 200
