"""Questions that change nothing: methods compared, a sale tried, a lot and a closing explained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.future_histories import SIZE, futures
from quantmatrix.testing.histories import Row, histories
from quantmatrix.testing.properties import lawful, person_with, rolled_back
from quantmatrix.testing.taxpayer import Connection, Taxpayer

D = Decimal
CENT = D("0.01")
EQUATION = re.compile(r"(?:round\()?(-?[\d.]+(?: [×/+−](?: [a-z]+)* -?[\d.]+)+)(?:, 2\))? = (-?[\d.]+)")


def asked(taxpayer: Taxpayer, query: str, *parameters: Any) -> Any:
    """The answer of an api function to the person, as PostgREST would ask; a refusal leaves no trace."""
    claims = json.dumps({"sub": str(taxpayer.id), "role": "quantmatrix_user"})
    with taxpayer.connection.transaction(force_rollback=True):
        taxpayer.connection.execute("set local session authorization authenticator")
        taxpayer.connection.execute(
            "select set_config('request.jwt.claims', %s, true), set_config('role', 'quantmatrix_user', true)",
            [claims],
        )
        row = taxpayer.connection.execute(f"select {query}".encode(), parameters).fetchone()
    assert row is not None
    return row[0]


def row(number: int, kind: str, instrument: int, day: str, **more: Any) -> Row:
    return {"id": number, "type": kind, "account": 1, "instrument": instrument, "day": day} | more


def computed(formula: str) -> D:
    """The value of a formula of × / + −, worked from left to right as the engine does, to the cent."""
    tokens = re.findall(r"[×/+−]|-?[\d.]+", formula)
    value = D(tokens[0])
    for sign, number in zip(tokens[1::2], tokens[2::2], strict=True):
        other = D(number)
        value = {"×": value * other, "/": value / other if other else value, "+": value + other}.get(
            sign, value - other
        )
    return value


def wrong_equations(report: dict[str, Any]) -> list[str]:
    """Lines of an explanation whose arithmetic does not come out."""
    wrong = []
    for step in report["steps"]:
        for line in step["arithmetic"]:
            for formula, result in EQUATION.findall(line):
                value = computed(formula)
                to = D(result)
                if value != to and value.quantize(CENT, ROUND_HALF_UP) != to and "units" not in line:
                    wrong.append(line)
    return wrong


@pytest.fixture(scope="module")
def shared(module_database: Database) -> Iterator[Connection]:
    with module_database.connect() as connection:
        connection.autocommit = False
        yield connection


# -- compare ------------------------------------------------------------------------------------------------


def test_methods_stand_side_by_side_and_nothing_is_stored(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2023-01-03", quantity=10, price=10),
            row(2, "buy", stock, "2024-01-03", quantity=10, price=20),
            row(3, "sell", stock, "2024-06-03", quantity=-10, price=30),
        ]
    )
    before = taxpayer.versions()
    report = asked(taxpayer, "api.lots_compare(2024)")
    assert report["currency"] == "USD"
    assert report["methods"] == ["recorded", "fifo", "lifo", "hifo", "lofo", "average", "mintax"]
    assert {r["method"]: (r["short_term"], r["long_term"]) for r in report["rows"]} == {
        "recorded": ("0.00", "200.00"),
        "fifo": ("0.00", "200.00"),
        "lifo": ("100.00", "0.00"),
        "hifo": ("100.00", "0.00"),
        "lofo": ("0.00", "200.00"),
        # Average is not for stock: what the law leaves is FIFO.
        "average": ("0.00", "200.00"),
        "mintax": ("0.00", "200.00"),
    }
    assert report["rows"][2]["instruments"][0]["symbol"] == "ABC"
    assert report["rows"][2]["instruments"][0]["recognized"] == "100.00"
    assert taxpayer.versions() == before


def test_average_is_tried_where_it_is_allowed(taxpayer: Taxpayer) -> None:
    fund = taxpayer.instrument("FND", "fund")
    taxpayer.load(
        [
            row(1, "buy", fund, "2023-01-03", quantity=10, price=10),
            row(2, "buy", fund, "2024-01-03", quantity=10, price=20),
            row(3, "sell", fund, "2024-06-03", quantity=-10, price=30),
        ]
    )
    report = asked(taxpayer, "api.lots_compare(2024, array['average'])")
    assert [(r["method"], r["recognized"]) for r in report["rows"]] == [
        ("recorded", "200.00"),
        ("average", "150.00"),
    ]


def test_lots_named_for_a_sale_do_not_stop_a_comparison(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2023-01-03", quantity=10, price=10),
            row(2, "buy", stock, "2024-01-03", quantity=10, price=20),
            row(3, "sell", stock, "2024-06-03", quantity=-10, price=30),
            row(4, "sell", stock, "2024-06-04", quantity=-10, price=30),
        ]
    )
    taxpayer.connection.execute(
        "insert into tax.lot_picks (user_id, transaction_id, pick_order, opening_transaction_id, quantity)"
        " values (%s, 4, 1, 2, 10)",
        [taxpayer.id],
    )
    # Under LIFO the first sale takes the lot that the second one names.
    report = asked(taxpayer, "api.lots_compare(2024, array['lifo'])")
    assert {r["recognized"] for r in report["rows"]} == {"300.00"}


def test_a_method_that_is_no_rule_is_refused(taxpayer: Taxpayer) -> None:
    with pytest.raises(psycopg.Error) as refused:
        asked(taxpayer, "api.lots_compare(2024, array['specific'])")
    assert refused.value.sqlstate == "QM002"


@lawful
@given(history=histories())
def test_the_recorded_method_is_what_totals_say(shared: Connection, history: list[Row]) -> None:
    with rolled_back(shared):
        taxpayer, rows = person_with(shared, history)
        taxpayer.load(rows)
        before = taxpayer.versions()
        report = asked(taxpayer, "api.lots_compare()")
        years = taxpayer.totals()["by_year"]
        recorded = [r for r in report["rows"] if r["method"] == "recorded"]
        assert {str(r["year"]) for r in recorded} >= set(years)
        for found in recorded:
            if str(found["year"]) in years:
                sums = years[str(found["year"])]
                assert {name: D(str(v)) for name, v in sums.items()} == {n: D(found[n]) for n in sums}
        assert taxpayer.versions() == before


# -- what if ------------------------------------------------------------------------------------------------


def sale(taxpayer: Taxpayer, quantity: Any, price: Any, day: str, **more: Any) -> Any:
    names = "".join(f", {name} => %s" for name in more)
    return asked(
        taxpayer,
        f"api.what_if_sale('1', 'ABC', %s, %s, %s{names})",
        quantity,
        price,
        day,
        *more.values(),
    )


def test_a_sale_is_tried_without_a_trace(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2023-01-03", quantity=10, price=10),
            row(2, "buy", stock, "2024-06-03", quantity=10, price=40),
        ]
    )
    before = taxpayer.versions()
    report = sale(taxpayer, 15, 30, "2024-06-20", fees="1.50")
    assert (report["proceeds"], report["basis"], report["gain"]) == ("448.50", "300.00", "148.50")
    assert [(c["quantity"], c["term"], c["gain"]) for c in report["closings"]] == [
        ("10", "long", "199.00"),
        ("5", "short", "-50.50"),
    ]
    assert report["by_term"]["short"]["recognized"] == "-50.50"
    assert report["remaining"]["quantity"] == "5"
    assert [(lot["quantity"], lot["basis"]) for lot in report["remaining"]["lots"]] == [("5", "200.00")]
    assert (report["loss_still_exposed"], report["window_open_until"]) == ("50.50", "2024-07-20")
    assert taxpayer.versions() == before


def test_wash_sales_of_a_tried_sale_name_their_replacement(connection: Connection) -> None:
    taxpayer = Taxpayer(connection, accounts=[{}, {"account_type": "ira", "allow_short": None}])
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2023-01-03", quantity=10, price=40),
            row(2, "buy", stock, "2024-06-03", quantity=4, price=30),
            row(3, "buy", stock, "2024-06-25", quantity=3, price=30) | {"account": 2},
        ]
    )
    report = sale(taxpayer, 10, 30, "2024-06-20", method="fifo")
    assert (report["gain"], report["disallowed"], report["permanently_disallowed"]) == (
        "-100.00",
        "40.00",
        "30.00",
    )
    assert [
        (w["loss_transaction_id"], w["replacement_transaction_id"], w["amount"], w["is_permanent"])
        for w in report["wash_sales"]
    ] == [(None, 2, "40.00", False), (None, 3, "30.00", True)]
    assert [
        (lot["basis"], lot["wash_sale_adjustment"], lot["holding_start"])
        for lot in report["remaining"]["lots"]
    ] == [("160.00", "40.00", "2022-12-17")]


def test_a_tried_sale_in_the_past_says_what_else_would_change(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2023-01-03", quantity=10, price=10),
            row(2, "buy", stock, "2023-02-03", quantity=10, price=20),
            row(3, "sell", stock, "2024-06-03", quantity=-10, price=30),
        ]
    )
    report = sale(taxpayer, 10, 25, "2024-01-10")
    assert report["other_closings_changed"] == [
        {"transaction_id": 3, "recorded": "200.00", "recognized": "100.00"}
    ]
    # Nothing of what came later is counted as held on that day.
    assert report["remaining"]["quantity"] == "10"


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        ((11, 10, "2024-06-03"), "QM030"),
        ((10, 10, "2022-06-03"), "QM030"),
        ((0, 10, "2024-06-03"), "QM002"),
        ((-1, 10, "2024-06-03"), "QM002"),
        (("NaN", 10, "2024-06-03"), "QM002"),
        ((1, -10, "2024-06-03"), "QM002"),
        ((1, None, "2024-06-03"), "QM002"),
    ],
)
def test_a_sale_that_cannot_be_is_refused(taxpayer: Taxpayer, given_: tuple[Any, ...], code: str) -> None:
    taxpayer.load([row(1, "buy", taxpayer.instrument(), "2023-01-03", quantity=10, price=10)])
    with pytest.raises(psycopg.Error) as refused:
        sale(taxpayer, *given_)
    assert refused.value.sqlstate == code


@pytest.mark.parametrize("method", ["fifo", "lifo", "hifo", "lofo", "mintax"])
def test_a_tried_sale_is_the_sale(connection: Connection, method: str) -> None:
    """What is tried equals what comes out when it is entered."""
    history = [
        row(1, "buy", 0, "2023-01-03", quantity=10, price=40),
        row(2, "buy", 0, "2023-09-03", quantity="7.5", price="33.335"),
        row(3, "buy", 0, "2024-06-03", quantity=12, price=29),
        row(4, "buy", 0, "2024-07-01", quantity=2, price=25),
    ]
    taxpayer = Taxpayer(connection)
    stock = taxpayer.instrument()
    taxpayer.load([r | {"instrument": stock} for r in history])
    tried = sale(taxpayer, 15, 30, "2024-06-20", method=method, fees="0.99")
    taxpayer.load(
        [
            row(
                5, "sell", stock, "2024-06-20", quantity=-15, price=30, commission="-0.99",
                terms={"lot_method": method},
            )
        ]
    )  # fmt: skip
    entered = connection.execute(
        "select quantity, proceeds, basis, disallowed, term::text from tax.closings"
        " where user_id = %s order by ordinal",
        [taxpayer.id],
    ).fetchall()
    assert [
        (D(c["quantity"]), D(c["proceeds"]), D(c["basis"]), D(c["disallowed"]), c["term"])
        for c in tried["closings"]
    ] == entered


# -- explain ------------------------------------------------------------------------------------------------


def explained(taxpayer: Taxpayer) -> Iterator[tuple[str, dict[str, Any], tuple[Any, ...]]]:
    """Every lot and closing of the person with its explanation."""
    lots = taxpayer.connection.execute(
        "select id, quantity_remaining, cost_remaining, wash_sale_adjustment, holding_start"
        " from core.tax_lots where user_id = %s",
        [taxpayer.id],
    ).fetchall()
    for lot in lots:
        yield "lot", asked(taxpayer, "api.lots_explain(%s)", lot[0]), lot
    closings = taxpayer.connection.execute(
        "select id, quantity, basis, disallowed, opening_transaction_id from tax.closings where user_id = %s",
        [taxpayer.id],
    ).fetchall()
    for closing in closings:
        yield "closing", asked(taxpayer, "api.lots_explain(closing => %s)", closing[0]), closing


@lawful
@given(rows=futures(most_days=4))
def test_every_lot_and_closing_of_a_future_explains_itself(shared: Connection, rows: list[Row]) -> None:
    with rolled_back(shared):
        taxpayer = Taxpayer(shared, accounts=[{"allow_short": False}])
        contract = taxpayer.instrument("ESH4", "future", multiplier=SIZE)
        taxpayer.load([row | {"instrument": contract} for row in rows])
        for kind, report, stored in explained(taxpayer):
            assert wrong_equations(report) == []
            if kind == "lot":
                assert D(report["steps"][-1]["after"]["basis"]) == stored[2]


@lawful
@given(history=histories(most=15))
def test_every_lot_and_closing_explains_itself(shared: Connection, history: list[Row]) -> None:
    with rolled_back(shared):
        taxpayer, rows = person_with(shared, history)
        taxpayer.load(rows)
        for kind, report, stored in explained(taxpayer):
            assert wrong_equations(report) == []
            if kind == "lot":
                after = report["steps"][-1]["after"]
                assert D(after["quantity"]) == stored[1]
                assert after["basis"] is None if stored[2] is None else D(after["basis"]) == stored[2]
                assert D(after["wash_sale_adjustment"]) == stored[3]
                assert after["holding_start"] == (stored[4].isoformat() if stored[4] else None)
            else:
                assert len(report["steps"]) > (1 if stored[4] is not None else 0)
                assert report["steps"][-1]["what"].startswith(report["symbol"])


def told(taxpayer: Taxpayer, query: str, number: int) -> list[str]:
    report = asked(taxpayer, query, number)
    return [line for step in report["steps"] for line in step["arithmetic"]]


def test_fees_splits_and_shares_are_shown(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-10", quantity=100, price=10, commission="-1.00"),
            row(2, "split", stock, "2024-02-01", terms={"ratio_numerator": "3", "ratio_denominator": "2"}),
            row(3, "return_of_capital", stock, "2024-03-01", terms={"amount_per_share": "1.50"}),
            row(4, "sell", stock, "2024-04-01", quantity=-60, price=12, commission="-1.20"),
        ]
    )
    closing = taxpayer.value("select id from tax.closings where user_id = %s")
    assert told(taxpayer, "api.lots_explain(closing => %s)", closing) == [
        "100 × 10 = 1000.00",
        "1000.00 + fees 1.00 = 1001.00",
        "100 × 3 / 2 = 150 units",
        "capital returned: 225.00 (150 × 1.50)".replace("1.50", "1.5"),
        "1001.00 − 225.00 = 776.00",
        "60 of 150 units go, with round(776.00 × 60 / 150, 2) = 310.40",
        "60 × 12 = 720.00",
        "720.00 − fees 1.20 = 718.80",
        "proceeds for 60 of 60 units: all of 718.80",
        "gain: 718.80 − 310.40 = 408.40",
        "term: held from 2024-01-10, long-term from 2025-01-11 on; closed 2024-04-01: short",
        "tax year 2024, box A of Form 8949",
    ]


def test_a_fraction_of_what_an_action_brought_is_shown_after_it(taxpayer: Taxpayer) -> None:
    parent, child, other = (taxpayer.instrument(symbol) for symbol in ("ABC", "KID", "NEW"))
    fraction = {"new_instrument_id": child, "fraction_handling": "cash", "cash_in_lieu": "4.00"}
    worth = {"new_instrument_id": other, "ratio_numerator": "5", "ratio_denominator": "8", "fx_rate": "1.1"}
    taxpayer.load(
        [
            row(1, "buy", parent, "2024-01-10", quantity=30, price=10),
            row(
                2,
                "spinoff",
                parent,
                "2024-02-01",
                terms=fraction | {"ratio_numerator": "1", "ratio_denominator": "4", "basis_fraction": "0.2"},
            ),
            row(
                3,
                "merger_mixed",
                parent,
                "2024-03-01",
                terms=worth
                | {
                    "taxable": True,
                    "cash_per_share": "1",
                    "value_per_new_share": "20",
                    "fraction_handling": "cash",
                    "cash_in_lieu": "15.00",
                },
                currency="EUR",
            ),
        ]
    )
    lots = "select id from core.tax_lots where user_id = %s and instrument_id = "
    assert told(taxpayer, "api.lots_explain(%s)", taxpayer.value(f"{lots}{child}"))[1:] == [
        "7.5 units for 30 of the parent (1 for 4)",
        "round(300.00 × 0.2, 2) = 60.00 of the parent's basis",
        "0.5 of 7.5 units go, with round(60.00 × 0.5 / 7.5, 2) = 4.00",
    ]
    assert told(taxpayer, "api.lots_explain(%s)", taxpayer.value(f"{lots}{other}")) == [
        "18.75 × value 20 × rate 1.1 = 412.50",
        "0.75 of 18.75 units go, with round(412.50 × 0.75 / 18.75, 2) = 16.50",
    ]


def test_a_wash_sale_is_shown_on_both_sides(taxpayer: Taxpayer) -> None:
    stock = taxpayer.instrument()
    taxpayer.load(
        [
            row(1, "buy", stock, "2024-01-02", quantity=100, price=10),
            row(2, "sell", stock, "2024-02-01", quantity=-100, price=8),
            row(3, "buy", stock, "2024-02-05", quantity=60, price=8),
            row(4, "transfer_out", stock, "2024-03-01", quantity=-20, partner=5, link="transfer"),
            row(5, "transfer_in", stock, "2024-03-04", quantity=20) | {"account": 2},
        ]
    )
    lot = taxpayer.value("select id from core.tax_lots where user_id = %s and account_id = 2")
    assert told(taxpayer, "api.lots_explain(%s)", lot) == [
        "60 × 8 = 480.00",
        "wash sale: 120.00 of the loss of transaction 2 is deferred into these units:"
        " 480.00 + 120.00 = 600.00",
        "holding counts from 2024-01-06, 30 days earlier: the days of the shares sold are added",
        "20 of 60 units: round(600.00 × 20 / 60, 2) = 200.00",
        "from account 1 to 2; dates and basis go along",
    ]
    closing = taxpayer.value("select id from tax.closings where user_id = %s")
    lines = told(taxpayer, "api.lots_explain(closing => %s)", closing)
    assert (
        "wash sale: 60 shares were bought 2024-02-05 in account 1 (transaction 3): 120.00 of the loss is"
        " deferred into them" in lines
    )
    assert "recognized: -200.00 + 120.00 = -80.00" in lines


def test_another_persons_lot_is_not_there(connection: Connection) -> None:
    owner, stranger = Taxpayer(connection), Taxpayer(connection)
    owner.load([row(1, "buy", owner.instrument(), "2024-01-02", quantity=1, price=1)])
    lot = owner.value("select id from core.tax_lots where user_id = %s")
    assert asked(owner, "api.lots_explain(%s)", lot)["basis"] == "1.00"
    with pytest.raises(psycopg.Error) as refused:
        asked(stranger, "api.lots_explain(%s)", lot)
    assert refused.value.sqlstate == "QM001"
