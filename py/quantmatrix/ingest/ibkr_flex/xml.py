"""The elements of a Flex Query as a stream, from a parser that is told to trust nothing.

No document type, so neither entities nor anything external; bounded depth, and bounded size of one element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TextIO
from xml.parsers import expat

from quantmatrix.ingest.model import FileRefused

_CHUNK = 64 * 1024
_DEEPEST = 32
_LONGEST = 1024 * 1024
_ATTRIBUTES_AT_MOST = 2000

Start = tuple[int, int, str, dict[str, str]]
"""Line from 1, column from 1, name, attributes."""


def leaves(text: str) -> dict[str, str]:
    """The text of each element by its name, of a small flat document: an answer of the web service.

    Raises ``FileRefused`` as ``elements`` does.
    """
    told: dict[str, str] = {}
    names: list[str] = []
    parser, refuse = _hardened()

    def start(name: str, _attributes: dict[str, str]) -> None:
        names.append(name)
        if len(names) > _DEEPEST:
            raise refuse(f"elements are nested more than {_DEEPEST} deep")

    def data(piece: str) -> None:
        if names:
            told[names[-1]] = told.get(names[-1], "") + piece

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: names.pop()
    parser.CharacterDataHandler = data
    _feed(parser, text.lstrip(), final=True)
    return {name: value.strip() for name, value in told.items() if value.strip()}


def elements(text: TextIO) -> Iterator[Start]:
    """Start tags in the order of the file. Raises ``FileRefused`` for what is damaged or not plain."""
    found: list[Start] = []
    depth = 0
    moved = 0
    read = 0
    parser, refuse = _hardened()

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, moved
        depth += 1
        moved = read
        if depth > _DEEPEST:
            raise refuse(f"elements are nested more than {_DEEPEST} deep")
        if len(attributes) > _ATTRIBUTES_AT_MOST:
            raise refuse(f"an element has more than {_ATTRIBUTES_AT_MOST} attributes")
        found.append((parser.CurrentLineNumber, parser.CurrentColumnNumber + 1, name, attributes))

    def end(_name: str) -> None:
        nonlocal depth, moved
        depth -= 1
        moved = read

    parser.StartElementHandler = start
    parser.EndElementHandler = end

    while chunk := text.read(_CHUNK):
        if not read:
            chunk = chunk.lstrip()
        read += len(chunk)
        _feed(parser, chunk, final=False)
        yield from found
        found.clear()
        if read - moved > _LONGEST:
            raise refuse("an element is longer than 1 MiB")
    _feed(parser, "", final=True)
    yield from found


def _hardened() -> tuple[expat.XMLParserType, Callable[[str], FileRefused]]:
    """A parser that refuses document types and entities, and what makes its refusals."""
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def refuse(reason: str) -> FileRefused:
        return FileRefused(
            f"{reason}, at character {parser.CurrentColumnNumber + 1}",
            line=parser.CurrentLineNumber,
            hint="download the Flex Query again",
        )

    def forbidden(*_: object) -> int:
        raise refuse("the file declares a document type or entities, which no statement does")

    parser.StartDoctypeDeclHandler = forbidden
    parser.EntityDeclHandler = forbidden
    parser.ExternalEntityRefHandler = forbidden
    return parser, refuse


def _feed(parser: expat.XMLParserType, chunk: str, *, final: bool) -> None:
    try:
        parser.Parse(chunk, final)
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, "damaged")
        raise FileRefused(
            f"the XML cannot be read: {reason}, at character {error.offset + 1}",
            line=error.lineno,
            hint="the file may be cut off or edited: download the Flex Query again",
        ) from None
