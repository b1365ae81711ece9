"""A dump of V1, read as text. It is hostile input: no statement of it is ever executed, nowhere.

Only the data blocks (``COPY … FROM stdin``, or the plain values of INSERT) of the tables that are read count,
into definitions of our own; of everything else the names and the number of rows are told. An archive is
turned into the same text by ``pg_restore``, which needs no server for that and runs without rights; so one
reader serves both, and functions, triggers, rules and shell commands of a dump are words nobody looks at.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.legacy import inserts
from quantmatrix.legacy.archive import DumpText
from quantmatrix.legacy.tables import READ, Catalogue, Table, is_readable, kind_of, require, require_columns

LINE_BYTES = 16 * 1024 * 1024
"""No row of V1 is longer; a longer line is no dump."""

_NAME = r'(?:"?public"?\.)?"?(?P<table>[A-Za-z_][A-Za-z0-9_]{0,62})"?'
_COPY = re.compile(
    rf"COPY (?:ONLY )?{_NAME} \((?P<columns>[^()]*)\) FROM stdin;\s*$", re.IGNORECASE | re.ASCII
)
_CREATE = re.compile(
    rf"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?{_NAME} \(\s*$", re.IGNORECASE | re.ASCII
)
_COLUMN = re.compile(r'\s+"?(?P<column>[A-Za-z_][A-Za-z0-9_]{0,62})"? \S', re.ASCII)
_ENCODING = re.compile(r"SET client_encoding (?:=|TO) '?([A-Za-z0-9_-]+)'?;", re.IGNORECASE)
_NO_COLUMN = frozenset({"constraint", "primary", "unique", "check", "foreign", "exclude", "like"})
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)

Row = tuple[str, int, str]
"""Table, ordinal within it, and the row as a JSON object of the columns that are read, without nulls."""


@dataclass
class DumpReader:
    """Yields the rows of one dump; ``catalogue`` is whole once they are all taken."""

    text: DumpText
    name: str
    catalogue: Catalogue = field(default_factory=Catalogue)
    _line: int = 0
    _filled: set[str] = field(default_factory=set)
    _inserting: str = ""

    def rows(self) -> Iterator[Row]:
        """All rows of the tables that are read, in the dump's order. Raises ``Problem`` (exit 5)."""
        text = b""
        while text := self._next():
            if text.startswith(b"COPY "):
                yield from self._block(self._decode(text))
            elif text.startswith((b"CREATE TABLE", b"CREATE UNLOGGED TABLE")):
                self._definition(self._decode(text))
            elif b"FOREIGN KEY" in text:
                self.catalogue.foreign_keys += 1
            elif text.startswith(b"INSERT INTO"):
                yield from self._insert(self._decode(text))
            elif text.startswith(b"SET client_encoding"):
                self._encoding(self._decode(text))
        self.text.finish()
        require(self.catalogue.tables, self.name)
        for table in READ:
            if table in self.catalogue.tables and table not in self._filled:
                require_columns(table, self.catalogue.tables[table].columns, self.name)

    def _next(self) -> bytes:
        try:
            text = self.text.stream.readline(LINE_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            self._refuse("the dump is damaged", str(error))
        self._line += 1
        if len(text) > LINE_BYTES:
            self._refuse("the dump holds a line of more than 16 MiB", "no row of V1 is that long")
        return text

    def _decode(self, text: bytes) -> str:
        try:
            return codecs.decode(text, "utf-8")
        except UnicodeDecodeError as error:
            self._refuse("the dump is not UTF-8", f"byte {error.start + 1} of this line")

    def _encoding(self, text: str) -> None:
        found = _ENCODING.match(text)
        if found and found[1].upper().replace("-", "") not in ("UTF8", "SQL_ASCII"):
            self._refuse(
                f"the dump is written in {found[1]}", "only UTF-8 is read", "pg_dump --encoding=UTF8"
            )

    def _definition(self, text: str) -> None:
        found = _CREATE.match(text)
        if not found:
            return
        columns: list[str] = []
        while line := self._next():
            if line.lstrip().startswith(b")"):
                break
            named = _COLUMN.match(self._decode(line))
            if named and named["column"].lower() not in _NO_COLUMN:
                columns.append(named["column"])
            elif b"FOREIGN KEY" in line:
                self.catalogue.foreign_keys += 1
        self.catalogue.tables.setdefault(found["table"], Table(tuple(columns)))

    def _insert(self, text: str) -> Iterator[Row]:
        table = inserts.table_of(text)
        if table is None:
            inserts.whole(text, lambda: self._decode(self._next()))
            return
        if table != self._inserting:
            self._fill(table)
            self._inserting = table
        known = self.catalogue.tables.setdefault(table, Table(inserts.columns_of(text) or ()))
        columns = inserts.columns_of(text) or known.columns
        if table in READ:
            require_columns(table, columns, f"{self.name}:{self._line}")
        wanted = self._wanted(table, columns)
        begun = self._line
        statement = inserts.whole(text, lambda: self._decode(self._next()))
        try:
            if statement is None:
                raise ValueError("the statement has no end")
            for cells in inserts.rows_of(statement):
                known.rows += 1
                if table in READ:
                    self._require_width(table, len(cells), len(columns))
                    values = ((column, kind, cells[place]) for place, column, kind in wanted)
                    yield table, known.rows, self._row(table, values)
        except ValueError as error:
            self._line = begun
            self._refuse(
                f"an INSERT into {table} cannot be read",
                f"{error}; statements are never executed, only plain values are read",
                "dump V1 again without --inserts",
            )

    def _block(self, text: str) -> Iterator[Row]:
        found = _COPY.match(text)
        if not found:
            return
        table = found["table"]
        columns = tuple(name.strip().strip('"') for name in found["columns"].split(","))
        self._fill(table)
        known = self.catalogue.tables.setdefault(table, Table(columns))
        if table not in READ:
            known.rows = sum(1 for _ in self._lines(table))
            return
        require_columns(table, columns, f"{self.name}:{self._line}")
        wanted = self._wanted(table, columns)
        for raw in self._lines(table):
            cells = self._decode(raw).split("\t")
            self._require_width(table, len(cells), len(columns))
            known.rows += 1
            values = ((column, kind, _copied(cells[place])) for place, column, kind in wanted)
            yield table, known.rows, self._row(table, values)

    def _fill(self, table: str) -> None:
        if table in self._filled:
            self._refuse(f"the dump fills table {table} twice", "it is not the dump of one database")
        self._filled.add(table)

    def _wanted(self, table: str, columns: tuple[str, ...]) -> list[tuple[int, str, str]]:
        read = READ.get(table, ())
        return [(n, column, kind_of(table, column)) for n, column in enumerate(columns) if column in read]

    def _require_width(self, table: str, found: int, declared: int) -> None:
        if found != declared:
            self._refuse(
                f"a row of {table} has {found} fields where {declared} are declared",
                "the dump is damaged or was edited",
            )

    def _row(self, table: str, values: Iterable[tuple[str, str, str | None]]) -> str:
        row = {}
        for column, kind, value in values:
            if value is None:
                continue
            if not is_readable(kind, value):
                self._refuse(
                    f"{table}.{column} holds {value[:60]!r}, which is no {kind}", "it was edited or damaged"
                )
            row[column] = value.replace("\0", "")
        return json.dumps(row)

    def _lines(self, table: str) -> Iterator[bytes]:
        while text := self._next():
            line = text.rstrip(b"\r\n")
            if line == rb"\.":
                return
            yield line
        self._refuse(f"the dump ends inside table {table}", "it is not whole")

    def _refuse(self, what: str, why: str, next_step: str | None = None) -> NoReturn:
        raise Problem(
            what,
            where=f"{self.name}:{self._line}",
            why=why,
            unchanged="nothing was written",
            next_step=next_step or "make a new dump of V1: pg_dump --format=custom --file=v1.dump V1",
            exit_code=ExitCode.REFUSED,
        )


def _copied(cell: str) -> str | None:
    """What a cell of a COPY block says."""
    if cell == r"\N":
        return None
    return _ESCAPE.sub(_unescaped, cell) if "\\" in cell else cell


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    return _ESCAPES.get(code, code)
