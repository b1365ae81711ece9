"""Parsed records into the database: copied to staging, resolved, loaded by one function of the database.

Three database transactions, so that tenants never wait for each other: staging, the identities of
instruments, and the load itself, which is all or nothing. A trial run does the same, and the load takes
itself back; identities that nobody had stay, as they say nothing of anybody.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from quantmatrix.door.protocol import Door, Staged
from quantmatrix.errors import Problem
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

Report = dict[str, Any]


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

    def as_dict(self, records: int) -> dict[str, Any]:
        """The object that ``api.import_load`` takes; ``records`` are staged of it."""
        return {name: value for name, value in vars(self).items() if value is not None} | {"records": records}


def staged_rows(load_id: uuid.UUID, records: Iterable[Record]) -> Iterator[Staged]:
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
            line: int | None = getattr(record, "line", None) or getattr(record, "from_line", 0)
            yield load, _KINDS[type(record)], line or 0, 0, record.model_dump_json(exclude_none=True), None


def load(door: Door, records: Iterable[Record], describe: Callable[[], File], *, dry_run: bool) -> Report:
    """Stage, resolve and load one file; returns the report of ``api.import_load``.

    ``describe`` is called once the records are read: only then is the digest of the file known. Raises what
    the parser raises (nothing is kept then) and ``Problem``.
    """
    load_id = uuid.uuid4()
    number = door.stage(load_id, staged_rows(load_id, records))
    file = describe().as_dict(number)
    _resolve(door, load_id)
    report: Report = door.call("import_load", {"load_id": str(load_id), "file": file}, dry_run=dry_run)
    return report


def _resolve(door: Door, load_id: uuid.UUID) -> None:
    """Resolve, again where somebody was adding the same identities: the database has waited by then."""
    for remaining in reversed(range(TRIES)):
        try:
            door.call("import_resolve", {"load_id": str(load_id)})
            return
        except Problem as problem:
            if not remaining or problem.code != BUSY:
                raise
