"""``mail``: send, run, list, retry."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from quantmatrix.cli.output import write_object, write_rows
from quantmatrix.cli.session import administrator
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.credentials import MAILER
from quantmatrix.terminal import say

if TYPE_CHECKING:
    from quantmatrix.mail.outbox import Sent

TABLE_COLUMNS = ("id", "recipient", "subject", "status", "attempts", "due_at", "last_error")


@click.group(short_help="Send what is in the outbox.")
def mail() -> None:
    """Mails wait in the database until a mail server takes them; none is lost while it is down.

    \b
      QUANTMATRIX_SMTP_URL=smtp+starttls://user@mail.example.org:587 \\
      QUANTMATRIX_SMTP_PASSWORD_FILE=smtp.password QUANTMATRIX_MAIL_FROM=portfolio@example.org \\
      quantmatrix mail run
      quantmatrix mail list --status dead
      quantmatrix mail show ann@example.org
      quantmatrix mail retry 17
    """


@mail.command(short_help="Send what is due, once.")
@click.pass_obj
def send(settings: Settings) -> ExitCode:
    """Send what is due. Ends with status 1 if some mail was not taken; it is tried again later.

    \b
      quantmatrix mail send
    """
    outcome = _send(settings)
    settings.narrate(f"{outcome.sent} sent, {outcome.later} to be tried again, {outcome.dead} given up")
    return ExitCode.FAILED if outcome.later or outcome.dead else ExitCode.DONE


@mail.command(short_help="Send what is due, again and again.")
@click.option(
    "--every", type=click.IntRange(1, 3600), default=10, show_default=True, help="Seconds between looks."
)
@click.pass_obj
def run(settings: Settings, every: int) -> None:
    """Send what is due, look again, until interrupted.

    \b
      quantmatrix mail run --every 5
    """
    while True:
        try:
            outcome = _send(settings)
            if outcome.sent or outcome.later or outcome.dead:
                settings.narrate(
                    f"{outcome.sent} sent, {outcome.later} to be tried again, {outcome.dead} given up"
                )
        except Problem as problem:
            # The database may be back at the next look.
            if problem.exit_code is not ExitCode.UNREACHABLE:
                raise
            settings.narrate(problem.what)
        time.sleep(every)


@mail.command("list", short_help="What is in the outbox, without the texts.")
@click.option("--status", type=click.Choice(["waiting", "sent", "dead"]), help="Only these.")
@click.pass_obj
def mail_list(settings: Settings, status: str | None) -> None:
    """The newest 500 mails: to whom, what became of them, what the server said.

    \b
      quantmatrix mail list --status dead
    """
    with administrator(settings) as admin:
        found = admin.call("mail_list", {"status": status})
    columns = TABLE_COLUMNS if settings.format == "table" else None
    write_rows(found, settings.format, columns=columns, empty="no mails")


@mail.command(short_help="What the newest mail to an address says.")
@click.argument("email")
@click.pass_obj
def show(settings: Settings, email: str) -> None:
    """Print the newest mail to EMAIL that was not sent yet, to try things out without a mail server.

    \b
      quantmatrix mail show ann@example.org

    It may carry a token, so it wants the superuser's login: the embedded database's, or
    QUANTMATRIX_ADMINISTRATOR_URL. What was sent is forgotten.
    """
    from quantmatrix.database.connection import open_connection

    settings.environment.ensure_running()
    with open_connection(settings.environment.superuser_dsn) as connection:
        found = connection.execute(
            "select subject, body from auth.mails where recipient = lower(%s) and body is not null"
            " order by id desc limit 1",
            [email],
        ).fetchone()
    if found is None:
        raise Problem(
            f"no mail to {email} is waiting",
            unchanged="nothing was done",
            next_step="quantmatrix mail list shows what became of mails",
        )
    if settings.format == "table":
        say(f"{found[0]}\n\n{found[1]}", lines=True)
    else:
        write_object({"subject": found[0], "body": found[1]}, settings.format)


@mail.command(short_help="Try a dead mail again.")
@click.argument("number", type=int)
@click.pass_obj
def retry(settings: Settings, number: int) -> None:
    """Put mail NUMBER, which was given up, back into the queue.

    \b
      quantmatrix mail retry 17
    """
    with administrator(settings) as admin:
        admin.call("mail_retry", {"id": number})
    settings.narrate(f"mail {number} is tried again with the next 'quantmatrix mail send'")


def _send(settings: Settings) -> Sent:
    from quantmatrix.door.login import helper
    from quantmatrix.mail.outbox import send_due
    from quantmatrix.mail.smtp import configured

    server = configured()
    settings.environment.ensure_running()
    with helper(settings.environment, MAILER) as session:
        return send_due(session, server, settings.detail)
