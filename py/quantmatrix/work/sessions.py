"""End personal sessions whose open transaction holds everybody back: sealing, vacuum, migrations."""

from __future__ import annotations

from quantmatrix.work.context import Context

NAME = "sessions"
EVERY = 60


def run(context: Context) -> str | None:
    """End those that are ten minutes old and idle, or have written."""
    with context.service() as session:
        ended = session.call("work.end_idle_sessions")
    return f"ended sessions of {', '.join(ended)}" if ended else None
