"""Notices (S.4): raised where they should be, and not next to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.rows import dict_row

from quantmatrix.cases.check import enter
from quantmatrix.door.login import NOBODY, PersonSession, person
from quantmatrix.testing.cluster import Database

Row = dict[str, Any]
OPTION = {"kind": "option", "underlying": "XYZ", "expiry": "2024-12-20"}
INSTRUMENTS = [
    {"symbol": "XYZ"},
    {"symbol": "NEW"},
    {"symbol": "BOND", "kind": "bond"},
    OPTION | {"symbol": "PUT", "right": "put", "strike": "50"},
    OPTION | {"symbol": "CALL", "right": "call", "strike": "50"},
]
QUERY = """
    select n.code, t.external_id as id, other.external_id as related
    from api.notices n
    join core.transactions t on t.id = n.transaction_id
    left join core.transactions other on other.id = n.related_transaction_id
    where n.code = any (%s::tax.notice_code[])
    order by 1, 2, 3
"""


@pytest.fixture(scope="module")
def admin(module_database: Database) -> Iterator[PersonSession]:
    with person(module_database.environment, NOBODY, "quantmatrix_admin") as session:
        yield session


def trade(id: str, kind: str, day: str, quantity: int, price: str, **more: Any) -> Row:
    row = {"id": id, "type": kind, "account": "T1", "symbol": "XYZ", "date": day, "price": price}
    return row | {"quantity": str(quantity)} | more


def notices(
    admin: PersonSession, rows: list[Row], *codes: str, families: dict[str, str] | None = None
) -> list[tuple[str, str, str | None]]:
    """(code, transaction, related transaction) of the notices with these codes; funds by their index."""
    case = {
        "id": "notices",
        "expected": {},
        "accounts": [{"id": "T1"}, {"id": "T2"}, {"id": "I1", "type": "ira"}],
        "instruments": INSTRUMENTS,
        "transactions": rows,
    }
    with admin.transaction(dry_run=True) as connection:
        enter(connection, case, "notices:")
        for symbol, family in (families or {}).items():
            facts = json.dumps({"index_family": family})
            connection.execute("select api.instrument_facts_set(%s, %s)", [f"notices:{symbol}", facts])
        with connection.cursor(row_factory=dict_row) as cursor:
            return [tuple(row.values()) for row in cursor.execute(QUERY, [list(codes)])]


def test_shares_beside_a_short(admin: PersonSession) -> None:
    rows = [
        trade("b1", "buy", "2024-01-02", 10, "20"),
        trade("s1", "sell", "2024-02-01", 10, "19", effect="open"),
        trade("k1", "buy", "2024-03-01", 10, "18", account="T2"),
        {
            "id": "d1",
            "type": "deliver",
            "account": "T1",
            "symbol": "XYZ",
            "date": "2024-04-01",
            "quantity": "10",
        },
    ]
    found = notices(admin, rows, "short_sale_1233", "constructive_sale_1259")
    assert found == [("short_sale_1233", "s1", None)]
    # Without the purchase in the other account only the shares that are delivered lie beside the short.
    assert notices(admin, [rows[0], rows[1], rows[3]], "short_sale_1233") == []


def test_a_short_against_a_gain(admin: PersonSession) -> None:
    rows = [
        trade("b1", "buy", "2024-01-02", 10, "20"),
        trade("s1", "sell", "2024-02-01", 5, "25", effect="open"),
        trade("s2", "sell", "2024-02-02", 5, "15", account="T2"),
    ]
    assert notices(admin, rows, "constructive_sale_1259") == [("constructive_sale_1259", "s1", "b1")]


def test_crossing_zero_says_nothing(admin: PersonSession) -> None:
    rows = [trade("b1", "buy", "2024-01-02", 10, "20"), trade("s1", "sell", "2024-02-01", 15, "25")]
    assert notices(admin, rows, "short_sale_1233", "constructive_sale_1259") == []


def test_a_put_on_young_shares(admin: PersonSession) -> None:
    rows = [
        trade("b1", "buy", "2024-01-02", 100, "50"),
        trade("p1", "buy", "2024-12-31", 1, "3", symbol="PUT"),
        trade("p2", "buy", "2025-01-03", 1, "3", symbol="PUT"),
    ]
    found = notices(admin, rows, "put_on_short_held_stock")
    assert found == [("put_on_short_held_stock", "p1", "b1")]


def test_a_loss_with_an_offsetting_leg(admin: PersonSession) -> None:
    rows = [
        trade("b1", "buy", "2024-01-02", 100, "50"),
        trade("w1", "sell", "2024-02-01", 1, "3", symbol="CALL"),
        trade("k1", "buy", "2024-03-01", 1, "5", symbol="CALL"),
        trade("s1", "sell", "2024-03-02", 100, "40"),
    ]
    assert notices(admin, rows, "straddle_1092") == [("straddle_1092", "k1", None)]


def test_what_lies_near_a_loss(admin: PersonSession) -> None:
    loss = [trade("b1", "buy", "2023-01-02", 100, "50"), trade("s1", "sell", "2024-03-01", 100, "40")]
    arrival = {"id": "t1", "type": "transfer_in", "account": "T2", "symbol": "XYZ", "date": "2024-05-01"}
    more = {"quantity": "5", "basis": "200", "acquired": "2024-03-31"}
    near = notices(admin, [*loss, arrival | more], "external_purchase_window")
    assert near == [("external_purchase_window", "t1", "s1")]
    late = arrival | more | {"acquired": "2024-04-01"}
    assert notices(admin, [*loss, late], "external_purchase_window") == []

    written = [trade("w1", "sell", "2024-03-20", 1, "11", symbol="PUT")]
    assert notices(admin, loss + written, "deep_put_written") == [("deep_put_written", "w1", "s1")]
    loss[1]["price"] = "42"
    assert notices(admin, loss + written, "deep_put_written") == []


def test_the_issuer_that_took_over(admin: PersonSession) -> None:
    rows = [
        trade("b1", "buy", "2023-01-02", 100, "50"),
        trade("s1", "sell", "2024-03-01", 40, "40"),
        {"id": "m1", "type": "merger_stock", "symbol": "XYZ", "new_symbol": "NEW", "date": "2024-03-05"}
        | {"num": "1", "den": "2"},
        trade("n1", "buy", "2024-03-11", 10, "80", symbol="NEW"),
        trade("n2", "buy", "2024-04-11", 10, "80", symbol="NEW"),
    ]
    assert notices(admin, rows, "merger_identical") == [("merger_identical", "n1", "s1")]


def test_a_loss_whose_window_is_open(admin: PersonSession) -> None:
    rows = [
        trade("b1", "buy", "2023-01-02", 100, "50"),
        trade("s1", "sell", "2024-03-01", 40, "40"),
        trade("s2", "sell", "2024-03-02", 40, "40"),
        {
            "id": "c1",
            "type": "dividend",
            "account": "T1",
            "symbol": "NEW",
            "date": "2024-04-01",
            "amount": "1",
        },
    ]
    assert notices(admin, rows, "provisional_loss") == [("provisional_loss", "s2", None)]


def test_funds_of_one_index(admin: PersonSession) -> None:
    rows = [
        trade("b1", "buy", "2023-01-02", 10, "50", symbol="SPA"),
        trade("s1", "sell", "2024-03-01", 4, "40", symbol="SPA"),
        trade("k1", "buy", "2024-03-31", 4, "40", symbol="SPB", account="I1"),
        trade("k2", "buy", "2024-04-01", 4, "40", symbol="SPB"),
        trade("k3", "buy", "2024-03-02", 4, "40", symbol="MID"),
    ]
    families = {"SPA": "large caps", "SPB": "large caps", "MID": "mid caps"}
    near = [("similar_fund", "k1", "s1")]
    assert notices(admin, rows, "similar_fund", families=families) == near
    assert notices(admin, rows, "similar_fund") == []


def test_a_bond_away_from_par(admin: PersonSession) -> None:
    rows = [
        trade("b1", "buy", "2024-01-02", 10000, "98.5", symbol="BOND"),
        trade("b2", "buy", "2024-01-03", 10000, "100", symbol="BOND"),
        {k: v for k, v in trade("b3", "buy", "2024-01-04", 10000, "0", symbol="BOND").items() if k != "price"}
        | {"amount": "10250.00"},
        trade("s1", "sell", "2024-06-03", 5000, "99", symbol="BOND"),
    ]
    found = notices(admin, rows, "bond_premium")
    assert found == [("bond_premium", "b1", None), ("bond_premium", "b3", None)]
