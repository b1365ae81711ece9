"""Answer questions that take long: each as PostgREST would, in the role and with the claims of who asked.

One connection does the job in one transaction, whose last act is to keep the answer: it is kept if and only
if the job was done. Another connection renews the claim, shows the progress that the first tells of by
notices, and looks whether somebody wants the job to end.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import Diagnostic

from quantmatrix.database.connection import open_connection
from quantmatrix.door.login import PersonSession, function_call, values_of
from quantmatrix.door.protocol import Row
from quantmatrix.work.context import Context

NAME = "jobs"
EVERY = 1
BEAT_SECONDS = 0.5
PROGRESS = "QM100"
LOST = "QM125"
# May go well in a moment: another writer, a deadlock, a server that was restarted.
PASSING = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "QM121"})
# A job that does nothing for so long waits for somebody; the limit of the whole is its kind's.
LOCK_TIMEOUT = "60s"
# The server looks whether we still live, so that a job whose worker was killed ends too.
LIVENESS = "5s"


@dataclass
class Progress:
    """How far a job is, as it last reported."""

    done: int | None = None
    total: int | None = None
    text: str | None = None

    def on_progress(self, notice: Diagnostic) -> None:
        """Take what ``work.report_progress`` says."""
        if notice.sqlstate == PROGRESS and notice.message_detail:
            said = json.loads(notice.message_detail)
            self.done, self.total, self.text = said["done"], said["total"], said["progress"]


class Hands:
    """The connection that does one job, in a thread of its own."""

    def __init__(self, context: Context, job: Row) -> None:
        self.job = job
        self.worker = context.worker
        self.progress = Progress()
        self.error: Exception | None = None
        self.connection = open_connection(context.environment.authenticator_dsn)
        self.connection.add_notice_handler(self.progress.on_progress)
        self._thread = threading.Thread(target=self._work, name=f"job {job['id']}", daemon=True)
        self._thread.start()

    def is_done(self, seconds: float) -> bool:
        """Whether it ended within ``seconds``."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """End what the server does for it: everything is rolled back."""
        self.connection.cancel_safe()

    def close(self) -> None:
        """Wait for the end."""
        self._thread.join()
        self.connection.close()

    def _work(self) -> None:
        try:
            with self.connection.transaction():
                self._become("quantmatrix_service")
                claims = json.dumps(self.job["asked_as"])
                self.connection.execute("select auth.check_claims(%s)", [claims])
                self._become(self.job["asked_as"]["role"])
                answer = self._ask()
                self._become("quantmatrix_service")
                self.connection.execute(
                    "select work.job_finish(%s, %s, %s, %s)",
                    [self.job["user_id"], self.job["id"], self.worker, json.dumps(answer)],
                )
        except Exception as error:
            self.error = error

    def _become(self, role: str) -> None:
        settings = {
            "search_path": '"api"',
            "statement_timeout": f"{self.job['seconds']}s",
            "lock_timeout": LOCK_TIMEOUT,
            "client_connection_check_interval": LIVENESS,
            "quantmatrix.tells": "on",
            "request.jwt.claims": json.dumps(self.job["asked_as"]),
            "role": role,
        }
        calls = sql.SQL(", ").join([sql.SQL("set_config(%s, %s, true)")] * len(settings))
        pairs = [part for pair in settings.items() for part in pair]
        self.connection.execute(sql.SQL("select {}").format(calls), pairs)

    def _ask(self) -> Any:
        arguments = self.job["arguments"]
        query = sql.SQL("select to_jsonb({})").format(function_call(self.job["kind"], arguments))
        row = self.connection.execute(query, values_of(arguments)).fetchone()
        return row[0] if row else None


def run(context: Context) -> str | None:
    """Do the job that has waited longest; None where none waits."""
    with context.service() as desk:
        claimed = desk.table("work.job_claim", {"p_worker": context.worker})
        if not claimed:
            return None
        [job] = claimed
        hands = Hands(context, job)
        try:
            status = _attend(context, desk, hands)
        finally:
            if not hands.is_done(0):
                hands.cancel()
            hands.close()
    return f"{job['kind']} {status}"


def _attend(context: Context, desk: PersonSession, hands: Hands) -> str:
    """Renew the claim and show progress until the job ended; how it did."""
    wanted = "go"
    while not hands.is_done(BEAT_SECONDS):
        wanted = _beat(desk, hands)
        if wanted != "go" or context.ending.is_set():
            hands.cancel()
    if hands.error is None:
        return "finished"
    error, code = _told(hands.error)
    if code == LOST or wanted == "lost":
        return "lost"
    again = code in PASSING or (context.ending.is_set() and wanted == "go")
    status = desk.call("work.job_fail", _claim(hands) | {"p_error": error, "p_again": again})
    return "to be tried again" if status == "running" else str(status)


def _beat(desk: PersonSession, hands: Hands) -> str:
    progress = hands.progress
    how_far = {"p_done": progress.done, "p_total": progress.total, "p_progress": progress.text}
    return str(desk.call("work.job_beat", _claim(hands) | how_far))


def _claim(hands: Hands) -> dict[str, Any]:
    return {"p_user_id": hands.job["user_id"], "p_id": hands.job["id"], "p_worker": hands.worker}


def _told(error: Exception) -> tuple[dict[str, Any], str]:
    """An error as the API would answer it, and its code."""
    if isinstance(error, psycopg.errors.QueryCanceled) and "statement timeout" in str(error):
        told = {"code": "57014", "message": "this took longer than a job may", "details": None, "hint": None}
        return told, "57014"
    if not isinstance(error, psycopg.Error) or error.sqlstate is None:
        # The connection is gone, and with it what was begun.
        return {
            "code": "57P01",
            "message": "the database ended the session",
            "details": None,
            "hint": None,
        }, "57P01"
    said = error.diag
    if error.sqlstate == "PGRST":
        refused = json.loads(said.message_primary or "{}")
        return refused, str(refused.get("code"))
    told = {
        "code": error.sqlstate,
        "message": said.message_primary,
        "details": said.message_detail,
        "hint": said.message_hint,
    }
    return told, error.sqlstate
