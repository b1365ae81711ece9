"""Rows of a query as they come from the database: memory does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quantmatrix.cli.session import signed_in
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
