"""A clock, and a table whose triggers are off."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes, in seconds of the wall clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def silence(connection: psycopg.Connection[Any], table: str, keep: str | None = None) -> None:
    """Disable the triggers of ``table`` but those whose names begin with ``keep``, to measure these alone."""
    names = connection.execute(
        "select t.tgname from pg_trigger t where t.tgrelid = %s::regclass and not t.tgisinternal",
        (table,),
    ).fetchall()
    for (name,) in names:
        if keep is None or not name.startswith(keep):
            connection.execute(f'alter table {table} disable trigger "{name}"'.encode())
