"""What can be said of servers that somebody else runs."""

from __future__ import annotations

from typing import Any

from psycopg.conninfo import conninfo_to_dict

from quantmatrix.database.connection import open_connection
from quantmatrix.errors import Problem
from quantmatrix.services.environment import Environment


def probe_external(environment: Environment) -> tuple[list[dict[str, Any]], bool]:
    """A row about the database, shaped as those of the embedded servers, and whether it answers."""
    parts = conninfo_to_dict(environment.migrator_dsn)
    address = f"{parts.get('host', 'local')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
    row: dict[str, Any] = {"server": "PostgreSQL", "state": "not reachable", "pid": None, "address": address}
    try:
        with open_connection(environment.migrator_dsn) as connection:
            row |= {"state": "running", "version": connection.execute("show server_version").fetchone()[0]}  # type: ignore[index]
    except Problem as problem:
        row |= {"version": None, "files": problem.why}
        return [row], False
    return [row | {"files": None}], True
