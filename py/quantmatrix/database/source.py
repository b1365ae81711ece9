"""Files of SQL, put together where one is made of parts.

PL/pgSQL shares no variables between functions, so what keeps a large state in them is one function, however
long. Its file then holds the frame, and a line ``-- include NAME.part.sql`` stands for that file, beside the
one that names it, at the same indentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quantmatrix.errors import Problem

_INCLUDE = re.compile(r"( *)-- include (\S+\.part\.sql)")


@dataclass(frozen=True)
class Line:
    """A line of the whole and where it stands: ``number`` counts from 1, ``indentation`` was added to it."""

    text: str
    path: Path
    number: int
    indentation: int


@dataclass(frozen=True)
class Source:
    """A file with its parts in their places."""

    path: Path
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """What the database is given."""
        return "\n".join(line.text for line in self.lines)

    def place(self, position: int) -> str:
        """``FILE:LINE:COLUMN`` of the character at ``position``, counted from 1."""
        before = self.text[: position - 1]
        line = self.lines[before.count("\n")]
        column = len(before) - before.rfind("\n") - line.indentation
        return f"{line.path}:{line.number}:{max(column, 1)}"


def read(path: Path) -> Source:
    """The file at ``path`` with its parts; `Problem` where one is missing."""
    return Source(path, tuple(_lines(path, 0)))


def _lines(path: Path, indentation: int) -> Iterator[Line]:
    for number, text in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        included = _INCLUDE.fullmatch(text)
        if included is None:
            added = indentation if text else 0
            yield Line(" " * added + text, path, number, added)
            continue
        part = path.parent / included[2]
        if not part.is_file():
            raise Problem(
                "a part of a file is missing",
                where=f"{path}:{number}",
                why=f"there is no {included[2]} beside it",
                unchanged="nothing was done",
                next_step="bring the part back, or take the line out",
            )
        yield from _without_last_newline(_lines(part, indentation + len(included[1])))


def _without_last_newline(lines: Iterator[Line]) -> Iterator[Line]:
    """A file's last newline ends its last line; the line that names the file brings its own."""
    held: Line | None = None
    for line in lines:
        if held is not None:
            yield held
        held = line
    if held is not None and held.text:
        yield held
