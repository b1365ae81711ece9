"""Transactions by hand: added, corrected, voided, over HTTP and with the client library."""

from __future__ import annotations

from typing import Any

import pytest

from quantmatrix.testing.service import Person, Service


@pytest.fixture
def person(service: Service, request: pytest.FixtureRequest) -> Person:
    """Somebody new with one account."""
    made = service.add_person(f"{abs(hash(request.node.name))}@example.test")
    service.done("account_add", made, {"broker": "ibkr", "account_number": "U1", "name": "Main"})
    return made


def add(service: Service, person: Person, **fields: Any) -> dict[str, Any]:
    row = {"account": "Main", "trade_date": "2024-05-06", **fields}
    added: dict[str, Any] = service.done("transaction_add", person, {"transaction": row, "reason": "a test"})[
        0
    ]
    return added


def refused(service: Service, function: str, person: Person, arguments: dict[str, Any]) -> dict[str, Any]:
    answer = service.call(function, person, arguments)
    assert answer.status_code == 400, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_amounts_of_a_trade_follow(service: Service, person: Person) -> None:
    row = add(
        service,
        person,
        transaction_type="buy",
        symbol="abc",
        quantity="10.5",
        price="100.25",
        commission="-1",
    )
    assert (row["symbol"], row["gross_amount"], row["net_amount"]) == ("ABC", "-1052.625", "-1053.625")
    assert (row["source"], row["file"], row["line"], row["currency"]) == ("manual", None, None, "USD")


def test_an_instant_decides_the_date_on_the_exchange(service: Service, person: Person) -> None:
    row = add(
        service, person, trade_date=None, executed_at="2025-01-01T00:30:00Z",
        transaction_type="deposit", net_amount="1",
    )  # fmt: skip
    assert row["trade_date"] == "2024-12-31"


def test_an_option_is_known_by_its_symbol(service: Service, person: Person) -> None:
    row = add(
        service, person, transaction_type="buy", symbol="TQQQ  250620C00080500", quantity="2", price="1.5",
    )  # fmt: skip
    assert (row["instrument_type"], row["gross_amount"]) == ("option", "-300")
    found = service.get(f"instruments?id=eq.{row['instrument_id']}", person).json()[0]
    wanted = ("strike", "expiration", "option_type", "underlying", "multiplier")
    assert [found[name] for name in wanted] == ["80.5", "2025-06-20", "call", "TQQQ", "100"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"transaction_type": "buy", "symbol": "A", "quantity": "1x", "price": "1"}, 'quantity: "1x" is not'),
        ({"transaction_type": "buy", "symbol": "ABC", "quantity": "1"}, "price: is wanted"),
        ({"transaction_type": "buy", "symbol": "ABC", "price": "1"}, "quantity: is wanted"),
        ({"transaction_type": "sell", "symbol": "A", "quantity": "1", "price": "1"}, "have the wrong sign"),
        ({"transaction_type": "purchase"}, 'transaction_type: "purchase" is not one of buy'),
        ({}, "transaction_type: is wanted"),
        ({"transaction_type": "deposit", "net_amount": "NaN"}, 'net_amount: "NaN" is not a decimal'),
        ({"transaction_type": "deposit", "net_amount": "1", "colour": "red"}, "unknown field colour"),
        ({"transaction_type": "deposit", "net_amount": "1", "trade_date": "2024-02-30"}, '"2024-02-30"'),
        ({"transaction_type": "deposit", "net_amount": "1", "trade_date": None}, "trade_date: is wanted"),
        ({"transaction_type": "deposit", "net_amount": "1", "currency": "dollars!"}, "currency is a code"),
        ({"transaction_type": "buy", "quantity": "1", "price": "1"}, "trades have an instrument"),
        ({"transaction_type": "deposit", "net_amount": "1", "terms": {"x": 1}}, "terms: unknown field x"),
        ({"transaction_type": "deposit", "net_amount": "1", "account": "other"}, 'no account "other"'),
    ],
)  # fmt: skip
def test_a_refusal_names_the_field(
    service: Service, person: Person, fields: dict[str, Any], message: str
) -> None:
    row = {"account": "Main", "trade_date": "2024-05-06", **fields}
    body = refused(service, "transaction_add", person, {"transaction": row, "reason": "a test"})
    assert message in body["message"]
    assert body["code"] in ("QM001", "QM002")
    assert service.get("transactions", person).json() == []


def test_a_reason_is_needed_and_kept(service: Service, person: Person) -> None:
    row = {"account": "Main", "transaction_type": "deposit", "trade_date": "2024-05-06", "net_amount": "1"}
    assert refused(service, "transaction_add", person, {"transaction": row, "reason": " "})["code"] == "QM020"
    added = add(service, person, transaction_type="deposit", net_amount="1")
    service.done("transaction_void", person, {"transaction_id": added["id"], "reason": "stood twice"})
    log = service.get("audit_log?table_name=eq.transactions&order=id", person).json()
    assert [(entry["action"], entry["reason"]) for entry in log] == [
        ("insert", "a test"),
        ("delete", "stood twice"),
    ]
    assert log[1]["old_values"]["net_amount"] == "1"


def test_a_correction_carries_the_amounts_along(service: Service, person: Person) -> None:
    row = add(
        service, person, transaction_type="buy", symbol="ABC", quantity="15", price="10", commission="-1"
    )
    changes = {"transaction_type": "sell", "quantity": "-15"}
    right = service.done(
        "transaction_correct",
        person,
        {"transaction_id": row["id"], "changes": changes, "reason": "wrong sign"},
    )[0]
    assert (right["transaction_type"], right["gross_amount"], right["net_amount"]) == ("sell", "150", "149")
    changes = {"commission": "-2"}
    right = service.done(
        "transaction_correct", person, {"transaction_id": row["id"], "changes": changes, "reason": "costs"}
    )[0]
    assert (right["gross_amount"], right["net_amount"]) == ("150", "148")


@pytest.mark.parametrize("moved", ["ABC", "XYZ"])
def test_a_transaction_with_a_notice_can_become_one_of_another_instrument(
    service: Service, person: Person, moved: str
) -> None:
    rows = {
        symbol: add(
            service, person, transaction_type="buy", symbol=symbol, quantity="1", price="10", currency="EUR"
        )
        for symbol in ("ABC", "XYZ")
    }
    other = next(symbol for symbol in rows if symbol != moved)
    service.done(
        "transaction_correct",
        person,
        {"transaction_id": rows[moved]["id"], "changes": {"symbol": other}, "reason": "the wrong one"},
    )
    notices = service.get("notices?select=code,transaction_id&order=transaction_id", person).json()
    assert notices == [{"code": "unknown_rate", "transaction_id": row["id"]} for row in rows.values()]


def test_terms_can_be_corrected_and_the_rest_of_them_stays(service: Service, person: Person) -> None:
    row = add(
        service, person, transaction_type="split", symbol="ABC",
        terms={"ratio_numerator": "2", "ratio_denominator": "1"},
    )  # fmt: skip
    service.done(
        "transaction_correct",
        person,
        {
            "transaction_id": row["id"],
            "changes": {"terms": {"ratio_numerator": "3"}},
            "reason": "three for one",
        },
    )
    with service.database.connect() as connection:
        found = connection.execute(
            "select ratio_numerator, ratio_denominator from tax.transaction_terms where user_id = %s",
            [person.id],
        ).fetchall()
        kept = connection.execute(
            "select corrected -> 'terms', original -> 'terms' ->> 'ratio_numerator' from ingest.corrections"
            " where user_id = %s",
            [person.id],
        ).fetchone()
    assert [(int(n), int(d)) for n, d in found] == [(3, 1)]
    assert kept is not None
    assert {name: int(value) for name, value in kept[0].items()} == {
        "ratio_numerator": 3,
        "ratio_denominator": 1,
    }
    assert kept[1] == "2"


def test_the_basis_of_a_transfer_can_be_supplied_and_replaced(service: Service, person: Person) -> None:
    row = add(service, person, transaction_type="transfer_in", symbol="ABC", quantity="10")
    assert service.get("lots?select=cost_remaining,basis_status", person).json() == [
        {"cost_remaining": None, "basis_status": "unknown"}
    ]
    for amount in (900, 950):
        service.done(
            "basis_set",
            person,
            {"transaction_id": row["id"], "basis": amount, "acquired_on": "2020-02-03", "reason": "found it"},
        )
    assert service.get("lots?select=cost_remaining,acquired_on", person).json() == [
        {"cost_remaining": "950.00", "acquired_on": "2020-02-03"}
    ]
    body = refused(
        service, "basis_set", person,
        {"transaction_id": row["id"], "basis": 1, "acquired_on": "2030-01-01", "reason": "found it"},
    )  # fmt: skip
    assert "after the transfer" in body["message"]


def test_picks_and_links_are_written_with_the_row(service: Service, person: Person) -> None:
    first = add(service, person, transaction_type="buy", symbol="ABC", quantity="10", price="10")
    second = add(service, person, transaction_type="buy", symbol="ABC", quantity="10", price="20")
    add(
        service, person, trade_date="2024-06-03", transaction_type="sell", symbol="ABC", quantity="-4",
        price="30",
        terms={"lot_method": "specific"}, picks=[{"opening_transaction_id": second["id"], "quantity": "4"}],
    )  # fmt: skip
    lots = service.get("lots?select=opening_transaction_id,quantity_remaining&order=id", person).json()
    assert {row["opening_transaction_id"]: row["quantity_remaining"] for row in lots} == {
        first["id"]: "10", second["id"]: "6",
    }  # fmt: skip


def test_the_client_library_can_call_all_of_it(service: Service, person: Person) -> None:
    row: Any = {
        "account": "U1",
        "transaction_type": "deposit",
        "trade_date": "2024-05-06",
        "net_amount": "12.34",
    }
    with service.client(person) as client:
        added: Any = client.rpc("transaction_add", {"transaction": row, "reason": "a test"}).execute().data
        cash: Any = client.from_("cash").select("*").execute().data
    assert added[0]["net_amount"] == "12.34"
    assert [(line["account"], line["currency"], line["amount"]) for line in cash] == [("U1", "USD", "12.34")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", "x" * 9000),
        ("order_id", "x" * 9000),
        ("metadata", {"a": "x" * 9000}),
        ("reason", "x" * 9000),
    ],
)
def test_free_words_are_bounded(service: Service, person: Person, field: str, value: Any) -> None:
    """They count for no quota of files, and the audit log keeps every change of them."""
    row = {"account": "Main", "trade_date": "2024-05-06", "transaction_type": "deposit", "net_amount": "1"}
    arguments = {"transaction": row, "reason": "a test"}
    if field == "reason":
        arguments["reason"] = value
    else:
        row[field] = value
    body = refused(service, "transaction_add", person, arguments)
    assert body["code"] == "QM002"
    assert body["message"].startswith(f"{field}: more than")
    assert service.get("transactions", person).json() == []
