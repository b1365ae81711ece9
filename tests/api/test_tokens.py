"""Who gets in: tokens that state whom, for what and how long, of people who are active."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from quantmatrix.services.tokens import SigningKey, sign
from quantmatrix.testing.service import Service


def ask(service: Service, claims: dict[str, Any], key: SigningKey | None = None) -> httpx.Response:
    token = sign(claims, key or service.api.key)
    return httpx.get(f"{service.api.url}/me", headers={"Authorization": f"Bearer {token}"})


def test_a_good_token_is_let_in(service: Service) -> None:
    answer = ask(service, service.claims(service.ann))
    assert answer.status_code == 200
    assert [row["email"] for row in answer.json()] == ["ann@example.test"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"exp": None}, 401),
        ({"aud": None}, 401),
        ({"sub": None}, 401),
        ({"aud": "somebody else"}, 401),
        ({"exp": int(time.time()) - 120}, 401),
        ({"sub": "00000000-0000-4000-8000-000000000000"}, 401),
        ({"sub": "no id at all"}, 401),
        ({"role": "quantmatrix_admin"}, 403),
        ({"role": "postgres"}, 403),
        ({"role": "quantmatrix_owner"}, 403),
        ({"role": "quantmatrix_writer"}, 403),
    ],
)
def test_a_token_that_says_too_little_or_too_much_is_refused(
    service: Service, changed: dict[str, Any], status: int
) -> None:
    answer = ask(service, service.claims(service.ann, **changed))
    assert answer.status_code == status, answer.text
    assert "ann@example.test" not in answer.text


def test_a_token_of_another_key_is_refused(service: Service) -> None:
    answer = ask(service, service.claims(service.ann), SigningKey(b"x" * 48, service.api.key.key_id))
    assert answer.status_code == 401


def test_a_refusal_says_what_is_missing(service: Service) -> None:
    body = ask(service, service.claims(service.ann, exp=None)).json()
    assert body["message"] == "the token lacks exp"
    assert body["hint"] == "get a new one: `token`"


def test_a_disabled_person_is_locked_out_and_comes_back(service: Service) -> None:
    eve = service.add_person("eve@example.test")
    assert service.get("me", eve).status_code == 200
    service.done("user_disable", service.root, {"email": eve.email}, role="quantmatrix_admin")
    assert service.get("me", eve).status_code == 403
    service.done(
        "user_disable", service.root, {"email": eve.email, "disabled": False}, role="quantmatrix_admin"
    )
    assert service.get("me", eve).status_code == 200


def test_a_person_who_became_a_reader_cannot_use_an_old_token(service: Service) -> None:
    eve = service.add_person("reader@example.test")
    service.done(
        "user_set_role", service.root, {"email": eve.email, "role": "readonly"}, role="quantmatrix_admin"
    )
    assert service.get("me", eve).status_code == 403
    assert service.get("me", eve, "quantmatrix_readonly").status_code == 200


def test_anybody_may_ask_for_the_version_and_for_nothing_else(service: Service) -> None:
    version = httpx.get(f"{service.api.url}/rpc/schema_version")
    assert version.status_code == 200
    assert version.json() not in ("", "unversioned")
    assert service.get("me", None).status_code == 401
    assert service.call("user_list", None).status_code in (401, 404)


def test_administration_is_for_administrators(service: Service) -> None:
    listed = service.done("user_list", service.root, role="quantmatrix_admin")
    assert {"ann@example.test", "bob@example.test"} <= {row["email"] for row in listed}
    refused = service.call("user_list", service.ann)
    assert refused.status_code == 403, refused.text
