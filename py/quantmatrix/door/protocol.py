"""What commands do with a person's book, by either door: read a view, call a function, stage records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

Row = dict[str, Any]
Staged = tuple[str, str, int, int, str, str | None]
"""A row of ``ingest.staging``: load, kind, line, part, payload (JSON text), text of the line."""

OPERATORS = {"eq": "=", "gte": ">=", "lte": "<="}

TAKES_LONG = frozenset(
    {
        "audit_verify",
        "import_load",
        "legacy_migrate",
        "lots_compare",
        "lots_rebuild",
        "prices_load",
        "reconcile",
        "section_104",
        "totals",
    }
)
"""Functions that take as long as they take: no limit by login, a job over HTTP (``work.job_kinds``)."""

ANSWERS_A_ROW = {
    "account_add": "accounts",
    "account_rename": "accounts",
    "account_set": "accounts",
    "basis_set": "transactions",
    "transaction_add": "transactions",
    "transaction_correct": "transactions",
}
"""Functions that answer with one row of a view, and of which; all others answer with one value."""

ONCE = frozenset(
    {
        "book_inspect",
        "key_create",
        "oauth_collect",
        "second_factor_begin",
        "sign_in",
        "auth.mail_claim",
        "auth.oauth_begin",
        "auth.oauth_finish",
        "auth.oauth_take",
        "work.job_claim",
        "work.take_turn",
    }
)
"""A second call would make a second one, or finds its secret used: never where the first may be done."""


class Where(NamedTuple):
    """A condition on a column: ``eq``, ``gte`` or ``lte``; a value None is no condition."""

    column: str
    operator: str
    value: Any


class Door(Protocol):
    """A person's session, with the database or over HTTP. What is refused is a ``Problem`` either way."""

    def view(
        self,
        name: str,
        where: Sequence[Where] = (),
        order: Sequence[str] = (),
        limit: int | None = None,
    ) -> Iterator[Row]:
        """Rows of the view ``api.name``; ``order`` as of ``order_key``."""

    def call(
        self, function: str, arguments: Mapping[str, Any] | None = None, *, dry_run: bool = False
    ) -> Any:
        """What the function ``api.function`` answers: one value, or one row as ``view`` gives it.

        Arguments that are None are left out. ``dry_run``: for a function that has this argument; it does
        everything and keeps nothing.
        """

    def stage(self, load_id: UUID, rows: Iterable[Staged]) -> int:
        """Stage rows for the load; returns their number. Rows are taken one at a time: memory stays flat."""


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


def given(arguments: Mapping[str, Any] | None, *, dry_run: bool = False) -> dict[str, Any]:
    """The arguments of a call, without those that say nothing."""
    said = {name: value for name, value in (arguments or {}).items() if value is not None}
    return said | ({"dry_run": True} if dry_run else {})
