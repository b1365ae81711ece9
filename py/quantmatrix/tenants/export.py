"""Writing the archive: a ZIP of CSV files, one for each table, read as the person, under the policies."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg import IsolationLevel, sql

from quantmatrix.door.login import PersonSession
from quantmatrix.door.protocol import Row
from quantmatrix.tenants.tables import all_tables

FORMAT = 1
README = """QuantMatrix: everything that is kept of one person.

manifest.json          who, when, which tables, how many rows, SHA-256 of each file
tables/*.csv           one file for each table: UTF-8, comma, header; an empty cell without quotes is null
catalogue.csv          the instruments that the tables name by number
access.json            keys, shares and sessions, without secrets

core.transactions is what happened; core.tax_lots, core.positions and tax.* are derived from it;
ingest.lines holds every line of every imported file as it was. 'quantmatrix user import' reads this
archive into another installation, numbers intact.
"""


def export_person(session: PersonSession, person: Row, target: Path) -> dict[str, int]:
    """Write the archive of the session's person to ``target``, for its owner alone; rows by table."""
    counts: dict[str, int] = {}
    digests: dict[str, str] = {}
    # One moment for all tables.
    session.connection.isolation_level = IsolationLevel.REPEATABLE_READ
    beside = target.with_name(f".{target.name}.part")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with (
            os.fdopen(handle, "wb") as raw,
            zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive,
            session.transaction(read_only=True) as connection,
        ):
            for table in all_tables(connection):
                # The log is read like the rest, and stays behind when a person moves: it is chained.
                query = sql.SQL("select * from {} order by {}").format(
                    sql.SQL(table.name),
                    sql.SQL(", ").join(map(sql.Literal, (1, 2))),
                )
                name = f"tables/{table.name}.csv"
                counts[table.name], digests[name] = _copy(connection, archive, name, query)
            _, digests["catalogue.csv"] = _copy(
                connection, archive, "catalogue.csv", sql.SQL("select * from core.instruments order by id")
            )
            access = {
                name: _value(connection, f"select api.{name}() as answer")
                for name in ("key_list", "grant_list", "session_list")
            }
            archive.writestr("access.json", json.dumps(access, indent=2, default=str))
            manifest = {
                "format": FORMAT,
                "made_at": datetime.now(UTC).isoformat(),
                "schema_version": _value(connection, "select api.schema_version() as answer"),
                "user_id": str(person["id"]),
                "email": person["email"],
                "rows": counts,
                "sha256": digests,
            }
            archive.writestr("manifest.json", json.dumps(manifest, indent=2))
            archive.writestr("README.txt", README)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return counts


def _copy(connection: Any, archive: zipfile.ZipFile, name: str, query: sql.Composable) -> tuple[int, str]:
    whole = hashlib.sha256()
    with archive.open(name, "w", force_zip64=True) as file, connection.cursor() as cursor:
        with cursor.copy(sql.SQL("copy ({}) to stdout with (format csv, header)").format(query)) as copy:
            for block in copy:
                whole.update(block)
                file.write(block)
        return int(cursor.rowcount), whole.hexdigest()


def _value(connection: Any, query: str) -> Any:
    return connection.execute(query).fetchone()["answer"]
