"""Restore the newest backup into a database that is dropped again, once a week; sweep what is left over."""

from __future__ import annotations

from quantmatrix.backup import keep
from quantmatrix.work.context import Context

NAME = "drill"
EVERY = 900


def run(context: Context) -> str | None:
    """Sweep, and prove the newest backup if the last proof is old enough."""
    return keep.drill_turn(context.environment)
