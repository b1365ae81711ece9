"""Spellings that real exports have beside those of the fixtures: what a whole small file adds up to."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal

import pytest

from quantmatrix.ingest.detect import choose_parser
from quantmatrix.ingest.model import FileRefused, Options, Record, Refusal, Transaction
from quantmatrix.ingest.reader import SourceFile
from quantmatrix.testing.parsing import check, only

FIDELITY = (
    "Run Date,Account,Account Number,Action,Symbol,Description,Type,Exchange Quantity,Exchange Currency,"
    "Currency,Price,Quantity,Exchange Rate,Commission,Fees,Accrued Interest,Amount,Settlement Date\n"
)
SCHWAB = '"Date","Action","Symbol","Description","Quantity","Price","Fees & Comm","Amount"\n'
TASTYTRADE = (
    "Date,Type,Sub Type,Action,Symbol,Instrument Type,Description,Value,Quantity,Average Price,Commissions,"
    "Fees,Multiplier,Root Symbol,Underlying Symbol,Expiration Date,Strike Price,Call or Put,Order #,"
    "Currency\n"
)
ETRADE = (
    "All Transactions Activity Types\n\nAccount Activity for Fun (-1111) -2222 from Prior Year\n\n"
    "Total:,1.00\n\nActivity/Trade Date,Transaction Date,Settlement Date,Activity Type,Description,Symbol,"
    "Cusip,Quantity #,Price $,Amount $,Commission,Category,Note\n"
)
VANGUARD = (
    "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n"
    + "".join(f"7000,FUND {n},F{n},1,1.00,1.00,\n" for n in range(60))
    + "\n\nAccount Number,Trade Date,Settlement Date,Transaction Type,Transaction Description,Investment "
    "Name,Symbol,Shares,Share Price,Principal Amount,Commissions and Fees,Net Amount,Accrued Interest,"
    "Account Type,\n"
)
COINBASE = (
    "ID,Timestamp,Transaction Type,Asset,Quantity Transacted,Price Currency,Price at Transaction,Subtotal,"
    "Total (inclusive of fees and/or spread),Fees and/or Spread,Notes\n"
)
KRAKEN = '"txid","refid","time","type","subtype","aclass","asset","amount","fee","balance"\n'
BINANCE = "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark\n"


@dataclass(frozen=True)
class Layout:
    """A file, and what its transactions add up to."""

    text: str
    source: str
    types: dict[str, int]
    positions: dict[str, str]
    cash: dict[str, str]


LAYOUTS = {
    "a removal that names only its effect": Layout(
        "Date/Time,Transaction Code,Transaction Subcode,Symbol,Buy/Sell,Open/Close,Quantity,Expiration Date,"
        "Strike,Call/Put,Price,Fees,Amount,Description,Account Reference\n"
        "01/28/2021 5:00 PM,Receive Deliver,Expiration,A,,Close,2,01/28/2021,45,P,,0.00,0,Removal,X\n"
        "01/26/2021 3:28 PM,Trade,Sell to Open,A,Sell,Open,2,01/28/2021,45,P,0.75,2.30,150,Sold,X\n",
        "tastytrade_csv",
        {"option_expiration": 1, "sell": 1},
        {},
        {"USD": "147.70"},
    ),
    "redemptions of parts, a cancelled option, a tax that comes back": Layout(
        SCHWAB
        + '"06/20/2025","Bond Redemption","91282CAB7","TREASURY NOTE 4% 06/20/25","-5,000","","","$5,000"\n'
        '"06/20/2025","Partial Redemption Adj","91282CAC5","TREASURY NOTE 3% 06/20/26","","","","$1,000"\n'
        '"06/20/2025","Partial Redemption","91282CAC5","TREASURY NOTE 3% 06/20/26","-1,000","","",""\n'
        '"06/18/2025","Foreign Tax Reclaim","NSRGY","NESTLE","","","","$3.00"\n'
        '"06/17/2025","Interest Adj","","","","","","-$1.00"\n'
        '"06/16/2025","Cancel Buy to Open","A 01/16/2026 200.00 C","CALL","1","$5.00","$0.66","$499.34"\n'
        '"06/16/2025","Buy to Open","A 01/16/2026 200.00 C","CALL","1","$5.00","$0.66","-$500.66"\n',
        "schwab_csv",
        {"sell": 3, "buy": 1, "tax_withheld": 1, "interest": 1},
        {"91282CAB7": "-5000", "91282CAC5": "-1000"},
        {"USD": "6000.68"},
    ),
    "a note below the table with text beside its quotation marks": Layout(
        "\n\nRun Date,Action,Symbol,Description,Type,Quantity,Price ($),Commission ($),Fees ($),"
        "Accrued Interest ($),Amount ($),Settlement Date\n"
        " 03/04/2022, YOU BOUGHT LUNAR FUND (LUNAX) (Cash), LUNAX, LUNAR FUND,Cash,2,10,,,,-20,\n\n"
        '"Legal ""words"" end here"\n\n"Date downloaded" 03/05/2022, 9:11 AM\n',
        "fidelity_csv",
        {"buy": 1},
        {"LUNAX": "2"},
        {"USD": "-20"},
    ),
    "bank deposits as core account": Layout(
        FIDELITY
        + "03/31/2022,Cash,1, REDEMPTION FROM CORE ACCOUNT INSURED DEPOSIT AT SOME BANK (QABCQ) (Cash), "
        "QABCQ, INSURED DEPOSIT,Cash,0,,USD,1,-5.5,0,,,,5.5,\n"
        "03/31/2022,Cash,1, PURCHASE INTO CORE ACCOUNT INSURED DEPOSIT AT SOME BANK (QABCQ) (Cash), QABCQ, "
        "INSURED DEPOSIT,Cash,0,,USD,1,7,0,,,,-7,\n"
        "03/31/2022,Cash,1, INTEREST EARNED INSURED DEPOSIT AT SOME BANK (QABCQ) (Cash), QABCQ, INSURED "
        "DEPOSIT,Cash,0,,USD,,0.000,0,,,,0.25,\n",
        "fidelity_csv",
        {"interest": 1},
        {},
        {"USD": "0.25"},
    ),
    "a merger of which only one row shows, shares and cash": Layout(
        FIDELITY + '05/02/2023,Fun,1,"MERGER MER FROM 11111A101#REOR M0001 NEWER CO (NEWR) (Margin)",NEWR,'
        '"NEWER CO",Shares,0,,USD,,30,0,,,,450.5,\n',
        "fidelity_csv",
        {"merger_mixed": 1},
        {"NEWR": "30"},
        {"USD": "450.5"},
    ),
    "a title without a time, a future, and an adjusted reinvestment": Layout(
        '"Transactions  for account Fun ...321 as of 02/02/2023"\n'
        + SCHWAB
        + '"02/01/2023","Sell","/ESH3","E-MINI","1","$4000","$2.50","-$2.50"\n'
        '"01/31/2023","Reinvestment Adj","LUNAX","LUNAR FUND","1.5","","",""\n'
        '"01/30/2023","Conversion","NEWR","NEWER CO","3","","",""\n'
        '"01/30/2023","Conversion","11111A101","NEWER CO 0% PFDPFD","-30","","",""\n',
        "schwab_csv",
        {"sell": 1, "reinvest": 1, "merger_stock": 1},
        {"/ESH3": "-1", "LUNAX": "1.5", "NEWR": "3", "11111A101": "-30"},
        {"USD": "-2.50"},
    ),
    "a future whose value is its result": Layout(
        TASTYTRADE + "2023-05-04T14:16:27+0100,Trade,Sell,SELL,/CLJ4,Future,Sold 1 /CLJ4 @ 70.00,-250.00,1,"
        "-250.00,-1.25,-1.75,,,,,,,1,USD\n"
        "2023-05-04T14:12:32+0100,Trade,Buy,BUY,/CLJ4,Future,Bought 1 /CLJ4 @ 70.25,0.00,1,0.00,-1.25,-1.75,,"
        ",,,,,2,USD\n",
        "tastytrade_csv",
        {"buy": 1, "sell": 1},
        {},
        {"USD": "-256.00"},
    ),
    "short words for option events, a lot named in the description": Layout(
        ETRADE
        + "02/18/26,02/18/26,02/19/26,Sold Short,PUT  XYZ    02/27/26    26.000,XYZ,--,-1.0,2.00,199.50,"
        "0.50,--,--\n"
        "02/27/26,02/27/26,02/28/26,Expired,PUT  XYZ    02/27/26    26.000 EXP,XYZ,--,1.0,0.00,0.00,0.0,"
        "--,--\n"
        "02/10/26,02/10/26,02/11/26,Sold,XYZ CORP  LOT 20240618,XYZ,--,-1.500,50.00,74.99,0.01,--,--\n\n"
        '"Footer"\n',
        "etrade_csv",
        {"sell": 2, "option_expiration": 1},
        {"XYZ": "-1.500"},
        {"USD": "274.49"},
    ),
    "a sale that brings less than it costs": Layout(
        ETRADE + "02/18/26,02/18/26,02/19/26,Sold To Close,PUT  XYZ    02/27/26    26.000,XYZ,--,-1.0,0.01,"
        "-0.51,1.51,--,--\n",
        "etrade_csv",
        {"sell": 1},
        {"XYZ   260227P00026000": "-1.0"},
        {"USD": "-0.51"},
    ),
    "shares transferred with their value": Layout(
        FIDELITY
        + '09/08/2025,Fun,1,"TRANSFER OF ASSETS ACAT RECEIVE NEWER CO (NEWR) (Cash)",NEWR,"NEWER CO",'
        "Cash,0,,USD,230,10,0,,,,2300,\n"
        '09/08/2025,Fun,1,"TRANSFER OF ASSETS ACAT RES.CREDIT (Cash)", ,"No Description",Cash,0,,USD,,'
        "0.000,0,,,,12.5,\n",
        "fidelity_csv",
        {"transfer_in": 1, "deposit": 1},
        {"NEWR": "10"},
        {"USD": "12.5"},
    ),
    "an option trade without its type": Layout(
        "For Account:,####2222\n\nTransactionDate,TransactionType,SecurityType,Symbol,Quantity,Amount,Price,"
        "Commission,Description\n\n"
        "12/06/24,0, ,XYZ Dec 13 '24 $15 Put,-5,997.50,2.00,2.50,PUT  XYZ    12/13/24    15.000\n",
        "etrade_csv",
        {"sell": 1},
        {"XYZ   241213P00015000": "-5"},
        {"USD": "997.50"},
    ),
    "many positions above the transactions, an exchange, a dash for nothing": Layout(
        VANGUARD
        + "7000,2025-03-21,2025-03-24,Exchange,Exchange,FUND A,FUNA,-10,48.00,480,0,480.00,0.0,CASH,\n"
        "7000,2025-03-21,2025-03-24,Exchange,Exchange,FUND B,FUNB,20,24.00,-480,0,-480.00,0.0,CASH,\n"
        "7000,2025-03-22,2025-03-24,Dividend,Dividend,FUND B,FUNB,—,—,—,—,3.50,—,CASH,\n"
        "7000,2025-03-22,2025-03-24,Sweep,Sweep,SETTLEMENT,VMFXX,,1,-3.50,0,-3.50,0.0,CASH,\n",
        "vanguard_csv",
        {"buy": 1, "sell": 1, "dividend": 1},
        {"FUNA": "-10", "FUNB": "20"},
        {"USD": "3.50"},
    ),
    "money into coins and back, a reward of nothing": Layout(
        COINBASE
        + "a,2025-03-06 10:00:00 UTC,Convert,USD,100,USD,$1,$100.00,$100.00,$0.00,Converted 100.00 USD to "
        "100.00 USDC\n"
        "b,2025-03-07 10:00:00 UTC,Convert,USDC,50,USD,$1,$50.00,$50.00,$0.00,Converted 50.00 USDC to 49.90 "
        "USD\n"
        "c,2025-03-09 10:00:00 UTC,Reward Income,USDC,0.000000,USD,$1,$0.00,$0.00,$0.00,\n"
        "d,2025-03-10 10:00:00 UTC,Deposit,USDC,-1,USD,$1,-$1,-$1,$0.00,\n",
        "coinbase_csv",
        {"buy": 1, "sell": 1, "other": 1, "transfer_out": 1},
        {"USDC": "49.00"},
        {"USD": "-50.10"},
    ),
    "the currency in the names of the columns": Layout(
        "You can use this report.\n\nTimestamp,Transaction Type,Asset,Quantity Transacted,CZK Spot Price at "
        "Transaction,CZK Subtotal,CZK Total (inclusive of fees),CZK Fees,Notes\n"
        "2020-03-29T12:49:52Z,Buy,LTC,1.5,100.00,150.00,154.50,4.50,Bought\n",
        "coinbase_csv",
        {"buy": 1},
        {"LTC": "1.5"},
        {"CZK": "-154.50"},
    ),
    "a total and no subtotal": Layout(
        "Timestamp,Transaction Type,Asset,Quantity Transacted,USD Spot Price at Transaction,USD Amount "
        "Transacted (Inclusive of Coinbase Fees),Address,Notes\n"
        "03/29/2018 12:49:52,Buy,LTC,1,100.00,103.00,,Bought\n"
        "03/30/2018 12:49,Sell,LTC,0.5,100.00,48.50,,Sold\n",
        "coinbase_csv",
        {"buy": 1, "sell": 1},
        {"LTC": "0.5"},
        {"USD": "-54.50"},
    ),
    "a fee in a third coin beside a trade": Layout(
        KRAKEN + '"A","T","2024-05-14 10:14:41","trade","","currency","ZUSD","-100","0","0"\n'
        '"B","T","2024-05-14 10:14:41","trade","","currency","XXDG","800","0","800"\n'
        '"C","T","2024-05-14 10:14:41","trade","","currency","KFEE","0","26","74"\n',
        "kraken_csv",
        {"buy": 1, "sell": 1},
        {"DOGE": "800", "KFEE": "-26"},
        {"USD": "-100"},
    ),
    "coins sold to money, and a movement that nobody knows": Layout(
        BINANCE + "1,2025-03-01 12:00:00,Spot,Sell Crypto to Fiat,DOGE,-250,Via Cash\n"
        "1,2025-03-01 12:00:00,Spot,Sell Crypto to Fiat,EUR,40,Via Cash\n"
        "1,2025-03-02 12:00:00,Spot,Something New,ETH,-0.5,\n",
        "binance_csv",
        {"sell": 1, "transfer_out": 1},
        {"DOGE": "-250", "ETH": "-0.5"},
        {"EUR": "40"},
    ),
    "a Flex Query with few columns and no symbols": Layout(
        '"Buy/Sell","TradeDate","ISIN","Quantity","TradePrice","TradeMoney","CurrencyPrimary","IBCommission",'
        '"IBCommissionCurrency"\n'
        '"BUY","20230522","XX0000000017","7","10","70","CHF","-5","CHF"\n',
        "ibkr_flex",
        {"buy": 1},
        {"XX0000000017": "7"},
        {"CHF": "-75"},
    ),
    "a Flex Query with messages, markers and codes of sections": Layout(
        '"MSG","Some figures are not ready."\n"BOF","U1","all","2","2025-01-01","2025-12-31"\n"BOA","U1"\n'
        '"BOS","TRNT","Trades; trade date basis"\n'
        '"HEADER","TRNT","Symbol","CurrencyPrimary","Quantity","TradePrice","TradeDate"\n'
        '"DATA","TRNT","KO","USD","10","50","2025-06-24"\n"EOS","TRNT","1","0"\n'
        '"HEADER","CTRN","Symbol","Amount","Type","SettleDate","CurrencyPrimary"\n'
        '"DATA","CTRN","KO","-1.5","Withholding Tax","2025-03-20","USD"\n'
        '"BOS","CRTT","Cash Report; trade date basis"\n"CurrencyPrimary","EndingCash","Other","More"\n'
        '"BASE_SUMMARY","82830.65","1","0"\n"DKK","1722.8","1722.8","0"\n"EOS","CRTT","2","3"\n'
        '"BOS","UNBT","Unbooked Trades"\n"Symbol","Quantity","TradePrice","CurrencyPrimary"\n'
        '"KO","5","50","USD"\n"EOS","UNBT","1","3"\n"EOA","U1"\n"EOF"\n',
        "ibkr_flex",
        {"buy": 1, "tax_withheld": 1},
        {"KO": "10"},
        {"USD": "-501.5"},
    ),
    "a Flex Query whose sections repeat each other": Layout(
        '"ClientAccountID","CurrencyPrimary","AssetClass","Symbol","TradeDate","Quantity","TradePrice",'
        '"Proceeds","TransactionID"\n"U1","USD","STK","KO","20250102","10","50","-500","7"\n'
        '"ClientAccountID","CurrencyPrimary","Symbol","ActivityCode","TradePrice","Amount","Date"\n'
        '"U1","USD","KO","BUY","50","-500","20250102"\n'
        '"ClientAccountID","CurrencyPrimary","AssetClass","Symbol","Date","TransactionType","Quantity",'
        '"TradePrice","CommisionsAndTax","TradeID","Put/Call","Strike","Expiry","Multiplier"\n'
        '"U1","USD","OPT","KO    250117P00050000","20250117","Expiration","1","0","0","12","P","50",'
        '"20250117","100"\n'
        '"ClientAccountID","CurrencyPrimary","LevelOfDetail","A","B","C","D","E","F","G","H","EndingCash"\n'
        '"U1","EUR","BaseCurrency","1","1","1","1","1","1","1","1","5"\n',
        "ibkr_flex",
        {"buy": 1, "option_expiration": 1},
        {"KO": "10", "KO    250117P00050000": "1"},
        {"USD": "-500"},
    ),
    "a Flex Query of cash with few columns": Layout(
        '"Type","SettleDate","ISIN","Description","Amount","CurrencyPrimary"\n'
        '"Dividends","20230623","XX0000000017","LUNA(XX0000000017) CASH DIVIDEND USD 0.65 PER SHARE '
        '(Ordinary Dividend)","13.7","USD"\n'
        '"Withholding Tax","20230623","XX0000000017","LUNA(XX0000000017) CASH DIVIDEND USD 0.65 PER SHARE - '
        'US TAX","-2.05","USD"\n',
        "ibkr_flex",
        {"dividend": 1, "tax_withheld": 1},
        {},
        {"USD": "11.65"},
    ),
}


def read(text: str) -> tuple[str, list[Record]]:
    file = SourceFile(io.BytesIO(text.encode()), "file.csv")
    parser, _ = choose_parser(file)
    records = list(parser.parse(file.text, Options(account="known")))
    check(records)
    return parser.source, records


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_spelling_is_read_in_full(name: str) -> None:
    layout = LAYOUTS[name]
    source, records = read(layout.text)
    assert (source, only(records, Refusal)) == (layout.source, [])
    types: Counter[str] = Counter()
    positions: defaultdict[str, Decimal] = defaultdict(Decimal)
    cash: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in only(records, Transaction):
        types[row.type.value] += 1
        cash[row.currency] += row.net_amount
        terms = row.terms
        moved = row.quantity if row.quantity is not None else terms.stated_quantity if terms else None
        if row.instrument:
            positions[row.instrument.split("|")[1]] += moved or 0
        if terms and terms.new_instrument:
            new = terms.new_instrument.split("|")[1]
            positions[new] += terms.stated_new_quantity or 0
    assert types == layout.types
    assert {symbol: moved for symbol, moved in positions.items() if moved} == {
        symbol: Decimal(moved) for symbol, moved in layout.positions.items()
    }
    assert {code: moved for code, moved in cash.items() if moved} == {
        code: Decimal(moved) for code, moved in layout.cash.items()
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            '"Date","Status","Type","CheckNumber","Description","Withdrawal","Deposit","RunningBalance"\n',
            "bank",
        ),
        ('"Date","Type","Check #","Description","Withdrawal (-)","Deposit (+)","RunningBalance"\n', "bank"),
        ('"Date","Action","Symbol","Quantity","FeesAndCommissions","Amount","AwardDate"\n', "awards"),
        (
            '"ClientAccountID","CurrencyPrimary","Symbol","ExecID","Buy/Sell","Quantity","Price","Commission"\n',
            "Trade Confirmation",
        ),
        ("portfolio,type,time,amount,balance,amount/balance unit,transfer id\n", "Exchange"),
        ("Date(UTC),Coin,Network,Amount,TransactionFee,Address,TXID,Status\n", "transfers of Binance"),
        ("Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n", "positions"),
        (FIDELITY + '03/04/2022,"never closed,1\n' * 2, "quotation marks"),
    ],
)
def test_what_is_not_read_is_refused_with_what_it_is(text: str, what: str) -> None:
    with pytest.raises(FileRefused, match=what):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        f'{SCHWAB}"01/02/2025","Buy to Open","A 01/17/2025 {"9" * 29}.00 C","CALL","1","1","$0","-$100"\n',
        '"Activity Date","Process Date","Settle Date","Instrument","Description","Trans Code","Quantity",'
        f'"Price","Amount"\n"1/2/2025","1/2/2025","1/3/2025","A","A 1/17/2025 Call ${"9" * 29}","BTO","1",'
        '"$1.00","($100.04)"\n',
    ],
)
def test_a_damaged_strike_refuses_its_row(text: str) -> None:
    assert [refusal.code for refusal in only(read(text)[1], Refusal)] == ["bad_number"]
