"""Look at what was sealed since the last look, and leave a checkpoint; a fault fails the turn, each time."""

from __future__ import annotations

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.work.context import Context

NAME = "verify"
EVERY = 900
CHUNK = 100_000


def run(context: Context) -> str | None:
    """Look at all that is new, a chunk in each transaction."""
    seen = 0
    with context.service() as session:
        while not context.ending.is_set():
            found = session.call("work.verify_new", {"p_limit": CHUNK})
            if found["broken"] is not None:
                raise Problem(
                    "the audit log is broken",
                    where=", ".join(f"{name} {value}" for name, value in found["broken"].items() if value),
                    unchanged="looking changes no entry",
                    next_step="quantmatrix audit verify looks at the whole log; keep this database as it is",
                    exit_code=ExitCode.DIFFERENCES,
                )
            seen += found["to"] - found["from"]
            if found["to"] >= found["sealed"]:
                break
    return f"{seen} links hold" if seen else None
