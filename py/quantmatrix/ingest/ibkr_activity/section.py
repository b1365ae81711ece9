"""What every section of the statement does: know its columns, read its data rows, finish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.row import Header, Row

Verdict = Literal["row", "evidence", "skipped", "unknown"]

_LOT_SAID_WITHIN = 8

TOTALS = ("Total", "Starting", "Ending")
"""How the first cell of a data row begins that only adds up others."""


def is_closed_lot(fields: Sequence[str]) -> bool:
    """Whether a data row says in one of its first cells that it is a lot closed by the row above."""
    return any(
        cell.strip().rstrip(":").replace(" ", "") == "ClosedLot" for cell in fields[2:_LOT_SAID_WITHIN]
    )


class Section:
    """A section that somebody reads.

    Records go to ``context.out``; ``data`` returns the verdict on the row.
    """

    columns: ClassVar[frozenset[str]] = frozenset()
    """Column names that are known here; others are reported once. Empty: any."""

    check_only: ClassVar[bool] = False
    """Whether a defect in a row is a warning, because nothing is computed from it."""

    reads_totals: ClassVar[bool] = False
    """Whether rows that begin with a word of ``TOTALS`` are data here."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def header(self, line: int, section: str, header: Header) -> None:
        """A header came into force."""
        if self.columns:
            for column in header.index:
                if not self.knows(column):
                    self.context.warn_once(
                        f"column of {section}",
                        line,
                        column,
                        column,
                        "a column that nobody knows; its values are kept as text",
                    )

    def knows(self, column: str) -> bool:
        """Whether somebody knows what stands in a column."""
        return column in self.columns or column.casefold() in {known.casefold() for known in self.columns}

    def data(self, row: Row) -> Verdict:
        """Read a data row. Raises ``RowError``."""
        raise NotImplementedError

    def closed_lot(self, row: Row) -> None:
        """A lot that the row above it closed, as statements with details print it among the rows."""
        reason = "closed lots are kept as evidence, not compared in this section"
        self.context.warn_once("closed lot", row.line, None, row.section, reason)

    def other_kind(self, row_kind: str) -> Verdict | None:
        """The verdict on a row of an unusual kind; None if nobody knows it."""

    def close(self) -> None:
        """The file left the section; it may come back."""

    def finish(self) -> None:
        """The file ended."""
