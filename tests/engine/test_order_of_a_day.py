"""A day without times: what it opens comes before what it closes, whatever the order of the rows (T.2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from quantmatrix.testing.taxpayer import Connection, Taxpayer

DAY = "2026-05-08"


def row(kind: str, quantity: int, price: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "account": 1, "day": DAY, "quantity": quantity, "price": price} | more


def told(connection: Connection, rows: Sequence[dict[str, Any]], **account: Any) -> list[tuple[Any, ...]]:
    """(account, kind, opened by, units, proceeds, basis) of the closings."""
    taxpayer = Taxpayer(connection, accounts=[{"allow_short": None} | account] * 2)
    stock = taxpayer.instrument()
    numbered = [
        {"id": number, "instrument": stock, "sequence": number} | one for number, one in enumerate(rows, 1)
    ]
    taxpayer.load(numbered)
    assert taxpayer.differences() == []
    found = connection.execute(
        "select account_id, kind::text, quantity::integer, proceeds::integer, basis::integer"
        " from tax.closings where user_id = %s order by 1, 2, 3",
        [taxpayer.id],
    ).fetchall()
    # In two loads, the last row first: appends go on from where the book stands.
    once_more = Taxpayer(connection, accounts=[{"allow_short": None} | account] * 2)
    for one in reversed(numbered):
        if not {"partner", "link"} & set(one) and not any("partner" in other for other in numbered):
            once_more.load([one])
            assert once_more.differences() == []
    return found


@pytest.mark.parametrize("turned", [False, True])
def test_a_purchase_comes_before_a_sale(connection: Connection, turned: bool) -> None:
    rows = [row("sell", -38, 254), row("buy", 38, 240)]
    found = told(connection, rows[::-1] if turned else rows)
    assert found == [(1, "sale", 38, 9652, 9120)]


def test_marked_shorts_open_before_they_are_covered(connection: Connection) -> None:
    rows = [row("buy", 10, 9, effect="close"), row("sell", -10, 10, effect="open")]
    for order in permutations(rows):
        assert told(connection, order) == [(1, "cover", 10, 100, 90)]


def test_an_unmarked_purchase_covers_a_marked_short_of_its_day(connection: Connection) -> None:
    rows = [row("buy", 10, 9), row("sell", -10, 10, effect="open")]
    for order in permutations(rows):
        assert told(connection, order) == [(1, "cover", 10, 100, 90)]


def test_an_older_lot_is_sold_first_and_the_days_own_purchase_stays(connection: Connection) -> None:
    rows = [row("sell", -10, 12), row("buy", 10, 11), row("buy", 10, 7) | {"day": "2026-05-01"}]
    for order in permutations(rows):
        assert told(connection, order) == [(1, "sale", 10, 120, 70)]


def test_what_comes_from_an_own_account_is_there_before_it_is_sold(connection: Connection) -> None:
    rows = [
        row("sell", -5, 12) | {"account": 2},
        row("transfer_out", -5, 0, partner=3, link="transfer") | {"price": None},
        row("transfer_in", 5, 0) | {"account": 2, "price": None},
        row("buy", 5, 7),
    ]
    assert told(connection, rows) == [(2, "sale", 5, 60, 35)]


def test_rows_with_times_keep_them(connection: Connection) -> None:
    rows = [
        row("sell", -5, 12, at=f"{DAY}T14:00:00+00:00"),
        row("buy", 5, 7, at=f"{DAY}T15:00:00+00:00"),
    ]
    assert told(connection, rows) == [(1, "unmatched", 5, 60, None)]


def test_rows_of_one_side_keep_their_order(connection: Connection) -> None:
    rows = [row("sell", -5, 12), row("buy", 5, 7), row("buy", 5, 8)]
    assert told(connection, rows) == [(1, "sale", 5, 60, 35)]
    assert told(connection, [rows[0], rows[2], rows[1]]) == [(1, "sale", 5, 60, 40)]
