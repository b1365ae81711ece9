"""quantmatrix_csv: reading, writing, and both in a circle."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quantmatrix.ingest.amounts import amount_problem
from quantmatrix.ingest.canonical import CanonicalParser, write
from quantmatrix.ingest.canonical_columns import COLUMNS, NAMES, REQUIRED
from quantmatrix.ingest.checks import problem
from quantmatrix.ingest.model import (
    FileRefused,
    Instrument,
    InstrumentType,
    Link,
    LinkKind,
    PositionEffect,
    Record,
    Refusal,
    Statement,
    Terms,
    Transaction,
    TransactionType,
    Warning,
)
from quantmatrix.testing.parsing import only, parse, reasons, transaction

FIXTURE = (Path(__file__).parent / "fixtures" / "canonical" / "two_accounts.csv").read_text()
FORMATS = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return parse(CanonicalParser, FIXTURE)


def table(*rows: Mapping[str, object]) -> str:
    file = io.StringIO(newline="")
    assert write(rows, file) == len(rows)
    return file.getvalue()


def row(**changed: object) -> dict[str, object]:
    return {
        "transaction_type": "buy", "trade_date": date(2024, 8, 16), "quantity": Decimal(1),
        "net_amount": Decimal(-5), "currency": "USD", "instrument_type": "stock", "symbol": "F",
    } | changed  # fmt: skip


def test_accounts_are_described_before_their_first_row(records: list[Record]) -> None:
    assert only(records, Statement) == [
        Statement(
            account="U1", broker="ibkr", account_type="taxable", account_name="Main", base_currency="USD"
        ),
        Statement(
            account="R7",
            broker="tastytrade",
            account_type="roth_ira",
            account_name="Retirement",
            base_currency="USD",
        ),
        Statement(period_start=date(2024, 8, 16), period_end=date(2024, 9, 3)),
    ]


def test_all_of_a_row_is_read(records: list[Record]) -> None:
    bought = only(records, Transaction)[0]
    assert bought == Transaction(
        line=2, account="U1", instrument="stock|BRK.B|USD", type=TransactionType.BUY,
        position_effect=PositionEffect.OPEN, external_id="9001", original_source="ibkr_activity_csv",
        original_key="id:9001", executed_at=datetime(2024, 8, 16, 13, 57, 13, 250_000, tzinfo=UTC),
        trade_date=date(2024, 8, 16), settlement_date=date(2024, 8, 19), quantity=Decimal(10),
        price=Decimal("12.5"),
        gross_amount=Decimal(-125), commission=Decimal(-1), net_amount=Decimal(-126), currency="USD",
        description="first\npurchase", sequence=0, metadata={"note": "ünïcode"},
    )  # fmt: skip
    assert only(records, Instrument)[0].identifiers == {"conid": "72063691"}


def test_links_point_forward_and_back_and_a_lost_end_is_reported(records: list[Record]) -> None:
    assert only(records, Link) == [
        Link(kind=LinkKind.EXERCISE, from_line=4, to_line=5),
        Link(kind=LinkKind.TRANSFER, from_line=6, to_line=5),
    ]
    assert "no row of this file" in reasons(records, 6)


def test_terms_name_the_new_instrument_by_its_key(records: list[Record]) -> None:
    assert transaction(records, 7).terms == Terms(
        new_instrument="stock|FORD|USD", ratio_numerator=Decimal(1), ratio_denominator=Decimal(1),
        stated_quantity=Decimal(-5),
    )  # fmt: skip
    assert transaction(records, 6).terms == Terms(
        supplied_basis=Decimal("50.25"), supplied_acquired_on=date(2020, 1, 31)
    )


@pytest.mark.parametrize(
    ("changed", "code", "column"),
    [
        ({"quantity": "1,5"}, "bad_number", "quantity"),
        ({"quantity": "1e3"}, "bad_number", "quantity"),
        ({"quantity": "NaN"}, "bad_number", "quantity"),
        ({"sequence": "-1"}, "bad_number", "sequence"),
        ({"trade_date": "16.08.2024"}, "bad_date", "trade_date"),
        ({"trade_date": "2024-02-30"}, "bad_date", "trade_date"),
        ({"trade_date": None}, "missing_value", "trade_date"),
        ({"trade_date": "0999-01-01"}, "contradiction", "trade_date"),
        ({"executed_at": "2024-08-16T10:00:00"}, "bad_date", "executed_at"),
        ({"executed_at": "2024-09-16T10:00:00+00:00"}, "contradiction", "executed_at"),
        ({"settlement_date": "2026-09-16"}, "contradiction", "settlement_date"),
        ({"net_amount": None}, "missing_value", "net_amount"),
        ({"net_amount": "-5", "gross_amount": "-4", "fees": "-2"}, "contradiction", "net_amount"),
        ({"currency": "dollars"}, "bad_value", "currency"),
        ({"transaction_type": "purchase"}, "bad_value", "transaction_type"),
        ({"instrument_type": "share"}, "bad_value", "instrument_type"),
        ({"instrument_type": "option"}, "bad_value", "option_type"),
        ({"multiplier": "0"}, "bad_value", "multiplier"),
        ({"symbol": None, "instrument_type": None, "multiplier": None}, "contradiction", "symbol"),
        ({"quantity": "-1"}, "contradiction", "quantity"),
        ({"quantity": None}, "contradiction", "quantity"),
        ({"price": "-1"}, "contradiction", "price"),
        ({"metadata": "[1]"}, "bad_value", "metadata"),
        ({"covered": "yes"}, "bad_value", "covered"),
        ({"fraction_handling": "burn"}, "bad_value", "fraction_handling"),
        ({"ratio_numerator": "0", "ratio_denominator": "1"}, "contradiction", "ratio_numerator"),
        ({"ratio_numerator": "2"}, "contradiction", "ratio_numerator"),
        ({"supplied_basis": "-1"}, "contradiction", "supplied_basis"),
        ({"basis_fraction": "1.5"}, "contradiction", "basis_fraction"),
        ({"original_key": "x"}, "contradiction", "original_key"),
        ({"link_kind": "exercise"}, "contradiction", "link_kind"),
        ({"link_kind": "marriage", "linked_reference": "1"}, "unknown_value", "link_kind"),
        ({"multiplier": "100"}, "contradiction", "multiplier"),
        ({"reference": "1"}, "contradiction", "reference"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_column(
    changed: dict[str, str | None], code: str, column: str
) -> None:
    good = row(reference="1", multiplier=Decimal(1))
    pointing = row(link_kind="correction", linked_reference="1", multiplier=Decimal(1))
    records = parse(CanonicalParser, table(good, pointing, row(multiplier=Decimal(1)) | changed))
    [refusal] = only(records, Refusal)
    assert (refusal.line, refusal.code, refusal.column) == (4, code, column)
    assert len(only(records, Transaction)) == 2


def test_columns_may_be_left_out_reordered_or_unknown() -> None:
    records = parse(
        CanonicalParser,
        "Currency, net_amount ,transaction_type,mood,trade_date,currency\n"
        "USD,5,deposit,good,2024-08-16,EUR\n",
    )
    assert transaction(records, 2).currency == "USD"
    assert [(w.column, w.reason.split(";")[0]) for w in only(records, Warning)] == [
        ("mood", "unknown column"),
        ("currency", "this column stands twice"),
    ]


def test_a_missing_required_column_refuses_the_file() -> None:
    with pytest.raises(FileRefused, match="net_amount"):
        parse(CanonicalParser, "transaction_type,trade_date,currency\n")


def test_a_file_with_a_header_alone_has_no_rows() -> None:
    assert not only(parse(CanonicalParser, table()), Transaction)


@pytest.mark.parametrize(
    "changed",
    [
        {"mood": "good"},
        {"quantity": 1.5},
        {"quantity": Decimal("NaN")},
        {"executed_at": datetime(2024, 8, 16, 10)},
        {"linked_reference": ["1;2"], "link_kind": ["basis"]},
    ],
)
def test_what_cannot_be_written_exactly_is_not_written(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        table(row(**changed))


def test_the_page_about_formats_names_every_column() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert [name for name in NAMES if f"`{name}`" not in FORMATS] == []
    assert all(f"`{name}`" in FORMATS for name in REQUIRED)


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
PLAIN = st.text("abcXYZ019_.-~ ", min_size=1, max_size=10).map(str.strip).filter(bool)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=10)
POSITIVE = NUMBERS.map(abs).filter(bool)
DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))
CURRENCIES = st.sampled_from(["USD", "EUR", "USDT"])
ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    kind = draw(st.sampled_from(InstrumentType))
    is_option = kind in (InstrumentType.OPTION, InstrumentType.FUTURE_OPTION)
    return Instrument(
        type=kind,
        symbol=draw(PLAIN),
        currency=draw(CURRENCIES),
        name=draw(st.none() | WORDS),
        exchange=draw(st.none() | WORDS),
        underlying=draw(st.none() | PLAIN),
        option_type=draw(st.sampled_from(["call", "put"])) if is_option else None,
        strike=draw(POSITIVE) if is_option else None,
        expiration=draw(DAYS) if is_option else None,
        multiplier=draw(st.none() | POSITIVE),
        identifiers=draw(st.dictionaries(st.sampled_from(["conid", "isin", "cusip", "figi"]), PLAIN)),
    )


@st.composite
def terms(draw: st.DrawFn, new_instrument: str | None) -> Terms:
    values: dict[str, Any] = {}
    for name, field in Terms.model_fields.items():
        if name in ("new_instrument", "ratio_numerator", "ratio_denominator") or draw(st.booleans()):
            continue
        text = str(field.annotation)
        if name == "basis_fraction":
            values[name] = draw(st.decimals(0, 1, places=6))
        elif name in ("stated_quantity", "stated_new_quantity", "cash_in_lieu", "accrued_interest"):
            values[name] = draw(NUMBERS)
        elif "Decimal" in text:
            values[name] = draw(POSITIVE)
        elif "bool" in text:
            values[name] = draw(st.booleans())
        elif "date" in text:
            values[name] = draw(DAYS)
        elif name == "fraction_handling":
            values[name] = draw(st.sampled_from(["keep", "cash", "round_up"]))
        elif name == "exercise_settlement":
            values[name] = draw(st.sampled_from(["derived", "linked", "cash"]))
        else:
            values[name] = draw(CURRENCIES if name == "fee_currency" else PLAIN)
    if draw(st.booleans()):
        values |= {"ratio_numerator": draw(POSITIVE), "ratio_denominator": draw(POSITIVE)}
    if new_instrument:
        values["new_instrument"] = new_instrument
    return Terms(**values)


@st.composite
def events(draw: st.DrawFn, line: int) -> tuple[Transaction, Instrument | None, Instrument | None]:
    traded, new = draw(st.none() | instruments()), draw(st.none() | instruments())
    day = draw(DAYS)
    gross, commission, fees = draw(NUMBERS), draw(NUMBERS), draw(NUMBERS)
    moment = draw(st.none() | st.times(timezones=ZONES).map(lambda clock: datetime.combine(day, clock)))
    optional = {
        name: draw(st.none() | WORDS) for name in ("external_id", "fingerprint", "order_id", "description")
    }
    known = draw(st.booleans())
    event = Transaction(
        line=line,
        account=draw(st.sampled_from(["U1", "R7", None])),
        instrument=traded.key if traded else None,
        type=draw(st.sampled_from(TransactionType)),
        position_effect=draw(st.sampled_from(PositionEffect)),
        executed_at=moment,
        trade_date=day,
        settlement_date=draw(st.none() | st.integers(-300, 300).map(lambda days: day + timedelta(days=days))),
        quantity=draw(st.none() | NUMBERS),
        price=draw(st.none() | POSITIVE),
        gross_amount=gross,
        commission=commission,
        fees=fees,
        net_amount=gross + commission + fees,
        currency=draw(CURRENCIES),
        sequence=draw(st.none() | st.integers(0, 10**9 - 1)),
        metadata=draw(st.dictionaries(WORDS, st.text(WORDS_OR_NOTHING, max_size=5), max_size=2)),
        terms=draw(terms(new.key if new else None)) if new or draw(st.booleans()) else None,
        original_source="ibkr_activity_csv" if known else None,
        original_key=draw(WORDS) if known else None,
        **optional,
    )
    assume(problem(event) is None)
    return event, traded, new


WORDS_OR_NOTHING = st.characters(codec="utf-8", exclude_characters="\0")


def exported(event: Transaction, traded: Instrument | None, new: Instrument | None) -> dict[str, object]:
    """The row that an export prints for a transaction, column by column."""
    sources: dict[str, Any] = {
        "transaction": event, "instrument": traded, "new_instrument": new, "terms": event.terms,
    }  # fmt: skip
    found: dict[str, object] = {"account": event.account}
    for column in COLUMNS:
        record = sources.get(column.group)
        if record is None:
            continue
        if column.field in ("conid", "isin", "cusip", "figi"):
            found[column.name] = record.identifiers.get(column.field)
        else:
            found[column.name] = getattr(record, column.field)
    return found


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_what_is_written_reads_back_equal(data: st.DataObject) -> None:
    written: list[tuple[Transaction, Instrument | None, Instrument | None]] = []
    known: dict[str, Instrument] = {}
    for _ in range(data.draw(st.integers(0, 4))):
        event, traded, new = data.draw(events(0))
        for instrument in (traded, new):
            if instrument:
                assume(known.setdefault(instrument.key, instrument) == instrument)
        written.append((event, traded, new))
    links = [
        (data.draw(st.sampled_from(LinkKind)), source, target)
        for source in range(len(written))
        for target in range(len(written))
        if source != target and data.draw(st.booleans())
    ]
    rows = []
    for place, (event, traded, new) in enumerate(written):
        own = [(kind, to) for kind, source, to in links if source == place]
        rows.append(
            exported(event, traded, new)
            | {"reference": f"r{place}", "link_kind": [kind for kind, _ in own],
               "linked_reference": [f"r{to}" for _, to in own]}
        )  # fmt: skip
    records = parse(CanonicalParser, table(*rows))
    assert not only(records, Refusal)
    read = only(records, Transaction)
    contradicted = {
        t.line
        for t in read
        if t.instrument and amount_problem(t, known[t.instrument].type, known[t.instrument].multiplier)
    }
    contradicted |= {
        t.line
        for t in read
        if t.net_amount == t.gross_amount
        and t.commission + t.fees
        and (t.terms is None or t.terms.fee_currency is None)
    }
    assert {warning.line for warning in only(records, Warning)} == contradicted
    assert [t.model_copy(update={"line": 0}) for t in read] == [event for event, _, _ in written]
    assert {i.key: i for i in only(records, Instrument)} == known
    assert [(link.kind, link.from_line, link.to_line) for link in only(records, Link)] == [
        (kind, read[source].line, read[target].line) for kind, source, target in links
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60), st.text(max_size=10)), max_size=5))
def test_a_damaged_file_is_read_or_refused_and_never_crashes(mutations: list[tuple[int, int, str]]) -> None:
    lines = FIXTURE.splitlines()
    for line, column, cell in mutations:
        at = line % len(lines)
        cells = lines[at].split(",")
        cells[column % len(cells)] = cell
        lines[at] = ",".join(cells)
    try:
        parse(CanonicalParser, "\n".join(lines))
    except FileRefused as refused:
        assert refused.reason  # noqa: PT017 - reading it is as good an outcome
