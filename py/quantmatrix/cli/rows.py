"""Rows of a query as they come from the database: memory does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg import sql

from quantmatrix.cli.retries import repeated
from quantmatrix.cli.session import reader, signed_in
from quantmatrix.cli.settings import Settings
from quantmatrix.database.connect import PersonSession, Row
from quantmatrix.database.views import Reader, Where
from quantmatrix.errors import ExitCode, Problem

BATCH = 2000


def stream(
    session: PersonSession, query: str, parameters: Mapping[str, Any] | Sequence[Any]
) -> Iterator[Row]:
    """Rows of a reading query, fetched in batches within one transaction."""
    with session.transaction(read_only=True) as connection, connection.cursor("rows") as cursor:
        cursor.itersize = BATCH
        cursor.execute(query.encode(), parameters)
        yield from cursor


def rows(settings: Settings, query: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> Iterator[Row]:
    """Rows of a reading query as the user that the options choose."""
    with signed_in(settings) as session:
        yield from stream(session, query, parameters)


def changing(
    settings: Settings, function: str, arguments: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """What a function that writes answers, an object; a dry run works with the database alone."""
    if not dry_run:
        with reader(settings) as session:
            return dict(session.call(function, arguments))
    given = {name: value for name, value in arguments.items() if value is not None}
    query = sql.SQL("select api.{}({}) as answer").format(
        sql.Identifier(function),
        sql.SQL(", ").join(sql.SQL("{} => %s").format(sql.Identifier(name)) for name in given),
    )
    with signed_in(settings) as session, session.transaction(dry_run=True) as connection:
        row = connection.execute(query, list(given.values())).fetchone()
    assert row is not None
    return dict(row["answer"])


def one_row(settings: Settings, query: str, parameters: Sequence[Any], *, dry_run: bool = False) -> Row:
    """The row of a query that writes and may be repeated; asked again where the connection was lost."""

    def attempt() -> Row:
        with signed_in(settings) as session, session.transaction(dry_run=dry_run) as connection:
            row = connection.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return row

    return repeated(attempt)


def account_id(session: Reader, reference: str | None) -> int | None:
    """The account of that number, else of that name; None for None."""
    if reference is None:
        return None
    best = list(session.view("accounts", [Where("account", "eq", reference)]))
    if not best:
        best = list(session.view("accounts", [Where("account_name", "eq", reference)]))
    if len(best) == 1:
        return int(best[0]["id"])
    raise Problem(
        f"there is no account {reference!r}" if not best else f"several accounts are {reference!r}",
        unchanged="nothing was read",
        next_step="quantmatrix account list shows numbers and names",
        exit_code=ExitCode.FAILED,
    )
