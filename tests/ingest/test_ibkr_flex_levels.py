"""One event at several levels of detail counts once; what no finer row tells is not lost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantmatrix.ingest.ibkr_flex import IbkrFlex
from quantmatrix.ingest.model import Record, Transaction, Warning
from quantmatrix.testing.parsing import only, parse, these

MATURITY = {
    "currency": "USD", "assetCategory": "BILL", "symbol": "912797HR1", "conid": "662", "type": "TM",
    "description": "(US912797HR13) TBILL MATURITY (912797HR1, B 05/23/24, US912797HR13)",
    "reportDate": "20240523", "dateTime": "20240522;202500",
    "quantity": "-5000", "proceeds": "5000", "amount": "-5000",
}  # fmt: skip
DIVIDEND = {
    "currency": "USD", "assetCategory": "STK", "symbol": "KO", "conid": "8894", "type": "Dividends",
    "description": "KO(US1912161007) CASH DIVIDEND", "dateTime": "20240401;202000",
    "reportDate": "20240401", "amount": "30",
}  # fmt: skip
TRANSFER = {
    "currency": "USD", "assetCategory": "STK", "symbol": "VTI", "conid": "12", "type": "ACATS",
    "direction": "IN", "date": "20240115", "quantity": "15",
}  # fmt: skip
FILL = {
    "currency": "USD", "assetCategory": "STK", "symbol": "KO", "conid": "8894", "tradeDate": "20240110",
    "quantity": "10", "tradePrice": "5", "proceeds": "-50", "ibCommission": "-1", "buySell": "BUY",
}  # fmt: skip
EVENTS = {"CorporateAction": MATURITY, "CashTransaction": DIVIDEND, "Transfer": TRANSFER}


def element(name: str, values: dict[str, str], **more: str) -> str:
    return f"<{name} " + " ".join(f'{k}="{v}"' for k, v in (values | more).items()) + " />"


def read(*elements: str) -> list[Record]:
    head = '<FlexQueryResponse><FlexStatements><FlexStatement accountId="U1" toDate="20241231">'
    return parse(
        IbkrFlex, "\n".join((head, *elements, "</FlexStatement></FlexStatements></FlexQueryResponse>"))
    )


def units(records: list[Record]) -> Decimal:
    return sum((abs(t.quantity or t.net_amount) for t in only(records, Transaction)), Decimal(0))


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("levels", ["named", "by the account"])
def test_a_sum_beside_its_details_is_none_of_them(name: str, levels: str) -> None:
    marks = ("SUMMARY", "DETAIL") if levels == "named" else ("", "")
    summed = element(name, EVENTS[name], accountId="-", levelOfDetail=marks[0])
    detail = element(name, EVENTS[name], accountId="U1", levelOfDetail=marks[1], transactionID="81")
    for order in ((summed, detail), (detail, summed)):
        records = read(*order)
        assert [t.external_id for t in only(records, Transaction)] == ["81"]
        assert not only(records, Warning)


@pytest.mark.parametrize("name", EVENTS)
def test_a_sum_alone_counts(name: str) -> None:
    other = EVENTS[name] | {"conid": "99", "symbol": "OTHER", "description": "OTHER(US0000000001) X"}
    records = read(
        element(name, EVENTS[name], accountId="-", levelOfDetail="SUMMARY"),
        element(name, other, accountId="U1", levelOfDetail="DETAIL", transactionID="81"),
    )
    assert {t.account for t in only(records, Transaction)} == {"U1"}
    assert len(only(records, Transaction)) == 2


def test_a_sum_of_several_rows_is_compared_with_them() -> None:
    summed = element("CashTransaction", DIVIDEND, accountId="-", levelOfDetail="SUMMARY")
    parts = [
        element(
            "CashTransaction",
            DIVIDEND,
            accountId=f"U{n}",
            levelOfDetail="DETAIL",
            amount=amount,
            transactionID=f"{n}",
        )
        for n, amount in ((1, "20"), (2, "10"))
    ]
    assert units(read(summed, *parts)) == 30
    assert not only(read(summed, *parts), Warning)
    records = read(summed, parts[0])
    assert units(records) == 20
    [told] = only(records, Warning)
    assert (told.column, "lack 10 of its sum" in told.reason) == ("amount", True)


def test_the_finest_rows_of_each_traded_thing_count() -> None:
    other = FILL | {"conid": "99", "symbol": "PEP"}
    records = read(
        element("AssetSummary", FILL, levelOfDetail="ASSET_SUMMARY"),
        element("SymbolSummary", FILL, levelOfDetail="SYMBOL_SUMMARY"),
        element("Order", FILL, levelOfDetail="ORDER"),
        element("Trade", FILL, levelOfDetail="EXECUTION", transactionID="1"),
        element("Order", other, levelOfDetail="ORDER", quantity="7", proceeds="-35"),
        element("SymbolSummary", other, levelOfDetail="SYMBOL_SUMMARY", quantity="7", proceeds="-35"),
    )
    assert [these(t.instrument, t.quantity) for t in only(records, Transaction)] == [
        ("stock|KO|USD", 10), ("stock|PEP|USD", 7),
    ]  # fmt: skip


def test_sums_of_symbols_count_where_nothing_finer_is_there() -> None:
    records = read(element("SymbolSummary", FILL, levelOfDetail="SYMBOL_SUMMARY"))
    assert [t.quantity for t in only(records, Transaction)] == [10]
    assert "sums of symbols and days" in only(records, Warning)[0].reason


def test_a_sum_that_is_no_trade_is_named_with_units_and_money() -> None:
    records = read(element("AssetSummary", FILL | {"conid": "", "symbol": ""}, levelOfDetail="ASSET_SUMMARY"))
    assert not only(records, Transaction)
    [told] = only(records, Warning)
    assert told.reason.endswith("(1 row; units 10 no symbol; money -50 USD)")


@pytest.mark.parametrize(
    ("name", "attributes", "sums"),
    [
        ("SalesTax", {"currency": "USD", "salesTax": "-0.15"}, "(1 row; money -0.15 USD)"),
        ("DebitCardActivity", {"currency": "EUR", "amount": "-12.5"}, "(1 row; money -12.5 EUR)"),
        ("TradeTransfer", FILL, "(1 row; units 10 KO; money -50 USD)"),
        ("NewSection", {"symbol": "ABC", "quantity": "3"}, "(1 row; units 3 ABC)"),
        ("StatementOfFundsLine", {"currency": "USD", "amount": "-3600.6"}, "(1 row; money -3600.6 USD)"),
    ],
)
def test_what_may_move_something_and_is_not_read_is_named(
    name: str, attributes: dict[str, str], sums: str
) -> None:
    [told] = only(read(element(name, attributes)), Warning)
    assert told.text == name
    assert told.reason.endswith(sums)


def test_what_others_show_is_not_named() -> None:
    records = read(
        element("Trade", FILL, levelOfDetail="EXECUTION"), element("TradeTransfer", FILL),
        element("StatementOfFundsLine", {"currency": "USD", "amount": "-51"}),
    )  # fmt: skip
    assert not only(records, Warning)
