"""What a migration changes, locked at once and in one order, or not at all.

A statement that waits for a lock holds those taken before, and everybody else waits behind it. So a step
first asks for all of our tables and views; if they are not free in a moment it gives back what it has, lets
others pass, and asks again. Whoever holds on longer is named. The moment is shorter than the time after which
PostgreSQL looks for deadlocks, so that none is found at the cost of somebody's request.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from quantmatrix.database.connection import open_connection
from quantmatrix.errors import Problem

MOMENT = "800ms"
PATIENCE = 30.0
PAUSE = 0.4
PERSONAL = "qm_"
Result = TypeVar("Result")

# The ledger's tables are read by everybody who connects, and a step writes single rows to them.
_OURS = """
    select n.nspname, c.relname, c.oid
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v')
    and c.relowner = 'quantmatrix_owner'::regrole
    and n.nspname <> 'migrations'
    order by c.relkind = 'v', n.nspname, c.relname
"""

# What runs longer than a moment; where the login may not see since when, everybody.
_HOLDING = """
    select distinct a.pid, coalesce(a.usename, '-'), coalesce(a.state, '-'),
        coalesce(a.xact_start, a.backend_start), coalesce(a.application_name, '')
    from pg_catalog.pg_locks l
    join pg_catalog.pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'relation'
    and l.granted
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
    and l.relation = any (%s)
    and l.pid <> all (%s)
    and (a.xact_start is null or a.xact_start < clock_timestamp() - interval '1 second')
    order by 4 nulls last, 1
"""


class Busy(Exception):
    """Something of ours is held by somebody else."""


@dataclass(frozen=True)
class Holder:
    """A session that holds what a migration must change."""

    pid: int
    login: str
    state: str
    since: datetime | None
    program: str

    @property
    def personal(self) -> bool:
        """Whether it is a person's direct SQL."""
        return self.login.startswith(PERSONAL)

    def __str__(self) -> str:
        since = f" since {self.since:%Y-%m-%d %H:%M:%S%z}" if self.since else ""
        program = f", {self.program}" if self.program else ""
        return f"process {self.pid} of {self.login} ({self.state}{since}{program})"


@dataclass(frozen=True)
class Gate:
    """How steps of a migration come through.

    ``watcher`` is the connection string of a login that sees others' sessions, and with ``end_sessions`` ends
    those of people.
    """

    watcher: str
    end_sessions: bool = False
    narrate: Callable[[str], None] = lambda _: None

    def pass_through(self, step: Callable[[], Result]) -> Result:
        """What ``step`` returns: a transaction that begins with ``close``, repeated while others hold on."""
        deadline = time.monotonic() + PATIENCE
        told = False
        while True:
            try:
                return step()
            except Busy:
                pass
            holders = self._holders()
            personal = [holder for holder in holders if holder.personal]
            if time.monotonic() > deadline:
                raise _in_use(holders)
            if self.end_sessions and personal:
                self._end(personal)
                continue
            if holders and not told:
                self.narrate(f"waiting for {'; '.join(map(str, holders))}")
                told = True
            # Long enough for those who waited behind us.
            time.sleep(PAUSE)

    def _holders(self) -> list[Holder]:
        with open_connection(self.watcher) as connection:
            ours = [oid for _, _, oid in connection.execute(_OURS).fetchall()]
            found = connection.execute(_HOLDING, [ours, [connection.info.backend_pid]]).fetchall()
        return [Holder(*row) for row in found]

    def _end(self, holders: list[Holder]) -> None:
        with open_connection(self.watcher) as connection:
            for holder in holders:
                self.narrate(f"ending {holder}")
                connection.execute("select pg_terminate_backend(%s, 5000)", [holder.pid])


def close(connection: psycopg.Connection[Any]) -> None:
    """Take all of our tables and views for the caller's transaction, the owner's. ``Busy`` if it cannot."""
    names = [sql.Identifier(schema, name) for schema, name, _ in connection.execute(_OURS).fetchall()]
    if not names:
        return
    connection.execute(f"set local statement_timeout = '{MOMENT}'".encode())
    try:
        connection.execute(
            sql.SQL("lock table {} in access exclusive mode").format(sql.SQL(", ").join(names))
        )
    except (
        psycopg.errors.QueryCanceled,
        psycopg.errors.LockNotAvailable,
        psycopg.errors.DeadlockDetected,
    ) as error:
        raise Busy from error
    connection.execute("set local statement_timeout = 0")


def _in_use(holders: list[Holder]) -> Problem:
    people = any(holder.personal for holder in holders)
    return Problem(
        "others hold what the migration must change",
        where="; ".join(map(str, holders)) or "requests that come and go",
        why=f"it was not free for a moment within {PATIENCE:.0f} seconds",
        unchanged="this step was not begun; steps before it stay applied, and nobody waits for it now",
        next_step="quantmatrix migrate up --end-sessions ends the sessions of people (qm_…) in its way"
        if people
        else "end these sessions, or wait for them, and run the command again",
    )
