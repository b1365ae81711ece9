"""``doctor``: everything that the servers need, checked one by one."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from quantmatrix.cli.output import write_rows
from quantmatrix.cli.settings import Settings
from quantmatrix.database import chain
from quantmatrix.database import migrate as migrations
from quantmatrix.database.connection import open_connection
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.account import service_account
from quantmatrix.services.binaries import find_postgres, find_postgrest
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.environment import Environment
from quantmatrix.services.layout import make_data_dir, read_state
from quantmatrix.services.postgres import LEAST_FREE_BYTES
from quantmatrix.services.report import forgotten, servers

# Longer than any request or import should keep a transaction open.
HELD_TOO_LONG_SECONDS = 3600

Check = tuple[str, Callable[[], str]]


@click.command()
@click.pass_obj
def doctor(settings: Settings) -> ExitCode:
    """Check everything the servers need, and say what to do where something is missing. Starts nothing.

    \b
      quantmatrix doctor
      quantmatrix doctor --format json
    """
    rows = [_examine(name, check) for name, check in _checks(settings.environment)]
    write_rows(rows, settings.format)
    return ExitCode.DONE if all(row["result"] == "ok" for row in rows) else ExitCode.FAILED


def _examine(name: str, check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"check": name, "result": "ok", "detail": check(), "next": None}
    except Problem as problem:
        detail = ": ".join(filter(None, (problem.what, problem.why)))
        return {"check": name, "result": "failed", "detail": detail, "next": problem.next_step}


def _checks(environment: Environment) -> Iterator[Check]:
    yield "Python", lambda: sys.version.split()[0]
    if isinstance(environment, EmbeddedEnvironment):
        yield "PostgreSQL program", _postgres_program
        yield "PostgREST program", _postgrest_program
        yield "account of the servers", lambda: service_account().name
        yield "data directory", lambda: _data_directory(environment.data_dir)
        yield "room on the disk", lambda: _room(environment.data_dir)
        yield "secrets", lambda: _secrets(environment)
        yield "servers", lambda: "; ".join(f"{row['server']} {row['state']}" for row in servers(environment))
        yield "forgotten servers", _forgotten
    if not isinstance(environment, EmbeddedEnvironment) or servers(environment)[0]["state"] == "running":
        yield "time zones", lambda: _time_zones(environment)
        yield "schema", lambda: _schema(environment)
        yield "audit log", lambda: _audit_log(environment)


def _postgres_program() -> str:
    found = find_postgres()
    return f"{found.version} ({found.source}: {found.bin})"


def _postgrest_program() -> str:
    found = find_postgrest()
    return f"{found.version} ({found.source}: {found.path})"


def _data_directory(path: Path) -> str:
    make_data_dir(path)
    return str(path)


def _room(path: Path) -> str:
    free = shutil.disk_usage(next(folder for folder in (path, *path.parents) if folder.exists())).free
    if free < LEAST_FREE_BYTES:
        raise Problem(f"{free // 2**20} MiB are free", next_step=f"make room where {path} is")
    return f"{free // 2**20:,} MiB free"


def _secrets(environment: EmbeddedEnvironment) -> str:
    state = read_state(environment.data_dir)
    folder = environment.layout(state).secrets if state else None
    if folder is None or not folder.is_dir():
        return "none yet"
    open_to_others = [
        path for path in (folder, *folder.iterdir()) if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if open_to_others:
        raise Problem(f"others can read {open_to_others[0]}", next_step=f"chmod -R go= {folder}")
    return f"private in {folder}"


def _forgotten() -> str:
    found = forgotten()
    return f"of data directories that are gone, yours to remove: {', '.join(found)}" if found else "none"


def _time_zones(environment: Environment) -> str:
    with open_connection(environment.migrator_dsn) as connection:
        known = connection.execute("select from pg_timezone_names where name = 'America/New_York'").rowcount
    if not known:
        raise Problem(
            "the server does not know America/New_York", next_step="install the system's tzdata package"
        )
    return "known"


def _schema(environment: Environment) -> str:
    steps = migrations.status(environment.migrator_dsn)
    behind = [step.name for step in steps if step.state != "applied"]
    if behind:
        raise Problem(f"not at this version: {', '.join(behind)}", next_step="quantmatrix migrate up")
    return f"at this version ({steps[-2].name})"


def _audit_log(environment: Environment) -> str:
    with chain.as_owner(environment) as connection:
        state = chain.state(connection)
    unsealed = state["oldest_unsealed_seconds"]
    if state["held_by"] and unsealed > HELD_TOO_LONG_SECONDS:
        processes = ", ".join(str(process) for process in state["held_by"])
        raise Problem(
            f"entries wait for their seal for {unsealed} seconds",
            why=f"a transaction of process {processes} is open",
            next_step=f"end it: select pg_terminate_backend({state['held_by'][0]})",
        )
    waiting = "nothing waits" if unsealed is None else f"the oldest unsealed entry is {unsealed} seconds old"
    return f"head {state['head'] or 'none yet'}; {waiting}"
