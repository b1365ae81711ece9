"""Cut the embedded servers' logs, so that they cannot fill the disk."""

from __future__ import annotations

from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.work.context import Context

NAME = "logs"
EVERY = 60


def run(context: Context) -> str | None:
    """Look at every log; elsewhere whoever runs the servers keeps their logs."""
    if isinstance(context.environment, EmbeddedEnvironment):
        context.environment.keep_logs()
    return None
