"""A second factor: set up, wanted, each code good once, recovery codes, removed."""

from __future__ import annotations

import base64

from quantmatrix.testing.people import PASSWORD, People, code_of, with_factor


def test_the_published_example_of_the_standard(people: People) -> None:
    """RFC 6238, appendix B: the last six digits at 59 seconds and at 1111111109."""
    with people.service.database.connect() as connection:
        found = connection.execute(
            "select auth.totp('12345678901234567890', 1), auth.totp('12345678901234567890', 37037036),"
            " auth.base32('12345678901234567890')"
        ).fetchone()
    assert found == ("287082", "081804", base64.b32encode(b"12345678901234567890").decode())


def test_a_code_is_wanted_and_good_once(people: People) -> None:
    member, secret, _ = with_factor(people, "factor@example.test")
    missing = member.sign_in()
    assert (missing.status_code, missing.json()["code"]) == (401, "QM052")
    wrong = people.call("sign_in", email=member.email, password="not the one at all")
    assert wrong.json()["code"] == "QM050"
    code = code_of(secret)
    assert member.sign_in(code=code).status_code == 204
    assert member.sign_in(code=code).status_code == 401
    assert member.done("whoami")["second_factor"] is True


def test_a_wrong_code_counts_as_an_attempt(people: People) -> None:
    member, secret, _ = with_factor(people, "guessing@example.test")
    people.release()
    assert [member.sign_in(code="000000").status_code for _ in range(6)] == [401] * 5 + [429]
    people.release()
    assert member.sign_in(code=code_of(secret, 1)).status_code == 204


def test_recovery_codes_are_good_once_each(people: People) -> None:
    member, _, codes = with_factor(people, "recovery@example.test")
    assert len(set(codes)) == 10
    assert member.sign_in(code=codes[0]).status_code == 204
    assert member.sign_in(code=codes[0]).status_code == 401
    assert member.sign_in(code=codes[1].upper().replace("-", " ")).status_code == 204
    with people.service.database.connect() as connection:
        dump = connection.execute("select jsonb_agg(to_jsonb(r))::text from auth.recovery_codes r").fetchone()
    assert dump is not None
    assert codes[2].replace("-", "") not in dump[0]


def test_it_counts_only_once_confirmed_and_goes_with_password_and_code(people: People) -> None:
    member = people.member("half@example.test")
    assert member.call("second_factor_begin", password="not the one").status_code == 403
    member.done("second_factor_begin", password=PASSWORD)
    assert member.sign_in().status_code == 204
    member, _, codes = with_factor(people, "removed@example.test")
    assert member.call("second_factor_begin", password=PASSWORD).json()["code"] == "QM002"
    assert member.call("second_factor_remove", password=PASSWORD, code="123456").status_code == 403
    member.done("second_factor_remove", password=PASSWORD, code=codes[3])
    assert member.sign_in().status_code == 204
