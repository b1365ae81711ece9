"""The door of a login: sessions with the database that are a person, as PostgREST would be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from quantmatrix.database.connection import open_connection
from quantmatrix.database.migrate import require_current
from quantmatrix.door.problems import explain_database_error
from quantmatrix.door.protocol import (
    ANSWERS_A_ROW,
    ONCE,
    OPERATORS,
    TAKES_LONG,
    Row,
    Staged,
    Where,
    given,
    order_key,
)
from quantmatrix.door.retries import repeated
from quantmatrix.services.environment import Environment

BATCH = 2000
NOBODY = UUID(int=0)
"""Whoever acts for the platform and is no person."""
ROLES = {"user": "quantmatrix_user", "readonly": "quantmatrix_readonly", "admin": "quantmatrix_admin"}
"""What a person of each kind becomes."""

# A session of the command line has a connection of its own, so that nobody waits for it: an import of a large
# file takes minutes, and the next command waits for it rather than fail.
OWN_LIMITS = {"statement_timeout": "10min", "lock_timeout": "10min"}
SERVICE = "quantmatrix_service"

_COPY = "copy ingest.staging (load_id, kind, line_number, part, payload, raw) from stdin"


class PersonSession:
    """One person's session: the authenticator's login; the person's role and claims in each transaction.

    ``reopen`` makes its connection anew where that was lost; without it nothing is asked a second time.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Row],
        user_id: UUID,
        role: str,
        book: UUID | None = None,
        reopen: Callable[[], psycopg.Connection[Row]] | None = None,
    ) -> None:
        self.connection = connection
        self.user_id = user_id
        self.role = role
        self._reopen = reopen
        claims = {"sub": str(user_id), "role": role} | ({"book": str(book)} if book else {})
        self._claims = json.dumps(claims)
        self._role_settings = _role_settings(connection, role) | (OWN_LIMITS if role != SERVICE else {})

    def stay(self) -> None:
        """Keep this connection and no other from now on: it holds a lock."""
        self._reopen = None

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
            cursor.execute(_select(name, where, order, limit), values)
            yield from cursor

    def call(
        self, function: str, arguments: Mapping[str, Any] | None = None, *, dry_run: bool = False
    ) -> Any:
        """What a function answers, in its own transaction; ``schema.function`` where it is not of ``api``."""
        said = given(arguments, dry_run=dry_run)
        if function in ANSWERS_A_ROW:
            query = sql.SQL("select r.* from {} r").format(function_call(function, said))
        else:
            query = sql.SQL("select {} as answer").format(function_call(function, said))
        row = next(iter(self._asked(function, query, said)), None)
        return row if row is None or function in ANSWERS_A_ROW else row["answer"]

    def table(self, function: str, arguments: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of a function that answers with several; as ``call`` else."""
        said = given(arguments)
        return self._asked(
            function, sql.SQL("select r.* from {} r").format(function_call(function, said)), said
        )

    def _asked(self, function: str, query: sql.Composed, said: Mapping[str, Any]) -> list[Row]:
        def attempt() -> list[Row]:
            if self.connection.closed and self._reopen is not None:
                self.connection = self._reopen()
            try:
                with self.transaction() as connection:
                    if function in TAKES_LONG:
                        # As long as the largest book takes; an interrupt still ends it.
                        connection.execute("set local statement_timeout = 0")
                    return connection.execute(query, values_of(said)).fetchall()
            except psycopg.Error as error:
                raise explain_database_error(error) from error

        return attempt() if self._reopen is None else repeated(attempt, once=function in ONCE)

    def stage(self, load_id: UUID, rows: Iterable[Staged]) -> int:
        """Copy rows to staging; returns their number."""
        del load_id
        try:
            with self.transaction() as connection:
                return copy_staged(connection, rows)
        except psycopg.Error as error:
            raise explain_database_error(error) from error

    def rows(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of one query that only reads, in a transaction of its own."""
        with self.transaction(read_only=True) as connection:
            return connection.execute(query.encode(), parameters).fetchall()


def copy_staged(connection: psycopg.Connection[Any], rows: Iterable[Staged]) -> int:
    """Copy rows to staging, in the caller's transaction; returns their number."""
    number = 0
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)
            number += 1
    return number


def function_call(function: str, arguments: Mapping[str, Any]) -> sql.Composed:
    """A call of ``function``, of ``api`` where it names no schema; values are ``%s``, in their order."""
    schema, _, name = function.rpartition(".")
    return sql.SQL("{}({})").format(
        sql.Identifier(schema or "api", name),
        sql.SQL(", ").join(sql.SQL("{} => %s").format(sql.Identifier(argument)) for argument in arguments),
    )


def values_of(arguments: Mapping[str, Any]) -> list[Any]:
    """The values of a call, objects as JSON."""
    return [json.dumps(value) if isinstance(value, dict) else value for value in arguments.values()]


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
    def opened() -> psycopg.Connection[Row]:
        connection: psycopg.Connection[Any] = open_connection(dsn)
        try:
            require_current(connection)
        except BaseException:
            connection.close()
            raise
        connection.row_factory = dict_row
        return connection

    with opened() as first:
        session = PersonSession(first, user_id, role, book, opened)
        try:
            yield session
        finally:
            session.connection.close()


def _select(name: str, where: Sequence[Where], order: Sequence[str], limit: int | None) -> sql.Composed:
    """The query of ``view``; values are ``%s``, in the order of the conditions that have one."""
    conditions = [
        sql.SQL("v.{} {} %s").format(sql.Identifier(part.column), sql.SQL(OPERATORS[part.operator]))
        for part in where
        if part.value is not None
    ]
    keys = [
        sql.SQL("v.{} {} nulls {}").format(
            sql.Identifier(key.column),
            sql.SQL("desc" if key.descending else "asc"),
            sql.SQL("first" if key.nulls_first else "last"),
        )
        for key in map(order_key, order)
    ]
    query = sql.SQL("select v.* from api.{} v").format(sql.Identifier(name))
    if conditions:
        query += sql.SQL(" where ") + sql.SQL(" and ").join(conditions)
    if keys:
        query += sql.SQL(" order by ") + sql.SQL(", ").join(keys)
    if limit is not None:
        query += sql.SQL(" limit {}").format(sql.Literal(limit))
    return query


def _role_settings(connection: psycopg.Connection[Row], role: str) -> dict[str, str]:
    """Settings of ``role`` that, as with PostgREST, hold for whoever becomes it (its time limit, say)."""
    found = connection.execute(
        "select unnest(r.rolconfig) as setting from pg_catalog.pg_roles r where r.rolname = %s", (role,)
    ).fetchall()
    return dict(row["setting"].split("=", 1) for row in found)
