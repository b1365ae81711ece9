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
    stocks = [taxpayer.instrument("ONE"), taxpayer.instrument("TWO")]
    for stock in stocks:
        taxpayer.connection.execute(
            "insert into tax.instrument_facts (user_id, instrument_id, identical_group)"
            " values (%s, %s, 'one')",
            [taxpayer.id, stock],
        )
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
            rows.append(trade(number, chance.choice(stocks), day, quantity, price, **more))
        taxpayer.load(rows)
        assert taxpayer.differences() == []
