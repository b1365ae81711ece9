"""Identifiers before tickers: contracts of one ticker, tickers that are handed on, CUSIPs within ISINs."""

from __future__ import annotations

from collections.abc import Callable

from quantmatrix.ingest.model import Instrument, Record, Transaction

Read = Callable[[str], list[Record]]

TRADES = (
    "Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,Proceeds,"
    "Comm/Fee,Code\n"
)
ACTIONS = (
    "Corporate Actions,Header,Asset Category,Currency,Report Date,Date/Time,Description,Quantity,Proceeds,"
    "Value\n"
)
LIST = (
    "Financial Instrument Information,Header,Asset Category,Symbol,Description,Conid,Security ID,Underlying\n"
)
DIVIDENDS = "Dividends,Header,Currency,Date,Description,Amount\n"
OLD_ID, NEW_ID, OTHER_ID = "CA25381D2068", "CA25380B1022", "US98900A1007"
CHANGE = f"ZXAL({OLD_ID}) CUSIP/ISIN Change to ({NEW_ID})"


def trade(symbol: str, quantity: int, category: str = "Stocks") -> str:
    return (
        f'Trades,Data,Order,{category},USD,{symbol},"2024-02-02, 10:30:00",{quantity},4,{-4 * quantity},-1,\n'
    )


def change(symbol: str, identity: str, quantity: int) -> str:
    text = f"{CHANGE} ({symbol}, ZENITH, {identity})"
    return f'Corporate Actions,Data,Stocks,USD,2024-03-06,"2024-03-05, 20:25:00","{text}",{quantity},0,0\n'


def listed(symbol: str, identity: str, conid: int, category: str = "Stocks", name: str = "ZENITH") -> str:
    return f"Financial Instrument Information,Data,{category},{symbol},{name},{conid},{identity},\n"


BOTH = ACTIONS + change("ZXAL.OLD", OLD_ID, -505) + change("ZXAL", NEW_ID, 505)


def instruments(records: list[Record]) -> dict[str, dict[str, str]]:
    return {i.key: i.identifiers for i in records if isinstance(i, Instrument)}


def changes(records: list[Record]) -> list[tuple[str | None, str | None]]:
    return [
        (t.instrument, t.terms.new_instrument)
        for t in records
        if isinstance(t, Transaction) and t.type.value == "symbol_change" and t.terms
    ]


def test_the_target_of_an_action_is_found_by_its_id_under_the_ticker_of_today(read_ibkr: Read) -> None:
    records = read_ibkr(
        TRADES
        + trade("ZXAM", -205)
        + BOTH
        + LIST
        + listed("ZXAL.OLD", OLD_ID, 104)
        + listed("ZXAM", NEW_ID, 110)
    )
    assert changes(records) == [("stock|ZXAL|USD", "stock|ZXAM|USD")]
    assert instruments(records)["stock|ZXAL|USD"] == {"isin": OLD_ID, "conid": "104"}
    assert instruments(records)["stock|ZXAM|USD"] == {"isin": NEW_ID, "conid": "110"}


def test_a_contract_that_takes_over_the_ticker_is_another(read_ibkr: Read) -> None:
    for names in (LIST + listed("ZXAL", NEW_ID, 110) + listed("ZXAL.OLD", OLD_ID, 104), ""):
        records = read_ibkr(TRADES + trade("ZXAL", -205) + BOTH + names)
        assert changes(records) == [("stock|ZXAL~2|USD", "stock|ZXAL|USD")]
        found = instruments(records)
        assert (found["stock|ZXAL~2|USD"]["isin"], found["stock|ZXAL|USD"]["isin"]) == (OLD_ID, NEW_ID)
        [sold] = [t for t in records if isinstance(t, Transaction) and t.type.value == "sell"]
        assert sold.instrument == "stock|ZXAL|USD"


def test_a_ticker_that_went_to_another_company_is_not_the_old_one(read_ibkr: Read) -> None:
    records = read_ibkr(
        TRADES + trade("ZXAL", 50) + trade("ZXAM", -5) + BOTH
        + LIST + listed("ZXAL", OTHER_ID, 222, name="ZEBRA") + listed("ZXAL.OLD", OLD_ID, 104)
        + listed("ZXAM", NEW_ID, 110)
    )  # fmt: skip
    assert changes(records) == [("stock|ZXAL~2|USD", "stock|ZXAM|USD")]
    assert instruments(records)["stock|ZXAL|USD"]["isin"] == OTHER_ID


def test_a_dividend_goes_to_the_id_it_names(read_ibkr: Read) -> None:
    paid = "Dividends,Data,USD,2024-02-05,ZXAL({}) Cash Dividend USD 0.1 per Share,5\n"
    names = LIST + listed("ZXAL.OLD", OLD_ID, 104) + listed("ZXAM", NEW_ID, 110)
    for identity, key in ((OLD_ID, "ZXAL"), (NEW_ID, "ZXAM"), (NEW_ID[2:11], "ZXAM"), ("110", "ZXAM")):
        if len(identity) < 4:
            continue
        records = read_ibkr(TRADES + trade("ZXAM", 5) + DIVIDENDS + paid.format(identity) + names)
        [row] = [t for t in records if isinstance(t, Transaction) and t.type.value == "dividend"]
        assert row.instrument == f"stock|{key}|USD"


def test_a_fund_keeps_its_kind_where_a_dividend_names_its_cusip(read_ibkr: Read) -> None:
    paid = "Dividends,Data,USD,2024-02-05,VMFXX(922906300) Cash Dividend USD 0.1 per Share,5\n"
    records = read_ibkr(DIVIDENDS + paid + LIST + listed("VMFXX", "922906300", 555, "Mutual Funds"))
    assert [t.instrument for t in records if isinstance(t, Transaction)] == ["fund|VMFXX|USD"]


def test_a_split_keeps_its_one_instrument_under_both_names(read_ibkr: Read) -> None:
    text = "GCM(CA3850100204) Split 1 for 25 ({}, OLD MINES, {})"
    row = 'Corporate Actions,Data,Stocks,USD,2024-03-06,"2024-03-05, 20:25:00","{}",{},0,0\n'
    records = read_ibkr(
        TRADES + trade("GCM", 100) + ACTIONS
        + row.format(text.format("GCM", "CA3850105013"), 4)
        + row.format(text.format("GCM.OLD", "CA3850100204"), -100)
        + LIST + listed("GCM", "CA3850105013", 2) + listed("GCM.OLD", "CA3850100204", 1)
    )  # fmt: skip
    assert {t.instrument for t in records if isinstance(t, Transaction)} == {"stock|GCM|USD"}
    assert instruments(records)["stock|GCM|USD"] == {"isin": "CA3850105013", "conid": "2"}


def test_an_option_of_a_european_exchange_is_read_by_its_name(read_ibkr: Read) -> None:
    category, symbol = "Equity and Index Options", "C UBSE 20291221 28 M"
    records = read_ibkr(
        TRADES + trade(symbol, 1, category) + LIST + listed(symbol, "", 9, category, "UBSG 21DEC29 28 C")
    )
    assert [t.instrument for t in records if isinstance(t, Transaction)] == [
        "option|UBSG  291221C00028000|USD"
    ]
