"""What the books leave open, in one line."""

from __future__ import annotations

from typing import Any

from quantmatrix.cli.not_known import not_known

NOTHING: dict[str, Any] = {
    "closings_without_gain": 0,
    "proceeds_without_gain": "0.00",
    "lots_without_basis": 0,
    "rows_without_rate": {},
    "rows_of_unknown_effect": 0,
    "units": {},
    "money": {},
}


def test_where_all_is_known_nothing_is_said() -> None:
    assert not_known(NOTHING) == not_known({}) == ""


def test_each_thing_is_counted() -> None:
    told = not_known(
        NOTHING
        | {"closings_without_gain": 2, "proceeds_without_gain": "1234.50", "lots_without_basis": 1}
        | {"rows_of_unknown_effect": 3, "units": {"ABC": "100"}, "money": {"USD": "7.00"}}
    )
    assert told == (
        "not known: 2 closings without a gain (proceeds 1,234.50), 1 lot without a basis,"
        " 3 rows of unknown effect (100 ABC, 7.00 USD)"
    )


def test_a_missing_rate_is_named_with_the_way_to_give_it() -> None:
    assert "2 rows without a rate of EUR (quantmatrix transactions correct" in not_known(
        NOTHING | {"rows_without_rate": {"EUR": 2}}
    )
