"""Which of Charles Schwab's files a text is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, TextIO

from quantmatrix.ingest.model import Options, Record
from quantmatrix.ingest.schwab.history import History
from quantmatrix.ingest.schwab.json_rows import ROWS, as_table
from quantmatrix.ingest.schwab.positions import Lots, OldPositions, Positions
from quantmatrix.ingest.table import TableParser, TableReading, header_in

_HEAD = 64
_EVIDENCE: dict[str, type[TableReading]] = {
    "positions": Positions,
    "old_positions": OldPositions,
    "lots": Lots,
}


class SchwabParser(TableParser):
    """Reads ``schwab_csv``; the JSON that the site offers beside it holds the same rows."""

    source: ClassVar[str] = "schwab_csv"
    broker: ClassVar[str] = "schwab"
    title: ClassVar[str] = "history of transactions of Charles Schwab, as CSV or JSON; positions and lots"
    reading = History

    @classmethod
    def detect(cls, head: str, name: str, /) -> str | None:
        """The number of columns, or ``json``, ``positions``, ``lots``."""
        if head.lstrip().startswith("{"):
            return "json" if ROWS in head else None
        for layout, reading in _EVIDENCE.items():
            if header_in(head, reading.needed):
                return layout
        return super().detect(head, name)

    def reading_of(self, head: str, /) -> type[TableReading]:
        """The reading of a history, of positions or of lots."""
        return _EVIDENCE.get(self.detect(head, "") or "", History)

    def parse(self, text: TextIO, options: Options, /) -> Iterator[Record]:
        """Records in file order, but for those that wait until their day ends."""
        is_json = text.read(_HEAD).lstrip().startswith("{")
        text.seek(0)
        yield from super().parse(as_table(text) if is_json else text, options)
