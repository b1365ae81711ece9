"""Two accounts that are one: merged, the book is as if all had been imported into one from the start."""

from __future__ import annotations

import itertools
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantmatrix.ingest.model import CashEvidence, LotEvidence, PositionEvidence, Record
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.importer import STOCK, Importer, file_of, fill

WHY = "the number was mistyped"
KEPT, TYPO = "A-1", "B-2"
BOOK = (
    "select a.account_number, l.side::text, l.piece, l.acquired_at, l.quantity_opened, l.quantity_remaining,"
    " l.cost_remaining, l.wash_sale_adjustment from core.tax_lots l"
    " join core.accounts a on a.user_id = l.user_id and a.id = l.account_id where l.user_id = %s"
    " order by 1, 2, 4, 3, 5, 6, 7",
    "select a.account_number, p.quantity, p.cost_basis, p.realized_pnl, p.open_lots from core.positions p"
    " join core.accounts a on a.user_id = p.user_id and a.id = p.account_id where p.user_id = %s order by 1",
    "select c.closed_on, c.quantity, c.proceeds, c.basis, c.disallowed, c.opened_on from tax.closings c"
    " where c.user_id = %s order by 1, 2, 3, 4, 5, 6",
    "select a.account_number, m.source, m.dedupe_key, m.counted_source, m.counted_key, m.rule"
    " from ingest.matches m"
    " join core.accounts a on a.user_id = m.user_id and a.id = m.account_id where m.user_id = %s"
    " order by 1, 2, 3, 4, 5",
    "select a.account_number, l.line_number, l.source, l.dedupe_key, l.only_attests, l.transaction_id is null"
    " from ingest.lines l join core.accounts a on a.user_id = l.user_id and a.id = l.account_id"
    " join ingest.files f on f.user_id = l.user_id and f.sync_id = l.sync_id"
    " where l.user_id = %s order by f.generated_at, l.source, 2",
    "select a.account_number, b.as_of, b.quantity from ingest.broker_positions b"
    " join core.accounts a on a.user_id = b.user_id and a.id = b.account_id where b.user_id = %s"
    " order by 1, 2, 3",
)
"""What an account is made of, without numbers that depend on when it came."""
numbers = itertools.count()


def book(importer: Importer) -> list[Any]:
    with importer.database.connect() as connection:
        found = [connection.execute(query, [importer.user_id]).fetchall() for query in BOOK]
        accounts = connection.execute(
            "select account_number from core.accounts where user_id = %s", [importer.user_id]
        ).fetchall()
    return [accounts, importer.state(), *found]


def asked(importer: Importer, query: str, *parameters: Any) -> Any:
    with importer.session() as session, session.transaction() as connection:
        row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return next(iter(row.values()))


def merge(importer: Importer, from_account: str = TYPO, into_account: str = KEPT) -> dict[str, Any]:
    merged: dict[str, Any] = asked(
        importer, "select api.account_merge(%s, %s, %s)", from_account, into_account, WHY
    )
    assert asked(importer, "select api.lots_rebuild(true)")["differences"] == []
    return merged


Window = tuple[int, int, str, bool]
days = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([5, -5, 7])), min_size=0, max_size=4),
    min_size=2,
    max_size=5,
)
windows = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(1, 4), st.sampled_from(["made_up_csv", "other_csv"]), st.booleans()
    ),
    min_size=1,
    max_size=4,
)


def window_file(
    history: list[list[tuple[int, int]]], start: int, length: int, generated: int, account: str
) -> list[Record]:
    """The statement of these days, with the holding at their end as evidence."""
    shown = [(day, *row) for day in range(start, min(start + length, len(history))) for row in history[day]]
    fills = [fill(n, day + 1, minute, quantity) for n, (day, minute, quantity) in enumerate(shown, 1)]
    held = PositionEvidence(
        line=len(fills) + 1,
        instrument=STOCK.key,
        as_of=date(2024, 3, 9),
        quantity=Decimal(generated),
        currency="USD",
    )
    return [*file_of(*fills, generated=generated, account=account), held]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days, windows)
def test_merging_is_importing_all_into_one(
    module_database: Database, history: list[list[tuple[int, int]]], drawn: list[Window]
) -> None:
    apart = Importer(module_database, f"p{next(numbers)}@example.org")
    together = Importer(module_database, f"p{next(numbers)}@example.org")
    for number, (start, length, source, is_typo) in enumerate([(0, 1, "made_up_csv", True), *drawn], 1):
        for importer, account in ((apart, TYPO if is_typo else KEPT), (together, KEPT)):
            importer.load(window_file(history, start, length, number, account), source=source)
    if TYPO not in [row[0] for row in book(apart)[0]] or KEPT not in [row[0] for row in book(apart)[0]]:
        return
    merge(apart)
    assert book(apart) == book(together)


def refused(importer: Importer, from_account: str = TYPO, into_account: str = KEPT) -> str:
    before = book(importer)
    with pytest.raises(psycopg.Error) as caught:
        merge(importer, from_account, into_account)
    assert book(importer) == before
    return f"{caught.value.sqlstate} {caught.value.diag.message_primary} {caught.value.diag.message_detail}"


def test_rows_of_both_count_once_and_each_import_can_be_taken_back(importer: Importer) -> None:
    first = importer.load(file_of(fill(1, 4, 0, 10), fill(2, 5, 0, 7), account=KEPT))
    importer.load(file_of(fill(1, 5, 0, 7), fill(2, 6, 0, -3), generated=2, account=TYPO))
    merged = merge(importer)
    assert merged["from"] == TYPO
    assert merged["into"] == KEPT
    assert merged["imports"] == 1
    assert (merged["transactions"]["moved"], merged["transactions"]["counted_once"]) == (1, 1)
    assert [row[9] for row in sorted(importer.state(), key=lambda row: row[7])] == [10, 7, -3]
    assert importer.undo(first["import_id"])["transactions"]["removed"] == 1
    assert sorted(row[9] for row in importer.state()) == [-3, 7]
    told = asked(
        importer,
        "select jsonb_agg(distinct reason) from api.audit_log"
        " where table_name in ('accounts', 'transactions')",
    )
    assert WHY in told
    with pytest.raises(psycopg.Error, match=TYPO):
        merge(importer)


def test_one_file_in_both_is_refused_and_names_the_imports(importer: Importer) -> None:
    records = file_of(fill(1, 4, 0, 10))[1:]
    importer.load(records, account=KEPT)
    twice = importer.load(records, account=TYPO)
    assert f"imports {twice['import_id']} and" in refused(importer)
    importer.undo(twice["import_id"])
    assert merge(importer)["transactions"]["moved"] == 0


def test_a_row_of_both_that_a_hand_put_right_is_refused(importer: Importer) -> None:
    importer.load(file_of(fill(1, 4, 0, 10), account=KEPT))
    importer.load(file_of(fill(1, 4, 0, 10), fill(2, 5, 0, 7), generated=2, account=TYPO))
    numbers = asked(
        importer,
        "select jsonb_object_agg(account || ' ' || quantity, id) from api.transactions",
    )
    correct = "select id from api.transaction_correct(%s, %s, %s)"
    asked(importer, correct, numbers["B-2 7"], '{"commission": "-2"}', "as confirmed")
    asked(importer, correct, numbers["B-2 10"], '{"commission": "-3"}', "as confirmed")
    assert "corrected, decided on or entered by hand" in refused(importer)
    importer.undo(asked(importer, "select min(id) from api.imports"))
    merge(importer)
    assert sorted(row[12] for row in importer.state()) == [-3, -2]


def test_accounts_that_are_two_are_refused(importer: Importer) -> None:
    importer.load(file_of(fill(1, 4, 0, 10), account=KEPT))
    importer.load(file_of(fill(1, 5, 0, 10), generated=2, account=TYPO))
    assert "both are the same account" in refused(importer, KEPT, KEPT)
    asked(importer, "select id from api.account_set(%s, %s)", TYPO, '{"account_type": "ira"}')
    assert "another type or base currency" in refused(importer)
    asked(
        importer,
        "select id from api.account_set(%s, %s)",
        TYPO,
        '{"account_type": "taxable", "base_currency": "EUR"}',
    )
    assert "another type or base currency" in refused(importer)
    asked(importer, "select id from api.account_set(%s, %s)", TYPO, '{"base_currency": "USD"}')
    asked(importer, "select id from api.account_add('schwab', 'S-3')")
    assert "accounts at schwab and madeup are not one" in refused(importer, "S-3", KEPT)
    for account, method in ((KEPT, "lifo"), (TYPO, "hifo")):
        asked(importer, "select api.method_set(%s, null, %s, '2024-01-01')", account, method)
    assert "different lot methods" in refused(importer)
    asked(importer, "select api.method_set(%s, null, 'lifo', '2024-01-01')", TYPO)
    merge(importer)


def test_units_that_went_from_one_to_the_other_are_refused(importer: Importer) -> None:
    importer.load(file_of(fill(1, 4, 0, 10), account=KEPT))
    for account, kind, quantity in ((KEPT, "transfer_out", "-4"), (TYPO, "transfer_in", "4")):
        if account == TYPO:
            asked(importer, "select id from api.account_add('madeup', %s)", TYPO)
        asked(
            importer,
            "select id from api.transaction_add(%s, 'moved')",
            f'{{"account": "{account}", "transaction_type": "{kind}", "currency": "USD",'
            f' "symbol": "ABC", "quantity": "{quantity}",'
            ' "trade_date": "2024-03-08"}',
        )
    assert "they are two" in refused(importer)


def test_everything_that_names_the_account_is_moved(importer: Importer) -> None:
    """A table that comes later and names an account is to be thought of: it is missing here then."""
    evidence: list[Record] = [
        PositionEvidence(
            line=7, instrument=STOCK.key, as_of=date(2024, 3, 9), quantity=Decimal(10), currency="USD"
        ),
        LotEvidence(
            line=8, instrument=STOCK.key, as_of=date(2024, 3, 9), quantity=Decimal(10), currency="USD"
        ),
        CashEvidence(line=9, currency="USD", as_of=date(2024, 3, 9), moment="end", amount=Decimal(5)),
    ]
    importer.load(file_of(fill(1, 5, 0, 7), account=KEPT))
    importer.load([*file_of(fill(1, 4, 0, 10), account=TYPO, generated=2), *evidence])
    asked(importer, "select api.reconcile(%s, '2024-03-09')", TYPO)
    finding = asked(importer, "select min(id) from api.differences where kind = 'cash'")
    asked(importer, "select id from api.difference_accept(%s, 'known')", finding)
    asked(importer, "select api.method_set(%s, 'ABC', 'lifo', '2024-01-01')", TYPO)
    with importer.database.connect() as connection:
        from_id = connection.execute(
            "select id from core.accounts where account_number = %s", [TYPO]
        ).fetchone()
        into_id = connection.execute(
            "select id from core.accounts where account_number = %s", [KEPT]
        ).fetchone()
        assert from_id is not None
        assert into_id is not None
        connection.execute(
            "insert into ingest.feeds (user_id, name, service, settings, since, account_ids)"
            " select user_id, 'main', 'ibkr', '{\"query\": \"1\"}', '2024-01-01', array[id]"
            " from core.accounts"
            " where account_number = %s",
            [TYPO],
        )
        connection.execute(
            "insert into ingest.today_executions (user_id, account_id, execution_id, instrument_id,"
            " executed_at, trade_date, quantity, price, currency, sync_id)"
            " select t.user_id, t.account_id, 'e1', t.instrument_id, now(), current_date, 1, 1, 'USD',"
            " t.sync_id"
            " from core.transactions t where t.account_id = %s",
            from_id,
        )
        tables = [
            (table, column)
            for table, column in connection.execute(
                "select c.oid::regclass::text, a.attname from pg_class c"
                " join pg_attribute a on a.attrelid = c.oid"
                " where c.relkind = 'r' and a.attname in ('account_id', 'account_ids',"
                " 'replacement_account_id') and not a.attisdropped order by 1"
            ).fetchall()
            if not table.startswith("auth.")
        ]

        def naming(account: tuple[Any, ...]) -> dict[str, int]:
            count = "select count(*) from {} where %s = any (array[{}]::bigint[])"
            return {
                table: sum(
                    row[0] for row in connection.execute(count.format(table, column).encode(), account)
                )
                for table, column in tables
            }

        before = naming(from_id)
        merge(importer)
        after = naming(into_id)
        assert set(naming(from_id).values()) == {0}
    beside = {table for table, count in before.items() if count}
    assert {table: after[table] - before[table] for table in beside if after[table] < before[table]} == {}
    unseen = set(before) - beside
    assert unseen == {
        "ingest.corrections",
        "ingest.decision_members",
        "ingest.decisions",
        "ingest.matches",
        "tax.closings",
        "tax.wash_matches",
    }
