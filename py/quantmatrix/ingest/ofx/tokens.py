"""The tags of an OFX file one after the other, whether it is SGML with open leaves or XML.

Banks break both standards, so nothing is demanded but tags. No document type, no entities but characters'.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from quantmatrix.ingest.model import FileRefused

_CHUNK = 256 * 1024
_LONGEST = 256 * 1024
_NEAR = 16 * 1024
_PLAIN = re.compile(r"/?[A-Za-z0-9.]+")
_AGGREGATE = re.compile(
    r"<([A-Z0-9.]++)>("
    r"[^<]*+(?:<(?!/\1>|ORIGCURRENCY>|/INV(?:TRAN|POS)LIST>|/SECLIST>|/BANKTRANLIST>|/INVSTMTRS>|/OFX>)"
    r"/?[A-Z0-9.]++>[^<]*+)++)</\1>\s*+"
)
"""An aggregate with its end: of plain tags in capitals, none of which means something else inside it."""

_HINT = "download the statement again"


class Token(NamedTuple):
    """A tag and the text behind it: ``/INVBUY`` closes, ``UNITS`` with a text is a leaf."""

    line: int
    tag: str
    text: str


class Tags:
    """A file from its first tag on; keeps a chunk of it."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._rest = ""
        self._at = 0
        self._line = 1

    def __iter__(self) -> Iterator[Token]:
        """Tags in the order of the file. Raises ``FileRefused`` for a tag that never ends."""
        self._pass(self._next(0))
        while self._at < len(self._rest):
            end, line = self._next(1), self._line
            piece = self._rest[self._at + 1 : end]
            self._pass(end)
            yield from _tokens(piece, line)

    def plain(self) -> tuple[int, str, str] | None:
        """The aggregate that follows, with its line, its tag and what stands inside; it is passed.

        None, and nothing is passed, where it is long or holds more than plain tags in capitals.
        """
        if len(self._rest) - self._at < _NEAR:
            self._more()
        found = _AGGREGATE.match(self._rest, self._at, self._at + _NEAR)
        if found is None:
            return None
        line = self._line
        self._pass(found.end())
        return line, found[1], found[2]

    def _next(self, further: int) -> int:
        """Where the next tag begins, so far behind where we stand or more; at the end where the file ends."""
        while (at := self._rest.find("<", self._at + further)) < 0:
            if len(self._rest) - self._at > _LONGEST:
                raise FileRefused("a tag or text is longer than 256 KiB", line=self._line, hint=_HINT)
            if not self._more():
                return len(self._rest)
        return at

    def _more(self) -> bool:
        """Read on, and forget what was passed."""
        chunk = self._text.read(_CHUNK)
        self._rest, self._at = self._rest[self._at :] + chunk, 0
        return bool(chunk)

    def _pass(self, at: int) -> None:
        self._line += self._rest.count("\n", self._at, at) or self._rest.count("\r", self._at, at)
        self._at = at


def text_of(printed: str) -> str:
    """A value without blanks around and with its characters."""
    value = printed.strip()
    return html.unescape(value) if "&" in value else value


def _tokens(piece: str, line: int) -> Iterator[Token]:
    name, closed, value = piece.partition(">")
    if closed and _PLAIN.fullmatch(name):
        yield Token(line, name.upper(), text_of(value))
        return
    if piece.startswith(("?", "!--")):
        return
    if piece.startswith("![CDATA["):
        yield Token(line, "#text", piece[len("![CDATA[") :].partition("]]>")[0].strip())
        return
    if piece.startswith("!"):
        raise FileRefused("the file declares a document type, which no statement does", line=line, hint=_HINT)
    if not closed:
        raise FileRefused("the file ends inside a tag", line=line, hint="the file may be cut off: " + _HINT)
    name = name.strip()
    is_empty = name.endswith("/")
    name = name.rstrip("/").split(" ")[0].split("\t")[0].upper()
    yield Token(line, name, text_of(value))
    if is_empty:
        yield Token(line, f"/{name}", "")
