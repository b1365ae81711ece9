"""Where the rows of a text and their cells stand: tables, XML with attributes, OFX, one JSON object a line.

Knows no broker. A cell is a span of the text, so that a change touches nothing else of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property

_ATTRIBUTE = re.compile(r'([A-Za-z][\w.-]*)="([^"]*)"')
_ELEMENT = re.compile(r"<([A-Z][A-Z0-9.]*)>([^<\r\n]+)")
_MEMBER = re.compile(r'"([^"]+)": ?(?:"((?:[^"\\]|\\.)*)"|(-?[0-9][0-9.eE+-]*))')
_NUMBER = re.compile(r"[-+]?[$€£]?\(?-?[$€£]?[0-9][0-9,]*(?:\.[0-9]*)?(?:[eE]-?[0-9]+)?\)?")
_DAY = re.compile(
    r"(?<![0-9])(?:(?:19|20)[0-9]{2}[-/]?[01][0-9][-/]?[0-3][0-9]|[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4})"
)


@dataclass(frozen=True, slots=True)
class Cell:
    """``name`` is the column's in lower case, or its place where the row has no header."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """A record of the file; ``table`` counts headers, 0 before the first and in files without any."""

    start: int
    end: int
    cells: tuple[Cell, ...]
    table: int = 0
    is_header: bool = False


class Sheet:
    """A text and its rows."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def rows(self) -> list[Row]:
        """In file order, each with its line end."""
        start = self.text.lstrip()[:20]
        if start.startswith("<") or start.upper().startswith("OFXHEADER"):
            return list(_tagged(self.text))
        if start.startswith("{"):
            return list(_objects(self.text))
        return _with_headers(self.text, list(_records(self.text)))

    def of(self, cell: Cell) -> str:
        """A cell's text, without blanks around."""
        return self.text[cell.start : cell.end].strip()

    def named(self, row: Row) -> dict[str, str]:
        """The cells of a row by column; of two of one name the first."""
        found: dict[str, str] = {}
        for cell in row.cells:
            found.setdefault(cell.name, self.of(cell))
        return found

    def data(self) -> Iterator[dict[str, str]]:
        """The rows below headers, or all rows of a file that has none, by column."""
        for row in self.rows:
            if not row.is_header and row.cells:
                yield self.named(row)


def number(text: str) -> Decimal | None:
    """The number of a cell however it is decorated; None for text, blanks and dates."""
    text = text.strip().replace(" ", "")
    if not _NUMBER.fullmatch(text):
        return None
    is_negative = text.startswith(("(", "-")) or "-$" in text or "$-" in text
    plain = re.sub(r"[^0-9.eE-]", "", text).lstrip("-").rstrip("-")
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    return -value if is_negative else value


def day_in(text: str) -> re.Match[str] | None:
    """Where a date stands in a cell."""
    return _DAY.search(text)


def _tagged(text: str) -> Iterator[Row]:
    """XML or OFX: a row is a line, its cells what it states by name."""
    at = 0
    for line in text.splitlines(keepends=True):
        cells = [Cell(at + m.start(2), at + m.end(2), m[1].lower()) for m in _ATTRIBUTE.finditer(line)]
        if not cells:
            cells = [Cell(at + m.start(2), at + m.end(2), m[1].lower()) for m in _ELEMENT.finditer(line)]
        yield Row(at, at + len(line), tuple(cells))
        at += len(line)


def _objects(text: str) -> Iterator[Row]:
    at = 0
    for line in text.splitlines(keepends=True):
        cells = []
        for found in _MEMBER.finditer(line):
            group = 2 if found[2] is not None else 3
            cells.append(Cell(at + found.start(group), at + found.end(group), found[1].lower()))
        yield Row(at, at + len(line), tuple(cells))
        at += len(line)


def _records(text: str) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Start, end and the spans of cells, without quotation marks, of each record of a table."""
    first = text.lstrip()[:2000]
    separator = max(",;\t", key=first.count)
    at, size = 0, len(text)
    while at < size:
        start, cells = at, []
        while True:
            if at < size and text[at] == '"':
                end = at + 1
                while (end := text.find('"', end)) >= 0 and text[end + 1 : end + 2] == '"':
                    end += 2
                end = size if end < 0 else end
                cells.append((at + 1, end))
                at = end + 1
            else:
                begun = at
                while at < size and text[at] not in "\r\n" and text[at] != separator:
                    at += 1
                cells.append((begun, at))
            while at < size and text[at] not in "\r\n" and text[at] != separator:
                at += 1
            if at >= size or text[at] != separator:
                break
            at += 1
        while at < size and text[at] in "\r\n":
            at += 1
            if text[at - 1] == "\n":
                break
        yield start, at, cells


def _with_headers(text: str, found: list[tuple[int, int, list[tuple[int, int]]]]) -> list[Row]:
    """Rows with the names of their columns: a header is a wide record of words above one as wide."""
    rows: list[Row] = []
    names: list[str] = []
    table = 0
    is_told = any(text[a:b] == "Header" for _, _, spans in found for a, b in spans[1:2])
    for place, (start, end, spans) in enumerate(found):
        cells = [text[a:b].strip() for a, b in spans]
        below = found[place + 1][2] if place + 1 < len(found) else []
        below = below if len(below) > 1 or place + 2 >= len(found) else found[place + 2][2]
        is_header = cells[1:2] == ["Header"] if is_told else _is_header(cells, len(below))
        if is_header:
            names = [" ".join(cell.lower().split()) or str(at) for at, cell in enumerate(cells)]
            table += 1
        known = names if len(names) == len(cells) else [str(at) for at in range(len(cells))]
        made = tuple(Cell(a, b, name) for (a, b), name in zip(spans, known, strict=True))
        rows.append(Row(start, end, made if any(cells) else (), table, is_header))
    return rows


def _is_header(cells: list[str], below: int) -> bool:
    said = [cell for cell in cells if cell]
    return (
        len(said) >= 4
        and below == len(cells)
        and not any(number(cell) is not None or day_in(cell) for cell in said)
    )
