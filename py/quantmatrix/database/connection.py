"""Plain connections to the database."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from quantmatrix.errors import ExitCode, Problem

# Its warnings about a lost server would stand beside the error that tells the same.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


def open_connection(dsn: str, *, autocommit: bool = True) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection; a server that is not reachable or refuses is a ``Problem``, told without the password."""
    try:
        return psycopg.connect(dsn, autocommit=autocommit)
    except psycopg.OperationalError as error:
        raise not_reachable(dsn, error) from None


def not_reachable(dsn: str, error: psycopg.OperationalError) -> Problem:
    """The problem of a connection that could not be made."""
    parts = conninfo_to_dict(dsn)
    said = " ".join(str(error).split())
    refused = any(
        sign in said for sign in ("authentication failed", "permission denied", "no pg_hba.conf entry")
    )
    return Problem(
        "the database refused the login" if refused else "the database cannot be reached",
        where=", ".join(
            f"{name} {parts[name]}" for name in ("user", "host", "port", "dbname") if name in parts
        ),
        why=said,
        unchanged="nothing was read or written",
        next_step="check the login and its password"
        if refused
        else "check the address, or start it: quantmatrix up",
        exit_code=ExitCode.PERMISSION if refused else ExitCode.UNREACHABLE,
    )
