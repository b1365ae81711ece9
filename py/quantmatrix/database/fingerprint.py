"""What is in a database's catalogue, as lines that two databases can be compared by."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path
from typing import Any

import psycopg

QUERY = Path(__file__).with_name("fingerprint.sql")


def take(connection: psycopg.Connection[Any]) -> list[str]:
    """Sorted lines for relations, columns in order, constraints, functions, policies, grants, comments."""
    with connection.transaction():
        # Definitions are printed relative to the path: with an empty one every name is in full.
        connection.execute("set local search_path = pg_catalog")
        return [line for (line,) in connection.execute(QUERY.read_bytes()).fetchall()]


def differences(left: list[str], right: list[str]) -> list[str]:
    """Lines only in ``left`` (beginning with ``-``) or only in ``right`` (``+``)."""
    changed = unified_diff(left, right, lineterm="", n=0)
    return [line for line in changed if line[0] in "+-" and line[:3] not in ("---", "+++")]
