"""What was fetched: documents on disk until all of a run are there, and what each says of itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

from quantmatrix.ingest.detect import choose_parser
from quantmatrix.ingest.model import (
    CashEvidence,
    FileRefused,
    LotEvidence,
    Options,
    PositionEvidence,
    Refusal,
    Statement,
    Transaction,
)
from quantmatrix.ingest.reader import open_source
from quantmatrix.sync.failure import Failed

_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Window:
    """Days to ask for, both included."""

    first: date
    last: date


@dataclass
class Document:
    """One answer, on disk. ``account`` is whose it is where it names none."""

    path: Path
    source: str
    window: Window
    served_at: datetime | None
    account: str | None = None
    currency: str = "USD"
    broker: str | None = None
    sha256: str = ""
    rows: int = 0
    evidence: int = 0
    accounts: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    period_start: date | None = None
    period_end: date | None = None
    generated_at: datetime | None = None
    report: dict[str, Any] | None = None

    @property
    def options(self) -> Options:
        """What the parser is told."""
        return Options(account=self.account, currency=self.currency, file_name=self.path.name)

    @property
    def is_worth_loading(self) -> bool:
        """Whether it holds anything but its own frame."""
        return bool(self.rows or self.evidence)

    def described(self) -> dict[str, Any]:
        """As ``api.sync_judge`` and ``api.sync_end`` take it."""
        report = self.report or {}
        told = {
            "asked_from": self.window.first,
            "asked_through": self.window.last,
            "source": self.source,
            "sha256": self.sha256,
            "bytes": self.path.stat().st_size,
            "rows": self.rows,
            "accounts": dict(self.accounts),
            "period_start": self.period_start,
            "period_end": self.period_end,
            "generated_at": self.generated_at,
            "served_at": self.served_at,
            "import": report.get("import_id"),
            "status": report.get("status"),
            "counts": report.get("rows"),
        }
        return {
            name: value.isoformat() if isinstance(value, date | datetime) else value
            for name, value in told.items()
            if value is not None
        }


def write(folder: Path, name: str, body: IO[bytes]) -> Path:
    """Keep an answer until the run is over."""
    path = folder / name
    with body, path.open("xb") as file:
        while chunk := body.read(_CHUNK):
            file.write(chunk)
    return path


def survey(document: Document) -> None:
    """Read the whole document without writing anything: rows by account, refusals, what it covers.

    Raises ``Failed`` where it cannot be read to its end.
    """
    try:
        with open_source(document.path) as file:
            parser, _ = choose_parser(file, document.source)
            for record in parser.parse(file.text, document.options):
                _take(document, record)
            document.sha256 = file.sha256()
    except FileRefused as refused:
        raise Failed("unreadable", f"line {refused.line}: {refused.reason}") from None


def _take(document: Document, record: Any) -> None:
    if isinstance(record, Transaction):
        document.rows += 1
        document.accounts[record.account or document.account or ""] += 1
    elif isinstance(record, PositionEvidence | LotEvidence | CashEvidence):
        document.evidence += 1
    elif isinstance(record, Refusal):
        document.refusals.append(record)
    elif isinstance(record, Statement):
        if record.account:
            document.accounts[record.account] += 0
        document.period_start = record.period_start or document.period_start
        document.period_end = record.period_end or document.period_end
        document.generated_at = record.generated_at or document.generated_at
