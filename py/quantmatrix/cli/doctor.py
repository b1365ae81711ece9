"""``doctor``: everything that the servers need, checked one by one."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from quantmatrix.backup import copies, keep
from quantmatrix.cli.output import write_rows
from quantmatrix.cli.settings import Settings
from quantmatrix.database import chain, lines
from quantmatrix.database import migrate as migrations
from quantmatrix.database.connection import open_connection
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services import signing
from quantmatrix.services.account import service_account
from quantmatrix.services.binaries import find_clients, find_postgres, find_postgrest
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.environment import Environment
from quantmatrix.services.layout import make_data_dir, read_state
from quantmatrix.services.postgres import LEAST_FREE_BYTES
from quantmatrix.services.report import forgotten, servers
from quantmatrix.terminal import data

Check = tuple[str, Callable[[], str]]
# A worker beats every five seconds and seals each minute; a transaction may hold the seal back for ten.
WORKER_SECONDS = 60
SEAL_SECONDS = 900


@click.group(invoke_without_command=True, short_help="Check everything the servers need.")
@click.pass_context
def doctor(context: click.Context) -> ExitCode | None:
    """Check everything the servers need, and say what to do where something is missing. Starts nothing.

    \b
      quantmatrix doctor
      quantmatrix doctor --format json
    """
    return _examine_all(context.obj) if context.invoked_subcommand is None else None


@doctor.command("explain-line")
@click.argument("function")
@click.argument("line", type=click.IntRange(min=1))
def explain_line(function: str, line: int) -> None:
    """Say where a line of a function stands in the files.

    The context of an error counts the lines of the whole function, which may be put together of parts.

    \b
      quantmatrix doctor explain-line tax.derive 1234
    """
    found = lines.find(function, line)
    data(f"{found.path}:{found.number}: {found.text.strip()}")


def _examine_all(settings: Settings) -> ExitCode:
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
        yield "worker", lambda: _worker(environment)
        yield "audit log", lambda: _audit_log(environment)
        yield "signing keys", lambda: _signing_keys(environment)
        yield "programs of backups", lambda: _clients(environment)
        yield "other databases", lambda: _other_databases(environment)
        yield "copies of restores", lambda: _copies(environment)
    yield "backups", lambda: _backups(environment)


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


def _signing_keys(environment: Environment) -> str:
    key_set = environment.key_set_file
    if key_set is None:
        return "not compared: QUANTMATRIX_JWT_SECRET_FILE names no file"
    name = signing.require_same(environment.migrator_dsn, key_set)
    if isinstance(environment, EmbeddedEnvironment):
        asked = servers(environment)[1]["state"] == "running"
    else:
        asked = bool(os.environ.get("QUANTMATRIX_API_URL"))
    if asked:
        signing.require_known(environment.api_url, key_set)
    return f"{name} signs; known to file{', database and API' if asked else ' and database'}"


def _clients(environment: Environment) -> str:
    with open_connection(environment.migrator_dsn) as connection:
        server = connection.info.server_version // 10000
    found = find_clients(server)
    return f"{found.version} for a server of {server} ({found.bin})"


def _other_databases(environment: Environment) -> str:
    with open_connection(environment.migrator_dsn) as connection:
        found = connection.execute(
            "select d.datname from pg_database d where d.datallowconn and d.datname <> current_database()"
            " and has_database_privilege('public', d.oid, 'connect')"
            " order by 1"
        ).fetchall()
    if found:
        names = ", ".join(name for (name,) in found)
        raise Problem(
            f"people's own SQL logins may connect to {names}",
            next_step="revoke connect, temporary on database … from public; 'quantmatrix migrate "
            "prepare' (embedded: 'quantmatrix up') does so for postgres and template1",
        )
    return "closed to people's own logins"


def _copies(environment: Environment) -> str:
    with open_connection(environment.migrator_dsn) as connection:
        left = copies.leftovers(connection)
    if left:
        raise Problem(
            f"a restore that was killed has left {', '.join(left)}",
            why="nobody but the superuser can connect to it",
            next_step="the next restore, 'restore --verify' included, removes it",
        )
    return "none left over"


def _backups(environment: Environment) -> str:
    return keep.health(keep.configured() or environment.data_dir / "backups")


def _schema(environment: Environment) -> str:
    steps = migrations.status(environment.migrator_dsn)
    behind = [step.name for step in steps if step.state != "applied"]
    if behind:
        raise Problem(f"not at this version: {', '.join(behind)}", next_step="quantmatrix migrate up")
    return f"at this version ({steps[-2].name})"


def _work_state(environment: Environment) -> dict[str, Any]:
    from quantmatrix.door.login import NOBODY, SERVICE, person

    with person(environment, NOBODY, SERVICE) as session:
        found: dict[str, Any] = session.call("work.state")
    return found


def _serves(environment: Environment) -> bool:
    """Whether an API takes requests here, as servers that are somebody else's are taken to do."""
    if not isinstance(environment, EmbeddedEnvironment):
        return True
    states = {row["server"]: row["state"] for row in servers(environment)}
    return bool(states["PostgREST"] != "stopped")


def _worker(environment: Environment) -> str:
    state = _work_state(environment)
    workers, jobs = state["workers"], state["jobs"]
    failing = {kind: turn for kind, turn in state["turns"].items() if turn["failures"]}
    if failing:
        kind, turn = next(iter(failing.items()))
        raise Problem(
            f"{kind} failed {turn['failures']} times: {turn['error']}",
            next_step="mend that; it is tried again",
        )
    alive = [worker for worker in workers if worker["seen_seconds"] <= WORKER_SECONDS]
    if not alive and not jobs["waiting"] and not _serves(environment):
        return "none, as the API is stopped and no job waits: quantmatrix up starts both"
    if not alive:
        seen = min((worker["seen_seconds"] for worker in workers), default=None)
        raise Problem(
            "no worker runs" if seen is None else f"no worker was seen for {seen} seconds",
            why=f"{jobs['waiting']} jobs wait" if jobs["waiting"] else None,
            next_step="quantmatrix up, or quantmatrix work where the servers are somebody else's",
        )
    told = ", ".join(f"{' '.join(w['kinds'])} ({w['seen_seconds']} s ago)" for w in alive)
    return f"{told}; {jobs['running']} jobs run, {jobs['waiting']} wait"


def _audit_log(environment: Environment) -> str:
    with chain.as_owner(environment.migrator_dsn) as connection:
        state = chain.state(connection)
    unsealed = state["oldest_unsealed_seconds"]
    if unsealed is not None and unsealed > SEAL_SECONDS:
        processes = ", ".join(str(process) for process in state["held_by"] or [])
        raise Problem(
            f"entries wait for their seal for {unsealed} seconds",
            why=f"a transaction of process {processes} is open" if processes else "no worker seals",
            next_step="quantmatrix work --only sessions,seal --once",
        )
    waiting = "nothing waits" if unsealed is None else f"the oldest unsealed entry is {unsealed} seconds old"
    return f"head {state['head'] or 'none yet'}; {waiting}"
