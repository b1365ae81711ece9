"""Which of Fidelity's files a text is."""

from __future__ import annotations

from typing import ClassVar

from quantmatrix.ingest.fidelity.history import History
from quantmatrix.ingest.table import TableParser


class FidelityParser(TableParser):
    """Reads ``fidelity_csv``."""

    source: ClassVar[str] = "fidelity_csv"
    broker: ClassVar[str] = "fidelity"
    title: ClassVar[str] = "history of Fidelity, of one account or of all, as CSV"
    reading = History
