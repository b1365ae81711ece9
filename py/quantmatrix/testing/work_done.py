"""How many rows the server's plans touched: what a test of speed may assert on, where time may not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from quantmatrix.testing.cluster import Database

# Every plan, also of statements within functions, told to the client that runs them.
LOGGING = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_level": "notice",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_parameter_max_length": "0",
}
# Rows that a node passed on or threw away, each time it ran.
TOUCHED = (
    "Actual Rows",
    "Rows Removed by Filter",
    "Rows Removed by Join Filter",
    "Rows Removed by Index Recheck",
)


# How the server looks a foreign key up: its own business, and a table of one page is read whole for it.
FOREIGN_KEY = "SELECT 1 FROM ONLY"


class WorkDone:
    """Sums what is told on the connections it listens to; ``worst`` is the statement that touched most."""

    def __init__(self) -> None:
        self.rows = 0.0
        self.worst: tuple[float, str] = (0.0, "")

    def listen(self, connection: psycopg.Connection[Any]) -> None:
        """Count the plans of this connection from here on."""
        connection.add_notice_handler(self._told)

    def _told(self, notice: psycopg.errors.Diagnostic) -> None:
        message = notice.message_primary or ""
        if "plan:" not in message:
            return
        plan = json.loads(message.split("plan:", 1)[1])
        if plan["Query Text"].startswith(FOREIGN_KEY):
            return
        rows = _rows(plan["Plan"])
        self.rows += rows
        self.worst = max(self.worst, (rows, plan["Query Text"]))


def log_plans(database: Database) -> None:
    """Let sessions of the database, opened from now on, tell their plans."""
    with database.connect() as connection:
        for name, value in LOGGING.items():
            connection.execute(
                sql.SQL("alter database {} set {} = {}").format(
                    sql.Identifier(database.name),
                    sql.SQL(".").join(sql.Identifier(part) for part in name.split(".")),
                    sql.Literal(value),
                )
            )


@contextmanager
def working(database: Database) -> Iterator[tuple[psycopg.Connection[Any], WorkDone]]:
    """A connection of the superuser whose work is counted."""
    work = WorkDone()
    with database.connect() as connection:
        work.listen(connection)
        yield connection, work


def _rows(node: dict[str, Any]) -> float:
    own = sum(float(node.get(name, 0)) for name in TOUCHED) * float(node.get("Actual Loops", 1))
    return own + sum(_rows(child) for child in node.get("Plans", ()))
