"""Answers of an interface as one file: JSON objects, one a line, the first of which says what the rest is.

``quantmatrix sync`` writes such files and imports them, so that what an interface told has lines, raw text
and a digest as any other file has. The first line: ``{"format": "tastytrade_api", "account": ..., "from":
..., "through": ..., "generated_at": ...}``; every other line has one key, the kind of its row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, TextIO

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.model import FileRefused, Statement
from quantmatrix.ingest.repeats import Repeats

FORMAT = "format"
_LONGEST = 256 * 1024


def write_rows(text: TextIO, head: Mapping[str, Any], rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Write a file: the head, then ``(kind, row)`` for each row."""
    text.write(_line(head))
    for kind, row in rows:
        text.write(_line({kind: row}))


def is_such(head: str, name: str) -> bool:
    """Whether a file that begins with ``head`` is of the format ``name``."""
    first = head.lstrip().partition("\n")[0]
    if not first.startswith("{") or len(first) > _LONGEST:
        return False
    try:
        told = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get(FORMAT) == name


def read_rows(text: TextIO, name: str) -> Iterator[tuple[int, str, str, Any]]:
    """``(line, raw, kind, row)``; the first of kind ``head``; blank lines of kind ``""``.

    Numbers with a point are text, so that no digit is lost. A line that cannot be read is of kind ``broken``
    with the reason as its row. Raises ``FileRefused`` where the head is not there.
    """
    number = 0
    while line := text.readline(_LONGEST + 1):
        number += 1
        if len(line) > _LONGEST:
            raise FileRefused("the line is longer than any row", line=number)
        raw = line.rstrip("\r\n")
        if number == 1:
            if not is_such(raw, name):
                raise FileRefused(f"the first line does not say that this is {name}", line=1)
            yield number, raw, "head", json.loads(raw, parse_float=str)
        elif not raw.strip():
            yield number, raw, "", None
        else:
            yield (number, raw, *_row(raw))


class Identities:
    """Ids of the rows: an interface may tell a row twice, or two rows with one id.

    A first pass over the file finds which ids repeat, so that no other has to be remembered, and what the
    rows say in the field ``naming``: ids of other rows.
    """

    def __init__(self, text: TextIO, name: str, naming: str | None = None) -> None:
        self._repeats = Repeats()
        self._seen: dict[int, int] = {}
        self.named: set[str] = set()
        for _, _, kind, row in read_rows(text, name):
            if kind not in ("", "head", "broken"):
                self._repeats.look(_start_of_id(row))
                if naming is not None and (named := row.get(naming)) is not None:
                    self.named.add(str(named).strip())
        text.seek(0)

    def own(self, row: Mapping[str, Any], identity: str, raw: str) -> str | None:
        """The id to use, ``identity`` being made of the row's; None where this very row was there before."""
        if not self._repeats.may_repeat(_start_of_id(row)):
            return identity
        digest, number, known = hash(raw), 1, identity
        while (seen := self._seen.get(hash(known))) is not None:
            if seen == digest:
                return None
            number += 1
            known = f"{identity}#{number}"
        self._seen[hash(known)] = digest
        return known


def statement_of(head: Mapping[str, Any], account: str | None) -> Statement:
    """What the head says of the file. Raises ``FileRefused``."""
    try:
        generated = head.get("generated_at")
        return Statement(
            account=account,
            period_start=date.fromisoformat(head["from"]),
            period_end=date.fromisoformat(head["through"]),
            generated_at=datetime.fromisoformat(generated).astimezone(UTC) if generated else None,
        )
    except (KeyError, TypeError, ValueError):
        raise FileRefused("the first line does not say which days the file covers", line=1) from None


def text_of(row: Mapping[str, Any], field: str) -> str:
    """A field as text without blanks around; empty where it is missing or null. Raises ``RowError``."""
    value = row.get(field)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowError("bad_value", "not a text or a number", column=field, text=str(value)[:80])
    return str(value).strip()


def _start_of_id(row: Mapping[str, Any]) -> str:
    """Equal wherever two ids are equal, also if they are cut off."""
    return str(row.get("id")).strip()[:64]


def _row(raw: str) -> tuple[str, Any]:
    try:
        told = json.loads(raw, parse_float=str)
    except (ValueError, RecursionError) as error:
        return "broken", f"not a JSON object ({type(error).__name__})"
    if not isinstance(told, dict) or len(told) != 1:
        return "broken", "not a JSON object of one key"
    [(kind, row)] = told.items()
    if not isinstance(row, dict):
        return "broken", "the row is no object"
    return kind, row


def _line(told: Mapping[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n"
