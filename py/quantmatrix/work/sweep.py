"""Remove what nobody needs any more: each function ``work.sweep_…`` in a transaction of its own."""

from __future__ import annotations

from quantmatrix.work.context import Context

NAME = "sweep"
EVERY = 600


def run(context: Context) -> str | None:
    """Call every sweep, those after one that fails too; the first failure is raised at the end."""
    gone: dict[str, int] = {}
    failure: Exception | None = None
    with context.service() as session:
        for name in session.call("work.sweeps"):
            try:
                gone[name.removeprefix("sweep_")] = session.call("work.sweep", {"p_name": name})
            except Exception as error:
                failure = failure or error
    if failure is not None:
        raise failure
    told = [f"{rows} of {name}" for name, rows in gone.items() if rows]
    return f"swept {', '.join(told)}" if told else None
