"""A trade at the end goes on from where the book stands, and gives what deriving the whole history gives."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from quantmatrix.testing.taxpayer import Taxpayer

RESUMES = """
    select ((tax.resume(%(user)s, g.group_id, array[%(id)s]::bigint[])).standing).first_event
        is not null
    from core.transactions t
    join tax.instrument_groups g on g.user_id = t.user_id and g.instrument_id = t.instrument_id
    where t.user_id = %(user)s and t.id = %(id)s
"""

SOLD_BY_THE_SECOND = """
    select opening_transaction_id
    from tax.closings
    where user_id = %s and closing_transaction_id = 4
"""


def trade(
    number: int, instrument: int, day: date, quantity: float, price: float, **more: Any
) -> dict[str, Any]:
    """A trade as ``Taxpayer.load`` takes it; a negative quantity is a sale."""
    return {
        "id": number,
        "type": "buy" if quantity > 0 else "sell",
        "account": 1,
        "instrument": instrument,
        "day": day,
        "quantity": quantity,
        "price": price,
        "net": round(-quantity * price - 1, 2),
        "commission": -1,
        "gross": round(-quantity * price, 2),
        **more,
    }


def resumed(taxpayer: Taxpayer, number: int) -> bool:
    """Whether the last transaction can be derived without its history."""
    query = RESUMES.replace("%(user)s", f"'{taxpayer.id}'::uuid").replace("%(id)s", str(number))
    standing = taxpayer.connection.execute(query.encode()).fetchone()
    assert standing is not None
    return bool(standing[0])


@pytest.fixture
def held(taxpayer: Taxpayer) -> tuple[Taxpayer, int]:
    """A person with a few lots of one stock, one of them sold at a loss in January."""
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            trade(1, stock, date(2023, 3, 1), 10, 50),
            trade(2, stock, date(2023, 6, 1), 10, 60),
            trade(3, stock, date(2024, 1, 10), -5, 20),
        ]
    )
    return taxpayer, stock


def test_a_purchase_goes_on_and_replaces_the_loss(held: tuple[Taxpayer, int]) -> None:
    taxpayer, stock = held
    taxpayer.load([trade(4, stock, date(2024, 1, 20), 3, 21)])
    assert resumed(taxpayer, 4)
    assert taxpayer.value("select sum(disallowed) from tax.closings where user_id = %s") > 0
    assert taxpayer.differences() == []


def test_what_lies_outside_is_derived_whole(held: tuple[Taxpayer, int]) -> None:
    taxpayer, stock = held
    taxpayer.load([trade(4, stock, date(2023, 7, 1), 3, 21)])
    assert not resumed(taxpayer, 4), "a late row is not the last one"
    taxpayer.load(
        [
            {
                "id": 5,
                "type": "split",
                "account": 1,
                "instrument": stock,
                "day": date(2024, 1, 15),
                "terms": {"ratio_numerator": 2, "ratio_denominator": 1},
            }
        ]
    )
    taxpayer.load([trade(6, stock, date(2024, 1, 25), 3, 21)])
    assert not resumed(taxpayer, 6), "a split lies in the window"
    taxpayer.load([trade(7, stock, date(2024, 3, 25), -3, 21)])
    assert resumed(taxpayer, 7), "the split is long past"
    assert taxpayer.differences() == []


def as_one(taxpayer: Taxpayer, *symbols: str) -> list[int]:
    """Instruments that the law takes for the same."""
    stocks = [taxpayer.instrument(symbol) for symbol in symbols]
    for stock in stocks:
        taxpayer.connection.execute(
            "insert into tax.instrument_facts (user_id, instrument_id, identical_group)"
            " values (%s, %s, 'one')",
            [taxpayer.id, stock],
        )
    return stocks


def test_two_methods_that_reach_the_same_lot(held: tuple[Taxpayer, int]) -> None:
    taxpayer, stock = held
    day = date(2024, 5, 1)
    taxpayer.load(
        [
            trade(4, stock, day, -3, 70, terms={"lot_method": "lifo"}),
            trade(5, stock, day, -9, 70, terms={"lot_method": "hifo"}),
        ]
    )
    assert resumed(taxpayer, 5)
    assert taxpayer.differences() == []


def test_a_lot_that_replaces_one_loss_and_is_sold_by_the_next_sale(taxpayer: Taxpayer) -> None:
    taxpayer.connection.execute(
        "update core.users set default_lot_method = 'hifo' where id = %s", [taxpayer.id]
    )
    stock = taxpayer.instrument()
    day = date(2024, 5, 1)
    taxpayer.load(
        [
            trade(1, stock, date(2023, 1, 3), 1, 200),
            trade(2, stock, date(2023, 1, 4), 40, 100),
            trade(3, stock, day - timedelta(days=9), 30, 60),
            trade(4, stock, day - timedelta(days=8), 30, 55),
        ]
    )
    # The first sale's loss goes to one share bought for 60, which thereby is the next to be sold, at a loss
    # that the other shares of its purchase do not replace.
    taxpayer.load([trade(5, stock, day, -1, 50), trade(6, stock, day, -2, 50)])
    assert resumed(taxpayer, 6)
    assert taxpayer.value("select count(*) from tax.wash_matches where user_id = %s") == 3
    assert taxpayer.differences() == []


def test_what_remains_of_a_lot_has_another_rank_by_a_cent(taxpayer: Taxpayer) -> None:
    taxpayer.connection.execute(
        "update core.users set default_lot_method = 'lofo' where id = %s", [taxpayer.id]
    )
    stock = taxpayer.instrument()
    bought, sold = date(2023, 1, 3), date(2024, 5, 1)
    taxpayer.load([trade(1, stock, bought, 3, 76.033333), trade(2, stock, bought, 4.5, 76.146667)])
    # 229.10 for three, 343.66 for four and a half; 76.37 for what the first sale leaves is the dearer one.
    taxpayer.load([trade(3, stock, sold, -2, 90), trade(4, stock, sold, -1, 90)])
    assert resumed(taxpayer, 4)
    assert taxpayer.value(SOLD_BY_THE_SECOND) == 2
    assert taxpayer.differences() == []


def test_what_is_bought_and_sold_at_once_is_replaced_by_what_was_held(taxpayer: Taxpayer) -> None:
    one, two = as_one(taxpayer, "ONE", "TWO")
    past = date(2022, 1, 3)
    taxpayer.load([trade(1, one, past, 1, 50), trade(2, one, past, -1, 60)])
    taxpayer.load([trade(3, two, date(2024, 2, 3), 10, 50)])
    day = date(2024, 2, 12)
    taxpayer.load([trade(4, one, day, 4, 60), trade(5, one, day, -4, 55)])
    assert taxpayer.value("select sum(disallowed) from tax.closings where user_id = %s") > 0
    assert taxpayer.differences() == []


def test_losses_of_an_order_for_two_instruments_are_judged_together(taxpayer: Taxpayer) -> None:
    one, two = as_one(taxpayer, "ONE", "TWO")
    taxpayer.load([trade(1, one, date(2023, 2, 3), 10, 50), trade(2, two, date(2023, 2, 3), 10, 60)])
    day = date(2024, 2, 12)
    taxpayer.load(
        [
            trade(3, one, day, -4, 20, order_id="both"),
            trade(4, two, day, -4, 25),
            trade(5, two, day, -4, 20, order_id="both"),
        ]
    )
    taxpayer.load([trade(6, two, date(2024, 2, 13), 6, 21)])
    assert not resumed(taxpayer, 6)
    assert taxpayer.differences() == []


@pytest.mark.parametrize("method", ["fifo", "lifo"])
def test_of_many_purchases_in_the_window_only_the_first_are_read(taxpayer: Taxpayer, method: str) -> None:
    taxpayer.connection.execute(
        "update core.users set default_lot_method = %s::core.lot_method where id = %s", [method, taxpayer.id]
    )
    stock = taxpayer.instrument()
    first = date(2024, 3, 1)
    old = [trade(number, stock, first - timedelta(days=400), 5, 99) for number in (1, 2)]
    taxpayer.load(
        old + [trade(3 + step, stock, first + timedelta(days=step % 25), 5, 60 + step) for step in range(100)]
    )
    taxpayer.load([trade(103, stock, first + timedelta(days=27), -8, 30)])
    read = taxpayer.value(
        "select cardinality((tax.resume(t.user_id, g.group_id, array[t.id]::bigint[])).standing.lot_id)"
        " from core.transactions t join tax.instrument_groups g using (user_id, instrument_id)"
        " where t.user_id = %s and t.id = 103"
    )
    assert 0 < read < 60
    assert taxpayer.differences() == []


@pytest.mark.parametrize("method", ["fifo", "lifo", "hifo", "lofo", "mintax"])
@pytest.mark.parametrize("scope", ["taxpayer", "broker", "none"])
def test_trade_by_trade_is_the_same_as_all_at_once(taxpayer: Taxpayer, method: str, scope: str) -> None:
    """Two accounts, two instruments that count as one, shorts, several trades a day, orders in fills."""
    chance = random.Random(f"{method} {scope}")
    taxpayer.connection.execute(
        "update core.users set default_lot_method = %s::core.lot_method, wash_scope = %s::core.wash_scope"
        " where id = %s",
        [method, scope, taxpayer.id],
    )
    taxpayer.connection.execute(
        "update core.accounts set allow_short = true where user_id = %s and id = 2", [taxpayer.id]
    )
    stocks = as_one(taxpayer, "ONE", "TWO")
    day, number, price = date(2024, 1, 2), 0, 100
    for _ in range(25):
        day += timedelta(days=chance.choice([0, 0, 1, 2, 9, 16]))
        rows = []
        for _ in range(chance.choice([1, 1, 2])):
            number += 1
            price = max(20, price + chance.randint(-15, 15))
            quantity = chance.choice([1, 5, 10, 0.5, 33]) * chance.choice([1, 1, -1])
            more: dict[str, Any] = {"account": chance.choice([1, 2])}
            if chance.random() < 0.8:
                moment = time(15 + chance.randint(0, 3), chance.randint(0, 59))
                more["at"] = datetime.combine(day, moment, UTC).isoformat()
            if chance.random() < 0.2:
                more["order_id"] = chance.choice(["one", "two"])
            if quantity < 0 and chance.random() < 0.2:
                more["terms"] = {"lot_method": chance.choice(["fifo", "lifo", "hifo"])}
            rows.append(trade(number, chance.choice(stocks), day, quantity, price, **more))
        taxpayer.load(rows)
        assert taxpayer.differences() == []
