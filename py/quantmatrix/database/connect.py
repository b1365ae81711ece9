"""Sessions with the database that are a person, as PostgREST would be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from quantmatrix.database.connection import open_connection
from quantmatrix.database.migrate import require_current
from quantmatrix.database.views import BATCH, Where, select
from quantmatrix.services.environment import Environment

if TYPE_CHECKING:
    from quantmatrix.ingest.load import File
    from quantmatrix.ingest.model import Record

Row = dict[str, Any]
NOBODY = UUID(int=0)
"""Whoever acts for the platform and is no person."""
ROLES = {"user": "quantmatrix_user", "readonly": "quantmatrix_readonly", "admin": "quantmatrix_admin"}
"""What a person of each kind becomes."""

# A session of the command line has a connection of its own, so that nobody waits for it: an import of a large
# file takes minutes, and the next command waits for it rather than fail.
OWN_LIMITS = {"statement_timeout": "10min", "lock_timeout": "10min"}
SERVICE = "quantmatrix_service"


class PersonSession:
    """One person's session: the authenticator's login; the person's role and claims in each transaction."""

    def __init__(
        self, connection: psycopg.Connection[Row], user_id: UUID, role: str, book: UUID | None = None
    ) -> None:
        self.connection = connection
        self.user_id = user_id
        self.role = role
        claims = {"sub": str(user_id), "role": role} | ({"book": str(book)} if book else {})
        self._claims = json.dumps(claims)
        self._role_settings = _role_settings(connection, role) | (OWN_LIMITS if role != SERVICE else {})

    @contextmanager
    def transaction(
        self, *, dry_run: bool = False, read_only: bool = False
    ) -> Iterator[psycopg.Connection[Row]]:
        """One transaction as the person, rolled back at its end if ``dry_run``. Rows are dicts."""
        with self.connection.transaction(force_rollback=dry_run):
            if read_only:
                self.connection.execute("set transaction read only")
            settings = {
                "search_path": '"api"',
                **self._role_settings,
                "request.jwt.claims": self._claims,
                # Last: what follows is done by the role, which may not set everything above.
                "role": self.role,
            }
            calls = sql.SQL(", ").join([sql.SQL("set_config(%s, %s, true)")] * len(settings))
            pairs = [part for pair in settings.items() for part in pair]
            self.connection.execute(sql.SQL("select {}").format(calls), pairs)
            yield self.connection

    def view(
        self,
        name: str,
        where: Sequence[Where] = (),
        order: Sequence[str] = (),
        limit: int | None = None,
    ) -> Iterator[Row]:
        """Rows of a view, fetched in batches within one transaction: memory does not grow with them."""
        values = [part.value for part in where if part.value is not None]
        with self.transaction(read_only=True) as connection, connection.cursor("rows") as cursor:
            cursor.itersize = BATCH
            cursor.execute(select(name, where, order, limit), values)
            yield from cursor

    def call(
        self, function: str, arguments: Mapping[str, Any] | None = None, *, read_only: bool = False
    ) -> Any:
        """What a function returns, one value, in a transaction of its own."""
        given = {name: value for name, value in (arguments or {}).items() if value is not None}
        query = sql.SQL("select api.{}({}) as answer").format(
            sql.Identifier(function),
            sql.SQL(", ").join(sql.SQL("{} => %s").format(sql.Identifier(name)) for name in given),
        )
        values = [json.dumps(value) if isinstance(value, dict) else value for value in given.values()]
        with self.transaction(read_only=read_only) as connection:
            row = connection.execute(query, values).fetchone()
        return row["answer"] if row else None

    def load(
        self, records: Iterable[Record], describe: Callable[[], File], *, dry_run: bool
    ) -> dict[str, Any]:
        """Stage, resolve and load one file; the report of ``api.import_load``."""
        from quantmatrix.ingest.load import load

        return load(self.transaction, records, describe, dry_run=dry_run)

    def rows(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of one query that only reads, in a transaction of its own."""
        with self.transaction(read_only=True) as connection:
            return connection.execute(query.encode(), parameters).fetchall()


@contextmanager
def person(
    environment: Environment, user_id: UUID, role: str = "quantmatrix_user", book: UUID | None = None
) -> Iterator[PersonSession]:
    """A session of ``user_id`` acting as ``role``: login, role and claims as PostgREST has them for a token.

    ``book`` is the person whose shared book is open; the grant decides in each query. The database must be
    as new as this program (exit 7 otherwise).
    """
    with _session(environment.authenticator_dsn, user_id, role, book) as session:
        yield session


@contextmanager
def helper(environment: Environment, login: str) -> Iterator[PersonSession]:
    """A session of one of the platform's own helpers: nobody's, by a login that may do nothing else."""
    with _session(environment.helper_dsn(login), NOBODY, SERVICE, None) as session:
        yield session


@contextmanager
def _session(dsn: str, user_id: UUID, role: str, book: UUID | None) -> Iterator[PersonSession]:
    with open_connection(dsn) as connection:
        require_current(connection)
        connection.row_factory = dict_row  # type: ignore[assignment]
        yield PersonSession(connection, user_id, role, book)  # type: ignore[arg-type]


def _role_settings(connection: psycopg.Connection[Row], role: str) -> dict[str, str]:
    """Settings of ``role`` that, as with PostgREST, hold for whoever becomes it (its time limit, say)."""
    found = connection.execute(
        "select unnest(r.rolconfig) as setting from pg_catalog.pg_roles r where r.rolname = %s", (role,)
    ).fetchall()
    return dict(row["setting"].split("=", 1) for row in found)
