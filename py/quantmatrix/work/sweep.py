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
        with session.transaction() as connection:
            found = connection.execute("select unnest(work.sweeps()) as name").fetchall()
        for name in (str(row["name"]) for row in found):
            try:
                with session.transaction() as connection:
                    row = connection.execute("select work.sweep(%s) as rows", [name]).fetchone()
            except Exception as error:
                failure = failure or error
            else:
                gone[name.removeprefix("sweep_")] = int(row["rows"]) if row else 0
    if failure is not None:
        raise failure
    told = [f"{rows} of {name}" for name, rows in gone.items() if rows]
    return f"swept {', '.join(told)}" if told else None
