"""yoyo, as we drive it: whole files, our bookkeeping in their transaction, no lock that survives a kill."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import (
    Migration,
    MigrationList,
    StepCollector,
    default_migration_table,
    read_sql_migration,
)

from quantmatrix import resources
from quantmatrix.database import checksums, ledger, repeatable
from quantmatrix.database.gate import Gate, close

LOCK_WAIT = "15s"


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend for psycopg 3, without asking each time what PostgreSQL can."""

    def _check_transactional_ddl(self) -> bool:
        return True

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        """A row of yoyo's log; who and when of a migration is in our own bookkeeping."""
        return {
            "id": str(uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": "quantmatrix",
            "hostname": "",
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }


class WholeFileMigration(Migration):  # type: ignore[misc]
    """A file that is sent to the server whole, and recorded with its checksum in the same transaction.

    yoyo splits files into statements itself, which loses the position of an error. Only files that cannot run
    in a transaction (``-- transactional: false``) are split.
    """

    def __init__(self, path: Path, chain: str) -> None:
        super().__init__(path.stem, str(path), str(path.parent))
        self.file = path
        self.chain = chain

    def load(self) -> None:
        """Read the file; its steps are the file and our record of it."""
        if self.loaded:
            return
        directives, _, statements = read_sql_migration(self.path)
        self.source = self.file.read_text(encoding="utf-8")
        self.use_transactions = directives.get("transactional", "true").strip().lower() != "false"
        self._depends: set[Migration] = set()
        collector = StepCollector(migration=self)
        if self.use_transactions:
            collector.add_step(close)
            collector.add_step(lambda connection: repeatable.run_file(connection, self.file))
        else:
            for statement in statements:
                collector.add_step(statement)
        collector.add_step(lambda connection: ledger.record(connection, self.file.name, self.chain))
        self.steps = collector.create_steps(self.use_transactions)


def apply_with_yoyo(
    dsn: str,
    connection: psycopg.Connection[Any],
    chain: dict[str, str],
    done: dict[str, str],
    gate: Gate,
) -> None:
    """Apply what of ``chain`` is not ``done``, and bring yoyo's marks and our records together.

    The caller holds the lock, so a lock row of yoyo's can only be left from a run that was killed. A
    migration that is recorded but not marked was killed between its commit and yoyo's mark; one that is
    marked but not recorded was applied by yoyo's own command.
    """
    folder = resources.migrations_directory()
    migrations = MigrationList(
        [WholeFileMigration(path, chain[path.name]) for path in checksums.migration_files(folder)]
    )
    with Backend(_uri(dsn), default_migration_table) as backend:
        backend.init_database()
        backend.break_lock()
        marked = set(backend.get_applied_migration_hashes())
        for migration in migrations:
            name = migration.file.name
            if migration.hash in marked and name not in done:
                with connection.transaction():
                    ledger.record(connection, name, migration.chain)
            elif migration.hash not in marked and name in done:
                backend.mark_migrations(migrations.replace([migration]))
        for migration in backend.to_apply(migrations):
            gate.narrate(f"applying {migration.file.name}")
            step = migrations.replace([migration])
            gate.pass_through(partial(backend.apply_migrations_only, step))


def _uri(dsn: str) -> DatabaseURI:
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    options = f"{parts.pop('options', '')} -c role={repeatable.OWNER} -c lock_timeout={LOCK_WAIT}".strip()
    database = parts.pop("dbname", "")
    arguments = parts | {"options": options, "schema": ledger.SCHEMA}
    return DatabaseURI("postgresql+psycopg", None, None, None, None, database, arguments)


def after_bare_yoyo(connection: psycopg.Connection[Any]) -> None:
    """What ``migrations/post-apply.py`` does after yoyo's own command, in yoyo's transaction."""
    connection.execute(f"set local role {repeatable.OWNER}")
    ledger.prepare(connection)
    marked = {
        name for (name,) in connection.execute("select m.migration_id from migrations._yoyo_migration m")
    }
    for name, chain in checksums.verified(resources.migrations_directory()).items():
        if Path(name).stem in marked:
            ledger.record(connection, name, chain)
    repeatable.apply(connection)
