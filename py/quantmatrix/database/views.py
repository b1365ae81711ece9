"""Reading a view and calling a function: the two things that the database and the API do alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from quantmatrix.ingest.load import File
    from quantmatrix.ingest.model import Record

Row = dict[str, Any]
BATCH = 2000
OPERATORS = {"eq": "=", "gte": ">=", "lte": "<="}


class Where(NamedTuple):
    """A condition on a column: ``eq``, ``gte`` or ``lte``; a value None is no condition."""

    column: str
    operator: str
    value: Any


class Reader(Protocol):
    """A person's session, with the database or over HTTP."""

    def view(
        self,
        name: str,
        where: Sequence[Where] = (),
        order: Sequence[str] = (),
        limit: int | None = None,
    ) -> Iterator[Row]:
        """Rows of the view ``api.name``; ``order`` as of ``order_key``."""

    def call(
        self, function: str, arguments: Mapping[str, Any] | None = None, *, read_only: bool = False
    ) -> Any:
        """What the function ``api.function`` returns, one value."""

    def load(
        self, records: Iterable[Record], describe: Callable[[], File], *, dry_run: bool
    ) -> dict[str, Any]:
        """Stage, resolve and load one file; the report of ``api.import_load``."""

    def rows(self, query: str, parameters: Any = None) -> list[Row]:
        """Rows of a query; with the database alone."""

    def transaction(
        self, *, dry_run: bool = False, read_only: bool = False
    ) -> AbstractContextManager[psycopg.Connection[Row]]:
        """A transaction as the person; with the database alone."""


class OrderKey(NamedTuple):
    """A column to order by."""

    column: str
    descending: bool
    nulls_first: bool


def order_key(text: str) -> OrderKey:
    """``column``, ``-column`` for descending, ``column nulls first``; else nulls as PostgreSQL has them."""
    descending = text.startswith("-")
    column, nulls, _ = text.removeprefix("-").partition(" nulls first")
    return OrderKey(column, descending, bool(nulls) or descending)


def select(name: str, where: Sequence[Where], order: Sequence[str], limit: int | None) -> sql.Composed:
    """The query of ``Reader.view``; values are ``%s``, in the order of the conditions that have one."""
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
