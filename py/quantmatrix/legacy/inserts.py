"""Rows written as INSERT statements (``pg_dump --inserts``): text like all of a dump, never executed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

STATEMENT_BYTES = 64 * 1024 * 1024
"""No statement of ``pg_dump`` is larger; a larger one is no dump."""

_HEAD = re.compile(
    r'INSERT INTO (?:"?public"?\.)?"?(?P<table>[A-Za-z_][A-Za-z0-9_]{0,62})"?'
    r"(?: \((?P<columns>[^()]*)\))?(?: OVERRIDING (?:SYSTEM|USER) VALUE)? VALUES\s*",
    re.IGNORECASE | re.ASCII,
)
_VALUE = re.compile(r"\s*(?:'(?P<text>(?:[^']|'')*)'|(?P<word>[A-Za-z0-9+.-]+))\s*(?P<after>[,)])", re.ASCII)
_NEXT = re.compile(r"\s*(?P<sign>,\s*\(|(?:ON CONFLICT DO NOTHING\s*)?;\s*$)", re.ASCII)
_WORDS = {"null": None, "true": "t", "false": "f"}

Values = list[str | None]


def table_of(text: str) -> str | None:
    """The table that the statement beginning here fills; None for what no dump of V1 says."""
    found = _HEAD.match(text)
    return found["table"] if found else None


def columns_of(text: str) -> tuple[str, ...] | None:
    """The columns it names; None where it leaves them to the definition."""
    found = _HEAD.match(text)
    if found is None or found["columns"] is None:
        return None
    return tuple(name.strip().strip('"') for name in found["columns"].split(","))


def whole(first: str, following: Callable[[], str]) -> str | None:
    """The statement that begins with this line, through to its end; None if it has none."""
    parts, size, quotes = [first], len(first), first.count("'")
    # A quotation mark inside a text is written twice: between texts the number of marks is even.
    while quotes % 2 or not parts[-1].rstrip().endswith(";"):
        line = following()
        size += len(line)
        if not line or size > STATEMENT_BYTES:
            return None
        parts.append(line)
        quotes += line.count("'")
    return "".join(parts)


def rows_of(statement: str) -> Iterator[Values]:
    """The rows of a whole statement. Raises ``ValueError`` where it says anything but plain values."""
    head = _HEAD.match(statement)
    if head is None or not statement.startswith("(", head.end()):
        raise ValueError("no rows follow VALUES")
    place = head.end() + 1
    while place:
        row: Values = []
        while True:
            value = _VALUE.match(statement, place)
            if value is None:
                raise ValueError(f"{statement[place : place + 40]!r} is no plain value")
            place = value.end()
            row.append(_plain(value))
            if value["after"] == ")":
                break
        yield row
        following = _NEXT.match(statement, place)
        if following is None:
            raise ValueError(f"{statement[place : place + 40]!r} follows a row")
        place = following.end() if following["sign"].startswith(",") else 0


def _plain(value: re.Match[str]) -> str | None:
    if value["text"] is not None:
        return value["text"].replace("''", "'")
    word: str = value["word"]
    return _WORDS.get(word.lower(), word)
