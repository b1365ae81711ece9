"""Shares that the broker gives away, in both of its formats."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from quantmatrix.ingest.ibkr_flex import IbkrFlex
from quantmatrix.ingest.model import Line, PositionEvidence, Record, Transaction, Warning
from quantmatrix.testing.parsing import only, parse

Read = Callable[[str], list[Record]]
Row = tuple[str, str, str, str, str, str, str]
Reader = Callable[..., list[Record]]

AWARD = ("20240920", "Stock Award Grant for Cash Deposit", "20240920", "20250919", "0.2949", "138", "40.70")
VESTING = ("20250919", "Stock Award Vesting", "20240920", "20250919", "1.1796", "65.03", "76.7094")
RETURN = (
    "20250110",
    "Stock Award Return for Cash Withdrawal",
    "20240920",
    "20250919",
    "-0.2949",
    "160",
    "-47.18",
)
WITHHELD = ("20250919", "Stock Award Withholding", "20240920", "20250919", "-0.3", "65.03", "-19.51")


def flex(*rows: Row, positions: str = "") -> list[Record]:
    names = ("reportDate", "activityDescription", "awardDate", "vestingDate", "quantity", "price", "value")
    inside = "\n".join(
        '<StockGrantActivity currency="USD" assetCategory="STK" symbol="IBKR" conid="43645865" '
        + " ".join(f'{name}="{text}"' for name, text in zip(names, row, strict=True))
        + " />"
        for row in rows
    )
    head = '<FlexQueryResponse><FlexStatements><FlexStatement accountId="U1" toDate="20251231">'
    return parse(
        IbkrFlex, f"{head}\n{inside}\n{positions}</FlexStatement></FlexStatements></FlexQueryResponse>"
    )


@pytest.fixture(params=["activity", "flex"])
def grants(request: pytest.FixtureRequest, read_ibkr: Read) -> Reader:
    """Reads rows of grants in one of the formats."""

    def activity(*rows: Row) -> list[Record]:
        names = "Symbol,Report Date,Description,Award Date,Vesting Date,Quantity,Price,Value"
        dashed = [
            [f"{c[:4]}-{c[4:6]}-{c[6:]}" if len(c) == 8 and c.isdigit() else c for c in row] for row in rows
        ]
        return read_ibkr(
            f"Grant Activity,Header,{names}\n"
            + "".join(f"Grant Activity,Data,IBKR,{','.join(row)}\n" for row in dashed)
        )

    return activity if request.param == "activity" else flex


def shape(records: list[Record]) -> list[tuple[object, ...]]:
    return [
        (t.type.value, t.quantity, t.trade_date, t.terms.supplied_basis if t.terms else None)
        for t in only(records, Transaction)
    ]


def test_a_vesting_brings_the_shares_at_their_value_and_the_award_does_not(grants: Reader) -> None:
    records = grants(AWARD, VESTING)
    assert shape(records) == [
        ("promotion", Decimal("1.1796"), date(2025, 9, 19), Decimal("76.7094")),
    ]
    assert [r.verdict for r in only(records, Line)][-2:] == ["evidence", "row"]
    assert not only(records, Warning)


def test_a_vesting_without_its_award_in_the_file_is_the_same(grants: Reader) -> None:
    assert shape(grants(VESTING)) == shape(grants(AWARD, VESTING))


def test_an_award_without_a_vesting_brings_nothing_and_is_named(grants: Reader) -> None:
    records = grants(AWARD)
    assert not only(records, Transaction)
    [told] = only(records, Warning)
    assert "0.2949 IBKR granted, to vest on 2025-09-19" in told.reason


def test_a_return_takes_back_what_was_never_there(grants: Reader) -> None:
    records = grants(AWARD, RETURN)
    assert not only(records, Transaction)
    assert not only(records, Warning)
    [told] = only(grants(RETURN), Warning)
    assert "-0.2949 IBKR returned before they vested" in told.reason


def test_what_is_withheld_for_tax_leaves(grants: Reader) -> None:
    assert [row[:3] for row in shape(grants(VESTING, WITHHELD))] == [
        ("promotion", Decimal("1.1796"), date(2025, 9, 19)),
        ("transfer_out", Decimal("-0.3"), date(2025, 9, 19)),
    ]


def test_a_value_that_is_not_printed_leaves_the_basis_unknown(grants: Reader) -> None:
    records = grants((*VESTING[:5], "", ""))
    assert shape(records)[0][3] is None
    assert "basis is unknown" in only(records, Warning)[0].reason


def test_lots_that_have_not_vested_are_no_part_of_a_position_of_a_flex_query() -> None:
    position = '<OpenPosition currency="USD" assetCategory="STK" symbol="IBKR" reportDate="20241231" '
    records = flex(
        positions=position + 'position="5" costBasisMoney="500" levelOfDetail="SUMMARY" />\n'
        + position + 'position="3" costBasisMoney="300" levelOfDetail="LOT" openDateTime="20240501" />\n'
        + position + 'position="2" costBasisMoney="200" levelOfDetail="LOT" vestingDate="20251128" />\n'
    )  # fmt: skip
    assert [(p.quantity, p.cost_basis) for p in only(records, PositionEvidence)] == [
        (Decimal(3), Decimal(300))
    ]
