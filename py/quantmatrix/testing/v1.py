"""Old databases for tests: the sample, and small ones made of a few rows."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from click.testing import CliRunner, Result

from quantmatrix import resources
from quantmatrix.backup.make import client_environment
from quantmatrix.backup.manifest import TableCount, count
from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.legacy.tables import OPTIONAL_TABLES
from quantmatrix.services.binaries import find_postgres
from quantmatrix.testing.cluster import Cluster, Database

FOLDER = resources.root() / "tests" / "legacy_v1"
SAMPLE = FOLDER / "v1_sample.sql"
OWN_FILE = FOLDER / "user_history_U80000001.csv"
OWNER = "owner@example.org"
WITH_FILE = ("--csv", str(OWN_FILE), "--csv-account", "U80000001")

Cells = dict[str, Any]

# Values that a row of a made-up V1 has where a test does not say otherwise.
_USUAL: dict[str, Cells] = {
    "users": {"username": "owner", "email": "owner@example.invalid", "hashed_password": "!"},
    "accounts": {
        "user_id": 1, "account_name": "Account", "account_type": "taxable", "account_number": "U1",
        "broker": "IBKR", "api_credentials": None,
    },
    "holdings": {
        "account_id": 1, "symbol": "ABC", "quantity": 1.0, "currency": "USD", "contract_type": "STK",
        "last_updated": "2025-07-21 22:00:00",
    },
    "transactions": {
        "account_id": 1, "external_id": None, "order_id": None, "execution_id": None, "symbol": "ABC",
        "description": None, "transaction_type": "BUY", "action": "TRADE", "quantity": 10.0, "price": 5.0,
        "amount": 50.0, "commission": 0.0, "fees": 0.0, "net_amount": 0.0, "currency": "USD",
        "contract_type": "STK", "transaction_date": "2024-06-03 15:00:00", "source": "ibkr_enhanced_trades",
        "synced_at": "2025-07-21 22:00:00", "last_updated": "2025-07-21 22:00:00",
    },
    "dividends": {
        "account_id": 1, "external_id": None, "symbol": "ABC", "ex_date": "2024-08-01 00:00:00",
        "pay_date": "2024-08-15 00:00:00", "dividend_per_share": 0.5, "shares_held": 10.0,
        "total_dividend": 5.0, "tax_withheld": 0.0, "currency": "USD", "source": "ibkr",
        "synced_at": None, "last_updated": None,
    },
    "tax_lots": {"holding_id": 1, "account_id": "1", "shares_remaining": 1.0},
    "alerts": {
        "user_id": 1, "name": "Watch", "description": None, "symbol": "ABC", "alert_type": "PRICE",
        "is_active": "t", "is_repeating": "f", "max_triggers": 1, "current_triggers": 0,
        "notify_discord": "f", "notify_email": "t", "notify_app": "f", "priority": None,
        "created_at": "2025-06-20 02:00:00+00", "last_triggered": None, "expires_at": None,
        "custom_message": None,
    },
    "alert_conditions": {
        "alert_id": 1, "condition_type": "PRICE", "operator": "GT", "target_value": 5.0, "timeframe": None,
        "logical_operator": None, "group_id": None, "indicator_params": None,
    },
}  # fmt: skip


@dataclass
class OldDatabase:
    """A V1 of a few rows; ``add`` fills it, ``write`` makes a dump of it."""

    rows: dict[str, list[Cells]] = field(default_factory=lambda: {name: [] for name in _USUAL})

    def add(self, table: str, **cells: Any) -> int:
        """Add a row with the usual values but ``cells``; returns its id."""
        row = {"id": len(self.rows[table]) + 1} | _USUAL[table] | cells
        self.rows[table].append(row)
        return int(row["id"])

    def text(self) -> str:
        """The dump."""
        blocks = ["SET client_encoding = 'UTF8';"]
        for table, rows in self.rows.items():
            if table in OPTIONAL_TABLES and not rows:
                continue
            columns = ["id", *_USUAL[table]]
            lines = ["\t".join(_cell(row[column]) for column in columns) for row in rows]
            blocks.append("\n".join([f"COPY {table} ({', '.join(columns)}) FROM stdin;", *lines, r"\."]))
        return "\n\n".join(blocks) + "\n"

    def write(self, path: Path) -> Path:
        """Write the dump to ``path``."""
        path.write_text(self.text(), encoding="utf-8")
        return path


def _cell(value: Any) -> str:
    if value is None:
        return r"\N"
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


@dataclass(frozen=True)
class Migrating:
    """The command line on one database, for ``OWNER``."""

    database: Database

    def run(self, *words: str, status: int | None = 0, user: str | None = OWNER) -> Result:
        """Run a command; its status must be ``status`` unless that is None."""
        settings = Settings(_environment=self.database.environment, user=user)
        result = CliRunner().invoke(cli, words, obj=settings)
        if status is not None:
            assert result.exit_code == status, result.output + result.stderr
        return result

    def migrate(
        self, origin: str | Path, *words: str, status: int = 0, user: str | None = OWNER
    ) -> dict[str, Any]:
        """Run ``legacy migrate``; the proof."""
        told = self.run(
            "legacy", "migrate", "--from", str(origin), "--no-backup", "--format", "json", *words,
            status=status, user=user,
        )  # fmt: skip
        proof: dict[str, Any] = json.loads(told.stdout)
        return proof

    def refuse(self, origin: str | Path, *words: str, status: int = 5) -> str:
        """Run ``legacy migrate``, which must fail and leave every table as it was; what it said."""
        before = self.content()
        told = self.run("legacy", "migrate", "--from", str(origin), "--no-backup", *words, status=status)
        assert self.content() == before
        assert told.stdout == ""
        assert "unchanged" in told.stderr
        return told.stderr

    def content(self) -> tuple[TableCount, ...]:
        """Every table of the database, staging too, with its rows and their digest."""
        with self.database.connect() as connection, connection.transaction():
            staged = connection.execute("select count(*) from ingest.staging").fetchone()
            assert staged is not None
            return (*count(connection), TableCount("staging", staged[0], ""))

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query of the superuser."""
        with self.database.connect() as connection:
            return connection.execute(query.encode(), values).fetchall()


@contextmanager
def served(cluster: Cluster, name: str, dump: Path = SAMPLE) -> Iterator[str]:
    """A running V1 made of ``dump``; its connection string."""
    administrator = cluster.environment.dsn("postgres", "postgres")
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        url = cluster.environment.dsn("postgres", name)
        try:
            with dump.open("rb") as text:
                subprocess.run(
                    [find_postgres().program("psql"), "-q", "-v", "ON_ERROR_STOP=1"],
                    stdin=text, stdout=subprocess.DEVNULL, env=client_environment(url), check=True,
                )  # fmt: skip
            yield url
        finally:
            connection.execute(f"drop database {name} with (force)".encode())


def archive(url: str, path: Path, *options: str) -> Path:
    """A dump of a running V1 by ``pg_dump``."""
    subprocess.run(
        [find_postgres().program("pg_dump"), "-f", str(path), *options],
        env=client_environment(url),
        check=True,
    )
    return path
