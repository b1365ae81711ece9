"""Functions, views, policies, triggers and grants: declared in ``db/``, made anew after each migration."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from quantmatrix import resources
from quantmatrix.database import ledger, source
from quantmatrix.errors import Problem

OWNER = "quantmatrix_owner"


@cache
def digest() -> str:
    """SHA-256 over the names and contents of the files, as they were when this program first asked."""
    whole = hashlib.sha256()
    for path in resources.repeatable_files():
        content = source.read(path).text.encode()
        whole.update(f"{path.relative_to(resources.root()).as_posix()}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def apply(connection: psycopg.Connection[Any]) -> int:
    """Apply all files in the caller's transaction as the owner, and record it; the number of files."""
    files = resources.repeatable_files()
    connection.execute(f"set local role {OWNER}")
    for path in files:
        run_file(connection, path)
    ledger.record_repeatable(connection, digest())
    return len(files)


def reload_postgrest(connection: psycopg.Connection[Any]) -> bool:
    """Let a PostgREST of somebody else read the schema again; whether it could be asked.

    After the migration and apart from it: whoever may connect can fill the queue of notices, and no migration
    may depend on that.
    """
    # A queue that was full stays so, though its listener is gone, until somebody asks how full it is.
    connection.execute("select pg_notification_queue_usage()")
    try:
        connection.execute("notify pgrst, 'reload schema'")
    except psycopg.OperationalError:
        return False
    return True


def run_file(connection: psycopg.Connection[Any], path: Path) -> None:
    """Run a file of SQL with its parts; an error names the file, the line and the column."""
    whole = source.read(path)
    try:
        connection.execute(whole.text.encode())
    except psycopg.Error as error:
        raise file_problem(whole, error) from error


def file_problem(whole: source.Source, error: psycopg.Error) -> Problem:
    """The problem of ``error``, which a statement of the file raised."""
    diagnosis = error.diag
    said = diagnosis.message_primary or str(error)
    details = [diagnosis.message_detail, diagnosis.message_hint, diagnosis.context]
    position = diagnosis.statement_position
    return Problem(
        "the database refused a file",
        where=whole.place(int(position)) if position else str(whole.path),
        why="; ".join([f"{said} ({error.sqlstate or 'no SQLSTATE'})", *filter(None, details)]),
        unchanged="all of this step was rolled back",
        next_step="mend it and run 'quantmatrix migrate up' again; steps before this one stay applied",
    )
