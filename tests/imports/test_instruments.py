"""Which names are one instrument, and which one name is two: in one person's book, and back again."""

from __future__ import annotations

import itertools
import json
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from quantmatrix.ingest.model import (
    Instrument,
    InstrumentType,
    Line,
    LotEvidence,
    PositionEvidence,
    Record,
    Terms,
    TransactionType,
)
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.importer import Importer, fill, statement

numbers = itertools.count()

STOCK = Instrument(type=InstrumentType.STOCK, symbol="VTI", currency="USD")
FUND = Instrument(
    type=InstrumentType.FUND, symbol="VTI", currency="USD", identifiers={"isin": "US9229087690"}
)
BARE = Instrument(type=InstrumentType.FUND, symbol="VTI", currency="USD")
OTHER = Instrument(type=InstrumentType.STOCK, symbol="OTHER", currency="USD")
MERGE = "select api.instrument_merge(%s, %s, 'two brokers, one fund')"
UNDO = "select api.instrument_change_undo(%s, 'a mistake')"


@pytest.fixture
def book(module_database: Database) -> Importer:
    """A person of this module's database, with an empty book."""
    return Importer(module_database, f"i{next(numbers)}@example.org")


def ask(book: Importer, statement: str, *values: Any) -> Any:
    with book.session() as session, session.transaction() as connection:
        row = connection.execute(statement.encode(), list(values)).fetchone()
    assert row is not None
    return next(iter(row.values()))


def held(book: Importer) -> list[tuple[str, str, str, int]]:
    """Type, symbol, units and open lots of each position, after a full rebuild would change nothing."""
    assert ask(book, "select api.lots_rebuild(true) -> 'differences'") == []
    with book.database.connect() as connection:
        return connection.execute(
            "select i.instrument_type::text, i.symbol, trim_scale(p.quantity)::text, p.open_lots"
            " from core.positions p join core.instruments i on i.id = p.instrument_id"
            " where p.user_id = %s and p.quantity <> 0 order by 1, 2",
            [book.user_id],
        ).fetchall()


def file_about(
    *rows: tuple[Instrument, int, int], generated: int = 1, ends: int | None = None
) -> list[Record]:
    """A file of fills (instrument, day, units); ``ends``: the broker's own position on that day."""
    records: list[Record] = [statement(generated), *{row[0].key: row[0] for row in rows}.values()]
    for line, (instrument, day, units) in enumerate(rows, 1):
        records.append(Line(number=line, raw=f"line {line}", verdict="row"))
        # Dearer when sold: no loss, and so no wash sale that divides lots.
        records.append(fill(line, day, 0, units, "10" if units > 0 else "20", instrument=instrument.key))
    if ends is not None:
        first = rows[0][0]
        told = {
            "instrument": first.key,
            "as_of": date(2024, 3, ends),
            "quantity": Decimal(5),
            "currency": "USD",
        }
        records.append(Line(number=90, raw="position", verdict="evidence"))
        records.append(PositionEvidence(line=90, **told))
        records.append(Line(number=91, raw="lot", verdict="evidence"))
        records.append(LotEvidence(line=91, **told))
    return records


def test_a_merge_counts_for_both_names_and_goes_back(book: Importer) -> None:
    book.load(file_about((STOCK, 1, 5), (STOCK, 2, -2), ends=2))
    book.load(file_about((FUND, 3, 7), generated=2))
    before = book.state()
    assert held(book) == [("fund", "VTI", "7", 1), ("stock", "VTI", "3", 1)]
    change = ask(book, MERGE, "stock|VTI|USD", "fund|VTI|USD")["change"]
    assert held(book) == [("fund", "VTI", "10", 2)]
    evidence = (
        "select array_agg(distinct instrument_id) from (select instrument_id from ingest.broker_positions"
        " union all select instrument_id from ingest.broker_lots) b"
    )
    fund = ask(book, "select id from api.instruments where instrument_type = 'fund'")
    assert ask(book, evidence) == [fund]
    # What is imported later follows, and a symbol that two names share means the one that counts.
    later = book.load(file_about((STOCK, 4, 1), generated=3, ends=4))
    assert held(book) == [("fund", "VTI", "11", 3)]
    assert ask(book, evidence) == [fund]
    assert ask(book, "select counts_for from api.instruments where id = %s", fund) == ["stock|VTI|USD"]
    ask(
        book,
        "select (api.transaction_add(%s::jsonb, 'by hand')).id",
        '{"account": "A-1", "transaction_type": "buy", "symbol": "VTI", "trade_date": "2024-03-05",'
        ' "quantity": "1", "price": "10"}',
    )
    assert held(book) == [("fund", "VTI", "12", 4)]
    ask(book, UNDO, change)
    assert held(book) == [("fund", "VTI", "8", 2), ("stock", "VTI", "4", 2)]
    assert fund not in ask(book, evidence)
    book.undo(later["import_id"])
    assert [row for row in book.state() if row[3] != "manual"] == before
    noted = "select array_agg(reason order by id) from api.audit_log where table_name = 'instrument_changes'"
    assert ask(book, noted) == ["two brokers, one fund", "a mistake"]


def test_two_names_of_two_sources_are_one_event_after_a_merge(book: Importer) -> None:
    book.load(file_about((STOCK, 1, 5)), source="ofx")
    book.load(file_about((FUND, 1, 5), generated=2), source="fidelity_csv")
    [conflict] = ask(book, "select api.import_conflicts()")
    assert (conflict["symbol"], conflict["verdict"]) == ("VTI", "same")
    change = ask(book, MERGE, "stock|VTI|USD", "fund|VTI|USD")["change"]
    assert held(book) == [("fund", "VTI", "5", 1)]
    assert ask(book, "select api.import_conflicts()") == []
    ask(book, UNDO, change)
    assert held(book) == [("fund", "VTI", "5", 1), ("stock", "VTI", "5", 1)]


def test_options_follow_what_they_are_on(book: Importer) -> None:
    option = Instrument(
        type=InstrumentType.OPTION, symbol="VTI   240315C00010000", currency="USD", underlying="VTI",
        option_type="call", strike=Decimal(10), expiration=date(2024, 3, 15), multiplier=Decimal(100),
    )  # fmt: skip
    exercise = fill(
        3, 10, 0, -1, instrument=option.key, type=TransactionType.OPTION_EXERCISE, gross_amount=None,
        commission=Decimal(0), net_amount=Decimal(-1000), terms=Terms(exercise_settlement="derived"),
    )  # fmt: skip
    # A file that names the fund itself would have the option on the fund.
    records = file_about((option, 1, 1))
    book.load([*records, Line(number=3, raw="exercise", verdict="row"), exercise])
    book.load(file_about((FUND, 2, 3), generated=2))
    assert held(book) == [("fund", "VTI", "3", 1), ("stock", "VTI", "100", 1)]
    change = ask(book, MERGE, "stock|VTI|USD", "fund|VTI|USD")["change"]
    assert held(book) == [("fund", "VTI", "103", 2)]
    ask(book, UNDO, change)
    assert held(book) == [("fund", "VTI", "3", 1), ("stock", "VTI", "100", 1)]


def test_a_split_moves_what_is_chosen_and_goes_back(book: Importer) -> None:
    book.load(file_about((FUND, 1, 5), (FUND, 2, 6), ends=2))
    book.load(file_about((BARE, 8, 7), generated=2))
    before = book.state()
    split = "select api.instrument_split(%s, 'the ticker was used again', %s, until => %s, identifiers => %s)"
    done = ask(book, split, "VTI", None, date(2024, 3, 2), ["isin:US9229087690"])
    assert (done["into"], done["moved"]) == ("VTI~2", 2)
    assert held(book) == [("fund", "VTI", "7", 1), ("fund", "VTI~2", "11", 2)]
    # The rows again, in another file, and new ones that state the identifier: both know what was meant.
    again = book.load(file_about((BARE, 1, 5), (BARE, 2, 6), (BARE, 8, 7), generated=4))
    assert again["rows"]["known"] == 3
    assert held(book) == [("fund", "VTI", "7", 1), ("fund", "VTI~2", "11", 2)]
    more = book.load(file_about((FUND, 9, 1), generated=3))
    assert held(book) == [("fund", "VTI", "7", 1), ("fund", "VTI~2", "12", 3)]
    book.undo(more["import_id"])
    book.undo(again["import_id"])
    ask(book, UNDO, done["change"])
    assert held(book) == [("fund", "VTI", "18", 3)]
    assert book.state() == before
    assert ask(book, "select count(*) from ingest.corrections") == 0
    assert (
        ask(book, "select count(*) from ingest.broker_positions where stated_instrument_id is not null") == 0
    )

    ids = ask(book, "select array_agg(id order by trade_date) from api.transactions")
    by_number = "select api.instrument_split('VTI', 'mistyped', 'OTHER', transactions => %s)"
    ask(book, by_number, ids[:1])
    assert held(book) == [("fund", "OTHER", "5", 1), ("fund", "VTI", "13", 2)]


@pytest.mark.parametrize(
    ("call", "state"),
    [
        ("api.instrument_merge('VTI', 'OTHER', '')", "QM020"),
        ("api.instrument_merge('VTI', 'NOWHERE', 'a test')", "QM001"),
        ("api.instrument_merge('VTI', 'VTI', 'a test')", "QM002"),
        ("api.instrument_merge('VTI', 'EUR', 'a test')", "QM002"),
        ("api.instrument_split('VTI', 'a test')", "QM002"),
        ("api.instrument_split('VTI', 'a test', transactions => '{1}')", "QM001"),
        ("api.instrument_split('VTI', 'a test', identifiers => '{isin:DE0000000000}')", "QM001"),
        ("api.instrument_split('VTI', 'a test', 'VTI', since => '2024-01-01')", "QM002"),
        ("api.instrument_change_undo(1, 'a test')", "QM001"),
    ],
)
def test_what_cannot_be_meant_is_refused(refusing: Importer, call: str, state: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        ask(refusing, f"select {call}")
    assert refused.value.sqlstate == state


@pytest.fixture(scope="module")
def refusing(module_database: Database) -> Importer:
    """One book for all refusals: none of them changes it."""
    book = Importer(module_database, "refusing@example.org")
    euro = Instrument(type=InstrumentType.STOCK, symbol="EUR", currency="EUR")
    book.load(file_about((FUND, 1, 5), (OTHER, 1, 1), (euro, 1, 1)))
    return book


def test_a_session_for_some_accounts_changes_no_names(refusing: Importer) -> None:
    with refusing.session() as session:
        claims = json.dumps({"sub": str(refusing.user_id), "role": "quantmatrix_user", "key": 0})
        with session.transaction(dry_run=True) as connection:
            connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(MERGE.encode(), ["VTI", "OTHER"])
    assert refused.value.sqlstate == "42501"


def test_nobody_elses_books_change(book: Importer) -> None:
    other = Importer(book.database, f"i{next(numbers)}@example.org")
    for person in (book, other):
        person.load(file_about((STOCK, 1, 5)))
        person.load(file_about((FUND, 3, 7), generated=2))
    change = ask(book, MERGE, "stock|VTI|USD", "fund|VTI|USD")["change"]
    assert held(other) == [("fund", "VTI", "7", 1), ("stock", "VTI", "5", 1)]
    with pytest.raises(psycopg.Error) as refused:
        ask(other, UNDO, change)
    assert refused.value.sqlstate == "QM001"
    assert held(book) == [("fund", "VTI", "12", 2)]
