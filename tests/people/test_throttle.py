"""Guessing is slow, whatever the guesser does with his own request; waiting helps, and only waiting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from quantmatrix.testing.people import PASSWORD, People

HOSTILE: list[tuple[str, dict[str, str]]] = [
    ("", {}),
    ("?select=email", {}),
    ("?pgrst_scalar->>error=like.%5C", {}),
    ("?pgrst_scalar=like.%5C", {}),
    ("?sign_in=eq.%5C", {}),
    ("?select=pgrst_scalar::int", {}),
    ("?limit=0", {}),
    ("", {"Accept": "application/vnd.pgrst.object+json"}),
    ("", {"Accept": "text/csv"}),
    ("", {"Prefer": "tx=rollback"}),
    ("", {"Prefer": "params=single-object"}),
    ("", {"Prefer": "count=exact"}),
]


def guess(people: People, email: str, password: str, query: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.post(
        f"{people.service.api.url}/rpc/sign_in{query}",
        json={"email": email, "password": password},
        headers=headers,
        timeout=30,
    )


@pytest.mark.parametrize(("query", "headers"), HOSTILE)
def test_a_request_made_to_fail_is_counted(people: People, query: str, headers: dict[str, str]) -> None:
    """The right password is refused after five wrong guesses, however these ended."""
    email = f"attack{HOSTILE.index((query, headers))}@example.test"
    people.member(email)
    people.release()
    answers = [guess(people, email, f"wrong guess {n}", query, headers) for n in range(5)]
    statuses = {answer.status_code for answer in answers}
    assert not any("access-token" in answer.headers for answer in answers)
    refused = guess(people, email, PASSWORD, "", {})
    counted = refused.status_code == 429
    # Some never reach the function at all: then the right password gets the same answer, and no token.
    right = guess(people, email, PASSWORD, query, headers)
    never_ran = statuses == {right.status_code} and "access-token" not in right.headers
    assert counted or never_ran, (statuses, refused.status_code)
    if counted:
        assert refused.json()["code"] == "QM051"
        assert 0 < int(refused.headers["retry-after"]) <= 60


def test_parallel_guesses_are_counted_one_by_one(people: People) -> None:
    people.member("parallel@example.test")
    people.release()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(
            pool.map(
                lambda n: guess(people, "parallel@example.test", f"wrong guess {n}", "", {}).status_code,
                range(16),
            )
        )
    assert statuses.count(401) == 5
    assert statuses.count(429) == 11


def test_time_releases_and_success_costs_nothing(people: People) -> None:
    member = people.member("patient@example.test")
    people.release()
    for _ in range(12):
        assert member.sign_in().status_code == 204
    for n in range(5):
        assert guess(people, member.email, f"wrong guess {n}", "", {}).status_code == 401
    assert member.sign_in().status_code == 429
    with people.service.database.connect() as connection:
        # A minute later, as the counters see it.
        connection.execute(
            "select setval(c.oid, greatest(0, pg_sequence_last_value(c.oid) - 60000)) from pg_class c"
            " where c.relname like 'throttle_pair%' and pg_sequence_last_value(c.oid) > 60000"
        )
    assert member.sign_in().status_code == 204


def test_a_guesser_elsewhere_does_not_lock_the_person_out(people: People) -> None:
    member = people.member("victim@example.test")
    people.release()
    for n in range(20):
        guess(people, member.email, f"wrong guess {n}", "", {"X-Real-IP": "203.0.113.7"})
    assert guess(people, member.email, PASSWORD, "", {"X-Real-IP": "203.0.113.7"}).status_code == 429
    assert member.sign_in().status_code == 204


def test_many_guessers_together_do_not_lock_the_person_out_where_she_signed_in_before(people: People) -> None:
    member = people.member("besieged@example.test")
    people.release()
    home = {"X-Real-IP": "198.51.100.9"}
    assert guess(people, member.email, PASSWORD, "", home).status_code == 204
    for n in range(40):
        guess(people, member.email, f"wrong guess {n}", "", {"X-Real-IP": f"203.0.113.{n}"})
    stranger = {"X-Real-IP": "203.0.113.200"}
    assert guess(people, member.email, PASSWORD, "", stranger).status_code == 429
    assert guess(people, member.email, PASSWORD, "", home).status_code == 204
    # Home is no place to guess from, either.
    statuses = [guess(people, member.email, f"wrong guess {n}", "", home).status_code for n in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert guess(people, member.email, PASSWORD, "", home).status_code == 429


def test_one_origin_cannot_try_many_addresses(people: People) -> None:
    people.release()
    statuses = [
        guess(
            people, f"somebody{n}@example.test", "wrong guess", "", {"X-Real-IP": "203.0.113.8"}
        ).status_code
        for n in range(70)
    ]
    assert statuses[:30] == [401] * 30
    # Not the last one: on a busy machine the wait that was asked for may have passed by then.
    assert 429 in statuses[30:]


def test_an_administrator_unlocks(people: People) -> None:
    member = people.member("locked@example.test")
    people.release()
    for n in range(6):
        guess(people, member.email, f"wrong guess {n}", "", {})
    assert member.sign_in().status_code == 429
    service = people.service
    answer = service.call("user_unlock", service.root, {"email": member.email}, role="quantmatrix_admin")
    assert answer.status_code == 204
    assert member.sign_in().status_code == 204


def test_mails_to_an_address_are_limited_whether_it_exists_or_not(people: People) -> None:
    people.member("mailed@example.test")
    people.release()
    for email in ("mailed@example.test", "stranger@example.test"):
        statuses = [people.call("password_forgot", email=email).status_code for _ in range(6)]
        assert statuses == [204] * 5 + [429]


def test_writes_are_limited_for_each_person(people: People) -> None:
    quick, slow = people.member("quick@example.test"), people.member("slow@example.test")
    with people.service.database.connect() as connection:
        connection.execute("update auth.settings set writes_per_second = 1")
    try:
        people.release()
        with ThreadPoolExecutor(8) as pool:
            nobodys = "00000000-0000-4000-8000-000000000000"
            statuses = list(pool.map(lambda _: quick.call("session_end", id=nobodys).status_code, range(40)))
        assert set(statuses) == {400, 429}
        assert statuses.count(400) >= 10
        assert slow.call("account_add", broker="ibkr", account_number="U1").status_code == 200
        assert quick.get("me").status_code == 200
    finally:
        with people.service.database.connect() as connection:
            connection.execute("update auth.settings set writes_per_second = 50")
