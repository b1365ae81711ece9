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


# Ten minutes as the counters see them, which end now: a table of instants, a second apart.
TEN_MINUTES = (
    "generate_series(clock_timestamp() - interval '10 min', clock_timestamp(), interval '1 s') t (at)"
)


def counters(people: People) -> object:
    """All that was ever counted."""
    with people.service.database.connect() as connection:
        return connection.execute(
            "select jsonb_object_agg(c.relname, pg_sequence_last_value(c.oid)) from pg_class c"
            " where c.relkind = 'S' and c.relnamespace = 'auth'::regnamespace and c.relname like 'throttle%'"
        ).fetchone()


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
        connection.execute("select auth.throttle_release('pair', ' ' || %s, 60)", [member.email])
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


def fill_origin(people: People, origin: str) -> None:
    """Names tried from there at once, five minutes from now: no machine is so slow that they are over."""
    with people.service.database.connect() as connection:
        connection.execute(
            "select auth.throttle_sign_in("
            "   gen_random_uuid() || '@example.test', %s, false, clock_timestamp() + interval '5 min'"
            ") from generate_series(1, 60)",
            [origin],
        )


def test_one_origin_cannot_try_many_addresses(people: People) -> None:
    people.release()
    hostile = {"X-Real-IP": "203.0.113.8"}
    statuses = [
        guess(people, f"somebody{n}@example.test", "wrong guess", "", hostile).status_code for n in range(30)
    ]
    assert statuses == [401] * 30
    fill_origin(people, "203.0.113.8")
    assert guess(people, "one-more@example.test", "wrong guess", "", hostile).status_code == 429
    other = {"X-Real-IP": "203.0.113.18"}
    assert guess(people, "one-more@example.test", "wrong guess", "", other).status_code == 401


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


def test_two_addresses_that_try_all_names_lock_nobody_out(people: People) -> None:
    """Ten minutes of made-up names, a new one each time; then somebody signs in from a place unknown here."""
    member = people.member("unknown-place@example.test")
    people.release()
    with people.service.database.connect() as connection:
        tried = connection.execute(
            "select count(*), count(*) filter (where auth.throttle_sign_in("
            "   gen_random_uuid() || '@example.test', o.origin, false, t.at + n.number * interval '0.2 s'"
            ") = 0)"
            f" from {TEN_MINUTES} cross join generate_series(0, 4) n (number)"
            " cross join (values ('203.0.113.1'), ('203.0.113.2')) o (origin)"
        ).fetchone()
    assert tried is not None
    asked, passed = tried
    # Sixty at once and one in four seconds, of each.
    assert (asked, 400 < passed < 430) == (6010, True)
    for n in range(20):
        newcomer = {"X-Real-IP": f"198.51.100.{n}"}
        assert guess(people, member.email, PASSWORD, "", newcomer).status_code == 204
        assert guess(people, f"nobody{n}@example.test", PASSWORD, "", newcomer).status_code == 401


def test_an_origin_that_is_refused_fills_no_counter(people: People) -> None:
    hostile = {"X-Real-IP": "203.0.113.9"}
    fill_origin(people, "203.0.113.9")
    assert guess(people, "nobody@example.test", "wrong guess", "", hostile).status_code == 429
    with people.service.database.connect() as connection:
        connection.execute(
            "select auth.throttle_sign_in(gen_random_uuid() || '@example.test', '203.0.113.9', false)"
            " from generate_series(1, 100)"
        )
    before = counters(people)
    for n in range(5):
        assert guess(people, f"another{n}@example.test", "wrong guess", "", hostile).status_code == 429
    assert counters(people) == before


def test_keys_shares_and_signing_in_do_not_use_up_each_other_s_attempts(people: People) -> None:
    member = people.member("sharer@example.test")
    people.release()
    for n in range(40):
        origin = {"X-Real-IP": f"203.0.113.{n}"}
        assert people.call("key_exchange", None, origin, key=f"qm_{n:08x}_x").status_code == 401
    with people.service.database.connect() as connection:
        narrow = connection.execute(
            "select count(*) from pg_class c where c.relkind = 'S' and c.relname ~ '^throttle_[0-9]+$'"
            " and substr(c.relname, 10)::integer between 0 and 1055"
            " and coalesce(pg_sequence_last_value(c.oid), 0) > 0"
        ).fetchone()
        own = connection.execute(
            "select count(*) from pg_class c where c.relkind = 'S' and c.relname ~ '^throttle_[0-9]+$'"
            " and substr(c.relname, 10)::integer between 1296 and 1391"
            " and coalesce(pg_sequence_last_value(c.oid), 0) > 0"
        ).fetchone()
    assert (narrow, own) == ((0,), (0,))
    for _ in range(20):
        assert member.call("grant_add", email="nobody-there@example.test").json()["code"] == "QM001"
    with people.service.database.connect() as connection:
        # As if all had been at once.
        connection.execute(
            "select auth.throttle('own', 'grant ' || u.id, 20, 30)"
            " from core.users u cross join generate_series(1, 20) where u.email = %s",
            [member.email],
        )
    assert member.call("grant_add", email="nobody-there@example.test").status_code == 429
    assert member.sign_in().status_code == 204


def test_a_network_of_ipv6_is_one_place(people: People) -> None:
    member = people.member("sixth@example.test")
    people.release()
    statuses = [
        guess(people, member.email, f"wrong guess {n}", "", {"X-Real-IP": f"2001:db8::{n:x}"}).status_code
        for n in range(7)
    ]
    assert statuses == [401] * 5 + [429] * 2
    with people.service.database.connect() as connection:
        places = connection.execute(
            "select auth.origin_of(a) from unnest(%s::text[]) a",
            [["2001:db8:1:2:3:4:5:6", "::ffff:192.0.2.1", "192.0.2.1", "not an address", "", None]],
        ).fetchall()
        # 65,536 such places are one customer's: ten times what one of them may, and no more.
        passed = connection.execute(
            "select count(*) filter (where auth.throttle_sign_in(gen_random_uuid() || '@example.test',"
            " '2001:db9:1:' || to_hex(n) || '::/64', false) = 0) from generate_series(1, 5000) n"
        ).fetchone()
    assert [place for (place,) in places] == [
        "2001:db8:1:2::/64", "192.0.2.1", "192.0.2.1", "not an address", "", "",
    ]  # fmt: skip
    assert passed is not None
    assert 600 <= passed[0] < 700


def test_a_clock_that_was_ahead_locks_nobody_out(people: People) -> None:
    """Whatever was counted a day from now, or a month, holds nobody up: writing, signing in, unlocking."""
    member = people.member("tomorrow@example.test")
    people.release()
    service = people.service
    with service.database.connect() as connection:
        for later in ("1 day", "30 days"):
            for kind, subject, at_once, seconds in (
                ("pair", f" {member.email}", 5, 60),
                ("account", member.email, 30, 20),
                ("mail", member.email, 5, 300),
                ("write", f"person of {member.done('whoami')['id']}", 500, 0.02),
                ("write", f"person of {service.root.id}", 500, 0.02),
            ):
                counted = connection.execute(
                    "select count(*) filter (where auth.throttle("
                    "   %s, %s, %s::integer, %s::numeric, now() + %s::interval"
                    ") = 0) from generate_series(1, 1000)",
                    [kind, subject, at_once, seconds, later],
                ).fetchone()
                assert counted == (at_once,)
            assert member.sign_in().status_code == 204
            assert member.call("account_add", broker="ibkr", account_number=later).status_code == 200
            unlocked = service.call(
                "user_unlock", service.root, {"email": member.email}, role="quantmatrix_admin"
            )
            assert unlocked.status_code == 204
            assert people.call("password_forgot", email=member.email).status_code == 204


def test_what_is_waited_for_is_enough_and_time_gives_back_what_it_took(people: People) -> None:
    with people.service.database.connect() as connection:
        for kind, at_once, seconds in (("pair", 5, 60), ("origin", 600, 0.4), ("write", 500, 0.02)):
            start = "timestamptz '2026-01-01' + make_interval(secs => %s)"
            ask = f"select auth.throttle(%s, 'somebody', %s::integer, %s::numeric, {start})"

            def tell(at: float, kind=kind, at_once=at_once, seconds=seconds, ask=ask) -> int:  # type: ignore[no-untyped-def]
                row = connection.execute(ask, [kind, at_once, seconds, at]).fetchone()
                assert row is not None
                return int(row[0])

            assert [tell(0) for _ in range(at_once)] == [0] * at_once
            wait = tell(0)
            assert 1 <= wait <= seconds + 1.01
            assert tell(wait) == 0
            assert tell(seconds * at_once * 2) == 0
