"""What is flagged and not computed (tax-rules 0.5): each notice where it belongs, none where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from quantmatrix.testing.taxpayer import Taxpayer

Row = dict[str, Any]


def row(number: int, kind: str, instrument: int, day: str, **more: Any) -> Row:
    return {"id": number, "type": kind, "account": 1, "instrument": instrument, "day": day} | more


def flagged(taxpayer: Taxpayer) -> list[tuple[str, int, int | None]]:
    return taxpayer.connection.execute(
        "select code::text, transaction_id, related_transaction_id from tax.notices"
        " where user_id = %s order by 1, 2, 3",
        [taxpayer.id],
    ).fetchall()


def option(taxpayer: Taxpayer, stock: int, kind: str, strike: int) -> int:
    return taxpayer.instrument(
        f"ABC   250117{kind[0].upper()}{strike:05}000",
        "option",
        multiplier=100,
        option_type=kind,
        strike=strike,
        expiration="2025-01-17",
        underlying_id=stock,
    )


@pytest.fixture
def stock(taxpayer: Taxpayer) -> int:
    return taxpayer.instrument()


def test_purchases_and_sales_need_no_warning(taxpayer: Taxpayer, stock: int) -> None:
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=10, price=10),
            row(2, "sell", stock, "2024-03-01", quantity=-10, price=8),
            row(3, "sell", stock, "2024-03-02", quantity=-5, price=8),
            row(4, "buy", stock, "2024-03-03", quantity=10, price=7),
        ]
    )
    assert flagged(taxpayer) == []


def test_a_short_beside_shares(taxpayer: Taxpayer, stock: int) -> None:
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=10, price=10),
            row(2, "sell", stock, "2024-03-01", quantity=-5, price=8, effect="open") | {"account": 2},
            row(3, "buy", stock, "2024-03-02", quantity=1, price=8),
            row(4, "buy", stock, "2024-03-04", quantity=5, price=7) | {"account": 2},
            row(5, "buy", stock, "2024-03-05", quantity=1, price=8),
        ]
    )
    assert flagged(taxpayer) == [("short_sale_1233", 2, None), ("short_sale_1233", 3, None)]


def test_a_short_against_a_gain_that_is_delivered(taxpayer: Taxpayer, stock: int) -> None:
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=10, price=10),
            row(2, "sell", stock, "2024-03-01", quantity=-10, price=15, effect="open"),
            row(3, "delivery", stock, "2024-04-01"),
        ]
    )
    assert flagged(taxpayer) == [("constructive_sale_1259", 2, None)]


@pytest.mark.parametrize(("bought", "expected"), [("2023-02-01", []), ("2023-06-01", [2])])
def test_a_put_on_shares_held_a_year_or_less(
    taxpayer: Taxpayer, stock: int, bought: str, expected: list[int]
) -> None:
    put = option(taxpayer, stock, "put", 20)
    taxpayer.load(
        [
            row(1, "buy", stock, bought, quantity=100, price=10),
            row(2, "buy", put, "2024-03-01", quantity=1, price=2),
        ]
    )
    assert [n[1] for n in flagged(taxpayer) if n[0] == "put_on_short_held_stock"] == expected


@pytest.mark.parametrize(("kind", "price", "expected"), [("call", 4, [3]), ("call", 1, []), ("put", 4, [])])
def test_one_leg_of_offsetting_positions_closed_at_a_loss(
    taxpayer: Taxpayer, stock: int, kind: str, price: int, expected: list[int]
) -> None:
    """A written call offsets shares; a written put gains with them."""
    written = option(taxpayer, stock, kind, 12)
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=100, price=10),
            row(2, "sell", written, "2024-02-01", quantity=-1, price=2, effect="open"),
            row(3, "buy", written, "2024-03-01", quantity=1, price=price, effect="close"),
        ]
    )
    assert [n[1] for n in flagged(taxpayer) if n[0] == "straddle_1092"] == expected


@pytest.mark.parametrize(("bought", "expected"), [("2024-04-10", [(2, 4)]), ("2024-06-10", [])])
def test_a_purchase_of_the_successor_in_the_window(
    taxpayer: Taxpayer, stock: int, bought: str, expected: list[Any]
) -> None:
    new = taxpayer.instrument("NEW")
    terms = {"new_instrument_id": new, "ratio_numerator": "1", "ratio_denominator": "2"}
    taxpayer.load(
        [
            row(1, "buy", stock, "2023-01-02", quantity=20, price=10),
            row(2, "sell", stock, "2024-03-20", quantity=-10, price=8),
            row(3, "merger_stock", stock, "2024-04-01", terms=terms),
            row(4, "buy", new, bought, quantity=1, price=20),
        ]
    )
    assert [(n[1], n[2]) for n in flagged(taxpayer) if n[0] == "merger_identical"] == expected


@pytest.mark.parametrize(("acquired", "expected"), [("2024-03-01", [(2, 3)]), ("2023-03-01", [])])
def test_shares_from_outside_bought_in_the_window(
    taxpayer: Taxpayer, stock: int, acquired: str, expected: list[Any]
) -> None:
    terms = {"supplied_basis": "80", "supplied_acquired_on": acquired}
    taxpayer.load(
        [
            row(1, "buy", stock, "2023-01-02", quantity=10, price=10),
            row(2, "sell", stock, "2024-03-20", quantity=-10, price=8),
            row(3, "transfer_in", stock, "2024-09-01", quantity=10, terms=terms),
        ]
    )
    assert [(n[1], n[2]) for n in flagged(taxpayer) if n[0] == "external_purchase_window"] == expected


@pytest.mark.parametrize(("strike", "expected"), [(10, [(3, 2)]), (9, [])])
def test_a_deep_put_written_in_the_window(
    taxpayer: Taxpayer, stock: int, strike: int, expected: list[Any]
) -> None:
    put = option(taxpayer, stock, "put", strike)
    taxpayer.load(
        [
            row(1, "buy", stock, "2023-01-02", quantity=10, price=10),
            row(2, "sell", stock, "2024-03-20", quantity=-10, price=8),
            row(3, "sell", put, "2024-04-02", quantity=-1, price=3, effect="open"),
        ]
    )
    assert [(n[1], n[2]) for n in flagged(taxpayer) if n[0] == "deep_put_written"] == expected


def test_a_loss_is_provisional_until_the_window_was_imported(taxpayer: Taxpayer, stock: int) -> None:
    taxpayer.load(
        [
            row(1, "buy", stock, "2023-01-02", quantity=10, price=10),
            row(2, "sell", stock, "2024-03-20", quantity=-10, price=8),
        ]
    )
    shown = (
        "select count(*) from api.notices n join core.transactions t on t.id = n.transaction_id"
        " where t.user_id = %s and n.code = 'provisional_loss' and n.transaction_id = 2"
    )
    assert taxpayer.value(shown) == 1
    taxpayer.load([row(3, "deposit", None, "2024-04-19", net=1)])  # type: ignore[arg-type]
    assert taxpayer.value(shown) == 1
    taxpayer.load([row(4, "deposit", None, "2024-04-20", net=1)])  # type: ignore[arg-type]
    assert taxpayer.value(shown) == 0


def test_trades_that_arrive_one_by_one_are_flagged_as_well(taxpayer: Taxpayer, stock: int) -> None:
    rows = [
        row(1, "buy", stock, "2024-01-02", quantity=10, price=10),
        row(2, "buy", stock, "2024-01-03", quantity=10, price=10) | {"account": 2},
        row(3, "sell", stock, "2024-03-01", quantity=-12, price=15),
        row(4, "buy", stock, "2024-03-05", quantity=1, price=15) | {"account": 2},
        row(5, "buy", stock, "2024-03-06", quantity=2, price=14),
        row(6, "buy", stock, "2024-03-07", quantity=1, price=14),
    ]
    for one in rows:
        taxpayer.load([one])
        assert taxpayer.differences() == []
    assert flagged(taxpayer) == [
        ("constructive_sale_1259", 3, None),
        ("short_sale_1233", 3, None),
        ("short_sale_1233", 4, None),
    ]
