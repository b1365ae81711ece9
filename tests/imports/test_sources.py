"""One event told by several sources counts once; what cannot be decided is listed, and the person decides."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantmatrix.ingest.model import Record, Transaction, TransactionType
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.importer import Importer, file_of, fill

numbers = itertools.count()

FLEX = "ibkr_flex"
ACTIVITY = "ibkr_activity_csv"


@pytest.fixture
def book(module_database: Database) -> Importer:
    """A person of this module's database, with an empty book."""
    return Importer(module_database, f"s{next(numbers)}@example.org")


def another(book: Importer) -> Importer:
    return Importer(book.database, f"s{next(numbers)}@example.org")


def ask(book: Importer, statement: str, *values: Any) -> Any:
    with book.session() as session, session.transaction() as connection:
        row = connection.execute(statement.encode(), list(values)).fetchone()
    assert row is not None
    return next(iter(row.values()))


def conflicts(book: Importer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(book, "select api.import_conflicts()")
    return found


def counted(book: Importer) -> list[tuple[str, str]]:
    """Source and units of what counts."""
    return sorted((row[3], f"{row[9]:f}") for row in book.state())


Source = tuple[str, Sequence[Record]]


def check_any_order(book: Importer, first: Source, second: Source) -> None:
    """Either order gives the same rows, and undoing either leaves what the other says."""
    states = []
    for kept, undone in ((first, second), (second, first)):
        person = another(book)
        person.load(kept[1], source=kept[0])
        alone = person.state()
        run = person.load(undone[1], source=undone[0])["import_id"]
        states.append(person.state())
        person.undo(run)
        assert person.state() == alone
        assert ask(person, "select count(*) from ingest.matches") == 0
    assert states[0] == states[1]


def test_undoing_the_first_leaves_what_the_second_says(book: Importer) -> None:
    for one, other in ((FLEX, ACTIVITY), (ACTIVITY, FLEX)):
        person, alone = another(book), another(book)
        run = person.load(file_of(fill(1, 1, 0, 5), fill(2, 2, 0, 7)), source=one)["import_id"]
        told = file_of(fill(1, 1, 0, 5), fill(2, 2, 0, 7), fill(3, 2, 1, 7), generated=2)
        person.load(told, source=other)
        alone.load(told, source=other)
        person.undo(run)
        assert person.state() == alone.state()


def test_rows_of_two_sources_are_one_event_each(book: Importer) -> None:
    flex = file_of(fill(1, 1, 0, 5), fill(2, 1, 1, -5), fill(3, 2, 0, 7))
    activity = file_of(fill(1, 1, 0, 5), fill(2, 1, 1, -5), fill(3, 2, 0, 7), generated=2)
    book.load(flex, source=FLEX)
    report = book.load(activity, source=ACTIVITY)
    assert report["rows"] == {"read": 3, "new": 0, "known": 3, "changed": 0, "refused": 0}
    assert (report["matched"], report["conflicts"]) == (3, 0)
    assert counted(book) == sorted([(FLEX, "-5"), (FLEX, "5"), (FLEX, "7")])
    assert conflicts(book) == []
    attested = ask(
        book,
        "select array_agg(n) from (select count(*) as n from api.import_lines"
        " where transaction_id is not null group by transaction_id) c",
    )
    assert attested == [2, 2, 2]
    assert ask(book, "select trim_scale(sum(quantity))::text from core.positions") == "7"
    again = book.load(activity, source=ACTIVITY)
    assert (again["status"], again["rows"]["known"]) == ("known", 3)
    check_any_order(book, (FLEX, flex), (ACTIVITY, activity))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TransactionType.BUY, TransactionType.REINVEST),
        (TransactionType.SELL, TransactionType.CASH_IN_LIEU),
        (TransactionType.DIVIDEND, TransactionType.CAPITAL_GAIN_DISTRIBUTION),
        (TransactionType.DIVIDEND, TransactionType.RETURN_OF_CAPITAL),
    ],
)
def test_kinds_that_mean_one_thing_match(
    book: Importer, one: TransactionType, other: TransactionType
) -> None:
    units = {TransactionType.BUY: Decimal(5), TransactionType.SELL: Decimal(-5)}.get(one)
    amount = Decimal(-50 if one is TransactionType.BUY else 50)

    def told(kind: TransactionType) -> list[Record]:
        values = {
            "type": kind,
            "quantity": units,
            "price": None,
            "gross_amount": amount,
            "net_amount": amount,
        }
        return file_of(fill(1, 1, 0, 5).model_copy(update=values))

    book.load(told(one), source="ofx")
    report = book.load(told(other), source="schwab_csv")
    assert (report["matched"], report["rows"]["new"], report["conflicts"]) == (1, 0, 0)
    check_any_order(book, ("ofx", told(one)), ("schwab_csv", told(other)))


def test_cash_for_a_fraction_without_its_units_is_listed_beside_the_sale(book: Importer) -> None:
    values = {
        "price": None,
        "gross_amount": Decimal(3),
        "commission": Decimal(0),
        "net_amount": Decimal(3),
    }
    sale = fill(1, 1, 0, -1).model_copy(update=values)
    cash = sale.model_copy(update={"type": TransactionType.CASH_IN_LIEU, "quantity": None})
    book.load(file_of(sale), source="ofx")
    assert book.load(file_of(cash), source="schwab_csv")["conflicts"] == 1


def test_equal_fills_of_one_source_are_never_each_others_double(book: Importer) -> None:
    flex = file_of(fill(1, 1, 0, 5), fill(2, 1, 0, 5), fill(3, 1, 0, 5))
    activity = file_of(fill(1, 1, 0, 5), fill(2, 1, 0, 5))
    book.load(activity, source=ACTIVITY)
    book.load(flex, source=FLEX)
    assert counted(book) == sorted([(FLEX, "5")] * 3)
    assert conflicts(book) == []
    check_any_order(book, (FLEX, flex), (ACTIVITY, activity))
    check_any_order(book, (FLEX, activity), (ACTIVITY, flex))


def test_an_order_and_its_fills(book: Importer) -> None:
    flex = file_of(fill(1, 1, 0, 5), fill(2, 1, 1, 5, "11"), fill(3, 1, 2, 10))
    activity = file_of(fill(1, 1, 5, 10, "10.5", commission="-2", net_amount="-107"), fill(2, 1, 2, 10))
    book.load(activity, source=ACTIVITY)
    book.load(flex, source=FLEX)
    assert counted(book) == sorted([(FLEX, "10"), (FLEX, "5"), (FLEX, "5")])
    assert conflicts(book) == []
    check_any_order(book, (FLEX, flex), (ACTIVITY, activity))
    check_any_order(book, (FLEX, activity), (ACTIVITY, flex))


def test_fills_of_interleaved_orders_are_told_by_their_number(book: Importer) -> None:
    fills = [
        fill(n, 1, 0, units, order_id=order) for n, (units, order) in enumerate([(5, "a"), (7, "b")] * 2, 1)
    ]
    orders = [
        fill(n, 1, 0, units, commission=-2, net_amount=-10 * units - 2) for n, units in ((1, 10), (2, 14))
    ]
    book.load(file_of(*fills), source=FLEX)
    assert book.load(file_of(*orders), source=ACTIVITY)["conflicts"] == 0
    assert counted(book) == sorted([(FLEX, "5"), (FLEX, "7")] * 2)
    # An order that one of its fills is missing from is no sum of fills.
    other = another(book)
    other.load(file_of(*fills[:3]), source=FLEX)
    assert other.load(file_of(*orders), source=ACTIVITY)["conflicts"] == 1
    assert len(counted(other)) == 4


def test_what_is_printed_may_be_rounded_and_costs_unknown(book: Importer) -> None:
    flex = file_of(
        fill(1, 1, 0, 5, commission=Decimal("-1.0049"), net_amount=Decimal("-51.0049")),
        fill(2, 2, 0, 5), fill(3, 3, 0, 5), fill(4, 4, 0, 5, executed_at=None),
    )  # fmt: skip
    executions = file_of(
        fill(1, 1, 0, 5), fill(2, 2, 0, 5, commission=0, net_amount=-50),
        fill(3, 3, 0, 5, commission=-2, net_amount=-52), fill(4, 4, 7, 5),
    )  # fmt: skip
    book.load(executions, source="ibkr_executions")
    report = book.load(flex, source=FLEX)
    assert (report["matched"], report["conflicts"]) == (3, 1)
    assert [c["day"] for c in conflicts(book)] == ["2024-03-03"]
    nets = "select array_agg(net_amount::text order by trade_date, source) from api.transactions"
    assert ask(book, nets) == ["-51.0049", "-51", "-52", "-51", "-51"]


def test_three_sources_tell_one_event(book: Importer) -> None:
    for generated, source in enumerate(("ibkr_history_csv", FLEX, ACTIVITY), 1):
        run = book.load(file_of(fill(1, 1, 0, 5), fill(2, 1, 0, 5), generated=generated), source=source)[
            "import_id"
        ]
    assert counted(book) == [(FLEX, "5")] * 2
    assert ask(book, "select count(*) from ingest.matches") == 4
    book.undo(run - 1)
    assert counted(book) == [(ACTIVITY, "5")] * 2


def test_what_cannot_be_decided_counts_and_is_listed(book: Importer) -> None:
    flex = file_of(
        fill(1, 1, 0, 5),
        fill(2, 2, 0, 5),
        fill(3, 3, 0, 6),
        fill(4, 3, 1, 6),
        fill(5, 6, 0, 9),
        fill(6, 9, 0, 1),
    )
    activity = file_of(
        fill(1, 1, 0, 4), fill(2, 2, 30, 5), fill(3, 3, 0, 4), fill(4, 3, 1, 8),
        fill(5, 7, 0, 9), fill(6, 9, 0, 1),
    )  # fmt: skip
    book.load(flex, source=FLEX)
    report = book.load(activity, source=ACTIVITY)
    assert (report["matched"], report["conflicts"]) == (1, 4)
    found = conflicts(book)
    assert [(c["day"], c["verdict"]) for c in found] == [
        ("2024-03-01", "differs"), ("2024-03-02", "same"), ("2024-03-03", "same"), ("2024-03-06", "nearby"),
    ]  # fmt: skip
    assert [s["quantity"] for s in found[0]["sources"]] == ["4", "5"]
    assert len(counted(book)) == 11
    check_any_order(book, (FLEX, flex), (ACTIVITY, activity))


def test_the_person_decides_and_takes_it_back(book: Importer) -> None:
    flex = file_of(fill(1, 1, 0, 5), fill(2, 2, 0, 5))
    activity = file_of(fill(1, 1, 0, 4), fill(2, 2, 30, 5))
    book.load(flex, source=FLEX)
    run = book.load(activity, source=ACTIVITY)["import_id"]
    both = book.state()
    first, second = conflicts(book)
    resolve = "select api.import_conflict_resolve(%s, %s, %s, %s)"
    same = ask(book, resolve, first["conflict"], "same", "a typing error", ACTIVITY)
    ask(book, resolve, second["conflict"], "different", "two orders", None)
    assert same["transactions"] == {"added": 0, "changed": 0, "removed": 1}
    assert conflicts(book) == []
    assert counted(book) == sorted([(FLEX, "5"), (ACTIVITY, "4"), (ACTIVITY, "5")])
    # The decision is about these rows: it holds when they come again, and sleeps while they are gone.
    book.undo(run)
    assert counted(book) == sorted([(FLEX, "5")] * 2)
    book.load(activity, source=ACTIVITY)
    assert counted(book) == sorted([(FLEX, "5"), (ACTIVITY, "4"), (ACTIVITY, "5")])
    kept = ask(book, "select array_agg(reason order by id) from api.import_decisions")
    assert kept == ["a typing error", "two orders"]
    logged = "select count(*) from api.audit_log where reason = 'a typing error'"
    assert ask(book, logged) > 1
    for decision in (1, 2):
        number = ask(book, "select (array_agg(id order by id))[%s] from api.import_decisions", decision)
        ask(book, "select api.import_conflict_reopen(%s, %s)", number, "asked the broker")
    assert book.state() == both
    assert [c["conflict"] for c in conflicts(book)] == [first["conflict"], second["conflict"]]


def test_a_match_can_be_parted(book: Importer) -> None:
    flex, activity = file_of(fill(1, 1, 0, 5)), file_of(fill(1, 1, 0, 5), generated=2)
    book.load(flex, source=FLEX)
    book.load(activity, source=ACTIVITY)
    name = ask(book, "select conflict from api.import_matches")
    ask(book, "select api.import_conflict_resolve(%s, 'different', 'two accounts at the broker')", name)
    assert counted(book) == sorted([(FLEX, "5"), (ACTIVITY, "5")])
    assert conflicts(book) == []


def test_corrections_and_voids_hold_for_the_event(book: Importer) -> None:
    flex = file_of(fill(1, 1, 0, 5), fill(2, 2, 0, 7), fill(3, 3, 0, 9))
    activity = file_of(fill(1, 1, 0, 5), fill(2, 2, 0, 7), fill(3, 3, 0, 9), generated=2)
    run = book.load(activity, source=ACTIVITY)["import_id"]
    ids = ask(book, "select array_agg(id order by trade_date) from api.transactions")
    ask(
        book, "select (api.transaction_correct(%s, %s::jsonb, 'typed wrongly')).id", ids[0], '{"price": "12"}'
    )
    ask(book, "select api.transaction_void(%s, 'never happened')", ids[1])
    report = book.load(flex, source=FLEX)
    assert report["matched"] == 3
    assert counted(book) == sorted([(FLEX, "9"), (ACTIVITY, "5")])
    prices = "select array_agg(price::text order by trade_date) from api.transactions"
    assert ask(book, prices) == ["12", "10"]
    assert ask(book, "select array_agg(id order by trade_date) from api.transactions") == [ids[0], ids[2]]
    book.undo(run)
    assert counted(book) == sorted([(FLEX, "9")]) or counted(book) == sorted([(FLEX, "5"), (FLEX, "9")])


def test_a_row_by_hand_is_the_persons_to_decide(book: Importer) -> None:
    book.load(file_of(fill(1, 1, 0, 5)), source=FLEX)
    added = ask(
        book,
        "select (api.transaction_add(%s::jsonb, 'from the paper statement')).id",
        '{"account": "A-1", "transaction_type": "buy", "symbol": "ABC", "trade_date": "2024-03-01",'
        ' "quantity": "5", "price": "10", "commission": "-1"}',
    )
    [found] = conflicts(book)
    assert found["verdict"] == "same"
    ask(book, "select api.import_conflict_resolve(%s, 'same', 'the same purchase')", found["conflict"])
    assert counted(book) == sorted([("manual", "5")])
    assert ask(book, "select transaction_id from api.import_matches") == added


# What happened on a day: fills of (minute, units); minutes repeat, so that equal fills do. Each source shows
# some days whole, one of them with the equal fills of a minute as one order.
happened = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([5, -5, 7])), max_size=4), min_size=1, max_size=3
)


def as_orders(fills: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Minute, units and number of fills of each order: the equal fills of one minute."""
    return [
        (minute, sum(units for _, units in group), len(group))
        for (minute, _), told in itertools.groupby(sorted(fills))
        for group in [list(told)]
    ]


def history_file(
    days: list[list[tuple[int, int]]], shown: int, generated: int, *, orders: bool
) -> list[Record]:
    rows: list[Transaction] = []
    for day in range(shown, len(days)):
        told = as_orders(days[day]) if orders else [(minute, units, 1) for minute, units in sorted(days[day])]
        for minute, units, number in told:
            net = -Decimal(10 * units) - number
            rows.append(
                fill(
                    len(rows) + 1,
                    day + 1,
                    minute,
                    units,
                    commission=Decimal(-number),
                    net_amount=net,
                    order_id=None,
                )
            )
    return file_of(*rows, generated=generated)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happened, st.integers(0, 2), st.integers(0, 2), st.booleans())
def test_nothing_is_dropped_or_doubled_in_any_history(
    book: Importer, days: list[list[tuple[int, int]]], first: int, second: int, orders: bool
) -> None:
    flex = history_file(days, first, 1, orders=False)
    other = history_file(days, second, 2, orders=orders)
    check_any_order(book, (FLEX, flex), (ACTIVITY, other))
    person = another(book)
    person.load(flex, source=FLEX)
    person.load(other, source=ACTIVITY)
    shown = [units for day in days[min(first, second) :] for _, units in day]
    assert conflicts(person) == []
    assert sum(Decimal(units) for _, units in counted(person)) == sum(shown)
