"""What must hold on every history (F.11, T.5, T.6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.histories import Row, histories
from quantmatrix.testing.properties import lawful, person_with, rolled_back
from quantmatrix.testing.taxpayer import Connection, Taxpayer

KINDS = st.sampled_from([[{}, {}], [{}, {"account_type": "ira"}]])
SCOPES = st.sampled_from(["taxpayer", "broker", "none"])
_MOVE: Row = {"instrument": 1, "day": date(2023, 1, 3)}
MOVED_WITHOUT_HISTORY: list[Row] = [
    _MOVE
    | {
        "id": 1,
        "type": "transfer_out",
        "account": 1,
        "quantity": Decimal(-2),
        "partner": 2,
        "link": "transfer",
    },
    _MOVE | {"id": 2, "type": "transfer_in", "account": 2, "quantity": Decimal(2), "sequence": 2},
]
"""More leaves for the other account than the history shows: it arrives all the same."""


@pytest.fixture(scope="module")
def shared(module_database: Database) -> Iterator[Connection]:
    with module_database.connect() as connection:
        connection.autocommit = False
        yield connection


def money(totals: dict[str, Any], name: str) -> Decimal:
    return Decimal(str(totals[name]))


@lawful
@given(history=histories(), scope=SCOPES, kinds=KINDS)
@example(history=MOVED_WITHOUT_HISTORY, scope="taxpayer", kinds=[{}, {}])
def test_gains_and_open_basis_equal_cash(
    shared: Connection, history: list[Row], scope: str, kinds: list[dict[str, Any]]
) -> None:
    with rolled_back(shared):
        taxpayer, rows = person_with(shared, history, wash_scope=scope, accounts=kinds)
        taxpayer.load(rows)
        found = shared.execute("select * from tax.conservation(%s)", [taxpayer.id]).fetchall()
        assert [(group, gains, cash) for group, gains, cash in found if gains != cash] == []
        defects = shared.execute(
            "select check_name, ours, broker, evidence from reconcile.internal_checks(%s, null, '2100-01-01')"
            " where cause = 'defect'",
            [taxpayer.id],
        ).fetchall()
        assert defects == []


@lawful
@given(history=histories(only_trades=True))
def test_the_cash_of_trades_is_the_engines(shared: Connection, history: list[Row]) -> None:
    """What is summed from the transactions alone is what the engine says went through them."""
    with rolled_back(shared):
        taxpayer, rows = person_with(shared, [row | {"currency": "USD", "terms": None} for row in history])
        taxpayer.load(rows)
        found = shared.execute(
            "select c.is_plain, c.cash - tax.event_cash(%s, c.group_id) from tax.traded_cash(%s) c",
            [taxpayer.id, taxpayer.id],
        ).fetchall()
        assert found
        assert set(found) == {(True, Decimal(0))}


def of_unknown_proceeds(taxpayer: Taxpayer) -> Decimal:
    """Basis of what went for an amount that is not known."""
    basis: Decimal = taxpayer.value(
        "select coalesce(sum(basis), 0) from tax.closings where user_id = %s and proceeds is null and taxable"
    )
    return basis


@lawful
@given(history=histories(departures=False))
def test_wash_sales_only_move_losses(shared: Connection, history: list[Row]) -> None:
    # A loss that was deferred into a lot is unknown with it, once a spin-off leaves the lot's basis unknown.
    history = [
        row | {"terms": row["terms"] | {"basis_fraction": row["terms"].get("basis_fraction") or "0.215"}}
        if row["type"] == "spinoff"
        else row
        for row in history
    ]
    with rolled_back(shared):
        figures = []
        for scope in ("taxpayer", "none"):
            taxpayer, rows = person_with(shared, history, wash_scope=scope)
            taxpayer.load(rows)
            totals = taxpayer.totals()
            figures.append(
                money(totals, "recognized")
                - money(totals, "permanently_disallowed")
                - money(totals, "open_long_basis")
                + money(totals, "open_short_proceeds")
                # Cash that an action spreads over pieces is rounded along them: a cent of it may fall to a
                # piece without a basis where a replaced loss has cut the one before it.
                + money(totals, "unknown_basis_proceeds")
                - of_unknown_proceeds(taxpayer)
            )
        assert figures[0] == figures[1]


@lawful
@given(history=histories(only_trades=True))
def test_position_is_bought_minus_sold(shared: Connection, history: list[Row]) -> None:
    with rolled_back(shared):
        taxpayer, rows = person_with(shared, history)
        taxpayer.load(rows)
        expected: dict[tuple[int, int], Decimal] = {}
        for row in rows:
            place = row["account"], row["instrument"]
            expected[place] = expected.get(place, Decimal(0)) + row["quantity"]
        held = {(p[0], p[1]): p[2] for p in taxpayer.state()["positions"]}
        assert held == expected


@lawful
@given(history=histories(), scope=SCOPES)
def test_rebuilding_writes_nothing_and_verification_is_clean(
    shared: Connection, history: list[Row], scope: str
) -> None:
    with rolled_back(shared):
        taxpayer, rows = person_with(shared, history, wash_scope=scope)
        taxpayer.load(rows)
        before = taxpayer.versions()
        logged = shared.execute("select count(*) from core.audit_logs").fetchone()
        assert taxpayer.rebuild() == 0
        assert taxpayer.versions() == before
        assert shared.execute("select count(*) from core.audit_logs").fetchone() == logged
        assert taxpayer.differences() == []


@lawful
@given(history=histories(), data=st.data())
def test_arrival_in_any_order_gives_the_same(
    shared: Connection, history: list[Row], data: st.DataObject
) -> None:
    with rolled_back(shared):
        whole, rows = person_with(shared, history)
        whole.load(rows)
        expected = whole.state()

        in_parts, _ = person_with(shared, history)
        bundles = bundled(rows)
        cut = data.draw(st.integers(0, len(bundles)))
        for part in (bundles[:cut], bundles[cut:]):
            in_parts.load([row for bundle in part for row in bundle])
        assert in_parts.state() == expected

        backwards, _ = person_with(shared, history)
        for bundle in reversed(bundles):
            backwards.load(bundle)
        assert backwards.state() == expected
        assert backwards.differences() == []


def bundled(rows: list[Row]) -> list[list[Row]]:
    """Rows that are linked stay together: they arrive in one statement."""
    bundles: dict[int, list[Row]] = {}
    for row in rows:
        partner = row.get("partner")
        announced = next((b for b in bundles.values() if b[-1].get("partner") == row["id"]), None)
        bundle = announced or (bundles.get(partner) if partner is not None else None)
        if bundle is None:
            bundle = []
        bundle.append(row)
        bundles[row["id"]] = bundle
    return list({id(bundle): bundle for bundle in bundles.values()}.values())


@lawful
@given(history=histories(), scope=st.sampled_from(["taxpayer", "broker"]))
def test_no_share_replaces_twice(shared: Connection, history: list[Row], scope: str) -> None:
    with rolled_back(shared):
        taxpayer, rows = person_with(shared, history, wash_scope=scope)
        taxpayer.load(rows)
        outside = shared.execute(
            """
            select count(*)
            from tax.wash_matches m
            join core.transactions loss on loss.user_id = m.user_id and loss.id = m.loss_transaction_id
            join core.transactions bought
                on bought.user_id = m.user_id and bought.id = m.replacement_transaction_id
            where m.user_id = %s
            and loss.transaction_type <> 'delivery'
            and abs(loss.trade_date - bought.trade_date) > 30
            """,
            [taxpayer.id],
        ).fetchone()
        assert outside == (0,)
        if not any(row["type"] in {"split", "stock_dividend", "symbol_change"} for row in rows):
            doubled = shared.execute(
                """
                select m.replacement_transaction_id
                from tax.wash_matches m
                join core.transactions t on t.user_id = m.user_id and t.id = m.replacement_transaction_id
                join core.instruments i on i.id = m.replacement_instrument_id
                where m.user_id = %s
                and t.transaction_type in ('buy', 'sell', 'reinvest')
                group by m.replacement_transaction_id
                having sum(m.quantity)
                    > max(abs(t.quantity) * case i.instrument_type when 'option' then i.multiplier else 1 end)
                """,
                [taxpayer.id],
            ).fetchall()
            assert doubled == []
