"""Rows that belong together in pairs within one account."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from quantmatrix.ingest.pairs import Move, returning, turning


def move(line: int, quantity: str, thing: str = "SNSXX", day: int = 2, **more: str) -> Move:
    return Move(line, more.pop("account", None), thing, Decimal(quantity), date(2025, 6, day), **more)


def test_equal_units_of_one_day_return() -> None:
    assert returning([move(2, "103.26"), move(3, "-103.26")]) == {2: 3, 3: 2}


def test_other_units_things_days_and_accounts_do_not() -> None:
    left = move(2, "-5")
    assert returning([left, move(3, "5.01")]) == {}
    assert returning([left, move(3, "5", "VTI")]) == {}
    assert returning([left, move(3, "5", day=3)]) == {}
    assert returning([left, move(3, "5", account="B")]) == {}
    assert returning([left, move(3, "-5")]) == {}


def test_a_reference_goes_before_a_day_and_days_may_lie_between() -> None:
    moves = [move(2, "-5", reference="a"), move(3, "5", reference="b"), move(4, "5", day=9, reference="a")]
    assert returning(moves) == {2: 4, 4: 2}
    assert returning([move(2, "-5"), move(3, "5", day=4)], days=2) == {2: 3, 3: 2}
    assert returning([move(2, "-5"), move(3, "5", day=5)], days=2) == {}


def test_the_same_words_go_before_the_same_day() -> None:
    moves = [move(2, "-5", words="x"), move(3, "5", words="y"), move(4, "5", words="x")]
    assert returning(moves) == {2: 4, 4: 2}


def test_of_three_one_stays() -> None:
    assert returning([move(2, "-5"), move(3, "5"), move(4, "5")]) == {2: 3, 3: 2}


def test_what_left_turns_into_what_came() -> None:
    old, new = move(2, "-200", "OLD", words="split"), move(3, "10", "NEW", words="split")
    assert turning([new, old]) == [(old, new)]
    assert turning([old, move(3, "10", "NEW", words="merger")]) == []


def test_one_thing_goes_before_the_order() -> None:
    moves = [
        move(2, "-200", "A", words="split"), move(3, "-9", "B", words="split"),
        move(4, "3", "B", words="split"), move(5, "10", "C", words="split"),
    ]  # fmt: skip
    assert [(left.line, came.line) for left, came in turning(moves)] == [(3, 4), (2, 5)]
    assert turning([*moves[:2], moves[3]]) == []
