"""What went wrong on the other side of a door, as a ``Problem``: errors of the database and of the system."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from quantmatrix.errors import ExitCode, Passing, Problem

if TYPE_CHECKING:
    import psycopg

ROLLED_BACK = "nothing was written: the transaction was rolled back"
UNHEARD = "nothing was written, or all of it was, without our hearing of it"
REFUSED_INPUT = {"QM010", "QM011"}
NOT_REACHABLE = ("08", "57P01", "57P02", "57P03", "53300")
NOT_ALLOWED = ("28", "42501")
TRY_AGAIN = ("40", "55P03")


def explain(error: BaseException) -> Problem | None:
    """The problem behind ``error``; None if it is a defect of ours."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, OSError):
        return _of_the_system(error)
    # Importing psycopg takes longer than many commands; where nobody did, the error is none of its own.
    driver = sys.modules.get("psycopg")
    if driver is not None and isinstance(error, driver.Error):
        return explain_database_error(error)
    return None


def explain_database_error(error: psycopg.Error) -> Problem:
    """The problem behind an error of the database; our own errors pass with message, detail and hint."""
    state = error.sqlstate or ""
    diagnosis = error.diag
    if state == "PGRST":
        return _of_the_api(diagnosis.message_primary or "{}", diagnosis.message_detail or "{}")
    message = diagnosis.message_primary or " ".join(str(error).split()) or type(error).__name__
    if state.startswith("QM"):
        return Problem(
            message,
            why=diagnosis.message_detail,
            unchanged=ROLLED_BACK,
            next_step=diagnosis.message_hint,
            exit_code=ExitCode.REFUSED if state in REFUSED_INPUT else ExitCode.FAILED,
            code=state,
        )
    if not state or state.startswith(NOT_REACHABLE):
        return Passing(
            "the connection to the database was lost",
            why=message,
            unchanged=UNHEARD,
            next_step="quantmatrix status, then run the command again",
            exit_code=ExitCode.UNREACHABLE,
            code=state or None,
        )
    if state.startswith(NOT_ALLOWED):
        return Problem(
            message,
            where=_place(error),
            why=diagnosis.message_detail,
            unchanged=ROLLED_BACK,
            next_step=diagnosis.message_hint or "act as a user who may do this (--user EMAIL)",
            exit_code=ExitCode.PERMISSION,
            code=state,
        )
    next_step: str | None
    if state.startswith(TRY_AGAIN):
        next_step = diagnosis.message_hint or "run the command again: another session was at the same rows"
    elif state == "53100":
        next_step = "make room on the database's disk, then run the command again"
    else:
        next_step = diagnosis.message_hint
    return Problem(
        message,
        where=_place(error),
        why=diagnosis.message_detail,
        unchanged=ROLLED_BACK,
        next_step=next_step,
        code=state,
    )


def _of_the_api(message: str, detail: str) -> Problem:
    """The problem behind an answer that was meant for PostgREST: its object as text, its status beside it."""
    told, status = json.loads(message), json.loads(detail).get("status")
    return Problem(
        str(told.get("message")),
        why=told.get("details"),
        unchanged=ROLLED_BACK,
        next_step=told.get("hint"),
        exit_code=ExitCode.PERMISSION if status in (401, 403) else ExitCode.FAILED,
        code=told.get("code"),
    )


def _place(error: psycopg.Error) -> str:
    diagnosis = error.diag
    table = ".".join(filter(None, (diagnosis.schema_name, diagnosis.table_name)))
    parts = (table, diagnosis.column_name, diagnosis.constraint_name, f"SQLSTATE {error.sqlstate}")
    return ", ".join(filter(None, parts))


def _of_the_system(error: OSError) -> Problem:
    return Problem(
        (error.strerror or str(error)).lower(),
        where=str(error.filename) if error.filename else None,
        unchanged="nothing was written to the database",
        exit_code=ExitCode.FAILED,
    )
