"""A file for each format, made of the same trades: what stands above the rows, a row, what stands below."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

_FIRST = datetime(2018, 1, 2, 10, 0)
_A_DAY = 40


@dataclass(frozen=True)
class Trade:
    """One generated trade: number, moment, letter of the instrument, units signed, price 10 and cents."""

    number: int
    when: datetime
    letter: str
    units: int
    price: str

    @property
    def amount(self) -> str:
        """Signed cash without costs."""
        cents = -self.units * int(self.price.replace(".", ""))
        return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"

    @property
    def side(self) -> str:
        """``Buy`` or ``Sell``."""
        return "Buy" if self.units > 0 else "Sell"


@dataclass(frozen=True)
class Format:
    """How a file is written: what stands above the rows, a row, what stands below; newest first or not."""

    head: str
    row: Callable[[Trade], str]
    tail: str = ""
    newest_first: bool = False


def trades(count: int) -> Iterator[Trade]:
    """Purchases, each sold at a gain right away, forty rows a day: the lot engine has little to do."""
    for number in range(count):
        day, rank = divmod(number, _A_DAY)
        when = _FIRST + timedelta(days=day, minutes=rank * 7)
        letter = "ABCDEFGHIJKLMNOPQRST"[(number // 2) % 20]
        units = number // 2 % 90 + 1
        cents = 1000 + number // 2 * 7 % 500 + number % 2 * 100
        yield Trade(
            number, when, letter, units if number % 2 == 0 else -units, f"{cents // 100}.{cents % 100:02d}"
        )


def _american(when: date) -> str:
    return f"{when.month:02d}/{when.day:02d}/{when.year}"


def _parentheses(trade: Trade) -> str:
    return f"(${trade.amount[1:]})" if trade.units > 0 else f"${trade.amount}"


def _flex(t: Trade) -> str:
    return (
        f'<Trade accountId="U9100001" currency="USD" assetCategory="STK" symbol="IF{t.letter}" '
        f'description="IF{t.letter} CORP" '
        f'conid="{9000 + ord(t.letter)}" multiplier="1" tradeID="{t.number}" '
        f'transactionID="{7_000_000 + t.number}" '
        f'ibExecID="0000.{t.number:08x}.01.01" reportDate="{t.when:%Y%m%d}" tradeDate="{t.when:%Y%m%d}" '
        f'dateTime="{t.when:%Y%m%d;%H%M%S}" transactionType="ExchTrade" quantity="{t.units}" '
        f'tradePrice="{t.price}" '
        f'tradeMoney="{t.amount}" proceeds="{t.amount}" ibCommission="-0.35" ibCommissionCurrency="USD" '
        'taxes="0" '
        f'buySell="{t.side.upper()}" openCloseIndicator="{"O" if t.units > 0 else "C"}" notes="P" '
        'levelOfDetail="EXECUTION" />\n'
    )


def _ofx(t: Trade) -> str:
    side = "BUY" if t.units > 0 else "SELL"
    return (
        f"<{side}STOCK><INV{side}><INVTRAN><FITID>{t.number}</FITID><DTTRADE>{t.when:%Y%m%d%H%M%S}</DTTRADE>"
        f"<MEMO>trade</MEMO></INVTRAN><SECID><UNIQUEID>00000000{t.letter}</UNIQUEID>"
        f"<UNIQUEIDTYPE>CUSIP</UNIQUEIDTYPE></SECID><UNITS>{t.units}</UNITS><UNITPRICE>{t.price}</UNITPRICE>"
        f"<TOTAL>{t.amount}</TOTAL><SUBACCTSEC>CASH</SUBACCTSEC><SUBACCTFUND>CASH</SUBACCTFUND></INV{side}>"
        f"<{side}TYPE>{side}</{side}TYPE></{side}STOCK>\n"
    )


def _kraken(t: Trade) -> str:
    at = t.when.strftime("%Y-%m-%d %H:%M:%S")
    coin = f"KR{t.letter}"
    return (
        f'"L{t.number}a","T{t.number}","{at}","trade","tradespot","currency","ZUSD","spot / main",'
        f'{t.amount},0,""\n'
        f'"L{t.number}b","T{t.number}","{at}","trade","tradespot","currency","{coin}","spot / main",'
        f'{t.units},0,""\n'
    )


def _binance(t: Trade) -> str:
    at = t.when.strftime("%Y-%m-%d %H:%M:%S")
    verbs = (
        ("Transaction Buy", "Transaction Spend")
        if t.units > 0
        else ("Transaction Sold", "Transaction Revenue")
    )
    return f"1,{at},Spot,{verbs[0]},BI{t.letter},{t.units},\n1,{at},Spot,{verbs[1]},USD,{t.amount},\n"


def _tastytrade(t: Trade) -> str:
    words = (
        ("Buy to Open", "BUY_TO_OPEN", "Bought")
        if t.units > 0
        else ("Sell to Close", "SELL_TO_CLOSE", "Sold")
    )
    units = abs(t.units)
    return (
        f"{t.when:%Y-%m-%dT%H:%M:%S}-0500,Trade,{words[0]},{words[1]},TT{t.letter},Equity,{words[2]} "
        f"{units} TT{t.letter} @ "
        f'{t.price},"{t.amount}",{units},{t.price},0.00,0.00,,,,,,,{t.number},"{t.amount}",USD\n'
    )


def _tastytrade_api(t: Trade) -> str:
    verb = "Buy to Open" if t.units > 0 else "Sell to Close"
    effect = "Debit" if t.units > 0 else "Credit"
    money = t.amount.lstrip("-")
    return (
        json.dumps(
            {
                "transaction": {
                    "id": t.number, "account-number": "5WT00001", "transaction-type": "Trade",
                    "transaction-sub-type": verb, "action": verb, "description": verb,
                    "symbol": f"TA{t.letter}",
                    "instrument-type": "Equity", "underlying-symbol": f"TA{t.letter}",
                    "executed-at": f"{t.when:%Y-%m-%dT%H:%M:%S}.000+00:00", "quantity": f"{abs(t.units)}.0",
                    "price": t.price, "value": money, "value-effect": effect, "net-value": money,
                    "net-value-effect": effect, "order-id": t.number,
                }
            }
        )
        + "\n"
    )  # fmt: skip


def _ccxt(t: Trade) -> str:
    told = {
        "id": str(t.number), "timestamp": int(t.when.timestamp() * 1000), "symbol": f"CX{t.letter}/USD",
        "side": t.side.lower(), "price": t.price, "amount": str(abs(t.units)), "cost": t.amount.lstrip("-"),
        "fee": {"cost": "0.10", "currency": "USD"},
    }  # fmt: skip
    return json.dumps({"trade": told}) + "\n"


FORMATS: dict[str, Format] = {
    "ibkr_flex": Format(
        '<FlexQueryResponse queryName="bench" type="AF"><FlexStatements count="1">\n<FlexStatement '
        'accountId="U9100001" '
        'fromDate="20180101" toDate="20251231" period="" whenGenerated="20260102;081500"><Trades>\n',
        _flex,
        "</Trades></FlexStatement></FlexStatements></FlexQueryResponse>\n",
    ),
    "ibkr_activity_csv": Format(
        'Statement,Header,Field Name,Field Value\nStatement,Data,Period,"January 1, 2018 - December 31, '
        '2025"\n'
        "Account Information,Header,Field Name,Field Value\nAccount Information,Data,Account,U9100002\n"
        "Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,"
        "Proceeds,Comm/Fee,Code\n",
        lambda t: (
            f'Trades,Data,Order,Stocks,USD,IA{t.letter},"{t.when:%Y-%m-%d, %H:%M:%S}",{t.units},{t.price},'
            f"{t.amount},"
            f"-0.35,{'O' if t.units > 0 else 'C'}\n"
        ),
    ),
    "ibkr_history_csv": Format(
        "Statement,Header,Field Name,Field Value\nStatement,Data,Title,Transaction History\n"
        "Summary,Header,Field Name,Field Value\nSummary,Data,Base Currency,USD\n"
        "Transaction History,Header,Date,Account,Description,Transaction Type,Symbol,Quantity,Price,Price "
        "Currency,"
        "Gross Amount ,Commission,Net Amount\n",
        lambda t: (
            f"Transaction History,Data,{t.when:%Y-%m-%d},U***00001,IH CORP,{t.side},IH{t.letter},{t.units},"
            f"{t.price},USD,"
            f"{t.amount},0,{t.amount}\n"
        ),
        newest_first=True,
    ),
    "ofx": Format(
        '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" '
        'VERSION="220"?>\n<OFX><INVSTMTMSGSRSV1><INVSTMTTRNRS>'
        "<INVSTMTRS><DTASOF>20260101</DTASOF><CURDEF>USD</CURDEF><INVACCTFROM><BROKERID>example.com</BROKERID>"
        "<ACCTID>X9100001</ACCTID></INVACCTFROM><INVTRANLIST>\n",
        _ofx,
        "</INVTRANLIST></INVSTMTRS></INVSTMTTRNRS></INVSTMTMSGSRSV1></OFX>\n",
    ),
    "schwab_csv": Format(
        '"Date","Action","Symbol","Description","Quantity","Price","Fees & Comm","Amount"\n',
        lambda t: (
            f'"{_american(t.when)}","{t.side}","SC{t.letter}","SC CORP","{abs(t.units)}","${t.price}","",'
            f'"{"-$" if t.units > 0 else "$"}{t.amount.lstrip("-")}"\n'
        ),
        newest_first=True,
    ),
    "fidelity_csv": Format(
        "Run Date,Action,Symbol,Description,Type,Quantity,Price ($),Commission ($),Fees ($),Accrued "
        "Interest ($),"
        "Amount ($),Settlement Date\n",
        lambda t: (
            f" {_american(t.when)}, YOU {'BOUGHT' if t.units > 0 else 'SOLD'} FI CORP (FI{t.letter}) (Cash),"
            f" FI{t.letter}, "
            f"FI CORP,Cash,{t.units},{t.price},,,,{t.amount},{_american(t.when + timedelta(days=2))}\n"
        ),
        newest_first=True,
    ),
    "robinhood_csv": Format(
        '"Activity Date","Process Date","Settle Date","Instrument","Description","Trans Code","Quantity",'
        '"Price","Amount"\n',
        lambda t: (
            f'"{t.when.month}/{t.when.day}/{t.when.year}","{t.when.month}/{t.when.day}/{t.when.year}",'
            f'"{t.when.month}/{t.when.day}/{t.when.year}","RH{t.letter}","RH Corp","{t.side}",'
            f'"{abs(t.units)}","${t.price}",'
            f'"{_parentheses(t)}"\n'
        ),
        newest_first=True,
    ),
    "vanguard_csv": Format(
        "Account Number,Trade Date,Settlement Date,Transaction Type,Transaction Description,Investment Name,"
        "Symbol,Shares,"
        "Share Price,Principal Amount,Commissions and Fees,Net Amount,Accrued Interest,Account Type,\n",
        lambda t: (
            f"91000001,{t.when:%Y-%m-%d},{t.when:%Y-%m-%d},{t.side},{t.side},VG CORP,VG{t.letter},"
            f"{t.units}.0000,{t.price},"
            f"{t.amount},0.00,{t.amount},0.0,CASH,\n"
        ),
        newest_first=True,
    ),
    "etrade_csv": Format(
        "For Account:,####1234\n\nTransactionDate,TransactionType,SecurityType,Symbol,Quantity,Amount,Price,"
        "Commission,Description\n\n",
        lambda t: (
            f"{t.when:%m/%d/%y},{'Bought' if t.units > 0 else 'Sold'},EQ,ET{t.letter},{t.units},{t.amount},"
            f"{t.price},0,ET CORP\n"
        ),
        newest_first=True,
    ),
    "coinbase_csv": Format(
        "ID,Timestamp,Transaction Type,Asset,Quantity Transacted,Price Currency,Price at Transaction,"
        "Subtotal,"
        "Total (inclusive of fees and/or spread),Fees and/or Spread,Notes\n",
        lambda t: (
            f"c{t.number},{t.when:%Y-%m-%d %H:%M:%S} UTC,{t.side},CB{t.letter},{t.units},USD,${t.price},"
            f"${t.amount.lstrip('-')},${t.amount.lstrip('-')},$0.00,\n"
        ),
        newest_first=True,
    ),
    "kraken_csv": Format(
        '"txid","refid","time","type","subtype","aclass","asset","wallet","amount","fee","balance"\n', _kraken
    ),
    "binance_csv": Format("User_ID,UTC_Time,Account,Operation,Coin,Change,Remark\n", _binance),
    "tastytrade_csv": Format(
        "Date,Type,Sub Type,Action,Symbol,Instrument Type,Description,Value,Quantity,Average Price,"
        "Commissions,Fees,Multiplier,"
        "Root Symbol,Underlying Symbol,Expiration Date,Strike Price,Call or Put,Order #,Total,Currency\n",
        _tastytrade,
        newest_first=True,
    ),
    "tastytrade_api": Format(
        '{"format":"tastytrade_api","account":"5WT00001","from":"2018-01-01","through":"2025-12-31",'
        '"generated_at":"2026-01-02T00:00:00+00:00"}\n',
        _tastytrade_api,
    ),
    "ccxt": Format(
        '{"format":"ccxt","exchange":"bench","account":"CX1","from":"2018-01-01","through":"2025-12-31",'
        '"generated_at":"2026-01-02T00:00:00+00:00"}\n',
        _ccxt,
    ),
    "simple_csv": Format(
        "Date,Symbol,Quantity,Price,Commission,Type\n",
        lambda t: f"{t.when:%Y-%m-%d %H:%M:%S},SI{t.letter},{abs(t.units)},{t.price},0.35,{t.side.upper()}\n",
    ),
    "quantmatrix_csv": Format(
        "account,broker,transaction_type,trade_date,executed_at,quantity,price,gross_amount,net_amount,"
        "currency,"
        "instrument_type,symbol\n",
        lambda t: (
            f"Q1,manual,{t.side.lower()},{t.when:%Y-%m-%d},{t.when:%Y-%m-%dT%H:%M:%S}+00:00,{t.units},"
            f"{t.price},{t.amount},"
            f"{t.amount},USD,stock,QM{t.letter}\n"
        ),
    ),
}
"""One for each format of ``quantmatrix import formats``."""

NAMED = frozenset(
    {
        "ibkr_flex", "ibkr_activity_csv", "ibkr_history_csv", "ofx", "vanguard_csv", "tastytrade_api", "ccxt",
        "quantmatrix_csv",
    }
)  # fmt: skip
"""Those that name their account."""


def write(path: Path, form: Format, count: int) -> None:
    """Write a file of ``count`` rows (trades of two rows count twice)."""
    doubled = form.row(next(trades(1))).count("\n")
    rows: list[Trade] | Iterator[Trade] = trades(count // doubled)
    if form.newest_first:
        rows = list(rows)[::-1]
    with path.open("w", newline="") as file:
        file.write(form.head)
        file.writelines(map(form.row, rows))
        file.write(form.tail)
