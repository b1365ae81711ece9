"""Shared books: one account or all, read or write, until a date, revocable; administrators with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from quantmatrix.testing.people import Member, People


@pytest.fixture(scope="module")
def pair(people: People) -> tuple[Member, Member]:
    """An owner with two accounts, and a friend."""
    people.release()
    owner, friend = people.member("giver@example.test"), people.member("friend@example.test")
    for account, symbol in (("U1", "ABC"), ("U2", "XYZ")):
        owner.done("account_add", broker="ibkr", account_number=account, name=f"Account {account}")
        owner.done("transaction_add", transaction=buy(account, symbol), reason="a test")
    friend.done("account_add", broker="ibkr", account_number="F1", name="Friend's own")
    friend.done("transaction_add", transaction=buy("F1", "FRND"), reason="a test")
    return owner, friend


def buy(account: str, symbol: str) -> dict[str, str]:
    return {
        "account": account, "transaction_type": "buy", "symbol": symbol, "trade_date": "2024-01-03",
        "quantity": "10", "price": "100",
    }  # fmt: skip


def share(owner: Member, **arguments: Any) -> int:
    return int(owner.done("grant_add", email="friend@example.test", **arguments)["id"])


def opened(friend: Member, access: str = "read") -> str:
    return str(friend.done("book_open", email="giver@example.test", access=access)["access_token"])


def symbols(people: People, token: str) -> set[str]:
    answer = people.get("holdings", token)
    assert answer.status_code == 200, answer.text
    return {row["symbol"] for row in answer.json()}


def test_nothing_is_open_without_a_grant(people: People, pair: tuple[Member, Member]) -> None:
    _, friend = pair
    assert friend.call("book_open", email="giver@example.test").status_code == 403
    assert friend.call("book_open", email="nobody@example.test").status_code == 403
    forged = people.service.headers(people.service.ann, book=friend.done("whoami")["id"])
    answer = people.get("holdings", forged["Authorization"].removeprefix("Bearer "))
    assert answer.status_code == 403


def test_one_account_to_read(people: People, pair: tuple[Member, Member]) -> None:
    owner, friend = pair
    grant = share(owner, account="U1")
    token = opened(friend)
    assert symbols(people, token) == {"ABC"}
    assert [row["account"] for row in people.get("accounts", token).json()] == ["U1"]
    assert people.get("audit_log", token).json() == []
    assert people.get("import_lines", token).json() == []
    who = people.call("whoami", token).json()
    assert (who["email"], who["book"], who["acts_as"]) == (
        "friend@example.test",
        owner.email,
        "quantmatrix_readonly",
    )
    assert symbols(people, friend.access) == {"FRND"}
    assert friend.call("book_open", email=owner.email, access="write").status_code == 403
    assert people.call("account_set", token, account="U1", changes={"name": "Mine"}).status_code == 403
    for function, arguments in {
        "key_create": {"name": "x"},
        "grant_add": {"email": "bob@example.test"},
    }.items():
        assert people.call(function, token, **arguments).status_code == 403
    owner.done("grant_revoke", id=grant)
    assert people.get("holdings", token).status_code == 403
    assert friend.call("book_open", email=owner.email).status_code == 403


def test_the_whole_book_to_write(people: People, pair: tuple[Member, Member]) -> None:
    owner, friend = pair
    grant = share(owner, access="write")
    token = opened(friend, "write")
    assert symbols(people, token) == {"ABC", "XYZ"}
    added = people.call("transaction_add", token, transaction=buy("U1", "GIFT"), reason="as agreed")
    assert added.status_code == 200, added.text
    assert symbols(people, owner.access) == {"ABC", "XYZ", "GIFT"}
    assert symbols(people, friend.access) == {"FRND"}
    entry = owner.get("audit_log?order=id.desc&limit=1&reason=eq.as agreed").json()[0]
    assert entry["actor_id"] == friend.done("whoami")["id"]
    voided = people.call("transaction_void", token, transaction_id=added.json()[0]["id"], reason="undone")
    assert voided.status_code in (200, 204)
    owner.done("grant_revoke", id=grant)
    refused = people.call("transaction_add", token, transaction=buy("U1", "GIFT"), reason="too late")
    assert refused.status_code == 403


def test_one_account_to_write_reaches_no_other(people: People, pair: tuple[Member, Member]) -> None:
    owner, friend = pair
    grants = [share(owner, account="U1", access="write"), share(owner, account="U2", access="read")]
    token = opened(friend, "write")
    assert symbols(people, token) == {"ABC"}
    assert symbols(people, opened(friend, "read")) == {"ABC", "XYZ"}
    refused = people.call("transaction_add", token, transaction=buy("U2", "XYZ"), reason="a try")
    assert refused.json()["code"] == "QM001"
    added = people.call("transaction_add", token, transaction=buy("U1", "ABC"), reason="allowed")
    assert added.status_code == 200
    assert people.call(
        "transaction_void", token, transaction_id=added.json()[0]["id"], reason="undone"
    ).is_success
    for grant in grants:
        owner.done("grant_revoke", id=grant)


def test_a_grant_ends_by_itself(people: People, pair: tuple[Member, Member]) -> None:
    owner, friend = pair
    assert owner.call("grant_add", email=friend.email, expires_at="2020-01-01").json()["code"] == "QM002"
    grant = share(owner, expires_at="2999-01-01")
    token = opened(friend)
    assert symbols(people, token) == {"ABC", "XYZ"}
    with people.service.database.connect() as connection:
        connection.execute("update auth.grants set expires_at = now() where id = %s", [grant])
    assert people.get("holdings", token).status_code == 403
    assert friend.done("grant_list")["received"] == []


def test_only_the_owner_lists_and_revokes(pair: tuple[Member, Member]) -> None:
    owner, friend = pair
    grant = share(owner)
    assert [g["owner"] for g in friend.done("grant_list")["received"]] == [owner.email]
    assert friend.call("grant_revoke", id=grant).json()["code"] == "QM001"
    assert owner.call("grant_add", email=owner.email).json()["code"] == "QM001"
    assert owner.call("grant_add", email="nobody@example.test").json()["code"] == "QM001"
    owner.done("grant_revoke", id=grant)


def test_an_administrator_looks_and_corrects_with_a_reason_that_stays(
    people: People, pair: tuple[Member, Member]
) -> None:
    owner, _ = pair
    service = people.service

    def inspect(**arguments: str) -> Any:
        return service.call("book_inspect", service.root, arguments, role="quantmatrix_admin")

    assert service.get("holdings", service.root, "quantmatrix_admin").json() == []
    assert inspect(email=owner.email, reason=" ").json()["code"] == "QM020"
    looked = inspect(email=owner.email, reason="ticket 17: totals look wrong").json()
    assert symbols(people, looked["access_token"]) == {"ABC", "XYZ"}
    entry = owner.get("audit_log?order=id.desc&limit=1").json()[0]
    assert (entry["table_name"], entry["reason"]) == ("auth.grants", "ticket 17: totals look wrong")
    assert entry["actor_id"] == service.root.id
    write = inspect(email=owner.email, reason="ticket 17: correct it", access="write").json()["access_token"]
    row = next(t for t in people.get("transactions", write).json() if t["symbol"] == "ABC")
    corrected = people.call(
        "transaction_correct",
        write,
        transaction_id=row["id"],
        changes={"price": "101"},
        reason="ticket 17: price",
    )
    assert corrected.status_code == 200, corrected.text
    entry = owner.get("audit_log?order=id.desc&limit=1&table_name=eq.transactions").json()[0]
    assert (entry["reason"], entry["actor_id"]) == ("ticket 17: price", service.root.id)
    with service.database.connect() as connection:
        connection.execute("update auth.grants set expires_at = now() where kind = 'administration'")
    assert people.get("holdings", write).status_code == 403
