"""A broker file as checked text, and its comma-separated records with the lines on which they stand.

The bytes are checked where they are read: UTF-8 (a byte order mark is cut), no NUL, hashed once however often
a parser rewinds. Nothing here keeps more of a file than one record.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TextIO

from quantmatrix.ingest.dialect import PLAIN, Dialect, declared, dialect_of
from quantmatrix.ingest.model import FileRefused

HEAD_BYTES = 64 * 1024
"""How much of a file the detection of its format sees."""

RECORD_CHARACTERS = 256 * 1024
"""A record longer than this is not a broker's row but a quotation mark that nobody closed."""

_CHUNK = 256 * 1024

_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "is a spreadsheet or a zip archive", "export it as CSV, or unpack it first"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook", "export it as CSV"),
    (b"%PDF", "is a PDF document", "download the statement as CSV or XML"),
    (b"\x1f\x8b", "is compressed with gzip", "unpack it first"),
    (b"\xff\xfe", "is UTF-16", "save it as CSV UTF-8"),
    (b"\xfe\xff", "is UTF-16", "save it as CSV UTF-8"),
)


_DECLARED = re.compile(
    rb"(?:^OFXHEADER[\s\S]{0,400}?^CHARSET:\s*|<\?xml[^>]{0,100}encoding=[\"'])(?P<name>[A-Za-z0-9_-]{1,20})",
    re.MULTILINE | re.IGNORECASE,
)
_WESTERN = frozenset({"1252", "cp1252", "windows-1252", "iso-8859-1", "8859-1", "latin-1", "latin1", "none"})
_OFX_HEADER = re.compile(rb"OFXHEADER\s*:", re.IGNORECASE)


class _CheckedBytes(io.RawIOBase):
    """Bytes of a file, each hashed and checked the first time that it passes.

    Raises ``FileRefused`` from ``readinto``, with the line, at the first byte that is no text in the
    encoding.
    """

    def __init__(self, stream: BinaryIO, progress: Callable[[int], None] | None, encoding: str) -> None:
        self._stream = stream
        self._progress = progress
        self._position = 0
        self._seen = 0
        self._line = 1
        self._hash = hashlib.sha256()
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = self._stream.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        view[: len(data)] = data
        if self._position + len(data) > self._seen and self._position <= self._seen:
            self._check(data[self._seen - self._position :])
        elif not data and self._position == self._seen:
            self._decode(b"", final=True)
        self._position += len(data)
        if self._progress is not None:
            self._progress(self._position)
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()

    def finish(self) -> str:
        """Hexadecimal SHA-256 of the whole file; reads what nobody has read yet, unchecked."""
        digest = self._hash.copy()
        self._stream.seek(self._seen)
        while chunk := self._stream.read(_CHUNK):
            digest.update(chunk)
        self._stream.seek(self._position)
        return digest.hexdigest()

    def _check(self, fresh: bytes) -> None:
        self._hash.update(fresh)
        if (nul := fresh.find(0)) >= 0:
            raise FileRefused(
                "the file holds a NUL character: it is binary, damaged or UTF-16",
                line=self._line + _line_ends(fresh[:nul]),
                hint="save it again as CSV UTF-8",
            )
        self._decode(fresh, final=False)
        self._seen += len(fresh)
        self._line += _line_ends(fresh)

    def _decode(self, fresh: bytes, *, final: bool) -> None:
        try:
            self._decoder.decode(fresh, final)
        except UnicodeDecodeError as error:
            before = fresh[: max(0, error.start)]
            is_utf_8 = self._encoding == "utf-8"
            raise FileRefused(
                "the file is not UTF-8 text (perhaps Windows-1252 or Latin-1)"
                if is_utf_8
                else f"the file is not text in {self._encoding}, which it declares",
                line=self._line + _line_ends(before),
                hint="save it again as CSV UTF-8",
            ) from None


def _line_ends(data: bytes) -> int:
    return data.count(b"\n") or data.count(b"\r")


class SourceText(io.TextIOWrapper):
    """The text of a file, which knows how its table is written."""

    dialect: Dialect = PLAIN


class _Head(io.StringIO):
    def __init__(self, head: str, delimiter: str) -> None:
        super().__init__(head, newline="")
        self.dialect = Dialect(delimiter)


def with_commas(head: str, delimiter: str) -> str:
    """The beginning of a table with commas between its columns; numbers stay as they are."""
    if delimiter == ",":
        return head
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    try:
        for _, _, fields in records(_Head(head, delimiter), strict=False):
            writer.writerow(fields)
    except FileRefused:
        pass  # a head may be cut in the middle of a cell
    return written.getvalue()


def head_of(text: TextIO) -> str:
    """The beginning of a text, with commas between the columns of its table; rewinds."""
    head = text.read(HEAD_BYTES)
    text.seek(0)
    return with_commas(head, getattr(text, "dialect", PLAIN).delimiter)


class SourceFile:
    """An opened file: ``name``, ``size`` in bytes, ``head`` (its first 64 KiB) and ``text`` without a BOM.

    A context manager. ``text`` keeps line ends as they are (``newline=""``).
    """

    def __init__(self, stream: BinaryIO, name: str, progress: Callable[[int], None] | None = None) -> None:
        self.name = name
        self.size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        start = stream.read(HEAD_BYTES)
        _refuse_foreign(start)
        stream.seek(0)
        encoding = _encoding(start)
        named = "utf-8-sig" if encoding == "utf-8" else encoding
        self._bytes = _CheckedBytes(stream, progress, encoding)
        self.text = SourceText(io.BufferedReader(self._bytes, _CHUNK), encoding=named, newline="")
        self.head = codecs.getincrementaldecoder(named)("replace").decode(start)

    def separated_by(self, delimiter: str) -> None:
        """Read the table as one with this between its columns.

        A first pass over the whole file tells which columns have decimal commas. Raises ``FileRefused``.
        """
        if delimiter == ",":
            return
        self.text.dialect = Dialect(delimiter)
        rows = ((line, fields) for line, _, fields in records(self.text, strict=False))
        self.text.dialect = dialect_of(delimiter, rows)
        self.text.seek(0)

    @property
    def bytes_read(self) -> int:
        """How far the file has been read, in bytes; falls back to 0 when a parser reads it a second time."""
        return self._bytes.tell()

    def sha256(self) -> str:
        """Hexadecimal digest of the whole file, at no cost once it has been read to its end."""
        return self._bytes.finish()

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.text.close()


def open_source(path: Path | str, progress: Callable[[int], None] | None = None) -> SourceFile:
    """Open ``path`` for a parser. ``progress`` is called with the position in bytes as reading goes on.

    A pipe is copied to a temporary file first, because a parser may read twice. Raises ``OSError`` as
    ``open`` does and ``FileRefused`` for what is not text.
    """
    path = Path(path)
    stream: BinaryIO = path.open("rb", buffering=0)
    try:
        if not stream.seekable():
            spool: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - SourceFile closes it
            with stream:
                shutil.copyfileobj(stream, spool)
            spool.seek(0)
            stream = spool
        return SourceFile(stream, path.name, progress)
    except BaseException:
        stream.close()
        raise


def _encoding(start: bytes) -> str:
    """UTF-8, unless an OFX or XML header declares Windows-1252 and the beginning does not contradict it.

    An OFX header of the old kind that declares nothing leaves it to the beginning too.
    """
    found = _DECLARED.search(start[:1024])
    declared = found["name"].decode("ascii").lower() if found else ""
    if not found and _OFX_HEADER.search(start[:1024]):
        declared = "none"
    if declared not in _WESTERN:
        return "utf-8"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "cp1252"
    return "cp1252" if start.isascii() else "utf-8"


def _refuse_foreign(start: bytes) -> None:
    for magic, what, hint in _FOREIGN:
        if start.startswith(magic):
            raise FileRefused(f"the file {what}, not text", hint=hint)


def records(text: TextIO, *, strict: bool = True) -> Iterator[tuple[int, str, list[str]]]:
    """Yield ``(line, raw, fields)`` for each record: its first physical line from 1, its text, its cells.

    The text comes without the last line end; a blank line yields no fields. Raises ``FileRefused``, with the
    line on which the record begins, for a quotation mark that is never closed, text after a closing one, and
    records of more than 256 KiB. Not ``strict``: text after a closing mark belongs to its cell, as brokers
    print it below their tables. A first line ``sep=;`` is blank; ``text.dialect``, where it has one, tells
    how the table is written.
    """
    dialect: Dialect = getattr(text, "dialect", PLAIN)
    pending: list[str] = []
    first = 1
    start = text.readline(RECORD_CHARACTERS + 1)
    if declared(start):
        yield 1, start.rstrip("\r\n"), []
        first, start = 2, ""

    def lines() -> Iterator[str]:
        length = 0
        readline = text.readline
        line = start or readline(RECORD_CHARACTERS + 1)
        while line:
            length = length + len(line) if pending else len(line)
            if length > RECORD_CHARACTERS:
                raise FileRefused(
                    f"the record that begins here is longer than {RECORD_CHARACTERS // 1024} KiB; "
                    "a quotation mark may not be closed",
                    line=first,
                    hint="look at the quotation marks of this line, or download the file again",
                )
            pending.append(line)
            yield line
            line = readline(RECORD_CHARACTERS + 1)

    reader = csv.reader(lines(), delimiter=dialect.delimiter, strict=True)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            loose = None if strict or len(pending) != 1 else _loosely(pending[0], dialect.delimiter)
            if loose is None:
                raise FileRefused(
                    f"the quotation marks of this record cannot be read ({error})",
                    line=first,
                    hint="correct this line, or download the file again",
                ) from None
            fields = loose
        raw = pending[0] if len(pending) == 1 else "".join(pending)
        yield first, raw.rstrip("\r\n"), dialect.read(fields)
        first += len(pending)
        pending.clear()


def _loosely(line: str, delimiter: str) -> list[str] | None:
    """The cells of one line with text beside quotation marks; None where a mark stays open."""
    if line.count('"') % 2:
        return None
    return next(csv.reader([line], delimiter=delimiter), None)


def head_record(head: str) -> tuple[int, list[str]]:
    """Line and fields of the first record of ``head`` that is not blank; no fields if none can be read."""
    try:
        for number, _, fields in records(io.StringIO(head, newline="")):
            if any(cell.strip() for cell in fields):
                return number, fields
    except FileRefused:
        pass
    return 1, []
