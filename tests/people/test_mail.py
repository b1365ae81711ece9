"""The outbox against a real SMTP server: sent once, kept while it is down, given up when refused."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.services import ports
from quantmatrix.testing.people import People


class Mailbox:
    """What the server does with a mail: takes it, or answers ``says``."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.says: str | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.says:
            return self.says
        assert isinstance(envelope.content, bytes)
        self.taken.append(message_from_bytes(envelope.content))
        return "250 taken"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, Controller]]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=ports.choose(1)[0])
    controller.start()
    try:
        yield box, controller
    finally:
        if controller._thread is not None:
            controller.stop()


@pytest.fixture(autouse=True)
def _empty(people: People) -> None:
    with people.service.database.connect() as connection:
        connection.execute("delete from auth.mails")


def port_of(controller: Controller) -> int:
    return int(controller.port)


def send(people: People, port: int, *words: str) -> Result:
    variables = people.service.database.variables() | {
        "QUANTMATRIX_SMTP_URL": f"smtp://127.0.0.1:{port}",
        "QUANTMATRIX_MAIL_FROM": "portfolio@example.test",
    }
    return CliRunner(env=variables).invoke(cli, ["mail", *(words or ("send",))])


def queue(people: People) -> list[tuple[Any, ...]]:
    with people.service.database.connect() as connection:
        return connection.execute(
            "select status::text, attempts, body is null, last_error from auth.mails order by id"
        ).fetchall()


def make_due(people: People) -> None:
    with people.service.database.connect() as connection:
        connection.execute("update auth.mails set due_at = now()")


def test_a_mail_is_sent_once_and_its_token_forgotten(
    people: People, mailbox: tuple[Mailbox, Controller]
) -> None:
    box, controller = mailbox
    people.call("register", email="mira@example.test", password="three purple anvils")
    token = people.mailed_token("mira@example.test")
    assert send(people, port_of(controller)).exit_code == 0
    assert send(people, port_of(controller)).exit_code == 0
    assert [mail["To"] for mail in box.taken] == ["mira@example.test"]
    assert token in str(box.taken[0].get_payload())
    assert box.taken[0]["Message-ID"].endswith("@example.test>")
    assert queue(people) == [("sent", 1, True, None)]
    assert people.call("verify_email", token=token).status_code == 204


def test_what_is_over_is_forgotten_after_a_month(people: People, mailbox: tuple[Mailbox, Controller]) -> None:
    for word in ("old", "new", "waiting"):
        people.call("register", email=f"{word}@example.test", password="three purple anvils")
    with people.service.database.connect() as connection:
        connection.execute(
            "update auth.mails set created_at = now() - interval '31 days' where recipient not like 'new@%'"
        )
        connection.execute(
            "update auth.mails set due_at = now() + interval '1 hour' where recipient like 'waiting@%'"
        )
    assert send(people, port_of(mailbox[1])).exit_code == 0
    assert sorted(queue(people)) == [("sent", 1, True, None), ("waiting", 0, False, None)]


def test_nothing_is_lost_while_the_server_is_down(
    people: People, mailbox: tuple[Mailbox, Controller]
) -> None:
    box, controller = mailbox
    port = port_of(controller)
    people.call("register", email="down@example.test", password="three purple anvils")
    controller.stop()
    assert send(people, port).exit_code == 1
    assert [row[:3] for row in queue(people)] == [("waiting", 1, False)]
    assert send(people, port).exit_code == 0, "not due again yet"
    assert queue(people)[0][1] == 1
    again = Controller(box, hostname="127.0.0.1", port=port)
    again.start()
    try:
        make_due(people)
        assert send(people, port).exit_code == 0
    finally:
        again.stop()
    assert len(box.taken) == 1
    assert queue(people)[0][:2] == ("sent", 2)


def test_waits_grow_and_end(people: People, mailbox: tuple[Mailbox, Controller]) -> None:
    box, controller = mailbox
    box.says = "451 later, please"
    people.call("register", email="later@example.test", password="three purple anvils")
    waits = []
    with people.service.database.connect() as connection:
        for _ in range(12):
            make_due(people)
            send(people, port_of(controller))
            row = connection.execute("select due_at - now(), status::text from auth.mails").fetchone()
            assert row is not None
            waits.append(row)
    minutes = [round(wait.total_seconds() / 60) for wait, _ in waits]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120, 120, 120]
    assert [status for _, status in waits] == ["waiting"] * 11 + ["dead"]
    assert "later, please" in queue(people)[0][3]
    listed = send(people, port_of(controller), "list", "--status", "dead", "--format", "csv")
    number = listed.stdout.splitlines()[1].split(",")[0]
    box.says = None
    assert send(people, port_of(controller), "retry", number).exit_code == 0
    assert send(people, port_of(controller)).exit_code == 0
    assert len(box.taken) == 1


def test_what_the_server_never_takes_is_given_up_at_once(
    people: People, mailbox: tuple[Mailbox, Controller]
) -> None:
    box, controller = mailbox
    box.says = "550 no such person"
    people.call("register", email="nosuch@example.test", password="three purple anvils")
    assert send(people, port_of(controller)).exit_code == 1
    assert queue(people)[0][:2] == ("dead", 1)


def test_a_claim_of_a_sender_that_died_ends(people: People, mailbox: tuple[Mailbox, Controller]) -> None:
    box, controller = mailbox
    people.call("register", email="claim@example.test", password="three purple anvils")
    with people.service.database.connect() as connection:
        connection.execute("select auth.mail_claim()")
        assert send(people, port_of(controller)).exit_code == 0
        assert box.taken == []
        connection.execute("update auth.mails set claimed_until = now() - interval '1 second'")
    assert send(people, port_of(controller)).exit_code == 0
    assert len(box.taken) == 1


def test_without_a_server_it_says_what_to_set(people: People) -> None:
    result = CliRunner(env=people.service.database.variables()).invoke(cli, ["mail", "send"])
    assert result.exit_code == 2
    assert "QUANTMATRIX_SMTP_URL" in result.stderr
