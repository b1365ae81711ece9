"""Emptying the outbox: claim and commit, send, report. A sender that dies leaves mails for the next."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from dataclasses import dataclass

from quantmatrix.door.login import PersonSession
from quantmatrix.mail.smtp import Server


@dataclass
class Sent:
    """What became of the mails of one run."""

    sent: int = 0
    later: int = 0
    dead: int = 0


def send_due(session: PersonSession, server: Server, detail: Callable[[str], None]) -> Sent:
    """Send all mails that are due; those the server does not take now wait longer each time.

    What was sent or given up a month ago is forgotten.
    """
    outcome = Sent()
    while claimed := session.table("auth.mail_claim"):
        connection: smtplib.SMTP | None = None
        for mail in claimed:
            try:
                connection = connection or server.connect()
                connection.send_message(
                    server.message(mail["id"], mail["recipient"], mail["subject"], mail["body"])
                )
                error, is_final = None, False
            except smtplib.SMTPException as problem:
                error, is_final = str(problem), _is_final(problem)
                _close(connection)
                connection = None
            except (OSError, ValueError) as problem:
                # A header that cannot be written never will be; a connection may come back.
                error, is_final = f"{type(problem).__name__}: {problem}", isinstance(problem, ValueError)
                _close(connection)
                connection = None
            status = _report(session, mail["id"], error, is_final)
            detail(f"mail {mail['id']}: {status}{f' ({error})' if error else ''}")
            outcome.sent += status == "sent"
            outcome.later += status == "waiting"
            outcome.dead += status == "dead"
        _close(connection)
    session.call("auth.mail_purge")
    return outcome


def _report(session: PersonSession, number: int, error: str | None, is_final: bool) -> str:
    told = {"p_id": number, "p_error": error, "p_is_final": is_final}
    return str(session.call("auth.mail_done", told) or "gone")


def _is_final(problem: smtplib.SMTPException) -> bool:
    """Whether the server said that it will never take this mail: 5xx about the recipient or the content."""
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in problem.recipients.values())
    return isinstance(problem, smtplib.SMTPDataError) and problem.smtp_code >= 500


def _close(connection: smtplib.SMTP | None) -> None:
    if connection is not None:
        connection.close()
