"""Which of Fidelity's files a text is."""

from __future__ import annotations

from typing import ClassVar

from quantmatrix.ingest.fidelity.history import History
from quantmatrix.ingest.fidelity.positions import Positions
from quantmatrix.ingest.table import TableParser, TableReading, header_in


class FidelityParser(TableParser):
    """Reads ``fidelity_csv``."""

    source: ClassVar[str] = "fidelity_csv"
    broker: ClassVar[str] = "fidelity"
    title: ClassVar[str] = "history of Fidelity, of one account or of all, as CSV; positions as evidence"
    reading = History

    @classmethod
    def detect(cls, head: str, name: str, /) -> str | None:
        """The number of columns, or ``positions``."""
        return super().detect(head, name) or ("positions" if header_in(head, Positions.needed) else None)

    def reading_of(self, head: str, /) -> type[TableReading]:
        """The reading of a history, or of positions."""
        return Positions if self.detect(head, "") == "positions" else History
