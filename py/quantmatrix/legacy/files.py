"""The owner's own files beside V1: parsed as any import, staged under a load of their own, refused whole."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from quantmatrix.door.login import copy_staged
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.ingest.model import FileRefused, Options, Record, Refusal
from quantmatrix.ingest.reader import open_source
from quantmatrix.ingest.simple import SimpleParser
from quantmatrix.loading.load import staged_rows


@dataclass(frozen=True)
class OwnFile:
    """A file of trades and transfers, and the account of V1 that it belongs to."""

    path: Path
    account: str


def stage(connection: psycopg.Connection[Any], files: tuple[OwnFile, ...], zone: str) -> list[dict[str, Any]]:
    """Stage all files; what ``api.legacy_migrate`` is told of them. Raises ``Problem`` (exit 5)."""
    told: list[dict[str, Any]] = []
    for number, file in enumerate(files, start=1):
        load_id = uuid.uuid4()
        try:
            with open_source(file.path) as source:
                if SimpleParser.detect(source.head, file.path.name) is None:
                    raise FileRefused(
                        "the header is not Date, Symbol, Quantity, Price, Commission, Type", line=1
                    )
                options = Options(account=file.account, zone=zone, file_name=file.path.name)
                records = _accepted(SimpleParser().parse(source.text, options), file.path)
                staged = copy_staged(connection, staged_rows(load_id, records))
        except FileRefused as refused:
            raise _refused(file.path, refused.line, None, refused.reason, refused.hint) from None
        repeated = any(entry["name"] == file.path.name for entry in told)
        name = f"{file.path.name} ({number})" if repeated else file.path.name
        told.append({"load_id": str(load_id), "name": name, "account": file.account, "records": staged})
    return told


def _accepted(records: Iterator[Record], path: Path) -> Iterator[Record]:
    for record in records:
        if isinstance(record, Refusal):
            raise _refused(path, record.line, record.column, f"{record.reason}: {record.text!r}", None)
        yield record


def _refused(path: Path, line: int | None, column: str | None, why: str, hint: str | None) -> Problem:
    place = ":".join(str(part) for part in (path, line, column) if part is not None)
    return Problem(
        f"{path.name} is refused",
        where=place,
        why=why,
        unchanged="nothing was written",
        next_step=hint or "correct this line, then run it again",
        exit_code=ExitCode.REFUSED,
    )
