"""Rules that no worked case shows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from quantmatrix.testing.taxpayer import Connection, Taxpayer

D = Decimal


def open_lots(taxpayer: Taxpayer) -> list[tuple[Any, ...]]:
    """(account, instrument, side, quantity, cost, native cost, status) of the open lots, in lot order."""
    return taxpayer.connection.execute(
        "select account_id, instrument_id, side, quantity_remaining, cost_remaining, native_cost_remaining,"
        " basis_status from core.tax_lots where user_id = %s and closed_at is null"
        " order by acquired_at nulls first, opening_transaction_id, piece",
        [taxpayer.id],
    ).fetchall()


def gains(taxpayer: Taxpayer) -> list[tuple[Any, ...]]:
    """(kind, quantity, proceeds, basis, term, year, box) of the closings."""
    return taxpayer.connection.execute(
        "select kind, quantity, proceeds, basis, term, tax_year, box from tax.closings where user_id = %s"
        " order by closed_on, closing_transaction_id, ordinal",
        [taxpayer.id],
    ).fetchall()


def notices(taxpayer: Taxpayer) -> list[tuple[str, int]]:
    return taxpayer.connection.execute(
        "select code::text, transaction_id from tax.notices where user_id = %s order by 2, 1", [taxpayer.id]
    ).fetchall()


def row(number: int, kind: str, instrument: int, day: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "type": kind, "account": 1, "instrument": instrument, "day": day} | more


def test_an_unknown_rate_leaves_the_tax_amount_open_and_keeps_the_native_one(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [row(1, "buy", stock, "2024-01-02", quantity=10, price="7.005", currency="EUR", commission="-1")]
    )
    assert open_lots(taxpayer) == [(1, stock, "long", D(10), None, D("71.05"), "unknown_rate")]
    assert notices(taxpayer) == [("unknown_rate", 1)]
    taxpayer.load([row(2, "sell", stock, "2024-02-02", quantity=-10, price=8, currency="EUR")])
    assert gains(taxpayer)[0][2:4] == (None, None)


def test_fees_in_a_third_currency_have_their_own_rate(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    terms = {"fx_rate": "1.1", "fee_currency": "GBP", "fee_fx_rate": "1.3"}
    taxpayer.load(
        [
            row(
                1,
                "buy",
                stock,
                "2024-01-02",
                quantity=10,
                price=10,
                commission="-2",
                currency="EUR",
                terms=terms,
            )
        ]
    )
    assert open_lots(taxpayer)[0][4] == D("112.60")


def test_a_corrected_row_and_its_cancellation_are_nowhere(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=10, price=10),
            row(2, "sell", stock, "2024-01-02", quantity=-10, price=10, partner=1, link="correction"),
            row(3, "buy", stock, "2024-01-02", quantity=10, price="10.50"),
        ]
    )
    assert open_lots(taxpayer) == [(1, stock, "long", D(10), D("105.00"), D("105.00"), "known")]
    assert gains(taxpayer) == []


def test_a_replacement_stands_for_the_row_it_corrects(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=10, price=10),
            row(2, "buy", stock, "2024-01-02", quantity=12, price=10, partner=1, link="correction"),
        ]
    )
    assert [lot[3] for lot in open_lots(taxpayer)] == [D(12)]


def option_on(taxpayer: Taxpayer, stock: int, right: str = "call", strike: int = 50) -> int:
    return taxpayer.instrument(
        f"ABC {right} {strike}",
        "option",
        multiplier=100,
        option_type=right,
        strike=strike,
        expiration="2024-06-21",
        underlying_id=stock,
    )


def test_an_assignment_and_its_linked_stock_row_are_one_event(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    call = option_on(taxpayer, stock)
    taxpayer.load(
        [
            row(1, "buy", stock, "2023-01-03", quantity=200, price=40),
            row(2, "sell", call, "2024-02-01", quantity=-2, price="1.50", commission="-1.30", effect="open"),
            row(
                4,
                "sell",
                stock,
                "2024-03-15",
                quantity=-200,
                price=50,
                gross=10000,
                commission="-0.70",
                net="9999.30",
            ),
            row(
                3,
                "option_assignment",
                call,
                "2024-03-15",
                quantity=2,
                terms={"exercise_settlement": "linked"},
                partner=4,
                link="exercise",
            ),
        ]
    )
    assert gains(taxpayer) == [("sale", D(200), D("10298.00"), D("8000.00"), "long", 2024, "D")]
    assert open_lots(taxpayer) == []
    assert taxpayer.differences() == []


def test_a_linked_exercise_without_its_stock_row_is_noticed_and_foots(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    call = option_on(taxpayer, stock)
    taxpayer.load(
        [
            row(1, "buy", call, "2024-02-01", quantity=1, price=2),
            row(
                2, "option_exercise", call, "2024-03-15", quantity=-1, terms={"exercise_settlement": "linked"}
            ),
        ]
    )
    assert gains(taxpayer) == [("expire", D(1), D(0), D("200.00"), "short", 2024, "A")]
    assert notices(taxpayer) == [("missing_terms", 2)]


def test_an_expiration_finds_its_direction_in_the_position(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    call, put = option_on(taxpayer, stock), option_on(taxpayer, stock, "put", 30)
    taxpayer.load(
        [
            row(1, "buy", call, "2024-02-01", quantity=3, price=2),
            row(2, "sell", put, "2024-02-01", quantity=-2, price=1, effect="open"),
            row(3, "option_expiration", call, "2024-06-21", terms={"stated_quantity": "2"}),
            row(4, "option_expiration", put, "2024-06-21"),
            row(5, "option_expiration", put, "2024-06-21"),
        ]
    )
    assert [(g[0], g[1], g[2], g[3]) for g in gains(taxpayer)] == [
        ("expire", D(2), D(0), D("400.00")),
        ("expire", D(2), D("200.00"), D(0)),
    ]
    assert [lot[3] for lot in open_lots(taxpayer)] == [D(1)]
    assert notices(taxpayer) == [("unknown_direction", 5)]


def test_a_split_without_ratio_follows_the_brokers_added_shares(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=10, price=10),
            row(2, "buy", stock, "2024-01-03", quantity=5, price=10),
            row(3, "split", stock, "2024-02-01", terms={"stated_quantity": "30"}),
            row(4, "split", stock, "2024-03-01"),
        ]
    )
    assert [lot[3:5] for lot in open_lots(taxpayer)] == [(D(30), D("100.00")), (D(15), D("50.00"))]
    assert notices(taxpayer) == [("missing_terms", 4)]


@pytest.mark.parametrize(
    ("held", "added", "after"),
    [
        # Ten for one: 21.111102 were added, of which four decimals are printed.
        ("2.345678", "21.1111", "23.45678"),
        # Three for two: 0.5061725.
        ("1.012345", "0.5061", "1.5185175"),
        ("1.012345", "0.5062", "1.5185175"),
        # One for twenty.
        ("101.234567", "-96.1728", "5.06172835"),
        # What the broker keeps is what it prints: nothing is rounded but the last decimal itself.
        ("10.123", "5.062", "15.185"),
        ("2.3457", "21.1113", "23.457"),
        # Nothing simple is within the rounding.
        ("2.345678", "0.7777", "3.123378"),
    ],
)
def test_a_ratio_from_printed_units_is_the_simple_one_within_their_rounding(
    taxpayer: Taxpayer, held: str, added: str, after: str
) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=held, price=10),
            row(2, "split", stock, "2024-02-01", terms={"stated_quantity": added}),
        ]
    )
    assert [lot[3] for lot in open_lots(taxpayer)] == [D(after)]


def test_cash_for_a_fraction_in_a_row_of_its_own_belongs_to_the_action(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=55, price=4),
            row(2, "split", stock, "2024-08-01", terms={"ratio_numerator": "1", "ratio_denominator": "10"}),
            row(
                3,
                "cash_in_lieu",
                stock,
                "2024-08-09",
                gross="22.50",
                net="22.50",
                partner=2,
                link="cash_in_lieu",
            ),
        ]
    )
    closing = taxpayer.connection.execute(
        "select closing_transaction_id, kind, quantity, closed_on, proceeds, basis from tax.closings"
        " where user_id = %s",
        [taxpayer.id],
    ).fetchall()
    assert closing == [(3, "cash_in_lieu", D("0.5"), date(2024, 8, 1), D("22.50"), D("20.00"))]
    assert taxpayer.differences() == []


def test_cash_for_a_fraction_that_nothing_speaks_for_sells_the_fraction(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity="10.25", price=4),
            row(2, "cash_in_lieu", stock, "2024-08-09", gross="2.00", net="2.00"),
        ]
    )
    assert [(g[0], g[1], g[2], g[3]) for g in gains(taxpayer)] == [
        ("cash_in_lieu", D("0.25"), D("2.00"), D("1.00"))
    ]


def test_a_transfer_of_part_of_a_lot_keeps_its_dates_and_wash_state(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=100, price=10),
            row(2, "sell", stock, "2024-02-01", quantity=-100, price=8),
            row(3, "buy", stock, "2024-02-05", quantity=100, price=8),
            row(4, "transfer_out", stock, "2024-03-01", quantity=-40, partner=5, link="transfer"),
            row(5, "transfer_in", stock, "2024-03-04", quantity=40) | {"account": 2},
        ]
    )
    lots = taxpayer.connection.execute(
        "select l.account_id, l.quantity_remaining, l.cost_remaining, l.wash_sale_adjustment,"
        " l.holding_start, s.is_used, s.arrived_on"
        " from core.tax_lots l join tax.lot_state s on s.user_id = l.user_id and s.lot_id = l.id"
        " where l.user_id = %s order by 1",
        [taxpayer.id],
    ).fetchall()
    assert lots == [
        (1, D(60), D("600.00"), D("120.00"), date(2024, 1, 6), True, None),
        (2, D(40), D("400.00"), D("80.00"), date(2024, 1, 6), True, date(2024, 3, 1)),
    ]


def test_a_short_position_moves_by_the_sign_of_its_rows(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "sell", stock, "2024-01-02", quantity=-10, price=10, effect="open"),
            row(2, "transfer_out", stock, "2024-03-01", quantity=-10, partner=3, link="transfer")
            | {"account": 2},
            row(3, "transfer_in", stock, "2024-03-01", quantity=10),
            row(4, "buy", stock, "2024-04-01", quantity=10, price=9, effect="close") | {"account": 2},
        ]
    )
    assert [(g[0], g[1], g[2], g[3]) for g in gains(taxpayer)] == [("cover", D(10), D("100.00"), D("90.00"))]
    assert open_lots(taxpayer) == []
    assert {p[2] for p in taxpayer.state()["positions"]} == {D(0)}


def test_a_promotion_has_no_basis_until_it_is_supplied(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load([row(1, "promotion", stock, "2024-01-02", quantity=2)])
    assert open_lots(taxpayer)[0][4:] == (None, None, "unknown")
    taxpayer.load(
        [row(2, "set_basis", stock, "2024-05-05", terms={"supplied_basis": "12.34"}, partner=1, link="basis")]
    )
    assert open_lots(taxpayer)[0][4:] == (D("12.34"), D("12.34"), "known")
    taxpayer.load(
        [row(3, "set_basis", stock, "2024-06-05", terms={"supplied_basis": "10"}, partner=1, link="basis")]
    )
    assert open_lots(taxpayer)[0][4] == D("10.00")


def test_a_loss_on_a_cover_counts_when_it_settles(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "sell", stock, "2024-12-02", quantity=-10, price=20, effect="open"),
            row(2, "buy", stock, "2024-12-31", quantity=5, price=25),
            row(3, "buy", stock, "2024-12-31", quantity=5, price=15),
        ]
    )
    assert [g[5] for g in gains(taxpayer)] == [2025, 2024]


def test_same_day_rows_follow_time_then_sequence(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    at = [datetime(2024, 5, 6, hour, tzinfo=UTC) for hour in (14, 15, 16)]
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-05-06", at=at[2].isoformat(), quantity=10, price=11),
            row(2, "buy", stock, "2024-05-06", at=at[0].isoformat(), quantity=10, price=10),
            row(3, "sell", stock, "2024-05-06", at=at[1].isoformat(), quantity=-10, price=12),
        ]
    )
    assert gains(taxpayer)[0][3] == D("100.00")


def test_a_retirement_account_swallows_the_loss(connection: Connection) -> None:
    taxpayer = Taxpayer(connection, accounts=[{}, {"account_type": "roth_ira", "allow_short": None}])
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=10, price=20),
            row(2, "sell", stock, "2024-03-01", quantity=-10, price=10),
            row(3, "buy", stock, "2024-03-20", quantity=4, price=10) | {"account": 2},
        ]
    )
    found = taxpayer.state()["closings"][0]
    assert found[17:19] == (D(0), D("40.00"))
    assert [lot[3:5] for lot in open_lots(taxpayer)] == [(D(4), D("40.00"))]
    state = taxpayer.value("select bool_and(is_used) from tax.lot_state where user_id = %s")
    assert state is True


def test_method_and_as_of_are_asked_without_writing(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=10, price=10),
            row(2, "buy", stock, "2024-01-03", quantity=10, price=20),
            row(3, "sell", stock, "2024-03-01", quantity=-10, price=30),
        ]
    )
    before = taxpayer.versions()

    def run(options: str) -> list[tuple[Any, ...]]:
        return taxpayer.connection.execute(
            "select (r.closing).basis from tax.run(%s, %s, %s) r where r.kind = 'closing'",
            [taxpayer.id, stock, options],
        ).fetchall()

    assert run("{}") == [(D("100.00"),)]
    assert run('{"method": "lifo"}') == [(D("200.00"),)]
    assert run('{"as_of": "2024-02-29"}') == []
    assert taxpayer.versions() == before


def test_a_position_of_two_instruments_after_a_spin_off(taxpayer: Taxpayer) -> None:
    stock, child = taxpayer.instrument(), taxpayer.instrument("KID")
    terms = {"new_instrument_id": child, "ratio_numerator": "1", "ratio_denominator": "4"}
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=100, price=10),
            row(2, "spinoff", stock, "2024-02-01", terms=terms),
        ]
    )
    assert open_lots(taxpayer) == [
        (1, stock, "long", D(100), None, None, "unknown"),
        (1, child, "long", D(25), None, None, "unknown"),
    ]
    assert {(p[1], p[2]) for p in taxpayer.state()["positions"]} == {(stock, D(100)), (child, D(25))}
