"""What somebody hostile sends: forged tokens, claims that say too much, arguments that are no arguments."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import Any

import httpx
import jwt
import pytest

from quantmatrix.services.tokens import sign
from quantmatrix.testing.people import PASSWORD, Member, People


@pytest.fixture(scope="module")
def ann(people: People) -> Member:
    people.release()
    member = people.member("attacked@example.test")
    member.done("account_add", broker="ibkr", account_number="SECRET-1", name="secret savings")
    return member


@pytest.fixture(scope="module")
def eve(people: People) -> Member:
    people.release()
    return people.member("eve@example.test")


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def claims_of(member: Member) -> dict[str, Any]:
    return dict(jwt.decode(member.access, options={"verify_signature": False}))


def test_tokens_without_a_good_signature_are_refused(people: People, ann: Member) -> None:
    header, body, signature = ann.access.split(".")
    claims = claims_of(ann)
    now = int(time.time())
    key = people.service.api.key
    forged = {
        "none": f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "none with a signature": f"{encoded({'alg': 'none'})}.{body}.{signature}",
        "no signature": f"{header}.{body}.",
        "changed body": f"{header}.{encoded(claims | {'role': 'quantmatrix_admin'})}.{signature}",
        "another key": jwt.encode(claims, "x" * 48, algorithm="HS256"),
        "expired": sign(claims | {"exp": now - 60}, key),
        "not yet": sign(claims | {"nbf": now + 600}, key),
        "of the future": sign(claims | {"iat": now + 600}, key),
        "two dots": "..",
    }
    for name, token in forged.items():
        answer = httpx.get(f"{people.service.api.url}/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code in (400, 401), (name, answer.text)
        assert ann.email not in answer.text
    assert ann.get("me").status_code == 200


def test_claims_open_nothing_that_is_not_given(people: People, ann: Member, eve: Member) -> None:
    """Even with the key stolen, a token is held against what the database knows."""
    key = people.service.api.key
    mine, hers = claims_of(eve), claims_of(ann)
    for changed in (
        {"role": "quantmatrix_admin"},
        {"role": "quantmatrix_keeper"},
        {"role": "quantmatrix_service"},
        {"role": "quantmatrix_owner"},
        {"book": hers["sub"]},
        {"sid": hers["sid"]},
        {"key": 1},
        {"key": 10**30},
        {"sid": "not an id"},
        {"role": "quantmatrix_importer", "book": hers["sub"]},
    ):
        token = sign(mine | changed, key)
        answer = people.get("accounts", token)
        assert answer.status_code in (401, 403), (changed, answer.status_code, answer.text)
        assert "SECRET" not in answer.text


@pytest.mark.parametrize(
    "hostile",
    [
        "'; drop table core.users; --",
        "\u0000",
        "\ud800",
        "a" * 100_000,
        "%s%n{0}${jndi:ldap://x}",
        "../../etc/passwd",
        "\u202emoc.elpmaxe@a",
        "-1",
        "1e999999999",
        "{}",
    ],
)
def test_hostile_words_are_words(people: People, ann: Member, eve: Member, hostile: str) -> None:
    people.release()
    calls: list[tuple[str, str | None, dict[str, Any]]] = [
        ("sign_in", None, {"email": hostile, "password": hostile, "code": hostile, "label": hostile}),
        ("register", None, {"email": hostile, "password": hostile, "display_name": hostile}),
        ("verify_email", None, {"token": hostile}),
        ("refresh", None, {"refresh_token": hostile}),
        ("key_exchange", None, {"key": hostile}),
        ("oauth_collect", None, {"ticket": hostile, "verifier": hostile}),
        ("password_forgot", None, {"email": hostile}),
        ("password_reset", None, {"token": hostile, "new_password": hostile}),
        ("session_end", eve.access, {"id": hostile}),
        ("key_create", eve.access, {"name": hostile, "scopes": [hostile], "accounts": [hostile]}),
        ("grant_add", eve.access, {"email": hostile, "account": hostile, "access": hostile}),
        ("book_open", eve.access, {"email": hostile, "access": hostile}),
        ("account_set", eve.access, {"account": hostile, "changes": {hostile: hostile}}),
        ("transaction_add", eve.access, {"transaction": {hostile: hostile}, "reason": hostile}),
        ("import_load", eve.access, {"load_id": hostile, "file": {"name": hostile}}),
        ("instrument_facts_set", eve.access, {"symbol": hostile, "facts": {"identical_group": hostile}}),
    ]
    for function, token, arguments in calls:
        body = json.dumps(arguments).encode()
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        answer = httpx.post(
            f"{people.service.api.url}/rpc/{function}", content=body, headers=headers, timeout=30
        )
        assert answer.status_code < 500, (function, answer.text)
        assert "SECRET" not in answer.text
    assert ann.get("accounts").json()[0]["account"] == "SECRET-1"


def test_bombs_are_refused_and_leave_the_service_standing(people: People, ann: Member, eve: Member) -> None:
    deep = (
        b'{"load_id": "00000000-0000-4000-8000-000000000000", "records": '
        + b"[" * 50_000
        + b"]" * 50_000
        + b"}"
    )
    headers = {"Authorization": f"Bearer {eve.access}", "Content-Type": "application/json"}
    url = f"{people.service.api.url}/rpc/import_stage"
    assert 400 <= httpx.post(url, content=deep, headers=headers, timeout=60).status_code < 500
    wide = json.dumps(
        {
            "load_id": "00000000-0000-4000-8000-000000000000",
            "records": [{"kind": "line", "line": n, "raw": "x" * 100} for n in range(50_000)],
        }
    )
    assert httpx.post(url, content=wide.encode(), headers=headers, timeout=60).status_code == 200
    numbers = {
        "transaction": {
            "account": "SECRET-1",
            "transaction_type": "deposit",
            "trade_date": "2024-01-01",
            "net_amount": "9" * 200_000,
        },
        "reason": "a bomb",
    }
    assert 400 <= ann.call("transaction_add", **numbers).status_code < 500
    assert ann.get("me").status_code == 200


def test_another_s_things_are_as_if_they_were_not(people: People, ann: Member, eve: Member) -> None:
    """Refusals for what is another's and for what nobody has are the same."""
    theirs = ann.done("session_list")[0]["id"]
    nobodys = "00000000-0000-4000-8000-000000000000"

    def refusal(function: str, **arguments: Any) -> tuple[int, str]:
        answer = eve.call(function, **arguments)
        told = answer.json()
        text = f"{told['code']} {told['message']}"
        for value in arguments.values():
            text = re.sub(rf"\b{re.escape(str(value))}\b", "?", text)
        return answer.status_code, text

    key = ann.done("key_create", name="hers")["id"]
    pairs: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("session_end", {"id": theirs}, {"id": nobodys}),
        ("key_revoke", {"id": key}, {"id": 10**9}),
        ("grant_revoke", {"id": 1}, {"id": 10**9}),
        ("book_open", {"email": ann.email}, {"email": "nobody@example.test"}),
        (
            "account_set",
            {"account": "SECRET-1", "changes": {"name": "x"}},
            {"account": "NONE-1", "changes": {"name": "x"}},
        ),
        ("key_create", {"name": "x", "accounts": ["SECRET-1"]}, {"name": "x", "accounts": ["NONE-1"]}),
    ]
    for function, of_another, of_nobody in pairs:
        one, other = refusal(function, **of_another), refusal(function, **of_nobody)
        assert one[0] == other[0], function
        assert one[1].replace("SECRET-1", "?").replace("NONE-1", "?") == other[1].replace("NONE-1", "?"), (
            function
        )
    counted = people.get("accounts?select=id", eve.access)
    exact = httpx.get(
        f"{people.service.api.url}/accounts",
        headers={"Authorization": f"Bearer {eve.access}", "Prefer": "count=exact"},
    )
    assert counted.json() == []
    assert exact.headers["content-range"] == "*/0"
    plan = httpx.get(
        f"{people.service.api.url}/accounts",
        headers={"Authorization": f"Bearer {eve.access}", "Accept": "application/vnd.pgrst.plan+json"},
    )
    assert plan.status_code in (406, 415)


def test_the_password_is_nowhere_in_the_database_s_answers(people: People, ann: Member) -> None:
    description = people.get("", ann.access).text
    assert "bcrypt_cost" not in json.dumps(ann.done("whoami"))
    assert "password_hash" not in description
    assert PASSWORD not in description
