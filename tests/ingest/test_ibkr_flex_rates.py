"""The rate that a row of a Flex Query states, where the file says that its base is the tax currency."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantmatrix.ingest.ibkr_flex import IbkrFlex
from quantmatrix.ingest.model import Options, Transaction, Warning
from quantmatrix.testing.parsing import only, parse

RATE = Decimal("1.0832")
ROWS = {
    "trade": '<Trade assetCategory="STK" symbol="SAP" tradeDate="20240305" quantity="10" tradePrice="170" '
    'proceeds="-1700" ibCommission="-1.25" ibCommissionCurrency="EUR" buySell="BUY" transactionID="1" {} />',
    "dividend": '<CashTransaction type="Dividends" amount="5" reportDate="20240305" description="SAP" {} />',
    "conversion": '<Trade assetCategory="CASH" symbol="GBP.EUR" tradeDate="20240305" quantity="10" '
    'tradePrice="1.17" proceeds="-11.7" buySell="BUY" transactionID="2" {} />',
    "merger": '<CorporateAction assetCategory="STK" symbol="ABC" conid="5" type="TC" reportDate="20240305" '
    'dateTime="20240305" quantity="-10" proceeds="50" value="0" '
    'actionDescription="ABC(US0000000001) MERGED(ACQUISITION) FOR EUR 5 PER SHARE" {} />',
}


def read(row: str, base: str | None = "USD") -> Transaction:
    told = f'<AccountInformation accountId="U1" currency="{base}" />' if base is not None else ""
    text = f'<FlexQueryResponse><FlexStatement accountId="U1">{row}{told}</FlexStatement></FlexQueryResponse>'
    [made] = only(parse(IbkrFlex, text, Options()), Transaction)
    return made


def rate_of(made: Transaction) -> Decimal | None:
    return made.terms.fx_rate if made.terms else None


@pytest.mark.parametrize("name", ROWS)
def test_a_row_carries_its_rate_wherever_the_base_is_stated(name: str) -> None:
    row = ROWS[name].format(f'currency="EUR" fxRateToBase="{RATE}"')
    assert rate_of(read(row)) == RATE


@pytest.mark.parametrize(
    ("currency", "rate", "base"),
    [
        ("EUR", "1", "USD"), ("EUR", "0", "USD"), ("EUR", "-1", "USD"), ("EUR", "", "USD"),
        ("USD", "1.0832", "USD"), ("EUR", "1.0832", "CHF"), ("EUR", "1.0832", None),
    ],
)  # fmt: skip
def test_what_is_no_rate_is_none(currency: str, rate: str, base: str | None) -> None:
    row = ROWS["dividend"].format(f'currency="{currency}" fxRateToBase="{rate}"')
    assert rate_of(read(row, base)) is None


def test_a_rate_that_cannot_be_read_refuses_no_row() -> None:
    row = ROWS["dividend"].format('currency="EUR" fxRateToBase="n.a."')
    told = "<AccountInformation currency='USD' />"
    records = parse(
        IbkrFlex, f"<FlexQueryResponse><FlexStatement>{told}{row}</FlexStatement></FlexQueryResponse>"
    )
    assert [rate_of(made) for made in only(records, Transaction)] == [None]
    assert [told.column for told in only(records, Warning)] == ["fxRateToBase"]


def test_a_rate_of_pence_is_not_taken_for_one_of_pounds() -> None:
    assert rate_of(read(ROWS["dividend"].format('currency="GBX" fxRateToBase="0.0127"'))) is None
