"""People who register by themselves over HTTP; their mails are read from the outbox."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from quantmatrix.testing.service import Service

PASSWORD = "three purple anvils"


@dataclass
class Member:
    """Somebody who registered and signed in."""

    people: People
    email: str
    password: str = PASSWORD
    access: str = ""
    renewal: str = ""

    def call(self, function: str, /, **arguments: Any) -> httpx.Response:
        """What a function answers to this person."""
        return self.people.call(function, self.access, **arguments)

    def done(self, function: str, /, **arguments: Any) -> Any:
        """The answer of a call that must succeed."""
        answer = self.call(function, **arguments)
        assert answer.status_code in (200, 204), answer.text
        return answer.json() if answer.content else None

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        """What a path answers to this person, or to ``token``."""
        return self.people.get(path, token or self.access)

    def sign_in(self, **more: Any) -> httpx.Response:
        """Sign in and remember the tokens, if it succeeds."""
        answer = self.people.call("sign_in", email=self.email, password=self.password, **more)
        if answer.status_code == 204:
            self.access = answer.headers["access-token"]
            self.renewal = answer.headers["refresh-token"]
        return answer


@dataclass
class People:
    """The API as people without any token meet it."""

    service: Service
    members: dict[str, Member] = field(default_factory=dict)

    def call(
        self,
        function: str,
        bearer: str | None = None,
        headers: dict[str, str] | None = None,
        /,
        **arguments: Any,
    ) -> httpx.Response:
        """What a function answers."""
        sent = {**(headers or {}), **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        return httpx.post(f"{self.service.api.url}/rpc/{function}", json=arguments, headers=sent, timeout=30)

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        """What a path answers."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.get(f"{self.service.api.url}/{path}", headers=headers)

    def mails(self, email: str) -> list[tuple[str, str]]:
        """Subject and text of the mails to an address, oldest first."""
        with self.service.database.connect() as connection:
            return connection.execute(
                "select subject, coalesce(body, '') from auth.mails where recipient = %s order by id", [email]
            ).fetchall()

    def mailed_token(self, email: str) -> str:
        """The token of the newest mail to an address."""
        return self.mails(email)[-1][1].split("Token: ")[1].split()[0]

    def member(self, email: str, password: str = PASSWORD) -> Member:
        """Somebody new who registered, verified the address and signed in."""
        assert self.call("register", email=email, password=password).status_code == 204
        assert self.call("verify_email", token=self.mailed_token(email)).status_code == 204
        member = Member(self, email, password)
        assert member.sign_in().status_code == 204
        self.members[email] = member
        return member

    def release(self) -> None:
        """Let the time pass that counters wait for."""
        with self.service.database.connect() as connection:
            connection.execute(
                "select setval(c.oid, 0) from pg_class c where c.relkind = 'S'"
                " and c.relnamespace = 'auth'::regnamespace and c.relname like 'throttle%'"
            )


def code_of(secret: str, steps: int = 0) -> str:
    """The code of an authenticator (RFC 6238), some steps of 30 seconds away."""
    counter = int(time.time()) // 30 + steps
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1)
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def with_factor(people: People, email: str) -> tuple[Member, str, list[str]]:
    """A member with a second factor: its secret and the recovery codes."""
    member = people.member(email)
    begun = member.done("second_factor_begin", password=PASSWORD)
    codes = member.done("second_factor_confirm", code=code_of(begun["secret"], -1))["recovery_codes"]
    return member, begun["secret"], codes
