"""Seal the audit log: what is finished is chained, so that it can no longer be changed unseen."""

from __future__ import annotations

from quantmatrix.work.context import Context

NAME = "seal"
EVERY = 60
CHUNK = 10_000


def run(context: Context) -> str | None:
    """Seal all that is finished, a chunk in each transaction."""
    sealed = 0
    with context.service() as session:
        while not context.ending.is_set():
            entries = session.call("work.seal", {"p_limit": CHUNK})
            sealed += entries
            if entries < CHUNK:
                break
        if not sealed:
            return None
        head = session.call("work.head")
    # The journal is outside the database: what was noted there, nobody changes with the database's rights.
    return f"{sealed} entries sealed, head {head}"
