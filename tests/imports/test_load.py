"""What the load function promises, whatever the broker."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from quantmatrix.errors import Problem
from quantmatrix.ingest.model import (
    Line,
    Link,
    LinkKind,
    PositionEvidence,
    Record,
    Refusal,
    Terms,
    Transaction,
    TransactionType,
)
from quantmatrix.testing.importer import STOCK, Importer, file_of, fill, statement


def test_counts_and_effects(importer: Importer) -> None:
    report = importer.load(file_of(fill(1, 4, 0, 10), fill(2, 5, 0, -4)))
    assert report["status"] == "imported"
    assert report["rows"] == {"read": 2, "new": 2, "known": 0, "changed": 0, "refused": 0}
    assert report["types"] == {"buy": 1, "sell": 1}
    assert report["positions"] == [{"account": "A-1", "symbol": "ABC", "quantity": "6"}]
    assert report["cash"] == [{"account": "A-1", "currency": "USD", "amount": "-62"}]
    assert report["accounts_created"] == ["A-1"]


def test_the_same_file_again_writes_nothing(importer: Importer) -> None:
    records = file_of(fill(1, 4, 0, 10), fill(2, 4, 0, 10))
    first = importer.load(records)
    with importer.database.connect() as connection:
        before = connection.execute("select max(id), count(*) from core.audit_logs").fetchone()
        again = importer.load(records)
        after = connection.execute("select max(id), count(*) from core.audit_logs").fetchone()
    assert again["status"] == "known"
    assert again["import_id"] == first["import_id"]
    assert again["rows"] == {"read": 2, "new": 0, "known": 2, "changed": 0, "refused": 0}
    assert before == after


def test_the_same_file_for_another_account_is_another_import(importer: Importer) -> None:
    records = [record for record in file_of(fill(1, 4, 0, 10)) if record != statement()]
    assert importer.load(records, account="A-1")["rows"]["new"] == 1
    assert importer.load(records, account="B-2")["rows"]["new"] == 1
    assert importer.load(records, account="B-2")["status"] == "known"
    assert [row[0] for row in importer.state()] == ["A-1", "B-2"]


def test_a_file_that_is_read_better_now_takes_its_own_place(importer: Importer) -> None:
    records = file_of(fill(1, 4, 0, 10), fill(2, 5, 0, 5))
    refusal = Refusal(line=2, column=None, text="?", code="bad_number", reason="not understood yet")
    worse = [record for record in records if not (isinstance(record, Transaction) and record.line == 2)]
    digest = "ab" * 32
    first = importer.load([*worse, refusal], accept_refusals=True, sha256=digest)
    better = importer.load(records, sha256=digest)
    assert (first["rows"]["refused"], better["rows"]["new"], better["rows"]["known"]) == (1, 1, 1)
    assert len(importer.state()) == 2
    assert importer.undo(better["import_id"])["transactions"]["removed"] == 2


def test_equal_lines_are_two_fills_and_an_overlap_adds_none(importer: Importer) -> None:
    importer.load(file_of(fill(1, 4, 0, 10), fill(2, 4, 0, 10)))
    report = importer.load(file_of(fill(7, 4, 0, 10), fill(8, 4, 0, 10), fill(9, 5, 0, 10), generated=2))
    assert report["rows"] == {"read": 3, "new": 1, "known": 2, "changed": 0, "refused": 0}
    assert len(importer.state()) == 3


def test_a_dry_run_leaves_nothing_of_the_person(importer: Importer) -> None:
    report = importer.load(file_of(fill(1, 4, 0, 10)), dry_run=True)
    assert report["rows"]["new"] == 1
    assert importer.state() == []
    with importer.database.connect() as connection:
        left = connection.execute(
            "select (select count(*) from core.accounts), (select count(*) from core.instruments),"
            " (select count(*) from ingest.staging)"
        ).fetchone()
    # The key of an instrument says nothing of anybody, and is committed before so that nobody waits for it.
    assert left == (0, 1, 0)


def test_one_refused_row_refuses_the_file(importer: Importer) -> None:
    bad = Refusal(line=2, column="Quantity", text="ten", code="bad_number", reason="not a number")
    records = [*file_of(fill(1, 4, 0, 10)), Line(number=2, raw="ABC,ten", verdict="row"), bad]
    report = importer.load(records)
    assert report["status"] == "refused"
    assert report["rows"] == {"read": 2, "new": 1, "known": 0, "changed": 0, "refused": 1}
    assert report["refusals"] == [{"line": 2, "column": "Quantity", "text": "ten", "reason": "not a number"}]
    assert importer.state() == []

    accepted = importer.load(records, accept_refusals=True)
    assert accepted["status"] == "imported"
    assert len(importer.state()) == 1
    with importer.database.connect() as connection:
        kept = connection.execute(
            "select raw, refused_column, reason from ingest.lines where verdict = 'refused'"
        ).fetchall()
        run = connection.execute("select rows_in, rows_accepted, rejects from core.sync_history").fetchall()
    assert kept == [("ABC,ten", "Quantity", "not a number")]
    assert run == [(2, 1, {"bad_number": 1})]


def test_the_newer_statement_decides_whatever_the_order(importer: Importer) -> None:
    old = file_of(fill(1, 4, 0, 10, external_id="7", commission=Decimal("-1")), generated=1)
    new = file_of(
        fill(1, 4, 0, 10, external_id="7", commission=Decimal("-2"), net_amount=Decimal("-102")), generated=2
    )
    importer.load(new)
    late = importer.load(old)
    assert late["rows"]["changed"] == 1
    assert [row[12] for row in importer.state()] == [Decimal("-2")]


def test_undo_returns_to_what_the_others_attest(importer: Importer) -> None:
    first = importer.load(file_of(fill(1, 4, 0, 10), fill(2, 4, 1, 5), generated=1))
    importer.load(file_of(fill(1, 4, 1, 5), fill(2, 5, 0, 7), generated=2))
    undone = importer.undo(first["import_id"])
    assert undone["transactions"]["removed"] == 1
    assert sorted(row[9] for row in importer.state()) == [Decimal(5), Decimal(7)]
    again = importer.undo(first["import_id"])
    assert (again["status"], again["transactions"]["removed"]) == ("undone", 0)
    with pytest.raises(Problem) as refused:
        importer.undo(first["import_id"] + 1000)
    assert refused.value.code == "QM012"


def test_an_undone_file_may_come_again(importer: Importer) -> None:
    records = file_of(fill(1, 4, 0, 10))
    first = importer.load(records)
    importer.undo(first["import_id"])
    assert importer.state() == []
    again = importer.load(records)
    assert again["status"] == "imported"
    assert again["rows"]["new"] == 1


def test_a_file_without_an_account_asks_for_one(importer: Importer) -> None:
    records = [record for record in file_of(fill(1, 4, 0, 10)) if record != statement()]
    with pytest.raises(Problem) as refused:
        importer.load(records)
    assert refused.value.code == "QM002"
    assert importer.load(records, account="A-9")["accounts_created"] == ["A-9"]


def test_a_file_of_another_account_is_refused(importer: Importer) -> None:
    with pytest.raises(Problem) as refused:
        importer.load(file_of(fill(1, 4, 0, 10)), account="B-2")
    assert refused.value.code == "QM002"
    assert importer.state() == []


def test_every_line_keeps_its_place_and_text(importer: Importer) -> None:
    records = [
        *file_of(fill(3, 4, 0, 10)),
        Line(number=1, raw="header", verdict="skipped"),
        Line(number=2, raw="Moon phases,full", verdict="unknown", section="Moon phases"),
    ]
    importer.load(records)
    with importer.database.connect() as connection:
        lines = connection.execute(
            "select line_number, verdict, raw from ingest.lines order by line_number"
        ).fetchall()
    assert lines == [(1, "skipped", "header"), (2, "unknown", "Moon phases,full"), (3, "new", "line 3")]


def test_two_lines_of_one_event_are_one_event(importer: Importer) -> None:
    split = Transaction(
        line=2,
        also_lines=(3,),
        instrument=STOCK.key,
        type=TransactionType.SPLIT,
        trade_date=date(2024, 3, 6),
        currency="USD",
        terms=Terms(ratio_numerator=Decimal(1), ratio_denominator=Decimal(10), stated_quantity=Decimal(-90)),
    )
    records = [
        *file_of(fill(1, 4, 0, 100)),
        Line(number=2, raw="old out", verdict="row"),
        Line(number=3, raw="new in", verdict="row"),
        split,
    ]
    report = importer.load(records)
    assert report["types"] == {"buy": 1, "split": 1}
    assert (report["rows"]["read"], report["rows"]["new"]) == (2, 2)
    assert report["positions"] == [{"account": "A-1", "symbol": "ABC", "quantity": "10"}]


def test_links_follow_their_lines(importer: Importer) -> None:
    wrong = fill(1, 4, 0, 10)
    cancel = fill(2, 4, 1, -10)
    importer.load([*file_of(wrong, cancel), Link(kind=LinkKind.CORRECTION, from_line=2, to_line=1)])
    with importer.database.connect() as connection:
        linked = connection.execute(
            "select f.quantity, t.quantity, k.kind from tax.transaction_links k"
            " join core.transactions f on f.id = k.from_id join core.transactions t on t.id = k.to_id"
        ).fetchall()
    assert linked == [(Decimal(-10), Decimal(10), "correction")]


def test_evidence_is_kept_apart_and_goes_with_the_file(importer: Importer) -> None:
    evidence = PositionEvidence(
        line=9, instrument=STOCK.key, as_of=date(2024, 3, 31), quantity=Decimal(10), currency="USD"
    )
    report = importer.load(
        [*file_of(fill(1, 4, 0, 10)), Line(number=9, raw="ABC,10", verdict="evidence"), evidence]
    )
    with importer.database.connect() as connection:
        kept = connection.execute("select quantity, as_of from ingest.broker_positions").fetchall()
        importer.undo(report["import_id"])
        left = connection.execute("select count(*) from ingest.broker_positions").fetchone()
    assert kept == [(Decimal(10), date(2024, 3, 31))]
    assert left == (0,)


def test_own_transfers_are_paired_across_files(importer: Importer) -> None:
    out = fill(
        1,
        6,
        0,
        -10,
        type=TransactionType.TRANSFER_OUT,
        gross_amount=None,
        commission=Decimal(0),
        net_amount=Decimal(0),
    )
    arrival = fill(
        1,
        8,
        0,
        10,
        type=TransactionType.TRANSFER_IN,
        gross_amount=None,
        commission=Decimal(0),
        net_amount=Decimal(0),
    )
    importer.load(file_of(arrival, account="B-2"))
    importer.load(file_of(fill(2, 4, 0, 10), out))
    with importer.database.connect() as connection:
        pairs = connection.execute("select kind from tax.transaction_links").fetchall()
    assert pairs == [("transfer",)]


def test_a_reused_ticker_is_another_instrument(importer: Importer) -> None:
    def named(isin: str, conid: str) -> list[Record]:
        own = STOCK.model_copy(update={"identifiers": {"isin": isin, "conid": conid}})
        return [own]

    importer.load([*file_of(fill(1, 4, 0, 10)), *named("US0378331005", "1")])
    importer.load([*file_of(fill(1, 25, 0, 3), generated=2), *named("US5949181045", "2")])
    importer.load([*file_of(fill(1, 26, 0, 4), generated=3), *named("US0378331005", "1")])
    assert sorted((row[1], row[9]) for row in importer.state()) == [("ABC", 4), ("ABC", 10), ("ABC~2", 3)]


@pytest.mark.parametrize("what", ["raw", "metadata"])
def test_a_line_is_not_longer_than_a_page_can_bear(importer: Importer, what: str) -> None:
    """An answer has ten thousand rows; what compresses well is no shorter for it."""

    def said(length: int) -> list[Record]:
        text = "x" * length
        records = file_of(fill(1, 1, 0, 5, metadata={"note": text if what == "metadata" else "x"}))
        raw = text if what == "raw" else "x"
        return [replace(record, raw=raw) if isinstance(record, Line) else record for record in records]

    assert importer.load(said(12_000))["status"] == "imported"
    before = importer.state()
    with pytest.raises(Problem, match="line 1 is longer than 16 kB"):
        importer.load(said(300_000))
    assert importer.state() == before
