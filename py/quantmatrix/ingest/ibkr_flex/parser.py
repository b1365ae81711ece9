"""Reads a Flex Query: two passes over the file, each as a stream."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import ClassVar, TextIO

from quantmatrix.ingest.ibkr_flex.reading import Reading, Start
from quantmatrix.ingest.ibkr_flex.sections import CONTAINERS
from quantmatrix.ingest.ibkr_flex.survey import survey
from quantmatrix.ingest.ibkr_flex.table import CONFIRMATION, CONFIRMATION_HINT, Sections, looks_like_flex
from quantmatrix.ingest.ibkr_flex.xml import elements
from quantmatrix.ingest.model import FileRefused, Options, Record
from quantmatrix.ingest.reader import records

_XML = re.compile(r"<Flex(?:QueryResponse|Statements?|StatementResponse)\b")
_RESPONSE_AT_MOST = 64 * 1024
_LOOKED_AT = 8
_FAILED = re.compile(r"<Error(?P<what>Code|Message)>(?P<text>[^<]{0,300})<")


class IbkrFlex:
    """Interactive Brokers Flex Query; layouts ``xml`` and ``csv`` are one source, so that ids meet."""

    source: ClassVar[str] = "ibkr_flex"
    broker: ClassVar[str] = "ibkr"
    title: ClassVar[str] = "Activity Flex Query of Interactive Brokers, as XML or CSV"
    newest_first: ClassVar[bool] = False

    @staticmethod
    def detect(head: str, _name: str, /) -> str | None:
        """``xml`` or ``csv``."""
        if head.lstrip().startswith("<"):
            return "xml" if _XML.search(head) else None
        return "csv" if any(map(looks_like_flex, _first_records(head))) else None

    def parse(self, text: TextIO, options: Options, /) -> Iterator[Record]:
        """Records in the order of their lines, but for transactions that wait for a second row."""
        is_xml = text.read(_RESPONSE_AT_MOST).lstrip().startswith("<")
        text.seek(0)
        starts = _xml_starts if is_xml else _csv_starts

        def named() -> Iterator[tuple[str, Mapping[str, str]]]:
            text.seek(0)
            return ((name, attributes) for _, name, attributes, _, _ in starts(text))

        facts = survey(named)
        text.seek(0)
        try:
            style = facts.dates.style(day_first=options.day_first)
        except ValueError as error:
            raise FileRefused(str(error), hint="choose one format of dates in the Flex Query") from None
        yield from Reading(options, facts, style).run(starts(text))


def _xml_starts(text: TextIO) -> Iterator[Start]:
    number = 0
    for line, column, name, attributes in elements(text):
        if name == "FlexStatementResponse":
            raise _refused_by_the_service(text)
        if name == "TradeConfirm":
            raise FileRefused(CONFIRMATION, line=line, hint=CONFIRMATION_HINT)
        if name in CONTAINERS or not attributes:
            yield line, name, attributes, None, ""
            continue
        number = max(line, number + 1)
        place = "" if number == line else f"line {line}, character {column}"
        yield number, name, attributes, None, place


def _csv_starts(text: TextIO) -> Iterator[Start]:
    sections = Sections()
    for line, raw, fields in records(text):
        if not any(cell.strip() for cell in fields):
            yield line, "", {}, raw, ""
            continue
        taken = sections.take(fields)
        if taken is None:
            yield line, "", {}, raw, ""
            continue
        name, attributes = taken
        if name and name != "FlexStatement" and len(fields) < sections.width:
            attributes = {**attributes, "#short": f"{len(fields)} cells, the header has {sections.width}"}
        yield line, name or "row of an unknown section", attributes, raw, ""


def _first_records(head: str) -> Iterator[list[str]]:
    """The first records that are not blank; messages may stand above the header."""
    try:
        for _, _, fields in islice(records(io.StringIO(head, newline="")), _LOOKED_AT):
            if any(cell.strip() for cell in fields):
                yield fields
    except FileRefused:
        return


def _refused_by_the_service(text: TextIO) -> FileRefused:
    text.seek(0)
    head = text.read(_RESPONSE_AT_MOST)
    told = " ".join(found["text"] for found in _FAILED.finditer(head))
    return FileRefused(
        f"this is an answer of the Flex service, not a statement{': ' + told if told else ''}",
        line=1,
        hint="download the statement itself",
    )
