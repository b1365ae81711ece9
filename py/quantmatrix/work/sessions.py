"""End personal sessions whose open transaction holds everybody back: sealing, vacuum, migrations."""

from __future__ import annotations

from quantmatrix.work.context import Context

NAME = "sessions"
EVERY = 60


def run(context: Context) -> str | None:
    """End those that are ten minutes old and idle, or have written."""
    with context.service() as session, session.transaction() as connection:
        row = connection.execute("select work.end_idle_sessions() as logins").fetchone()
    ended = list(row["logins"]) if row else []
    return f"ended sessions of {', '.join(ended)}" if ended else None
