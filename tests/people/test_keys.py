"""Keys of programs: shown once, exchanged for tokens, good for what they say and no longer than wanted."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from quantmatrix.testing.people import Member, People


@pytest.fixture(scope="module")
def owner(people: People) -> Member:
    people.release()
    member = people.member("owner@example.test")
    member.done("account_add", broker="ibkr", account_number="U1", name="Main")
    member.done("account_add", broker="ibkr", account_number="U2", name="Second")
    for account, symbol in (("U1", "ABC"), ("U2", "XYZ")):
        member.done(
            "transaction_add",
            transaction={
                "account": account, "transaction_type": "buy", "symbol": symbol, "trade_date": "2024-01-03",
                "quantity": "10", "price": "100",
            },
            reason="a test",
        )  # fmt: skip
    return member


def exchange(people: People, key: str) -> str:
    answer = people.call("key_exchange", key=key)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def made(owner: Member, **arguments: Any) -> dict[str, Any]:
    return dict(owner.done("key_create", **({"name": "script"} | arguments)))


def test_a_key_is_shown_once_used_and_revoked(people: People, owner: Member) -> None:
    key = made(owner, scopes=["read"])
    assert key["key"].startswith(key["prefix"] + "_")
    assert len(key["key"].split("_", 2)[2]) == 43
    assert key["key"] not in str(owner.done("key_list"))
    with people.service.database.connect() as connection:
        stored = connection.execute("select jsonb_agg(to_jsonb(k))::text from auth.api_keys k").fetchone()
    assert stored is not None
    assert key["key"] not in stored[0]
    token = exchange(people, key["key"])
    assert {row["symbol"] for row in people.get("holdings", token).json()} == {"ABC", "XYZ"}
    assert next(k for k in owner.done("key_list") if k["id"] == key["id"])["used_at"] is not None
    owner.done("key_revoke", id=key["id"])
    assert people.get("holdings", token).status_code == 401
    refused = people.call("key_exchange", key=key["key"])
    assert (refused.status_code, refused.json()["code"]) == (401, "QM055")


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["read"], {"read"}),
        (["import"], {"read", "import"}),
        (["read", "import"], {"read", "import"}),
        (["write"], {"read", "import", "write"}),
    ],
)
def test_a_key_does_what_its_scopes_say_and_no_more(
    people: People, owner: Member, scopes: list[str], allowed: set[str]
) -> None:
    token = exchange(people, made(owner, scopes=scopes)["key"])
    tries: dict[str, httpx.Response] = {
        "read": people.get("holdings", token),
        "import": people.call(
            "import_stage",
            token,
            load_id="00000000-0000-4000-8000-000000000001",
            records=[{"kind": "line", "line": 1, "raw": "x"}],
        ),
        "write": people.call("account_set", token, account="U1", changes={"name": "Main"}),
        "admin": people.call("user_list", token),
    }
    for scope, answer in tries.items():
        assert (answer.status_code == 200) == (scope in allowed), (scope, answer.text)
    personal: dict[str, dict[str, Any]] = {
        "key_create": {"name": "another"},
        "key_list": {},
        "grant_list": {},
        "session_list": {},
        "sign_out": {"everywhere": True},
        "password_change": {"current_password": "x", "new_password": "y"},
        "second_factor_begin": {"password": "x"},
        "book_open": {"email": "ann@example.test"},
    }
    for function, arguments in personal.items():
        assert people.call(function, token, **arguments).status_code == 403, function


def test_a_key_for_one_account_sees_that_account(people: People, owner: Member) -> None:
    token = exchange(people, made(owner, scopes=["write"], accounts=["U2"])["key"])
    seen = {view: people.get(view, token).json() for view in ("accounts", "holdings", "transactions", "lots")}
    assert [row["account"] for row in seen["accounts"]] == ["U2"]
    for view in ("holdings", "transactions", "lots"):
        assert {row["symbol"] for row in seen[view]} == {"XYZ"}, view
    assert people.get("audit_log", token).json() == []
    assert [row["symbol"] for row in people.get("instruments", token).json()] == ["XYZ"]
    other = next(row["id"] for row in owner.get("transactions").json() if row["symbol"] == "ABC")
    transaction = {
        "transaction_type": "buy", "symbol": "XYZ", "trade_date": "2024-02-03", "quantity": "1", "price": "1",
    }  # fmt: skip
    refused: dict[str, dict[str, Any]] = {
        "transaction_add": {"transaction": {**transaction, "account": "U1"}, "reason": "a try"},
        "transaction_correct": {"transaction_id": other, "changes": {"price": "1"}, "reason": "a try"},
        "transaction_void": {"transaction_id": other, "reason": "a try"},
        "account_set": {"account": "U1", "changes": {"name": "Mine"}},
        "account_add": {"broker": "ibkr", "account_number": "U3"},
        "transactions_export": {},
    }
    for function, arguments in refused.items():
        answer = people.call(function, token, **arguments)
        assert answer.status_code in (400, 403), (function, answer.text)
    added = people.call(
        "transaction_add", token, transaction={**transaction, "account": "U2"}, reason="the own account"
    )
    assert added.status_code == 200, added.text
    held = {row["symbol"]: row["quantity"] for row in owner.get("holdings").json()}
    assert held == {"ABC": "10", "XYZ": "11"}


def test_an_expired_key_and_its_tokens_are_refused(people: People, owner: Member) -> None:
    assert owner.call("key_create", name="x", expires_at="2020-01-01").status_code == 400
    key = made(owner, expires_at="2999-01-01")
    token = exchange(people, key["key"])
    with people.service.database.connect() as connection:
        connection.execute("update auth.api_keys set expires_at = now() where id = %s", [key["id"]])
    assert people.get("me", token).status_code == 401
    assert people.call("key_exchange", key=key["key"]).status_code == 401


def test_nobody_makes_a_key_that_may_more_than_the_owner(people: People, owner: Member) -> None:
    assert owner.call("key_create", name="x", scopes=["admin"]).status_code == 403
    assert owner.call("key_create", name="x", scopes=["all"]).json()["code"] == "QM002"
    assert owner.call("key_create", name="x", scopes=[]).json()["code"] == "QM002"
    assert owner.call("key_create", name="x", accounts=["U9"]).json()["code"] == "QM001"
    service = people.service
    answer = service.call(
        "key_create", service.root, {"name": "x", "scopes": ["admin"]}, role="quantmatrix_admin"
    )
    token = exchange(people, answer.json()["key"])
    assert people.call("user_list", token).status_code == 200
    service.done(
        "user_set_role", service.root, {"email": owner.email, "role": "readonly"}, role="quantmatrix_admin"
    )
    try:
        member = Member(people, owner.email)
        assert member.sign_in().status_code == 204
        assert member.call("key_create", name="x", scopes=["write"]).status_code == 403
        assert member.call("key_create", name="x", scopes=["read"]).status_code == 200
    finally:
        service.done(
            "user_set_role", service.root, {"email": owner.email, "role": "user"}, role="quantmatrix_admin"
        )


def test_guessing_keys_is_slow(people: People, owner: Member) -> None:
    key = made(owner)
    guess = key["prefix"] + "_" + "A" * 43
    counter = "own", f"key {key['prefix'].removeprefix('qm_')}"
    with people.service.database.connect() as connection:
        begun = connection.execute("select clock_timestamp()").fetchone()
        assert begun is not None
        # As fast as can be, without time passing; the guess over HTTP is counted with them.
        assert people.call("key_exchange", key=guess).status_code == 401
        row = connection.execute(
            "select count(*) filter (where auth.throttle(%s, %s, 60, 1, %s) = 0) from generate_series(1, 70)",
            [*counter, *begun],
        ).fetchone()
        assert row is not None
        assert row[0] <= 59
        # Minutes of guesses: no machine is so slow that they are over.
        connection.execute("select auth.throttle(%s, %s, 600, 1) from generate_series(1, 500)", counter)
        assert people.call("key_exchange", key=guess).status_code == 429
        assert people.call("key_exchange", key=key["key"]).status_code == 429
        connection.execute("select auth.throttle_release(%s, %s)", counter)
    assert people.call("key_exchange", key=key["key"]).status_code == 200
    for malformed in ("", "qm_", "x", "qm_zzzzzzzz_x", "é" * 1000):
        assert people.call("key_exchange", key=malformed).status_code in (401, 429)
