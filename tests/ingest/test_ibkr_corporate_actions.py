"""The section Corporate Actions: grammar, and the rows of one action together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmatrix.ingest.action_text import Action, Security, read_action
from quantmatrix.ingest.checks import problem
from quantmatrix.ingest.model import Instrument, Line, Link, Record, Refusal, Terms, Transaction, Warning

Read = Callable[[str], list[Record]]

HEADER = (
    "Corporate Actions,Header,Asset Category,Currency,Report Date,Date/Time,Description,Quantity,Proceeds,"
    "Value,Realized P/L,Code\n"
)
EVENING = "2024-06-07, 20:25:00"
AB = "A(US0000000001)"
OLD = "(A, AAA INC, US0000000001)"
NEW = "(B, BBB CORP, US0000000019)"


def row(
    description: str,
    quantity: str,
    proceeds: str = "0",
    value: str = "0",
    code: str = "",
    *,
    when: str = EVENING,
    reported: str = "2024-06-10",
    category: str = "Stocks",
) -> str:
    return (
        f'Corporate Actions,Data,{category},USD,{reported},"{when}","{description}",{quantity},{proceeds},'
        f"{value},0,{code}\n"
    )


def transactions(records: list[Record]) -> list[Transaction]:
    made = [r for r in records if isinstance(r, Transaction)]
    assert [t for t in made if problem(t)] == []
    return made


def only(records: list[Record]) -> tuple[str, str | None, Terms]:
    (made,) = transactions(records)
    assert made.terms is not None
    return made.type.value, made.instrument, made.terms


def ratio(terms: Terms) -> tuple[str, str]:
    return str(terms.ratio_numerator), str(terms.ratio_denominator)


@pytest.mark.parametrize(
    ("text", "action", "source", "subject", "ratios", "cash"),
    [
        (f"{AB} Split 4 for 1 {OLD}", "split", "A", "A", [("4", "1")], None),
        (f"{AB} Split 1 for 1,000 (A.OLD, AAA INC, 1)", "split", "A", "A.OLD", [("1", "1000")], None),
        ("A(1234) Reverse Split 1 for 10 (A)", "split", "A", "A", [("1", "10")], None),
        (f"{AB} Spinoff  241917 for 1000000 {NEW}", "spinoff", "A", "B", [("241917", "1000000")], None),
        (f"{AB} SPINOFF 1 FOR 4 (B, B (THE) CO, LTD, 929740108)", "spinoff", "A", "B", [("1", "4")], None),
        (f"{AB} Merged(Acquisition) WITH US2 1 for 2 {NEW}", "merger", "A", "B", [("1", "2")], None),
        (f"{AB} Merged(Acquisition)  FOR USD 1.5 PER SHARE {OLD}", "merger", "A", "A", [], ("USD", "1.5")),
        (f"{AB} Merged(Liquidation) FOR EUR 1 PER SHARE {OLD}", "merger", "A", "A", [], ("EUR", "1")),
        (
            f"{AB} Merged(Voluntary Offer Allocation) WITH US2 7 for 2 {NEW}",
            "merger",
            "A",
            "B",
            [("7", "2")],
            None,
        ),
        (
            f"{AB} CASH and STOCK MERGER (Acquisition) U2 5 FOR 9 AND USD 4 {NEW}",
            "merger",
            "A",
            "B",
            [("5", "9")],
            ("USD", "4"),
        ),
        (
            f"{AB} Cash and Stock Merger (Acquisition) U2 1 for 1 and USD 0.3 {NEW}",
            "merger",
            "A",
            "B",
            [("1", "1")],
            ("USD", "0.3"),
        ),
        (f"{AB} Acquired for USD 5 per share {OLD}", "merger", "A", "A", [], ("USD", "5")),
        (
            f"{AB} Tendered to US2 1 for 1 (A.TEN, AAA TENDER, US2)",
            "tender",
            "A",
            "A.TEN",
            [("1", "1")],
            None,
        ),
        (f"{AB} Stock Dividend US2 5 for 100 {OLD}", "stock dividend", "A", "A", [("5", "100")], None),
        (f"{AB} CUSIP/ISIN Change to (US0000000019) {NEW}", "change of id", "A", "B", [], None),
        (f"{AB} CUSIP/ISIN Change to (US0000000019)", "change of id", "A", "A", [], None),
        (f"(US0000000001) Delisted {OLD}", "delisted", "A", "A", [], None),
        (
            f"{AB} Subscribable Rights Issue  1 for 4 (A.RTS, RIGHTS, U3)",
            "rights",
            "A",
            "A.RTS",
            [("1", "4")],
            None,
        ),
        (f"{AB} Split X for Y {OLD}", "split", "A", "A", [], None),
        (f"{AB} Split 4 for 0 {OLD}", "split", "A", "A", [], None),
        (f"{AB} Merged(Acquisition)", "merger", "A", "A", [], None),
        ("who knows", "unknown", None, None, [], None),
    ],
)
def test_grammar(
    text: str,
    action: str,
    source: str | None,
    subject: str | None,
    ratios: list[tuple[str, str]],
    cash: tuple[str, str] | None,
) -> None:
    read = read_action(text)
    assert read.action == action
    assert (read.source.symbol if read.source else None) == source
    assert (read.subject.symbol if read.subject else None) == subject
    assert read.ratios == tuple((Decimal(new), Decimal(old)) for new, old in ratios)
    assert read.cash == (cash and (cash[0], Decimal(cash[1])))


def test_names_may_hold_commas_and_brackets() -> None:
    read = read_action(f"{AB} Split 4 for 1 (B C, BBB (THE), INC., US0000000019)")
    assert read.subject == Security("B C", "BBB (THE), INC.", "US0000000019")
    assert read.head == f"{AB} Split 4 for 1"


@given(st.text(alphabet="AB()1 for,.SplitMergedUSD", max_size=200))
def test_grammar_never_fails(text: str) -> None:
    assert isinstance(read_action(text).action, Action)


def test_a_forward_split_is_one_row_with_the_added_shares(read_ibkr: Read) -> None:
    (made,) = transactions(read_ibkr(HEADER + row(f"{AB} Split 4 for 1 {OLD}", "300")))
    assert (made.type.value, made.instrument, made.quantity) == ("split", "stock|A|USD", None)
    assert made.terms == Terms(
        ratio_numerator=Decimal(4), ratio_denominator=Decimal(1), stated_quantity=Decimal(300)
    )
    assert made.trade_date == date(2024, 6, 10)
    assert made.executed_at == datetime(2024, 6, 8, 0, 25, tzinfo=UTC)


@pytest.mark.parametrize("old_symbol", ["A.OLD", "A"])
def test_a_reverse_split_is_two_rows_of_one_event(read_ibkr: Read, old_symbol: str) -> None:
    text = f"{AB} Split 1 for 10"
    records = read_ibkr(
        HEADER
        + row(f"{text} ({old_symbol}, AAA INC, US0000000001)", "-100")
        + row(f"B(US0000000019) Split 2 for 1 {NEW}", "5")
        + row(f"{text} (A, AAA INC, US0000000035)", "10")
    )
    reverse, other = transactions(records)
    assert (reverse.line, reverse.also_lines, reverse.instrument) == (7, (9,), "stock|A|USD")
    assert reverse.terms == Terms(
        ratio_numerator=Decimal(1), ratio_denominator=Decimal(10), stated_quantity=Decimal(-90)
    )
    assert other.line == 8
    assert {
        i.identifiers["isin"]
        for i in records
        if isinstance(i, Instrument) and i.symbol == "A" and i.identifiers
    } == {
        "US0000000001",
        "US0000000035",
    }
    assert [r.verdict for r in records if isinstance(r, Line)][-3:] == ["row", "row", "row"]


def test_a_split_into_another_symbol_is_a_change_with_a_ratio(read_ibkr: Read) -> None:
    text = "EWLL(US30051D1063) Split 1 for 50"
    kind, source, terms = only(
        read_ibkr(
            HEADER
            + row(f"{text} (EWLL, E CORP, US30051D1063)", "-4500")
            + row(f"{text} (EWLLD, E CORP, US30051D2053)", "90")
        )
    )
    assert (kind, source, terms.new_instrument) == ("symbol_change", "stock|EWLL|USD", "stock|EWLLD|USD")
    assert ratio(terms) == ("1", "50")
    assert (terms.stated_quantity, terms.stated_new_quantity) == (Decimal(-4500), Decimal(90))


def test_a_split_printed_under_a_later_symbol_stays_a_split(read_ibkr: Read) -> None:
    kind, source, _ = only(
        read_ibkr(HEADER + row("FB(US1) Split 2 for 1 (META, META INC, US30303M1027)", "10"))
    )
    assert (kind, source) == ("split", "stock|META|USD")


def test_an_option_follows_a_split_by_its_own_quantities(read_ibkr: Read) -> None:
    text = "T 20JAN23 600 C(1234) Split 3 for 1"
    kind, source, terms = only(
        read_ibkr(
            HEADER
            + row(
                f"{text} (T 20JAN23 600 C, T 20JAN23 600 C, 1234)", "-2", category="Equity and Index Options"
            )
            + row(
                f"{text} (T 20JAN23 200 C, T 20JAN23 200 C, 1235)", "6", category="Equity and Index Options"
            )
        )
    )
    assert (kind, source) == ("symbol_change", "option|T     230120C00600000|USD")
    assert terms.new_instrument == "option|T     230120C00200000|USD"
    assert ratio(terms) == ("6", "2")


def test_a_spinoff(read_ibkr: Read) -> None:
    kind, source, terms = only(
        read_ibkr(HEADER + row(f"{AB} Spinoff  241917 for 1000000 {NEW}", "24.1917", "0", "500"))
    )
    assert (kind, source, terms.new_instrument) == ("spinoff", "stock|A|USD", "stock|B|USD")
    assert ratio(terms) == ("241917", "1000000")
    assert (terms.stated_quantity, terms.stated_new_quantity) == (None, Decimal("24.1917"))
    assert terms.basis_fraction is None


def test_a_cash_merger(read_ibkr: Read) -> None:
    records = read_ibkr(
        HEADER + row(f"{AB} Merged(Acquisition)  FOR USD 10.50 PER SHARE {OLD}", "-100", "1050")
    )
    (made,) = transactions(records)
    assert (made.type.value, made.instrument, made.quantity) == ("merger_cash", "stock|A|USD", None)
    assert (made.price, made.gross_amount, made.net_amount) == (
        Decimal("10.50"),
        Decimal(1050),
        Decimal(1050),
    )
    assert made.terms == Terms(cash_per_share=Decimal("10.50"), stated_quantity=Decimal(-100))


def test_a_stock_merger(read_ibkr: Read) -> None:
    text = f"{AB} Merged(Acquisition) WITH US0000000019 1 for 2"
    kind, source, terms = only(read_ibkr(HEADER + row(f"{text} {NEW}", "50") + row(f"{text} {OLD}", "-100")))
    assert (kind, source, terms.new_instrument) == ("merger_stock", "stock|A|USD", "stock|B|USD")
    assert ratio(terms) == ("1", "2")
    assert (terms.stated_quantity, terms.stated_new_quantity) == (Decimal(-100), Decimal(50))


def test_a_stock_merger_with_cash_for_the_fraction(read_ibkr: Read) -> None:
    text = f"{AB} Merged(Acquisition) WITH US0000000019 5 for 8"
    records = read_ibkr(HEADER + row(f"{text} {OLD}", "-33", "10") + row(f"{text} {NEW}", "20"))
    kind, _, terms = only(records)
    assert (kind, terms.fraction_handling, terms.cash_in_lieu) == ("merger_stock", "cash", Decimal(10))
    assert transactions(records)[0].net_amount == Decimal(10)


def test_a_mixed_merger(read_ibkr: Read) -> None:
    text = f"{AB} Cash and Stock Merger (Acquisition) US0000000019 592 FOR 1000 AND USD 4.24"
    records = read_ibkr(
        HEADER + row(f"{text} {OLD}", "-100", "424", "-9000") + row(f"{text} {NEW}", "59.2", "0", "8880")
    )
    kind, _, terms = only(records)
    assert (kind, terms.cash_per_share, terms.value_per_new_share) == (
        "merger_mixed",
        Decimal("4.24"),
        Decimal(150),
    )
    assert ratio(terms) == ("592", "1000")
    assert (terms.fraction_handling, transactions(records)[0].gross_amount) == (None, Decimal(424))


def test_a_split_up_is_a_spinoff(read_ibkr: Read) -> None:
    text = f"{AB} Merged(Acquisition) WITH US0000000001 1 for 1, US0000000019 1 for 2"
    kind, source, terms = only(
        read_ibkr(
            HEADER + row(f"{text} {OLD}", "-40") + row(f"{text} {OLD}", "40") + row(f"{text} {NEW}", "20")
        )
    )
    assert (kind, source, terms.new_instrument, ratio(terms)) == (
        "spinoff",
        "stock|A|USD",
        "stock|B|USD",
        ("1", "2"),
    )


def test_a_liquidating_payment_returns_capital(read_ibkr: Read) -> None:
    records = read_ibkr(HEADER + row(f"{AB} Merged(Liquidation) FOR USD 1 PER SHARE {OLD}", "0", "100"))
    (made,) = transactions(records)
    assert (made.type.value, made.net_amount, made.terms) == ("return_of_capital", Decimal(100), None)


def test_a_tender_moves_what_was_tendered(read_ibkr: Read) -> None:
    text = f"{AB} Tendered to US0000000019 1 for 1"
    records = read_ibkr(
        HEADER + row(f"{text} {OLD}", "-40") + row(f"{text} (A.TEN, AAA - TENDER, US2)", "40")
    )
    (made,) = transactions(records)
    assert (made.type.value, made.quantity) == ("symbol_change", Decimal(-40))
    assert made.terms is not None
    assert (made.terms.new_instrument, made.terms.stated_new_quantity) == ("stock|A.TEN|USD", Decimal(40))


def test_a_new_id_and_symbol(read_ibkr: Read) -> None:
    text = f"{AB} CUSIP/ISIN Change to (US0000000019)"
    kind, source, terms = only(
        read_ibkr(HEADER + row(f"{text} (A.OLD, AAA INC, US0000000001)", "-40") + row(f"{text} {NEW}", "40"))
    )
    assert (kind, source, terms.new_instrument, ratio(terms)) == (
        "symbol_change",
        "stock|A|USD",
        "stock|B|USD",
        ("1", "1"),
    )


def test_a_new_id_alone_leaves_the_instrument_itself(read_ibkr: Read) -> None:
    text = f"{AB} CUSIP/ISIN Change to (US0000000019)"
    kind, source, terms = only(
        read_ibkr(
            HEADER
            + row(f"{text} (A.OLD, AAA INC, US0000000001)", "-40")
            + row(f"{text} (A, AAA INC, US0000000019)", "40")
        )
    )
    assert (kind, source, terms.new_instrument) == ("symbol_change", "stock|A|USD", "stock|A|USD")
    assert (terms.stated_quantity, terms.stated_new_quantity) == (Decimal(0), Decimal(0))


def test_a_stock_dividend(read_ibkr: Read) -> None:
    kind, _, terms = only(read_ibkr(HEADER + row(f"{AB} Stock Dividend US0000000001 5 for 100 {OLD}", "5")))
    assert (kind, ratio(terms), terms.stated_quantity) == ("stock_dividend", ("5", "100"), Decimal(5))


@pytest.mark.parametrize(
    ("description", "quantity"),
    [
        (f"(US0000000001) Delisted {OLD}", "-100"),
        (f"{AB} Subscribable Rights Issue  1 for 4 (A.RTS, AAA RIGHTS, US3)", "25"),
        (f"{AB} Split X for Y {OLD}", "7"),
        (f"{AB} Merged(Acquisition) NOBODY {OLD}", "-100"),
        (f"{AB} Contract Adjustment {OLD}", "0"),
        ("nothing that anybody knows", "1"),
    ],
)
def test_the_rest_is_other_and_named(read_ibkr: Read, description: str, quantity: str) -> None:
    records = read_ibkr(HEADER + row(description, quantity))
    (made,) = transactions(records)
    assert (made.type.value, made.quantity, made.description) == (
        "other",
        None,
        description.replace("  ", " "),
    )
    assert [(w.line, w.column) for w in records if isinstance(w, Warning)] == [(7, "Description")]


@pytest.mark.parametrize(
    ("when", "reported", "effective"),
    [
        ("2024-06-07, 20:25:00", "2024-06-10", date(2024, 6, 10)),
        ("2024-06-07, 20:25:00", "2024-06-07", date(2024, 6, 7)),
        ("2024-06-07, 09:00:00", "2024-06-10", date(2024, 6, 7)),
        ("2024-06-07", "2024-06-10", date(2024, 6, 7)),
        ("2024-06-07, 20:25:00", "", date(2024, 6, 10)),
        ("2024-06-07, 20:25:00", "2024-07-10", date(2024, 7, 10)),
    ],
)
def test_after_the_close_it_counts_from_the_report_date(
    read_ibkr: Read, when: str, reported: str, effective: date
) -> None:
    (made,) = transactions(
        read_ibkr(HEADER + row(f"{AB} Split 4 for 1 {OLD}", "300", when=when, reported=reported))
    )
    assert made.trade_date == effective


def test_a_cancelled_action_is_tied_to_it(read_ibkr: Read) -> None:
    text = f"{AB} Split 4 for 1 {OLD}"
    records = read_ibkr(
        HEADER
        + row(text, "300")
        + row(text, "-300", code="Ca")
        + row(text, "1", when="2024-01-02", code="Ca")
    )
    assert len(transactions(records)) == 3
    assert [(r.kind.value, r.from_line, r.to_line) for r in records if isinstance(r, Link)] == [
        ("correction", 8, 7)
    ]
    assert [(w.line, w.column) for w in records if isinstance(w, Warning)] == [(9, "Code")]


def test_accounts_do_not_mix(read_ibkr: Read) -> None:
    header = HEADER.replace("Currency,Report", "Currency,Account,Report")
    text = row(f"{AB} Split 4 for 1 {OLD}", "300")
    records = read_ibkr(header + text.replace("USD,", "USD,U1,", 1) + text.replace("USD,", "USD,U2,", 1))
    assert [t.account for t in transactions(records)] == ["U1", "U2"]


LIQUIDATION = (
    'Corporate Actions,Data,Stocks,USD,2021-11-03,"2021-11-02, 20:25:00","CHL(US16941M1099) '
    'Merged(Liquidation) FOR USD 30.20446 PER SHARE (CHL, C, US16941M1099)",-10,302.0446,-275.1,3.01,\n'
)


def closed_lot(quantity: str) -> str:
    return f"Corporate Actions,Data,Stocks,USD,Closed Lot:,2020-11-23,Basis: 299.03,{quantity},,,3.01,ST\n"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (LIQUIDATION + closed_lot("10"), ""),
        (LIQUIDATION + closed_lot("4") + closed_lot("6"), ""),
        (LIQUIDATION + closed_lot("7"), "add up to 7"),
        (closed_lot("10") + LIQUIDATION, "below no row"),
    ],
)
def test_a_closed_lot_among_the_actions_is_compared_with_the_one_above(
    read_ibkr: Read, body: str, said: str
) -> None:
    records = read_ibkr(HEADER + body)
    assert not [r for r in records if isinstance(r, Refusal)]
    assert [t.type.value for t in records if isinstance(t, Transaction)] == ["merger_cash"]
    told = [r.reason for r in records if isinstance(r, Warning)]
    assert all(said in reason for reason in told)
    assert bool(told) == bool(said)


def test_a_closed_lot_in_another_section_refuses_nothing(read_ibkr: Read) -> None:
    records = read_ibkr(
        "Transfers,Header,Asset Category,Currency,Symbol,Date,Type,Direction,Qty,Code\n"
        "Transfers,Data,Stocks,USD,A,2024-01-05,FOP,Out,-5,\n"
        "Transfers,Data,Stocks,USD,Closed Lot:,2023-01-05,Basis: 50,,5,ST\n"
    )
    assert not [r for r in records if isinstance(r, Refusal)]
    assert [t.type.value for t in records if isinstance(t, Transaction)] == ["transfer_out"]
    assert [r.line for r in records if isinstance(r, Warning)] == [8]
