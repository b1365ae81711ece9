"""Brokers whose history is one table of days: what each row becomes, and what they add up to."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from quantmatrix.ingest.etrade import EtradeParser
from quantmatrix.ingest.fidelity import FidelityParser
from quantmatrix.ingest.formats import find
from quantmatrix.ingest.ibkr_history import IbkrHistory
from quantmatrix.ingest.model import (
    CashEvidence,
    Instrument,
    Line,
    Link,
    LinkKind,
    Options,
    Pick,
    PositionEffect,
    Record,
    Refusal,
    Statement,
    Terms,
    Transaction,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.parser import Parser
from quantmatrix.ingest.robinhood import RobinhoodParser
from quantmatrix.ingest.vanguard import VanguardParser
from quantmatrix.testing.conformance import Conformance, hold_together, records_of
from quantmatrix.testing.parsing import only, reasons, these, transaction

FIXTURES = Path(__file__).parent / "fixtures" / "brokers"


def sample(name: str) -> str:
    return (FIXTURES / name).read_text()


class TestIbkrHistory(Conformance):
    parser = IbkrHistory
    samples = {"ibkr_history.csv": sample("ibkr_history.csv")}


class TestFidelity(Conformance):
    parser = FidelityParser
    samples = {"fidelity.csv": sample("fidelity.csv")}
    repeat_from = "SHINY NEW THING"


class TestVanguard(Conformance):
    parser = VanguardParser
    samples = {"vanguard.csv": sample("vanguard.csv")}
    repeat_from = "Stardust"


class TestEtrade(Conformance):
    parser = EtradeParser
    samples = {"etrade.csv": sample("etrade.csv"), "etrade_v2.csv": sample("etrade_v2.csv")}
    repeat_from = "Moonshine"


class TestRobinhood(Conformance):
    parser = RobinhoodParser
    samples = {"robinhood.csv": sample("robinhood.csv")}
    repeat_from = '"Interest Payment"'


@dataclass(frozen=True)
class Expected:
    file: str
    types: Mapping[T, int]
    cash: str
    positions: Mapping[str, str]


EXPECTED: dict[str, Expected] = {
    "ibkr_history_csv": Expected(
        "ibkr_history.csv",
        {T.BUY: 2, T.SELL: 2, T.OPTION_EXPIRATION: 1, T.DIVIDEND: 1, T.TAX_WITHHELD: 1, T.INTEREST: 1,
         T.DEPOSIT: 1, T.OTHER: 2},
        "4203.02",
        {"IWDX": "10"},
    ),
    "fidelity_csv": Expected(
        "fidelity.csv",
        {T.BUY: 2, T.SELL: 4, T.OPTION_ASSIGNMENT: 1, T.OPTION_EXPIRATION: 1, T.DIVIDEND: 2,
         T.TAX_WITHHELD: 1, T.REINVEST: 1, T.CAPITAL_GAIN_DISTRIBUTION: 1, T.SPLIT: 2, T.MERGER_CASH: 1,
         T.DEPOSIT: 1, T.TRANSFER_IN: 1, T.INTEREST: 1, T.CASH_IN_LIEU: 1, T.OTHER: 1},
        "7893.97",
        {"KO": "50", "FXAIX": "0.123", "MINE": "-240", "TGTX": "-20", "NVDA": "90", "VTI": "25"},
    ),
    "robinhood_csv": Expected(
        "robinhood.csv",
        {T.BUY: 1, T.SELL: 3, T.OPTION_ASSIGNMENT: 1, T.OPTION_EXPIRATION: 1, T.DIVIDEND: 1, T.FEE: 1,
         T.INTEREST: 1, T.SPLIT: 2, T.MERGER_CASH: 1, T.DEPOSIT: 1, T.WITHDRAWAL: 1, T.TRANSFER_IN: 1,
         T.PROMOTION: 1, T.REINVEST: 1, T.OTHER: 1},
        "7616.21",
        {"TSLA": "50", "KO": "0.401234", "MINE": "-240", "TGTX": "-20", "NVDA": "90", "VTI": "25",
         "FREE": "1"},
    ),
    "vanguard_csv": Expected(
        "vanguard.csv",
        {T.SELL: 1, T.DIVIDEND: 1, T.REINVEST: 1, T.CAPITAL_GAIN_DISTRIBUTION: 1, T.SYMBOL_CHANGE: 1,
         T.BUY: 1, T.DEPOSIT: 1, T.TRANSFER_IN: 1, T.OTHER: 1},
        "36002.07",
        {"VTI": "60.1", "VFIAX": "9.5"},
    ),
    "etrade_csv": Expected(
        "etrade.csv",
        {T.SELL: 3, T.OPTION_ASSIGNMENT: 1, T.BUY: 1, T.OPTION_EXPIRATION: 1, T.DIVIDEND: 1,
         T.REINVEST: 1, T.DEPOSIT: 1, T.INTEREST: 1, T.OTHER: 1},
        "7363.57",
        {"KO": "50.4"},
    ),
}  # fmt: skip


def read(source: str, text: str | None = None, options: Options | None = None) -> list[Record]:
    parser = find(source)
    assert parser is not None
    records = records_of(parser, sample(EXPECTED[source].file) if text is None else text, options)
    hold_together(records)
    return records


def held(records: list[Record]) -> dict[str, Decimal]:
    """Positions that the rows make; an option event without direction closes what is open."""
    names = {i.key: i.symbol for i in only(records, Instrument)}
    changes: dict[str, Decimal] = {}
    for t in sorted(only(records, Transaction), key=lambda t: (t.trade_date, t.type.startswith("option"))):
        if t.instrument is None:
            continue
        symbol = names[t.instrument]
        change = t.quantity
        if change is None and t.type.startswith("option"):
            change = -changes.get(symbol, Decimal(0))
        elif change is None:
            change = t.terms.stated_quantity if t.terms else None
        changes[symbol] = changes.get(symbol, Decimal(0)) + (change or Decimal(0))
        if t.terms and t.terms.new_instrument and t.terms.stated_new_quantity:
            new = names[t.terms.new_instrument]
            changes[new] = changes.get(new, Decimal(0)) + t.terms.stated_new_quantity
    return {symbol: quantity for symbol, quantity in changes.items() if quantity}


@pytest.mark.parametrize("source", list(EXPECTED))
def test_types_cash_and_positions(source: str) -> None:
    records, expected = read(source), EXPECTED[source]
    counted: dict[T, int] = {}
    for t in only(records, Transaction):
        counted[t.type] = counted.get(t.type, 0) + 1
    assert counted == expected.types
    assert sum(t.net_amount for t in only(records, Transaction)) == Decimal(expected.cash)
    assert held(records) == {symbol: Decimal(text) for symbol, text in expected.positions.items()}


@pytest.mark.parametrize("source", list(EXPECTED))
def test_rows_run_backwards(source: str) -> None:
    parser = find(source)
    assert parser is not None
    made: Parser = parser()
    list(made.parse(io.StringIO(sample(EXPECTED[source].file), newline=""), Options()))
    assert made.newest_first


def test_ibkr_history_has_balances_and_an_account() -> None:
    records = read("ibkr_history_csv")
    assert [these(c.moment, c.amount, c.currency) for c in only(records, CashEvidence)] == [
        ("start", 100, "EUR"), ("end", Decimal("4303.02"), "EUR"),
    ]  # fmt: skip
    assert {s.account for s in only(records, Statement) if s.account} == {"U***00001"}
    assert reasons(records, 9) == ""


def test_ibkr_history_says_where_cash_does_not_add_up() -> None:
    text = sample("ibkr_history.csv").replace("Ending Cash,4303.02", "Ending Cash,4300.00")
    assert "add up to 4203.02" in reasons(read("ibkr_history_csv", text), 9)


def test_ibkr_history_keeps_a_price_of_another_currency_apart() -> None:
    sale = transaction(read("ibkr_history_csv"), 11)
    assert these(sale.price, sale.currency, sale.gross_amount) == (None, "EUR", Decimal("237.42"))
    assert sale.metadata["price"] == "92.0 USD"
    assert sale.instrument == "stock|ASTX|USD"


def test_fidelity_skips_what_is_pending_and_the_core_fund() -> None:
    records = read("fidelity_csv")
    verdicts = {line.number: line.verdict for line in only(records, Line)}
    assert (verdicts[6], verdicts[18]) == ("skipped", "skipped")
    assert "not posted" in reasons(records, 6)


def test_fidelity_ties_an_assignment_to_its_stock() -> None:
    records = read("fidelity_csv")
    assert Link(kind=LinkKind.EXERCISE, from_line=8, to_line=9) in only(records, Link)
    opened = transaction(records, 11)
    assert these(opened.instrument, opened.quantity, opened.position_effect) == (
        "option|SPY   250321C00600000|USD", -2, PositionEffect.OPEN,
    )  # fmt: skip


def test_fidelity_costs_are_inside_the_amount() -> None:
    sale = transaction(read("fidelity_csv"), 7)
    assert these(sale.gross_amount, sale.commission, sale.fees, sale.net_amount) == (
        3100, Decimal("-4.95"), Decimal("-0.03"), Decimal("3095.02"),
    )  # fmt: skip


def test_fidelity_of_all_accounts() -> None:
    text = (
        "Run Date,Account,Account Number,Action,Symbol,Description,Type,Exchange Quantity,Exchange Currency,"
        "Currency,Price,Quantity,Exchange Rate,Commission,Fees,Accrued Interest,Amount,Settlement Date\n"
        '03/25/2025,"Mine","X0000001", YOU BOUGHT KO, KO,COCA COLA,Cash,0,,USD,62,50,0,,,,-3100,03/26/2025\n'
    )
    records = read("fidelity_csv", text)
    row = transaction(records, 2)
    assert these(row.account, row.quantity, row.net_amount) == ("X0000001", 50, -3100)


def test_fidelity_cancels() -> None:
    text = sample("fidelity.csv").split("\n 03/28")[0] + (
        "\n 03/26/2025, YOU BOUGHT CANCEL KO (Cash), KO, COCA COLA,Cash,-10,60,,,,600,,03/26/2025"
        "\n 03/25/2025, YOU BOUGHT KO (Cash), KO, COCA COLA,Cash,10,60,,,,-600,,03/26/2025\n"
    )
    records = read("fidelity_csv", text)
    assert [link.kind for link in only(records, Link)] == [LinkKind.CORRECTION]
    assert held(records) == {}


def test_fidelity_takes_the_account_from_the_files_name() -> None:
    records = read("fidelity_csv", None, Options(file_name="History_for_Account_X12345678.csv"))
    assert [s.account for s in only(records, Statement) if s.account] == ["X12345678"]


def test_robinhood_fees_are_what_the_amount_lacks() -> None:
    sale = transaction(read("robinhood_csv"), 2)
    assert these(sale.gross_amount, sale.fees, sale.net_amount) == (
        3100,
        Decimal("-0.03"),
        Decimal("3099.97"),
    )
    [tesla] = [i for i in only(read("robinhood_csv"), Instrument) if i.symbol == "TSLA"]
    assert tesla.identifiers == {"cusip": "88160R101"}


def test_robinhood_events_have_no_direction() -> None:
    records = read("robinhood_csv")
    [expired] = [t for t in only(records, Transaction) if t.type is T.OPTION_EXPIRATION]
    assert expired.terms == Terms(stated_quantity=Decimal(2))
    assert expired.instrument == "option|SPY   250321C00600000|USD"
    assert [link.kind for link in only(records, Link)] == [LinkKind.EXERCISE]


@pytest.mark.parametrize(
    ("source", "old", "new", "column"),
    [
        ("ibkr_history_csv", "2025-12-20", "20-12-2025", "Date"),
        ("ibkr_history_csv", ",236.55", ",two", "Net Amount"),
        ("fidelity_csv", "03/25/2025,", "13/25/2025,", "Run Date"),
        ("fidelity_csv", ",3095.02,", ",x,", "Amount ($)"),
        ("robinhood_csv", '"$62.00"', '"$6,2.00"', "Price"),
        ("robinhood_csv", '"50"', '"many"', "Quantity"),
    ],
)
def test_bad_cells_are_refused_with_their_column(source: str, old: str, new: str, column: str) -> None:
    text = sample(EXPECTED[source].file)
    assert old in text
    assert [r.column for r in only(read(source, text.replace(old, new, 1)), Refusal)] == [column]


def test_etrade_of_old() -> None:
    records = read("etrade_csv", sample("etrade_v2.csv"))
    kinds = {t.line: t.type for t in only(records, Transaction)}
    assert kinds == {
        5: T.SELL, 6: T.OPTION_EXPIRATION, 7: T.REINVEST, 8: T.DIVIDEND, 9: T.BUY, 10: T.DEPOSIT,
    }  # fmt: skip
    assert held(records) == {"KO": Decimal("-49.5")}
    assert transaction(records, 9).instrument == "option|SPY   200320C00300000|USD"
    assert [s.account for s in only(records, Statement) if s.account] == ["...1234"]


def test_etrade_ties_an_assignment_to_its_stock() -> None:
    assert [link.kind for link in only(read("etrade_csv"), Link)] == [LinkKind.EXERCISE]


def test_vanguard_skips_the_settlement_fund_and_the_positions() -> None:
    verdicts = {line.number: line.verdict for line in only(read("vanguard_csv"), Line)}
    assert (verdicts[2], verdicts[10]) == ("skipped", "skipped")
    assert {t.account for t in only(read("vanguard_csv"), Transaction)} == {"00000001"}


FIDELITY = (
    "Run Date,Account,Action,Symbol,Security Description,Security Type,Price ($),Quantity,Commission ($),"
    "Fees ($),Accrued Interest ($),Amount ($),Cash Balance ($),Settlement Date\n"
)


def test_fidelity_distributions_are_splits_of_what_is_held_else_spinoffs() -> None:
    text = FIDELITY + (
        "06-10-2024,Z1,DISTRIBUTION NVIDIA COM (NVDA) (Cash),NVDA,NVIDIA,Cash,,90,,,,0,Processing,\n"
        "06-03-2024,Z1,DISTRIBUTION SOLVENT CORP (SOLX) (Cash),SOLX,SOLVENT,Cash,,5,,,,0,0,\n"
        "01-15-2024,Z1,YOU BOUGHT NVIDIA CORPORATION COM (NVDA) (Cash),NVDA,NVIDIA,Cash,500,10,,,,-5000,0,\n"
    )
    records = read("fidelity_csv", text)
    assert {t.line: t.type for t in only(records, Transaction)} == {2: T.SPLIT, 3: T.SPINOFF, 4: T.BUY}
    assert {t.account for t in only(records, Transaction)} == {"Z1"}
    assert held(records) == {"NVDA": Decimal(100), "SOLX": Decimal(5)}


def test_fidelity_shorts() -> None:
    text = FIDELITY + (
        "03/20/2026,Z1, YOU BOUGHT TO COVER BETA INC (BETA) (Margin),BETA,BETA,Margin,45,100,,,,-4500,0,\n"
        "03/15/2026,Z1, YOU SOLD SHORT BETA INC (BETA) (Margin),BETA,BETA,Margin,50,-100,,,,5000,0,\n"
    )
    effects = [(t.type, t.position_effect) for t in only(read("fidelity_csv", text), Transaction)]
    assert effects == [(T.BUY, PositionEffect.CLOSE), (T.SELL, PositionEffect.OPEN)]


def test_robinhood_years_of_two_digits_are_of_this_century() -> None:
    text = (
        "Activity Date,Process Date,Settle Date,Instrument,Description,Trans Code,Quantity,Price,Amount\n"
        "1/2/26,1/2/26,1/5/26,IREN,Option Expiration for IREN 1/2/26 Put $39.00,OEXP,1,,\n"
        "12/22/25,12/22/25,12/23/25,IREN,IREN 1/2/2026 Put $39.00,STO,1,$1.31 ,$130.97 \n"
    )
    records = read("robinhood_csv", text)
    assert [str(t.trade_date) for t in only(records, Transaction)] == ["2026-01-02", "2025-12-22"]
    assert len({t.instrument for t in only(records, Transaction)}) == 1


ETRADE = (
    "All Transactions Activity Types\n\n"
    "Account Activity for Cap 1(-6084) -6354 from 2024-05-03 to 2025-05-03\n\nTotal:,-1186.41\n\n"
    "Activity/Trade Date,Transaction Date,Settlement Date,Activity Type,Description,Symbol,Cusip,Quantity #,"
    "Price $,Amount $,Commission,Category,Note\n"
)


def etrade(*rows: str) -> list[Record]:
    return read("etrade_csv", ETRADE + "".join(f"{row},--,--\n" for row in rows))


def test_etrade_takes_the_account_from_the_title_and_no_total() -> None:
    records = etrade("06/18/2024,06/18/2024,--,Bought,COCA COLA CO,KO,--,15,60,-900,0")
    assert [s.account for s in only(records, Statement) if s.account] == ["...6354"]
    nameless = read("etrade_csv", "\n".join(ETRADE.splitlines()[3:]) + "\n")
    assert not [s for s in only(nameless, Statement) if s.account]


SOLD = "03/28/2025,03/28/2025,--,Sold,COCA COLA CO  LOT 20240702,KO,--,-{},70,{},0"
BOUGHT = "{0},{0},--,Bought,COCA COLA CO,KO,--,{1},65,-{2},0"


def test_etrade_sells_the_lot_that_the_row_names() -> None:
    records = etrade(
        SOLD.format(12, 840),
        BOUGHT.format("07/02/2024", 10, 650),
        BOUGHT.format("07/02/2024", 5, 325),
        BOUGHT.format("06/18/2024", 15, 975),
    )
    assert [(p.line, p.order, p.opening_line, p.quantity) for p in only(records, Pick)] == [
        (8, 1, 9, Decimal(10)), (8, 2, 10, Decimal(2)),
    ]  # fmt: skip


def test_a_named_lot_is_used_up_sale_by_sale() -> None:
    later = SOLD.format(10, 700).replace("03/28", "03/29")
    records = etrade(later, SOLD.format(12, 840), BOUGHT.format("07/02/2024", 15, 975))
    assert [(p.line, p.quantity) for p in only(records, Pick)] == [(9, Decimal(12))]
    assert "is not in this file" in reasons(records, 8)


def test_a_named_lot_that_is_no_day_is_said() -> None:
    records = etrade(SOLD.format(12, 840).replace("20240702", "20249999"))
    assert "of no day" in reasons(records, 8)


REINVESTED = "04/03/2025,04/03/2025,--,Dividend Reinvestment,COCA COLA CO,KO,--,0.171,70.10,-11.99,0"


def test_etrade_a_reinvestment_without_its_dividend_brings_it() -> None:
    records = etrade(REINVESTED)
    assert [(t.type, t.part, t.net_amount) for t in only(records, Transaction)] == [
        (T.REINVEST, 0, Decimal("-11.99")), (T.DIVIDEND, 1, Decimal("11.99")),
    ]  # fmt: skip
    assert "prints no dividend" in reasons(records, 8)


def test_etrade_a_dividend_pays_for_its_reinvestment_once() -> None:
    dividend = "04/02/2025,04/02/2025,--,Qualified Dividend,COCA COLA CO,KO,--,--,--,14.11,0"
    taxed = etrade(REINVESTED, dividend)
    assert [t.type for t in only(taxed, Transaction)] == [T.REINVEST, T.DIVIDEND]
    twice = etrade(REINVESTED, REINVESTED, dividend)
    assert sum(t.net_amount for t in only(twice, Transaction)) == Decimal("14.11") - Decimal("11.99")


def test_rows_of_an_unknown_kind_say_their_units_and_money() -> None:
    records = etrade("04/03/2025,04/03/2025,--,Moonshine,COCA COLA CO,KO,--,0.171,70.10,-11.99,0")
    assert "-11.99" in reasons(records, 8)
    assert "0.171 KO are not booked" in reasons(records, 8)


def test_trades_in_options_without_a_contract_are_refused() -> None:
    row = "04/03/2025,04/03/2025,--,Bought To Open,CALL SOMETHING,KO,--,1,1.00,-100.65,0.65"
    [refused] = only(etrade(row), Refusal)
    assert "names no contract" in refused.reason
    text = (
        "Activity Date,Process Date,Settle Date,Instrument,Description,Trans Code,Quantity,Price,Amount\n"
        "1/2/2026,1/2/2026,1/5/2026,IREN,IREN something,STO,1,$1.00,$100.00\n"
    )
    [refused] = only(read("robinhood_csv", text), Refusal)
    assert "names no contract" in refused.reason
