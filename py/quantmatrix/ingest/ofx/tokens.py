"""The tags of an OFX file as a stream, whether it is SGML with open leaves or XML.

Banks break both standards, so nothing is demanded but tags. No document type, no entities but characters'.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from quantmatrix.ingest.model import FileRefused

_CHUNK = 64 * 1024
_LONGEST = 256 * 1024
_PLAIN = re.compile(r"/?[A-Za-z0-9.]+")
_HINT = "download the statement again"


class Token(NamedTuple):
    """A tag and the text behind it: ``/INVBUY`` closes, ``UNITS`` with a text is a leaf."""

    line: int
    tag: str
    text: str


def tokens(text: TextIO) -> Iterator[Token]:
    """Tags in the order of the file. Raises ``FileRefused`` for a tag that never ends."""
    line = 1
    rest = ""
    is_first = True
    while chunk := text.read(_CHUNK):
        pieces = (rest + chunk).split("<")
        rest = pieces.pop()
        if len(rest) > _LONGEST:
            raise FileRefused("a tag or text is longer than 256 KiB", line=line, hint=_HINT)
        for piece in pieces:
            if not is_first:
                # Almost every piece is a plain tag with its text.
                name, closed, value = piece.partition(">")
                if closed and _PLAIN.fullmatch(name):
                    value = value.strip()
                    yield Token(line, name.upper(), html.unescape(value) if "&" in value else value)
                else:
                    yield from _token(piece, line)
            is_first = False
            line += piece.count("\n") or piece.count("\r")
    if rest and not is_first:
        yield from _token(rest, line)


def _token(piece: str, line: int) -> Iterator[Token]:
    if piece.startswith(("?", "!--")):
        return
    if piece.startswith("![CDATA["):
        yield Token(line, "#text", piece[len("![CDATA[") :].partition("]]>")[0].strip())
        return
    if piece.startswith("!"):
        raise FileRefused("the file declares a document type, which no statement does", line=line, hint=_HINT)
    name, closed, value = piece.partition(">")
    if not closed:
        raise FileRefused("the file ends inside a tag", line=line, hint="the file may be cut off: " + _HINT)
    name = name.strip()
    is_empty = name.endswith("/")
    name = name.rstrip("/").split(" ")[0].split("\t")[0].upper()
    value = value.strip()
    yield Token(line, name, html.unescape(value) if "&" in value else value)
    if is_empty:
        yield Token(line, f"/{name}", "")
