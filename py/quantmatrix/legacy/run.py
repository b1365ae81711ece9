"""One run against V1: everything in one database transaction, as the person it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row, tuple_row

from quantmatrix import digests
from quantmatrix.database.connection import open_connection
from quantmatrix.database.migrate import require_current
from quantmatrix.door.login import NOBODY, ROLES, PersonSession
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.legacy import files, foreign
from quantmatrix.legacy.archive import open_dump
from quantmatrix.legacy.dump import DumpReader
from quantmatrix.legacy.tables import Catalogue
from quantmatrix.local import whose
from quantmatrix.services.environment import Environment

_COPY = "copy ingest.staging (load_id, kind, line_number, payload) from stdin"
Report = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """Where V1 is: ``path`` of a dump, else the connection string ``url``."""

    path: Path | None = None
    url: str | None = None

    @property
    def name(self) -> str:
        """What reports call it; never with a password."""
        return self.path.name if self.path is not None else foreign.place(self.url or "")


@dataclass(frozen=True)
class Wish:
    """What a migration is asked for. ``zone``: that of the statements V1 stored by wall clock."""

    source: Source
    email: str | None = None
    files: tuple[files.OwnFile, ...] = ()
    zone: str = "America/New_York"
    dry_run: bool = False


@dataclass
class _Staged:
    catalogue: Catalogue = field(default_factory=Catalogue)
    told: dict[str, Any] = field(default_factory=dict)


def source_of(text: str) -> Source:
    """A file by that name if there is one, else a connection string."""
    path = Path(text)
    if path.is_dir():
        raise Problem(
            "the dump is a folder",
            where=str(path),
            unchanged="nothing was read or written",
            next_step="make it one file: pg_dump --format=custom --file=v1.dump V1",
            exit_code=ExitCode.REFUSED,
        )
    if path.exists():
        return Source(path=path)
    if "://" in text or "=" in text:
        foreign.place(text)
        return Source(url=text)
    raise Problem(
        f"there is no file {text}",
        unchanged="nothing was read or written",
        next_step="--from v1.dump, or --from postgresql://user:password@host/database",
        exit_code=ExitCode.USAGE,
    )


def inspect(environment: Environment, source: Source, zone: str) -> Report:
    """What V1 holds and what is wrong with it; keeps nothing."""
    with _transaction(environment, source, keep=False) as connection:
        load_id = uuid4()
        staged = _stage(connection, source, load_id, NOBODY, "quantmatrix_admin")
        with _person(connection, NOBODY, "quantmatrix_admin") as person:
            found = _call(person, "api.legacy_inspect", load_id, staged.told | {"timezone": zone})
    return {"name": source.name, **staged.catalogue.as_json(), **found}


def migrate(environment: Environment, wish: Wish) -> Report:
    """Carry V1 over and return the proof; a trial run does the same and rolls it back."""
    with _transaction(environment, wish.source, keep=not wish.dry_run) as connection:
        user_id, role, created = _owner(connection, wish.email)
        load_id = uuid4()
        staged = _stage(connection, wish.source, load_id, user_id, role)
        with _person(connection, user_id, role) as person:
            told = staged.told | {
                "timezone": wish.zone,
                "files": files.stage(person, wish.files, wish.zone),
                "unread": staged.catalogue.unread(),
            }
            proof = _call(person, "api.legacy_migrate", load_id, told)
    return proof | {"dry_run": wish.dry_run, "user_created": created}


@contextmanager
def _transaction(
    environment: Environment, source: Source, *, keep: bool
) -> Iterator[psycopg.Connection[Any]]:
    """A dump needs no more than any command; reading a server through the wrapper needs a superuser."""
    dsn = environment.authenticator_dsn if source.path is not None else environment.superuser_dsn
    with open_connection(dsn) as connection:
        require_current(connection)
        with connection.transaction(force_rollback=not keep):
            # A large V1 takes longer than a request may.
            connection.execute("set local statement_timeout = 0")
            yield connection


@contextmanager
def _person(
    connection: psycopg.Connection[Any], user_id: UUID, role: str
) -> Iterator[psycopg.Connection[Any]]:
    """Be that person for a while, exactly as PostgREST would be; afterwards whoever the session was."""
    before = connection.row_factory
    connection.row_factory = dict_row
    try:
        connection.execute("set local session authorization authenticator")
        with PersonSession(connection, user_id, role).transaction():
            connection.execute("set local statement_timeout = 0")
            yield connection
        connection.execute("reset role")
        connection.execute("set local session authorization default")
    finally:
        connection.row_factory = before


def _owner(connection: psycopg.Connection[Any], email: str | None) -> tuple[UUID, str, bool]:
    """The user to migrate for: id, role, and whether it was made just now, without a password."""
    with _person(connection, NOBODY, "quantmatrix_admin") as admin:
        users = admin.execute("select * from api.user_list()").fetchall()
        wanted = email.strip().lower() if email else whose([user["email"] for user in users])
        if wanted is None:
            raise Problem(
                "there are several users: for which one?",
                unchanged="nothing was read or written",
                next_step="add --user EMAIL; one that does not exist is made",
                exit_code=ExitCode.USAGE,
            )
        for user in users:
            if user["email"] == wanted:
                if user["status"] != "active":
                    raise Problem(
                        f"{wanted} is disabled",
                        unchanged="nothing was read or written",
                        next_step=f"quantmatrix user disable --undo {wanted}",
                        exit_code=ExitCode.PERMISSION,
                    )
                return user["id"], ROLES[user["role"]], False
        made = admin.execute("select * from api.user_add(%s, null, 'user')", [wanted]).fetchone()
        assert made is not None
        return made["id"], "quantmatrix_user", True


def _stage(
    connection: psycopg.Connection[Any], source: Source, load_id: UUID, user_id: UUID, role: str
) -> _Staged:
    if source.path is None:
        assert source.url is not None
        connection.row_factory = tuple_row
        catalogue = foreign.stage(connection, source.url, load_id, user_id)
        return _Staged(
            catalogue, {"name": source.name, "layout": "postgres_fdw", "records": catalogue.staged()}
        )
    told = {"name": source.name, "sha256": digests.of_file(source.path), "size": source.path.stat().st_size}
    with open_dump(source.path) as text, _person(connection, user_id, role) as person:
        reader = DumpReader(text, str(source.path))
        with person.cursor() as cursor, cursor.copy(_COPY) as copy:
            staged = 0
            for table, number, row in reader.rows():
                copy.write_row((load_id, f"v1_{table}", number, row))
                staged += 1
    return _Staged(reader.catalogue, told | {"layout": text.layout, "records": staged})


def _call(person: psycopg.Connection[Any], function: str, load_id: UUID, told: dict[str, Any]) -> Report:
    query = f"select {function}(%s, %s::jsonb) as answer"
    row = person.execute(query.encode(), [load_id, json.dumps(told)]).fetchone()
    assert row is not None
    answer: Report = row["answer"]
    return answer
