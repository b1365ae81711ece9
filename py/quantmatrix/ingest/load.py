"""Parsed records into the database: copied to staging, resolved, loaded by one function of the database.

Three database transactions, so that tenants never wait for each other: staging, the identities of
instruments, and the load itself, which is all or nothing. A trial run does the same, and the load takes
itself back; identities that nobody had stay, as they say nothing of anybody.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import scalar_row
from pydantic import BaseModel

from quantmatrix.ingest.model import (
    CashEvidence,
    Instrument,
    Line,
    Link,
    LotEvidence,
    Pick,
    PositionEvidence,
    Record,
    Refusal,
    Statement,
    Transaction,
    Warning,
)

BUSY = "QM015"
"""Somebody else adds the same identities right now."""

TRIES = 5

_COPY = "copy ingest.staging (load_id, kind, line_number, part, payload, raw) from stdin"

_COLUMNS = {"line", "part"}
"""What of a transaction is staged beside its payload."""

_KINDS: dict[type[BaseModel], str] = {
    Transaction: "transaction",
    Instrument: "instrument",
    Link: "link",
    Pick: "pick",
    Statement: "statement",
    PositionEvidence: "position",
    LotEvidence: "lot",
    CashEvidence: "cash",
    Warning: "warning",
    Refusal: "refusal",
}

Session = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]
"""Opens a database transaction as the person: committed at its end, rolled back by an exception."""


@dataclass(frozen=True)
class File:
    """What the load function is told about a file, beside its records."""

    name: str
    size: int
    sha256: str
    source: str
    layout: str
    newest_first: bool
    broker: str
    account: str | None
    currency: str
    accept_refusals: bool
    reading: str | None = None
    """What ``readings.reading`` says of it."""
    replace: int | None = None
    """Number of the import whose place it takes."""
    if_edited: str | None = None
    """``refuse``: not where rows of an earlier import are changed."""

    def as_json(self, records: int, *, dry_run: bool = False) -> str:
        """The object that ``api.import_load`` takes; ``records`` are staged of it.

        ``dry_run``: report, and keep nothing.
        """
        told = {key: value for key, value in self.__dict__.items() if value is not None}
        return json.dumps(told | {"records": records} | ({"dry_run": True} if dry_run else {}))


def staged_rows(load_id: uuid.UUID, records: Iterable[Record]) -> Iterator[tuple[object, ...]]:
    """Rows ``(load_id, kind, line_number, part, payload, raw)`` of ``ingest.staging``, payloads as text."""
    load = str(load_id)
    line_payloads: dict[tuple[str, str | None], str] = {}
    for record in records:
        if isinstance(record, Line):
            described = line_payloads.get((record.verdict, record.section))
            if described is None:
                described = json.dumps({"verdict": record.verdict, "section": record.section})
                line_payloads[record.verdict, record.section] = described
            yield load, "line", record.number, 0, described, record.raw
        elif isinstance(record, Transaction):
            payload = record.model_dump_json(exclude=_COLUMNS, exclude_none=True, exclude_defaults=True)
            yield load, "transaction", record.line, record.part, payload, None
        elif isinstance(record, Instrument):
            yield load, "instrument", 0, 0, record.model_dump_json(exclude_none=True), None
        else:
            number = getattr(record, "line", None) or getattr(record, "from_line", 0)
            yield load, _KINDS[type(record)], number, 0, record.model_dump_json(exclude_none=True), None


def stage(connection: psycopg.Connection[Any], load_id: uuid.UUID, records: Iterable[Record]) -> int:
    """Copy records to staging; returns their number. Memory stays flat: records are taken one at a time."""
    number = 0
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in staged_rows(load_id, records):
            copy.write_row(row)
            number += 1
    return number


def load(
    session: Session, records: Iterable[Record], describe: Callable[[], File], *, dry_run: bool
) -> dict[str, Any]:
    """Stage, resolve and load one file; returns the report of ``api.import_load``.

    ``describe`` is called once the records are read: only then is the digest of the file known. Raises what
    the parser raises (nothing is kept then) and ``psycopg.Error``.
    """
    load_id = uuid.uuid4()
    with session() as connection:
        number = stage(connection, load_id, records)
    _resolve(session, load_id)
    with session() as connection:
        return _load(connection, load_id, describe().as_json(number, dry_run=dry_run))


def _resolve(session: Session, load_id: uuid.UUID) -> None:
    """Resolve, again where somebody was adding the same identities: the database has waited by then."""
    for remaining in reversed(range(TRIES)):
        try:
            with session() as connection:
                connection.execute("select api.import_resolve(%s)", [load_id])
            return
        except psycopg.Error as error:
            if not remaining or BUSY not in str(error):
                raise


def _load(connection: psycopg.Connection[Any], load_id: uuid.UUID, described: str) -> dict[str, Any]:
    with connection.cursor(row_factory=scalar_row) as cursor:
        cursor.execute("select api.import_load(%s, %s::jsonb)", [load_id, described])
        report: dict[str, Any] = cursor.fetchone() or {}
    return report
