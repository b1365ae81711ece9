"""What must hold on every history of a future: its gains are the cash that it moved, however told (D.10)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.future_histories import SIZE, futures
from quantmatrix.testing.histories import Row
from quantmatrix.testing.properties import lawful, rolled_back
from quantmatrix.testing.taxpayer import Connection, Taxpayer


@pytest.fixture(scope="module")
def shared(module_database: Database) -> Iterator[Connection]:
    with module_database.connect() as connection:
        connection.autocommit = False
        yield connection


def holder(connection: Connection, rows: list[Row], symbol: str = "ESH4") -> tuple[Taxpayer, list[Row]]:
    """A person who may not short, and the rows with the number of a real contract."""
    taxpayer = Taxpayer(connection, accounts=[{"allow_short": False}])
    contract = taxpayer.instrument(symbol, "future", multiplier=SIZE)
    connection.execute(
        "insert into tax.instrument_facts (user_id, instrument_id, exchange) values (%s, %s, 'CME')",
        [taxpayer.id, contract],
    )
    return taxpayer, [row | {"instrument": contract} for row in rows]


def gains(taxpayer: Taxpayer) -> dict[int, Decimal]:
    """The sum of proceeds less basis by year."""
    return dict(
        taxpayer.connection.execute(
            "select tax_year, sum(proceeds - basis) from tax.closings where user_id = %s group by 1",
            [taxpayer.id],
        ).fetchall()
    )


@lawful
@given(rows=futures())
def test_gains_of_a_year_are_the_cash_of_that_year(shared: Connection, rows: list[Row]) -> None:
    with rolled_back(shared):
        taxpayer, loaded = holder(shared, rows)
        taxpayer.load(loaded)
        moved: dict[int, Decimal] = {}
        for row in rows:
            moved[row["day"].year] = moved.get(row["day"].year, Decimal(0)) + row["net"]
        found = gains(taxpayer)
        assert {year: found.get(year, Decimal(0)) for year in moved} == moved
        terms = taxpayer.value("select array_agg(distinct term::text) from tax.closings where user_id = %s")
        assert terms in (None, ["1256"])
        assert taxpayer.value("select count(*) from tax.notices where user_id = %s") == 0
        assert (
            taxpayer.value("select count(*) from core.tax_lots where user_id = %s and closed_at is null") == 0
        )
        assert taxpayer.differences() == []
        found_cash = shared.execute("select * from tax.conservation(%s)", [taxpayer.id]).fetchall()
        assert [group for group, gained, cash in found_cash if gained != cash] == []


@lawful
@given(rows=futures())
def test_prices_tell_the_same_as_cash(shared: Connection, rows: list[Row]) -> None:
    """A statement that prints what contracts are worth comes to the same gains and the same cash."""
    with rolled_back(shared):
        priced = [row | {"gross": None, "net": row["commission"]} for row in rows if row["type"] != "other"]
        taxpayer, loaded = holder(shared, priced)
        taxpayer.load(loaded)
        moved = sum((row["net"] for row in rows), Decimal(0))
        assert sum(gains(taxpayer).values()) == moved
        cash = taxpayer.value("select sum(amount) from reconcile.cash_movements where user_id = %s")
        assert (cash or Decimal(0)) == moved


@lawful
@given(rows=futures(most_days=4))
def test_the_order_of_arrival_does_not_matter(shared: Connection, rows: list[Row]) -> None:
    with rolled_back(shared):
        taxpayer, loaded = holder(shared, rows)
        for row in reversed(loaded):
            taxpayer.load([row])
        backwards = taxpayer.state()
        taxpayer.rebuild()
        assert taxpayer.state() == backwards
        assert taxpayer.differences() == []
