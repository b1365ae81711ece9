"""Migrations: yoyo, driven as a library, inside our own lock, checksums and bookkeeping.

A new database gets the tables of ``db/schema``, where all migrations are in; one that is there changes by
numbered, immutable files. Then everything that holds no data is made anew from ``db/``. Safe to interrupt and
to repeat: the tables, each migration and the repeatable part are one transaction each, and the lock ends with
the session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from quantmatrix import resources
from quantmatrix.database import checksums, fingerprint, ledger, repeatable, yoyo_driver
from quantmatrix.database.connection import open_connection
from quantmatrix.database.gate import Gate, close
from quantmatrix.errors import ExitCode, Problem

LOCK_KEY = "quantmatrix migrations"
LOCK_WAIT = "60s"
STATEMENT_LOCK_WAIT = "15s"


@dataclass(frozen=True)
class Step:
    """One migration, or the repeatable part: its name; ``applied``, ``pending`` or ``changed``."""

    name: str
    state: str


@dataclass(frozen=True)
class CorrectedFigure:
    """A figure that a correction of a book changed; ``part`` is a tax year or ``open`` (lots)."""

    email: str
    cause: str
    part: str
    figure: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Outcome:
    """What ``up`` did: migrations that are in now and were not, files made anew, figures it corrected."""

    applied: list[str]
    repeatable_files: int
    corrected: list[CorrectedFigure]


def up(
    dsn: str,
    narrate: Callable[[str], None] = lambda _: None,
    *,
    watcher: str | None = None,
    end_sessions: bool = False,
) -> Outcome:
    """Bring the database to this program's version; ``dsn`` is a login that is a member of the owner.

    ``watcher`` is a login that sees the sessions in the way, and ends those of people with ``end_sessions``.
    """
    chain = checksums.verified(resources.migrations_directory())
    with _as_owner(dsn) as connection, _lock(connection):
        ledger.prepare(connection)
        done = ledger.applied(connection)
        _check_history(done, chain)
        pending = [name for name in chain if name not in done]
        way = Gate(watcher or dsn, end_sessions, narrate)
        yoyo_driver.apply(connection, chain, way)

        def apply_again() -> int:
            with connection.transaction():
                close(connection)
                return repeatable.apply(connection)

        files = way.pass_through(apply_again)
        if not repeatable.reload_postgrest(connection):
            narrate("PostgREST could not be told: let it read the schema again (SIGUSR1, or a restart)")
        return Outcome(pending, files, _correct_books(connection, narrate))


def _correct_books(
    connection: psycopg.Connection[Any], narrate: Callable[[str], None]
) -> list[CorrectedFigure]:
    """Derive anew, one at a time, what a migration marked; a book that is not reached stays marked."""
    figures = []
    for (user_id,) in connection.execute("select * from tax.books_to_correct()").fetchall():
        with connection.transaction(), connection.cursor(row_factory=class_row(CorrectedFigure)) as cursor:
            found = cursor.execute("select * from tax.correct_book(%s)", [user_id]).fetchall()
        for one in found:
            narrate(f"{one.email}: {one.part} {one.figure}: {one.before or 0} before, {one.after or 0} now")
        figures += found
    return figures


def status(dsn: str) -> list[Step]:
    """Each migration and the repeatable part, with its state in the database."""
    chain = checksums.verified(resources.migrations_directory())
    with open_connection(dsn) as connection:
        done, digest = _recorded(connection)
    _check_history(done, chain)
    steps = [Step(name, "applied" if name in done else "pending") for name in chain]
    state = "pending" if digest is None else "applied" if digest == repeatable.digest() else "changed"
    return [*steps, Step("functions and policies", state)]


def verify(dsn: str) -> None:
    """Prove that the database is what the files say; raises a ``Problem`` at the first thing that is not.

    Files against checksums, checksums against the database, the digest of the repeatable part, and that
    applying it again, in a transaction that is rolled back, changes nothing in the catalogue.
    """
    outdated = [step for step in status(dsn) if step.state != "applied"]
    if outdated:
        raise _needed([step.name for step in outdated])
    with _as_owner(dsn) as connection:

        def compare() -> list[str]:
            with connection.transaction(force_rollback=True):
                close(connection)
                before = fingerprint.take(connection)
                repeatable.apply(connection)
                return fingerprint.differences(before, fingerprint.take(connection))

        changed = Gate(dsn).pass_through(compare)
    if changed:
        raise Problem(
            "the database is not what the files in db/ say",
            where=changed[0],
            why=f"{len(changed)} lines of the catalogue differ; '-' is what is there, '+' what belongs there",
            unchanged="the check was rolled back",
            next_step="quantmatrix migrate up makes functions, views, policies and grants anew",
            exit_code=ExitCode.DIFFERENCES,
        )


def was_ever_migrated(dsn: str) -> bool:
    """Whether the database has bookkeeping of ours, that is: ``up`` ran at least once."""
    with open_connection(dsn) as connection:
        return ledger.exists(connection) and ledger.repeatable_digest(connection) is not None


def require_current(connection: psycopg.Connection[Any]) -> None:
    """Raise exit 7 unless the database is at this program's version. For sessions of the authenticator."""
    done, digest = _recorded(connection)
    chain = checksums.recorded(resources.migrations_directory())
    _check_history(done, chain)
    pending = [name for name in chain if name not in done]
    if pending:
        raise _needed(pending)
    if digest != repeatable.digest():
        raise _needed(["functions and policies"])


def _recorded(connection: psycopg.Connection[Any]) -> tuple[dict[str, str], str | None]:
    if not ledger.exists(connection):
        return {}, None
    return ledger.applied(connection), ledger.repeatable_digest(connection)


def _check_history(done: dict[str, str], chain: dict[str, str]) -> None:
    """Refuse a database that is newer, that had other files, or that a new file would run behind."""
    for name, recorded in done.items():
        if name not in chain:
            raise Problem(
                "the database is newer than this program",
                where=f"migration {name}",
                why="it was applied to the database, and this program does not know it",
                unchanged="the database was not touched",
                next_step="upgrade quantmatrix, then run the command again",
                exit_code=ExitCode.MIGRATION_NEEDED,
            )
        if chain[name] != recorded:
            raise Problem(
                "an applied migration was edited",
                where=f"migration {name}",
                why="its checksum is not the one that the database recorded when it was applied",
                unchanged="the database was not touched",
                next_step="restore the file as it was released; a change belongs in a new migration",
            )
    late = [name for name in chain if name not in done and done and name < max(done)]
    if late:
        raise Problem(
            "a migration is out of order",
            where=f"migration {late[0]}",
            why=f"it would run after {max(done)}, which is applied already",
            unchanged="the database was not touched",
            next_step="number it after the last applied one",
        )


def _needed(what: list[str]) -> Problem:
    return Problem(
        "the database needs a migration",
        where=", ".join(what),
        why="it is not at the version of this program",
        unchanged="nothing was read or written",
        next_step="quantmatrix migrate up",
        exit_code=ExitCode.MIGRATION_NEEDED,
    )


@contextmanager
def _as_owner(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with open_connection(dsn) as connection:
        connection.execute(f"set role {repeatable.OWNER}")
        connection.execute(f"set lock_timeout = '{STATEMENT_LOCK_WAIT}'")
        yield connection


@contextmanager
def _lock(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """One migrator at a time; the session's end releases the lock, so a killed one leaves nothing behind."""
    connection.execute(f"set lock_timeout = '{LOCK_WAIT}'")
    try:
        connection.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (LOCK_KEY,))
    except psycopg.errors.LockNotAvailable as error:
        raise Problem(
            "another migration is running",
            why=f"its lock was not free within {LOCK_WAIT}",
            unchanged="nothing was migrated",
            next_step="wait for it and run the command again",
        ) from error
    connection.execute(f"set lock_timeout = '{STATEMENT_LOCK_WAIT}'")
    try:
        yield
    finally:
        if (
            not connection.closed
            and connection.info.transaction_status != psycopg.pq.TransactionStatus.UNKNOWN
        ):
            connection.execute("select pg_advisory_unlock_all()")
