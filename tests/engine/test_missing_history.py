"""What a book does not hold and its rows name neither vanishes nor is known (A.12, A.13, D.3, E.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from quantmatrix.testing.taxpayer import Connection, Taxpayer

D = Decimal


@pytest.fixture
def taxpayer(connection: Connection) -> Taxpayer:
    """A person who never said whether the account may short."""
    return Taxpayer(connection, accounts=[{"allow_short": None}, {"allow_short": None}])


def row(number: int, kind: str, instrument: int, day: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "type": kind, "account": 1, "instrument": instrument, "day": day} | more


def held(taxpayer: Taxpayer) -> dict[int, tuple[Decimal, Decimal]]:
    """Quantity and unmatched units by instrument."""
    return {
        instrument: (quantity, unmatched)
        for instrument, quantity, unmatched in taxpayer.connection.execute(
            "select instrument_id, quantity, unmatched_quantity from core.positions where user_id = %s",
            [taxpayer.id],
        ).fetchall()
    }


def lots(taxpayer: Taxpayer) -> list[tuple[Any, ...]]:
    """(instrument, side, quantity, cost, status) of the open lots."""
    return taxpayer.connection.execute(
        "select instrument_id, side, quantity_remaining, cost_remaining, basis_status from core.tax_lots"
        " where user_id = %s and closed_at is null order by opening_transaction_id, instrument_id, piece",
        [taxpayer.id],
    ).fetchall()


def gains(taxpayer: Taxpayer) -> list[tuple[Any, ...]]:
    """(kind, quantity, proceeds, basis) of the closings."""
    return taxpayer.connection.execute(
        "select kind, quantity, proceeds, basis from tax.closings where user_id = %s"
        " order by closed_on, closing_transaction_id, ordinal",
        [taxpayer.id],
    ).fetchall()


def notices(taxpayer: Taxpayer) -> list[tuple[str, int]]:
    return taxpayer.connection.execute(
        "select code::text, transaction_id from tax.notices where user_id = %s order by 2, 1", [taxpayer.id]
    ).fetchall()


def sound(taxpayer: Taxpayer) -> None:
    """Gains equal cash, and nothing of the book contradicts itself."""
    assert taxpayer.differences() == []
    found = taxpayer.connection.execute(
        "select check_name, ours, broker, evidence from reconcile.internal_checks(%s, null, '2100-01-01')"
        " where cause = 'defect'",
        [taxpayer.id],
    ).fetchall()
    assert found == []


def became(number: int, kind: str, old: int, new: int, day: str, **terms: Any) -> dict[str, Any]:
    return row(number, kind, old, day, terms={"new_instrument_id": new} | terms)


@pytest.mark.parametrize("kind", ["symbol_change", "merger_stock"])
@pytest.mark.parametrize("ratio", [{}, {"ratio_numerator": "1", "ratio_denominator": "2"}])
def test_what_a_holding_became_is_held(taxpayer: Taxpayer, kind: str, ratio: dict[str, str]) -> None:
    old, new = taxpayer.instrument("OLD"), taxpayer.instrument("NEW")
    taxpayer.load(
        [
            became(
                1, kind, old, new, "2024-03-01", stated_quantity="-2000", stated_new_quantity="1000", **ratio
            ),
            row(2, "sell", new, "2024-04-01", quantity=-400, price=5),
        ]
    )
    assert held(taxpayer) == {old: (D(-2000), D(2000)), new: (D(600), D(0))}
    assert lots(taxpayer) == [(new, "long", D(600), None, "unknown")]
    assert gains(taxpayer) == [("sale", D(400), D("2000.00"), None)]
    assert notices(taxpayer) == [("missing_history", 1), ("unknown_basis", 2)]
    sound(taxpayer)


def test_what_is_held_keeps_its_basis_beside_what_is_missing(taxpayer: Taxpayer) -> None:
    old, new = taxpayer.instrument("OLD"), taxpayer.instrument("NEW")
    taxpayer.load(
        [
            row(1, "buy", old, "2024-01-02", quantity=600, price=1),
            became(
                2, "merger_stock", old, new, "2024-03-01", stated_quantity="-1000", stated_new_quantity="500",
                ratio_numerator="1", ratio_denominator="2",
            ),
        ]
    )  # fmt: skip
    assert held(taxpayer) == {old: (D(-400), D(400)), new: (D(500), D(0))}
    assert lots(taxpayer) == [
        (new, "long", D(300), D("600.00"), "known"),
        (new, "long", D(200), None, "unknown"),
    ]
    sound(taxpayer)


@pytest.mark.parametrize(
    ("kind", "terms", "unmatched"),
    [
        ("split", {"ratio_numerator": "2", "ratio_denominator": "1", "stated_quantity": "100"}, 100),
        ("split", {"ratio_numerator": "1", "ratio_denominator": "10", "stated_quantity": "-900"}, 1000),
        ("stock_dividend", {"ratio_numerator": "5", "ratio_denominator": "100", "stated_quantity": "5"}, 100),
        ("split", {"stated_quantity": "30"}, 0),
    ],
)
def test_units_that_a_split_names_are_held(
    taxpayer: Taxpayer, kind: str, terms: dict[str, str], unmatched: int
) -> None:
    stock = taxpayer.instrument()
    taxpayer.load([row(1, kind, stock, "2024-03-01", terms=terms)])
    assert held(taxpayer) == {stock: (D(terms["stated_quantity"]), D(unmatched))}
    assert {lot[3:] for lot in lots(taxpayer)} == {(None, "unknown")}
    assert notices(taxpayer) == [("missing_history", 1)]
    sound(taxpayer)


def test_a_fraction_paid_out_is_no_missing_unit(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=55, price=4),
            row(
                2, "split", stock, "2024-08-01",
                terms={"ratio_numerator": "1", "ratio_denominator": "10", "stated_quantity": "-50"},
            ),
        ]
    )  # fmt: skip
    assert held(taxpayer) == {stock: (D("5.5"), D(0))}
    assert notices(taxpayer) == []


def test_fewer_units_than_the_book_holds_are_said(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=100, price=4),
            row(
                2, "split", stock, "2024-08-01",
                terms={"ratio_numerator": "2", "ratio_denominator": "1", "stated_quantity": "60"},
            ),
        ]
    )  # fmt: skip
    assert held(taxpayer) == {stock: (D(200), D(0))}
    assert notices(taxpayer) == [("missing_history", 2)]


def test_shares_of_a_spin_off_without_the_parent_are_held(taxpayer: Taxpayer) -> None:
    parent, child = taxpayer.instrument("OLD"), taxpayer.instrument("NEW")
    taxpayer.load([became(1, "spinoff", parent, child, "2024-03-01", stated_new_quantity="25")])
    assert held(taxpayer)[child] == (D(25), D(0))
    assert notices(taxpayer) == [("missing_history", 1)]
    sound(taxpayer)


def test_the_basis_of_both_is_unknown_until_the_share_is_stated(taxpayer: Taxpayer) -> None:
    parent, child = taxpayer.instrument("OLD"), taxpayer.instrument("NEW")
    ratio = {"ratio_numerator": "1", "ratio_denominator": "3"}
    taxpayer.load(
        [
            row(1, "buy", parent, "2019-01-10", quantity=15, price=56, commission=-1),
            became(2, "spinoff", parent, child, "2019-04-02", **ratio),
            row(3, "sell", parent, "2019-09-02", quantity=-5, price=40),
        ]
    )
    assert lots(taxpayer) == [
        (parent, "long", D(10), None, "unknown"),
        (child, "long", D(5), None, "unknown"),
    ]
    assert gains(taxpayer) == [("sale", D(5), D("200.00"), None)]
    assert ("missing_terms", 2) in notices(taxpayer)
    sound(taxpayer)
    taxpayer.connection.execute(
        "update tax.transaction_terms set basis_fraction = 0.25 where user_id = %s and transaction_id = 2",
        [taxpayer.id],
    )
    assert [lot[3] for lot in lots(taxpayer)] == [D("420.50"), D("210.25")]
    assert gains(taxpayer) == [("sale", D(5), D("200.00"), D("210.25"))]
    assert notices(taxpayer) == []
    sound(taxpayer)


def test_cash_of_a_merger_without_a_holding_counts_as_of_unknown_basis(taxpayer: Taxpayer) -> None:
    old, new = taxpayer.instrument("OLD"), taxpayer.instrument("NEW")
    taxpayer.load(
        [
            row(1, "merger_cash", old, "2024-03-01", gross=1250, net=1250),
            became(
                2, "merger_mixed", new, old, "2024-05-01", stated_quantity="-100", stated_new_quantity="50",
                cash_per_share="3",
            ),
        ]
    )  # fmt: skip
    assert [gain[2:] for gain in gains(taxpayer)] == [(D("1250.00"), None), (D("300.00"), None)]
    assert taxpayer.totals()["by_year"]["2024"]["unknown_basis_proceeds"] == D("1550.00")
    assert held(taxpayer)[old] == (D(50), D(0))
    sound(taxpayer)


def option_on(taxpayer: Taxpayer, stock: int, right: str = "put", strike: int = 50) -> int:
    return taxpayer.instrument(
        f"ABC {right} {strike}",
        "option",
        multiplier=100,
        option_type=right,
        strike=strike,
        expiration="2024-06-21",
        underlying_id=stock,
    )


@pytest.mark.parametrize(
    ("right", "kind", "quantity"), [("put", "option_assignment", 1), ("call", "option_exercise", -1)]
)
def test_shares_of_an_option_that_is_not_in_the_book_have_no_known_basis(
    taxpayer: Taxpayer, right: str, kind: str, quantity: int
) -> None:
    stock = taxpayer.instrument()
    option = option_on(taxpayer, stock, right)
    taxpayer.load([row(1, kind, option, "2024-06-21", quantity=quantity)])
    assert lots(taxpayer) == [(stock, "long", D(100), None, "unknown")]
    assert held(taxpayer)[option] == (D(quantity), D(-quantity))
    assert notices(taxpayer) == [("missing_history", 1)]
    sound(taxpayer)
    taxpayer.load(
        [row(2, "set_basis", stock, "2024-06-21", terms={"supplied_basis": "4800"}, partner=1, link="basis")]
    )
    assert [lot[3] for lot in lots(taxpayer)] == [D("4800.00")]
    sound(taxpayer)


@pytest.mark.parametrize(
    ("right", "kind", "quantity"), [("call", "option_assignment", 1), ("put", "option_exercise", -1)]
)
def test_shares_sold_by_an_option_that_is_not_in_the_book_bring_no_known_gain(
    taxpayer: Taxpayer, right: str, kind: str, quantity: int
) -> None:
    stock = taxpayer.instrument()
    option = option_on(taxpayer, stock, right)
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=100, price=40),
            row(2, kind, option, "2024-06-21", quantity=quantity),
        ]
    )
    assert [(gain[0], gain[2]) for gain in gains(taxpayer)] == [("sale", None)]
    assert ("missing_history", 2) in notices(taxpayer)
    sound(taxpayer)


@pytest.mark.parametrize(
    "proof",
    [
        {"type": "option_assignment", "quantity": 2, "day": "2024-06-21"},
        {"type": "option_expiration", "quantity": 2, "day": "2024-06-21"},
        {"type": "buy", "quantity": 2, "price": 1, "day": "2024-05-21"},
    ],
    ids=lambda proof: str(proof["type"]),
)
def test_a_later_row_proves_that_an_option_was_written(taxpayer: Taxpayer, proof: dict[str, Any]) -> None:
    stock = taxpayer.instrument()
    option = option_on(taxpayer, stock)
    taxpayer.load([row(1, "sell", option, "2024-02-01", quantity=-2, price=2)])
    assert held(taxpayer) == {option: (D(-2), D(2))}
    assert [gain[0] for gain in gains(taxpayer)] == ["unmatched"]
    taxpayer.load([row(2, "other", option, "2024-06-21") | proof])
    assert "unmatched" not in [gain[0] for gain in gains(taxpayer)]
    assert held(taxpayer)[option] == (D(0), D(0))
    assert [lot[3] for lot in lots(taxpayer)] == (
        [D("9600.00")] if proof["type"] == "option_assignment" else []
    )
    sound(taxpayer)


def test_what_proves_nothing_leaves_the_sale_unmatched(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    option = option_on(taxpayer, stock)
    taxpayer.load(
        [
            row(1, "sell", option, "2024-02-01", quantity=-5, price=2),
            row(2, "buy", option, "2024-03-01", quantity=3, price=1),
        ]
    )
    assert [gain[:2] for gain in gains(taxpayer)] == [("unmatched", D(5))]
    assert [lot[1:3] for lot in lots(taxpayer)] == [("long", D(3))]
    sound(taxpayer)


def test_a_short_that_expires_without_being_in_the_book_is_no_defect(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    option = option_on(taxpayer, stock)
    taxpayer.load([row(1, "option_expiration", option, "2024-06-21", quantity=2)])
    assert held(taxpayer) == {option: (D(2), D(-2))}
    sound(taxpayer)


def test_capital_returned_without_a_rate_lowers_the_cost_in_the_trading_currency(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument(currency="EUR", symbol="EUR STOCK")
    taxpayer.load(
        [
            row(
                1, "buy", stock, "2024-01-02", quantity=10, price=7, currency="EUR", terms={"fx_rate": "1.1"}
            ),
            row(2, "return_of_capital", stock, "2024-02-02", gross=20, net=20, currency="EUR"),
        ]
    )
    found = taxpayer.connection.execute(
        "select cost_remaining, native_cost_remaining from core.tax_lots where user_id = %s", [taxpayer.id]
    ).fetchall()
    assert found == [(None, D("50.00"))]
    assert ("unknown_rate", 2) in notices(taxpayer)
