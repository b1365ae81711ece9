"""Email and password over HTTP: register, verify, sign in, refresh, sign out, change, reset."""

from __future__ import annotations

import hashlib
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import jwt
import pytest

from quantmatrix.testing.people import PASSWORD, Member, People


def code(answer: httpx.Response) -> str:
    return str(answer.json()["code"])


def test_register_verify_sign_in_and_read(people: People) -> None:
    assert people.call("register", email="Eve@Example.test", password=PASSWORD).status_code == 204
    assert people.call("sign_in", email="eve@example.test", password=PASSWORD).status_code == 401
    token = people.mailed_token("eve@example.test")
    answer = people.call("verify_email", token=token)
    assert answer.status_code == 204, answer.text
    again = people.call("verify_email", token=token)
    assert (again.status_code, code(again)) == (400, "QM053")
    eve = Member(people, "eve@example.test")
    assert eve.sign_in().status_code == 204
    assert eve.get("me").json()[0]["email"] == "eve@example.test"
    claims = jwt.decode(eve.access, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert eve.done("whoami")["session"] == claims["sid"]


def test_a_registered_address_answers_as_a_new_one(people: People) -> None:
    people.member("known@example.test")
    known = people.call("register", email="known@example.test", password="another good phrase")
    new = people.call("register", email="unknown@example.test", password="another good phrase")
    assert (known.status_code, known.content) == (new.status_code, new.content) == (204, b"")
    assert people.mails("known@example.test")[-1][0] == "You have an account already"
    for email in ("known@example.test", "nobody@example.test"):
        answer = people.call("password_forgot", email=email)
        assert (answer.status_code, answer.content) == (204, b"")
    assert people.mails("nobody@example.test") == []
    wrong = people.call("sign_in", email="known@example.test", password="not the one at all")
    nobody = people.call("sign_in", email="nobody@example.test", password="not the one at all")
    assert (wrong.status_code, wrong.json()) == (nobody.status_code, nobody.json())


def test_the_time_of_an_answer_does_not_tell_whether_an_address_exists(people: People) -> None:
    people.member("timed@example.test")

    def medians(function: str, **more: str) -> list[float]:
        """By turns, so that what else the machine does is the same for both."""
        times: dict[str, list[float]] = {"timed@example.test": [], "nobody@example.test": []}
        for _ in range(9):
            for email, taken in times.items():
                people.release()
                begun = time.perf_counter()
                people.call(function, email=email, **more)
                taken.append(time.perf_counter() - begun)
        return [statistics.median(taken) for taken in times.values()]

    for function, more in (("sign_in", {"password": "not the one at all"}), ("password_forgot", {})):
        known, nobody = medians(function, **more)
        assert abs(known - nobody) < 0.5 * min(known, nobody), (function, known, nobody)


def test_nor_does_the_time_of_one_whose_hash_is_older(people: People) -> None:
    """Otherwise whoever did not sign in since the cost rose would be known by a quicker answer."""
    people.member("older@example.test")
    with people.service.database.connect() as connection:
        connection.execute("update auth.settings set bcrypt_cost = 13")
        try:
            times = {}
            for email in ("older@example.test", "nobody@example.test"):
                begun = time.perf_counter()
                answer = people.call("sign_in", email=email, password="not the one at all")
                times[email] = time.perf_counter() - begun
                assert answer.status_code == 401
        finally:
            connection.execute("update auth.settings set bcrypt_cost = 10")
    assert max(times.values()) < 2 * min(times.values()), times


def test_weak_passwords_are_refused(people: People) -> None:
    weak = (
        "short",
        "Password123!",
        "qwertyuiop1",
        "1234567890",
        "aaaaaaaaaaaa",
        "weak.person99",
        "welcome-welcome1",
    )
    for password in weak:
        answer = people.call("register", email="weak.person@example.test", password=password)
        assert (answer.status_code, code(answer)) == (400, "QM054"), password


def test_long_passwords_are_told_apart_behind_their_72nd_byte(people: People) -> None:
    long = "correct horse battery staple " * 4
    member = people.member("long@example.test", long)
    assert people.call("sign_in", email=member.email, password=long[:-2] + "x ").status_code == 401
    assert member.sign_in().status_code == 204


def test_secrets_are_kept_as_digests_alone(people: People) -> None:
    member = people.member("digest@example.test")
    with people.service.database.connect() as connection:
        stored = connection.execute(
            "select password_hash from auth.credentials c join core.users u on"
            " u.id = c.user_id where u.email = 'digest@example.test'"
        ).fetchone()
        assert stored is not None
        assert stored[0].startswith("$2a$10$")
        found = connection.execute(
            "select count(*) from auth.refresh_tokens where token_digest = %s",
            [hashlib.sha256(member.renewal.encode()).digest()],
        ).fetchone()
        assert found == (1,)
        dump = connection.execute("select jsonb_agg(to_jsonb(t))::text from auth.refresh_tokens t").fetchone()
        assert dump is not None
        assert member.renewal not in dump[0]


def test_an_older_hash_is_renewed_when_its_person_signs_in(people: People) -> None:
    member = people.member("cost@example.test")
    with people.service.database.connect() as connection:
        connection.execute("update auth.settings set bcrypt_cost = 11")
        try:
            assert member.sign_in().status_code == 204
            renewed = connection.execute(
                "select c.password_hash from auth.credentials c join core.users u on u.id = c.user_id"
                " where u.email = 'cost@example.test'"
            ).fetchone()
        finally:
            connection.execute("update auth.settings set bcrypt_cost = 10")
    assert renewed is not None
    assert renewed[0].startswith("$2a$11$")
    assert member.sign_in().status_code == 204


def test_refresh_rotates_and_a_replay_ends_the_family(people: People) -> None:
    member = people.member("rotate@example.test")
    first = member.renewal
    renewed = people.call("refresh", refresh_token=first)
    assert renewed.status_code == 200
    second, access = renewed.json()["refresh_token"], renewed.json()["access_token"]
    assert second != first
    assert member.get("me", access).status_code == 200
    replay = people.call("refresh", None, {"X-Real-IP": "203.0.113.5"}, refresh_token=first)
    assert (replay.status_code, code(replay)) == (401, "QM055")
    assert people.call("refresh", refresh_token=second).status_code == 401
    assert member.get("me", access).status_code == 401


def test_a_refresh_whose_answer_was_lost_is_asked_again(people: People) -> None:
    member = people.member("lost@example.test")
    lost = people.call("refresh", refresh_token=member.renewal).json()["refresh_token"]
    again = people.call("refresh", refresh_token=member.renewal)
    assert again.status_code == 200
    last = people.call("refresh", refresh_token=again.json()["refresh_token"])
    assert last.status_code == 200
    # The one that was lost, and the one before the last: somebody stole them.
    assert people.call("refresh", refresh_token=lost).json()["code"] == "QM055"
    assert people.call("refresh", refresh_token=last.json()["refresh_token"]).status_code == 401
    assert member.get("me", last.json()["access_token"]).status_code == 401


@pytest.mark.parametrize("case", ["elsewhere", "late", "older", "replaced"])
def test_any_other_refresh_token_that_comes_again_ends_the_session(people: People, case: str) -> None:
    member = people.member(f"replay-{case}@example.test")
    home = {"X-Real-IP": "198.51.100.3"}
    presented, origin = member.renewal, home
    second = people.call("refresh", None, home, refresh_token=presented).json()
    if case == "elsewhere":
        origin = {"X-Real-IP": "203.0.113.3"}
    elif case == "late":
        with people.service.database.connect() as connection:
            connection.execute("update auth.refresh_tokens set used_at = used_at - interval '31 s'")
    elif case == "older":
        second = people.call("refresh", None, home, refresh_token=second["refresh_token"]).json()
    else:
        presented = second["refresh_token"]
        second = people.call("refresh", None, home, refresh_token=member.renewal).json()
    replay = people.call("refresh", None, origin, refresh_token=presented)
    assert (replay.status_code, code(replay)) == (401, "QM055")
    assert people.call("refresh", None, home, refresh_token=second["refresh_token"]).status_code == 401
    assert member.get("me", second["access_token"]).status_code == 401


def test_of_refreshes_at_once_the_last_pair_is_good(people: People) -> None:
    member = people.member("race@example.test")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: people.call("refresh", refresh_token=member.renewal), range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    with people.service.database.connect() as connection:
        open_tokens = connection.execute(
            "select array_agg(encode(t.token_digest, 'hex')) from auth.refresh_tokens t"
            " join core.users u on u.id = t.user_id where u.email = %s and t.used_at is null",
            [member.email],
        ).fetchone()
    given = [hashlib.sha256(answer.json()["refresh_token"].encode()).hexdigest() for answer in answers]
    assert open_tokens is not None
    assert len(open_tokens[0]) == 1
    assert open_tokens[0][0] in given


def test_a_session_that_is_renewed_without_end_waits_and_no_other_does(people: People) -> None:
    busy, other = people.member("endless@example.test"), people.member("now-and-then@example.test")
    token = busy.renewal
    for _ in range(20):
        token = people.call("refresh", refresh_token=token).json()["refresh_token"]
    refused = people.call("refresh", refresh_token=token)
    assert (refused.status_code, code(refused)) == (429, "QM051")
    assert people.call("refresh", refresh_token=other.renewal).status_code == 200
    with people.service.database.connect() as connection:
        connection.execute("update auth.refresh_tokens set used_at = used_at - interval '10 minutes'")
    assert people.call("refresh", refresh_token=token).status_code == 200


def test_unknown_refresh_tokens_are_refused(people: People) -> None:
    for token in ("", "qmr_x", "qmr_" + "A" * 43):
        assert people.call("refresh", refresh_token=token).status_code == 401


def test_sign_out_here_and_everywhere(people: People) -> None:
    member = people.member("out@example.test")
    here = member.access
    assert member.sign_in(label="phone").status_code == 204
    listed = member.done("session_list")
    assert [(row["label"], row["is_this"]) for row in listed] == [("phone", True), (None, False)]
    assert people.call("sign_out", here).json() == 1
    assert member.get("me", here).status_code == 401
    assert member.get("me").status_code == 200
    assert member.sign_in().status_code == 204
    assert member.done("sign_out", everywhere=True) == 2
    assert member.get("me").status_code == 401
    assert people.call("refresh", refresh_token=member.renewal).status_code == 401
    assert member.sign_in().status_code == 204


def test_changing_the_password_ends_the_other_sessions(people: People) -> None:
    member = people.member("change@example.test")
    other = member.access
    member.sign_in()
    wrong = member.call("password_change", current_password="not it", new_password="brand new anvils")
    assert (wrong.status_code, code(wrong)) == (403, "QM050")
    member.done("password_change", current_password=PASSWORD, new_password="brand new anvils")
    assert member.get("me").status_code == 200
    assert member.get("me", other).status_code == 401
    assert member.sign_in().status_code == 401
    member.password = "brand new anvils"
    assert member.sign_in().status_code == 204
    assert people.mails(member.email)[-1][0] == "Your password was changed"


def test_a_reset_token_is_good_once_and_ends_all_sessions(people: People) -> None:
    member = people.member("reset@example.test")
    people.call("password_forgot", email=member.email)
    older = people.mailed_token(member.email)
    people.call("password_forgot", email=member.email)
    token = people.mailed_token(member.email)
    assert people.call("password_reset", token=older, new_password="a fresh new phrase").status_code == 400
    assert code(people.call("password_reset", token=token, new_password="short")) == "QM054"
    assert people.call("password_reset", token=token, new_password="a fresh new phrase").status_code == 204
    assert people.call("password_reset", token=token, new_password="a fresh new phrase").status_code == 400
    assert member.get("me").status_code == 401
    member.password = "a fresh new phrase"
    assert member.sign_in().status_code == 204


def test_expired_tokens_are_refused(people: People) -> None:
    member = people.member("late@example.test")
    people.call("password_forgot", email=member.email)
    with people.service.database.connect() as connection:
        connection.execute("update auth.one_time_tokens set expires_at = now() - interval '1 second'")
        connection.execute("update auth.sessions set expires_at = now() - interval '1 second'")
    token = people.mailed_token(member.email)
    assert people.call("password_reset", token=token, new_password="a fresh new phrase").status_code == 400
    assert people.call("refresh", refresh_token=member.renewal).status_code == 401
    assert member.get("me").status_code == 401


def test_the_address_changes_once_the_new_one_is_proved(people: People) -> None:
    member = people.member("old@example.test")
    member.done("email_change", new_email="new@example.test", password=PASSWORD)
    assert member.get("me").json()[0]["email"] == "old@example.test"
    assert people.call("verify_email", token=people.mailed_token("new@example.test")).status_code == 204
    assert member.get("me").json()[0]["email"] == "new@example.test"
    assert people.mails("old@example.test")[-1][0] == "Your address was changed"


def test_a_reset_that_was_mailed_to_the_old_address_ends_with_it(people: People) -> None:
    member = people.member("lost-mailbox@example.test")
    people.call("password_forgot", email=member.email)
    reset = people.mailed_token(member.email)
    member.done("email_change", new_email="safe-mailbox@example.test", password=PASSWORD)
    assert people.call("verify_email", token=people.mailed_token("safe-mailbox@example.test")).is_success
    answer = people.call("password_reset", token=reset, new_password="of the one who reads it")
    assert (answer.status_code, code(answer)) == (400, "QM053")


def test_nobody_reserves_the_address_of_another(people: People) -> None:
    people.call("register", email="wanted@example.test", password="of the squatter here")
    squatted = people.mailed_token("wanted@example.test")
    assert people.member("wanted@example.test").get("me").status_code == 200
    late = people.call("verify_email", token=squatted)
    assert (late.status_code, code(late)) == (400, "QM053")


def test_a_disabled_person_cannot_sign_in_or_refresh(people: People) -> None:
    member = people.member("gone@example.test")
    service = people.service
    service.done("user_disable", service.root, {"email": member.email}, role="quantmatrix_admin")
    assert member.get("me").status_code == 403
    assert people.call("refresh", refresh_token=member.renewal).status_code == 401
    refused = member.sign_in()
    assert (refused.status_code, code(refused)) == (401, "QM050")
