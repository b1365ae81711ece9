"""The server that takes mails, named by an address such as ``smtp+starttls://user@host:587``."""

from __future__ import annotations

import os
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.external import first_line

TIMEOUT_SECONDS = 30
SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True)
class Server:
    """Where mails go, and from whom they are."""

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    sender: str

    def connect(self) -> smtplib.SMTP:
        """A session, encrypted and signed in as the address says; raises ``OSError``, ``SMTPException``."""
        if self.scheme == "smtps":
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
            )
        else:
            session = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
        try:
            if self.scheme == "smtp+starttls":
                session.starttls(context=ssl.create_default_context())
            if self.user:
                session.login(self.user, self.password or "")
        except BaseException:
            session.close()
            raise
        return session

    def message(self, number: int, recipient: str, subject: str, body: str) -> EmailMessage:
        """The mail ``number`` of the outbox; the same number makes the same Message-ID in each attempt."""
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = recipient
        message["Subject"] = subject
        message["Message-ID"] = f"<quantmatrix-{number}@{self.sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        return message


def configured() -> Server:
    """The server of ``QUANTMATRIX_SMTP_URL``, its password perhaps in ``QUANTMATRIX_SMTP_PASSWORD_FILE``.

    ``QUANTMATRIX_MAIL_FROM`` is the sender.
    """
    url = os.environ.get("QUANTMATRIX_SMTP_URL", "")
    parts = urlsplit(url)
    try:
        port = parts.port or SCHEMES.get(parts.scheme, 0)
    except ValueError:
        port = 0
    sender = os.environ.get("QUANTMATRIX_MAIL_FROM", "")
    if parts.scheme not in SCHEMES or not parts.hostname or not port or "@" not in sender:
        raise Problem(
            "the mail server is not known",
            where="QUANTMATRIX_SMTP_URL, QUANTMATRIX_MAIL_FROM",
            why="an address such as smtp+starttls://user@mail.example.org:587 and a sender are wanted",
            unchanged="no mail was sent; all wait in the outbox",
            next_step="set both variables, and QUANTMATRIX_SMTP_PASSWORD_FILE to a file with the password",
            exit_code=ExitCode.USAGE,
        )
    password_file = os.environ.get("QUANTMATRIX_SMTP_PASSWORD_FILE")
    password = first_line(password_file, "QUANTMATRIX_SMTP_PASSWORD_FILE") if password_file else None
    return Server(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=password or (unquote(parts.password) if parts.password else None),
        sender=sender,
    )
