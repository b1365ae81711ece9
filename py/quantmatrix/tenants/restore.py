"""Reading the archive into another installation: numbers intact, lots derived anew, all or nothing."""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.tenants.export import FORMAT
from quantmatrix.tenants.tables import TOGETHER, USERS, Table, all_tables, filling_order

BLOCK = 1 << 20
# An archive is somebody's file: what is unpacked at once has a bound, and the rest passes through in blocks.
LARGEST_MANIFEST = 1 << 20
LARGEST_HEADER = 1 << 16
NOTHING = "nothing of the person was written: the transaction was rolled back"


def import_person(administrator: psycopg.Connection[Any], source: Path) -> dict[str, Any]:
    """Make the person of the archive here; ``administrator`` passes row-level security. Returns who and what.

    Raises ``Problem`` for an archive that is not ours, was changed, is of another version, or whose person or
    address is here already, and where the lots derived here are not those of the archive.
    """
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile) as error:
        raise _refused(source, str(error)) from error
    with archive:
        manifest = _manifest(source, archive)
        with administrator.transaction():
            _check_version(administrator, source, manifest, all_tables(administrator))
            added = _add_identities(administrator, archive, manifest, source)
        return _import(administrator, archive, manifest, source, added)


def _import(
    administrator: psycopg.Connection[Any],
    archive: zipfile.ZipFile,
    manifest: dict[str, Any],
    source: Path,
    added: int,
) -> dict[str, Any]:
    with administrator.transaction():
        user_id = UUID(manifest["user_id"])
        tables = all_tables(administrator)
        _check_version(administrator, source, manifest, tables)
        for table in tables:
            _fill_aside(administrator, archive, manifest, table, source)
        _check_tenant(administrator, source, manifest, tables)
        _map_instruments(administrator, archive, manifest, source)
        together = [table for table in tables if table.name in TOGETHER]
        for table in filling_order(tables):
            if table.name == TOGETHER[0]:
                _insert(administrator, together)
            elif table.name not in TOGETHER:
                _insert(administrator, [table])
        _advance_numbers(administrator, tables)
        _compare_positions(administrator, source, user_id)
        administrator.execute(
            "insert into ingest.identity_counts (user_id, added) values (%s, %s)", [user_id, added]
        )
    return {"id": str(user_id), "email": manifest["email"], "rows": manifest["rows"]}


def _manifest(source: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        with archive.open("manifest.json") as file:
            text = file.read(LARGEST_MANIFEST + 1)
        if len(text) > LARGEST_MANIFEST:
            raise _refused(source, "its manifest is larger than any of ours")
        manifest = dict(json.loads(text))
        UUID(manifest["user_id"])
        digests = dict(manifest["sha256"])
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise _refused(source, "it has no manifest of ours") from error
    if manifest.get("format") != FORMAT:
        raise _refused(source, f"its format is {manifest.get('format')!r}, and this program reads {FORMAT}")
    for name, digest in digests.items():
        whole = hashlib.sha256()
        try:
            with archive.open(name) as file:
                while block := file.read(BLOCK):
                    whole.update(block)
        except (KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise _refused(source, f"{name} is missing or damaged") from error
        if whole.hexdigest() != digest:
            raise _refused(source, f"{name} is not what the manifest says")
    return manifest


def _check_version(
    connection: psycopg.Connection[Any], source: Path, manifest: dict[str, Any], tables: list[Table]
) -> None:
    here = connection.execute("select split_part(api.schema_version(), ' ', 1)").fetchone()
    there = str(manifest["schema_version"]).split()[0]
    known = {table.name for table in tables}
    if here is None or here[0] != there or known != set(manifest["rows"]):
        raise _refused(source, f"it is of schema {there}, and this database is at {here and here[0]}")
    taken = connection.execute(
        "select email from core.users where id = %s or email = %s", [manifest["user_id"], manifest["email"]]
    ).fetchone()
    if taken:
        raise _refused(
            source,
            f"this person, or the address {taken[0]}, is here already",
            "import it into another database: quantmatrix --data-dir FOLDER user import FILE",
        )


def _fill_aside(
    connection: psycopg.Connection[Any],
    archive: zipfile.ZipFile,
    manifest: dict[str, Any],
    table: Table,
    source: Path,
) -> None:
    name = f"tables/{table.name}.csv"
    if name not in manifest["sha256"]:
        raise _refused(source, f"{name} is missing")
    connection.execute(
        sql.SQL("create temporary table {} (like {}) on commit drop").format(
            _aside(table.name),
            sql.SQL(table.name),
        )
    )
    _copy_in(connection, archive, name, _aside(table.name))


def _copy_in(
    connection: psycopg.Connection[Any], archive: zipfile.ZipFile, name: str, target: sql.Composable
) -> None:
    with archive.open(name) as file:
        line = file.readline(LARGEST_HEADER).decode()
    header = next(csv.reader([line]))
    query = sql.SQL("copy {} ({}) from stdin with (format csv, header match)").format(
        target, sql.SQL(", ").join(map(sql.Identifier, header))
    )
    with archive.open(name) as file, connection.cursor() as cursor, cursor.copy(query) as copy:
        while block := file.read(BLOCK):
            copy.write(block)


def _check_tenant(
    connection: psycopg.Connection[Any], source: Path, manifest: dict[str, Any], tables: list[Table]
) -> None:
    for table in tables:
        found = connection.execute(
            sql.SQL("select count(*), count(*) filter (where {} is distinct from %s) from {}").format(
                sql.Identifier(table.tenant_column), _aside(table.name)
            ),
            [manifest["user_id"]],
        ).fetchone()
        assert found is not None
        if found[1]:
            raise _refused(source, f"{table.name} holds rows of another person")
        if found[0] != manifest["rows"][table.name]:
            raise _refused(source, f"{table.name} has {found[0]} rows, not {manifest['rows'][table.name]}")


def _add_identities(
    connection: psycopg.Connection[Any], archive: zipfile.ZipFile, manifest: dict[str, Any], source: Path
) -> int:
    """Add the keys that the catalogue lacks, in a transaction of their own so that nobody waits; how many.

    A key alone travels, with what it says by itself: what others see is not this archive's to say.
    """
    _read_catalogue(connection, archive, manifest, source)
    wrong = connection.execute(
        "select symbol from catalogue where instrument_type in ('option', 'future_option')"
        " and (option_type, strike, expiration) is distinct from"
        " (core.option_type_of(symbol), core.strike_of(symbol), core.expiration_of(symbol)) limit 1"
    ).fetchone()
    if wrong:
        raise _refused(source, f"what it says of {wrong[0]} contradicts the symbol")
    try:
        added = connection.execute(
            "insert into core.instruments"
            " (symbol, instrument_type, currency, multiplier, option_type, strike, expiration)"
            " select c.symbol, c.instrument_type, c.currency, c.multiplier, c.option_type, c.strike,"
            " case when c.option_type is not null then c.expiration end"
            " from catalogue c order by c.instrument_type, c.symbol, c.currency, c.multiplier"
            " on conflict on constraint instruments_identity_taken do nothing"
        ).rowcount
    except psycopg.errors.CheckViolation as error:
        raise _refused(source, f"catalogue.csv: {error.diag.constraint_name}") from error
    allowed = connection.execute("select ingest.identities_for_everybody()").fetchone()
    assert allowed is not None
    if added > allowed[0]:
        raise _refused(
            source, f"it would add {added} instruments that nobody has, and {allowed[0]} are allowed"
        )
    return added


def _read_catalogue(
    connection: psycopg.Connection[Any], archive: zipfile.ZipFile, manifest: dict[str, Any], source: Path
) -> None:
    if "catalogue.csv" not in manifest["sha256"]:
        raise _refused(source, "catalogue.csv is missing")
    connection.execute("create temporary table catalogue (like core.instruments) on commit drop")
    _copy_in(connection, archive, "catalogue.csv", sql.Identifier("catalogue"))


def _map_instruments(
    connection: psycopg.Connection[Any], archive: zipfile.ZipFile, manifest: dict[str, Any], source: Path
) -> None:
    _read_catalogue(connection, archive, manifest, source)
    connection.execute(
        "create temporary table instrument_map on commit drop as select c.id as old_id, i.id as new_id"
        " from catalogue c join core.instruments i"
        " using (instrument_type, symbol, currency, multiplier)"
    )


def _insert(connection: psycopg.Connection[Any], tables: list[Table]) -> None:
    """Insert the rows of these tables in one statement, instruments by their numbers here."""
    parts = []
    for table in tables:
        columns = [
            sql.SQL("(select m.new_id from instrument_map m where m.old_id = r.{})").format(
                sql.Identifier(name)
            )
            if name in table.instrument_columns
            else sql.SQL("r.{}").format(sql.Identifier(name))
            for name in table.columns
        ]
        parts.append(
            sql.SQL("insert into {} ({}) overriding system value select {} from {} r").format(
                sql.SQL(table.name),
                sql.SQL(", ").join(map(sql.Identifier, table.columns)),
                sql.SQL(", ").join(columns),
                _aside(table.name),
            )
        )
    ordered = sorted(zip(tables, parts, strict=True), key=lambda pair: pair[0].name != TOGETHER[0])
    *before, last = [part for _, part in ordered]
    if before:
        named = [
            sql.SQL("{} as ({})").format(sql.Identifier(f"part_{n}"), part) for n, part in enumerate(before)
        ]
        connection.execute(sql.SQL("with ") + sql.SQL(", ").join(named) + sql.SQL(" ") + last)
    else:
        connection.execute(last)


def _advance_numbers(connection: psycopg.Connection[Any], tables: list[Table]) -> None:
    """Numbers given here from now on come after those that were brought."""
    for table in tables:
        if table.is_given and "id" in table.columns and table.name != USERS:
            connection.execute(
                sql.SQL(
                    "select setval(s.name::regclass, greatest("
                    "coalesce(pg_sequence_last_value(s.name::regclass), 1), (select max(r.id) from {} r)))"
                    " from (select pg_get_serial_sequence(%s, 'id') as name) s"
                    " where s.name is not null and exists (select from {})"
                ).format(_aside(table.name), _aside(table.name)),
                [table.name],
            )


def _compare_positions(connection: psycopg.Connection[Any], source: Path, user_id: UUID) -> None:
    columns = "account_id, quantity, cost_basis, realized_pnl, unmatched_quantity, open_lots"
    different = connection.execute(
        sql.SQL(
            "select count(*) from (select m.new_id, {columns} from {aside} r"
            " join instrument_map m on m.old_id = r.instrument_id) there"
            " full join (select instrument_id, {columns} from core.positions where user_id = %s) here"
            " on (here.*)::text = (there.*)::text where here.* is null or there.* is null"
        ).format(columns=sql.SQL(columns), aside=_aside("core.positions")),
        [user_id],
    ).fetchone()
    if different is None or different[0]:
        raise _refused(source, "the positions derived here are not those of the archive")


def _aside(name: str) -> sql.Identifier:
    return sql.Identifier(f"aside_{name.replace('.', '_')}")


def _refused(
    source: Path, why: str, next_step: str = "export it again with a program and database of this version"
) -> Problem:
    return Problem(
        "the archive was not imported",
        where=str(source),
        why=why,
        unchanged=NOTHING,
        next_step=next_step,
        exit_code=ExitCode.REFUSED,
    )
