"""Reads an activity statement: each record goes to the section that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, TextIO

from pydantic import ValidationError

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.ibkr_activity.cash import cash_sections
from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.corporate_actions import CorporateActions
from quantmatrix.ingest.ibkr_activity.evidence import CashReport, InstrumentList, OpenPositions
from quantmatrix.ingest.ibkr_activity.grants import GrantActivity
from quantmatrix.ingest.ibkr_activity.kinds import TYPES
from quantmatrix.ingest.ibkr_activity.listing import Listing, read_listing
from quantmatrix.ingest.ibkr_activity.row import Header, Row
from quantmatrix.ingest.ibkr_activity.section import TOTALS, Section, Verdict, is_closed_lot
from quantmatrix.ingest.ibkr_activity.statement import AccountSection, StatementSection
from quantmatrix.ingest.ibkr_activity.trades import Trades
from quantmatrix.ingest.ibkr_activity.transfers import Transfers
from quantmatrix.ingest.model import FileRefused, Line, Options, Record
from quantmatrix.ingest.reader import records
from quantmatrix.ingest.unread import Unread

SKIPPED_SECTIONS = frozenset(
    {
        "Account Summary",
        "Base Currency Exchange Rate",
        "Borrow Fee Details",
        "Bond Interest Details",
        "Change in Dividend Accruals",
        "Change in NAV",
        "Change in Position Value",
        "Client Fee Expense Details",
        "Codes",
        "Collateral for Customer Borrowing",
        "Commission Details",
        "Complex Position Summary",
        "Complex Positions Summary",
        "Credit Interest Details",
        "Debit Interest Details",
        "Forex Balances",
        "Forex P/L Details",
        "GST/HST/PST Details",
        "Hard to Borrow Details",
        "IBKR Managed Securities Collateral Held",
        "Incentive Coupon Accrual Details",
        "Interest Accruals",
        "Interest Accrual Details",
        "Location of Customer Assets, Positions and Money",
        "Mark-to-Market Performance Summary",
        "Month & Year to Date Performance Summary",
        "Mutual Fund Dividend Details",
        "Net Asset Value",
        "Net Stock Position Summary",
        "Notes",
        "Notes/Legal Notes",
        "Open Dividend Accruals",
        "Option Cash Settlements",
        "Option Exercises, Assignments and Expirations",
        "Pending Exercises",
        "Prior Period Positions",
        "Realized & Unrealized Performance Summary",
        "Sales Tax Details",
        "Statement of Funds",
        "Trade Summary by Asset Class",
        "Trade Summary by Symbol",
        "Transaction Fees",
        "Unsettled Transfers",
    }
)
"""Sections that repeat, sum or explain what others state.

Transaction Fees, for one, are inside Comm/Fee already.
"""

_SKIPPED_PREFIXES = ("Stock Yield Enhancement Program", "IBKR Managed Securities", "Total", "Notes")
_SKIPPED = frozenset(name.casefold() for name in SKIPPED_SECTIONS)
_SKIPPED_STARTS = tuple(start.casefold() for start in _SKIPPED_PREFIXES)
_HEADER_KINDS = ("Header", "Headers")
_SKIPPED_KINDS = ("Total", "SubTotal", "Notes")
_GARBAGE_AT_MOST = 100
_UNKNOWN = "a section that nobody knows; its rows are kept, not read"
_FIRST_CELL = 2
_DETECTED = re.compile(
    r"^\"?(?:Statement|Account Information|Trades|Open Positions|Cash Report|Net Asset Value)\"?,"
    r"\"?(?:Headers?|Data)\"?,",
    re.MULTILINE | re.IGNORECASE,
)
_OTHER_FORMAT = re.compile(r"^\"?(?:Transaction History|Introduction)\"?,\"?Header", re.MULTILINE)
_CONSOLIDATED = re.compile(r"^Trades,Headers?,[^\n]*,Account,", re.MULTILINE)


class IbkrActivity:
    """Interactive Brokers Activity Statement.

    Layouts: ``single`` and ``consolidated`` (with an Account column).
    """

    source: ClassVar[str] = "ibkr_activity_csv"
    broker: ClassVar[str] = "ibkr"
    title: ClassVar[str] = "Activity Statement of Interactive Brokers, as CSV and in English"
    newest_first: ClassVar[bool] = False

    @staticmethod
    def detect(head: str, _name: str, /) -> str | None:
        """The layout if the head shows a section of an activity statement, in whatever language."""
        if _OTHER_FORMAT.search(head) or not _DETECTED.search(head):
            return None
        return "consolidated" if _CONSOLIDATED.search(head) else "single"

    def parse(self, text: TextIO, options: Options, /) -> Iterator[Record]:
        """Records in the order of their lines, but for transactions that wait for a second row.

        Those are exercises and corporate actions; ``Transaction.line`` tells their place.

        Raises ``FileRefused`` for what is no English activity statement or cannot be read as text.
        """
        listing = read_listing(text, TYPES)
        text.seek(0)
        reading = _Reading(options, listing)
        out = reading.context.out
        for line, raw, fields in records(text):
            verdict = reading.record(line, raw, fields)
            section = fields[0].strip()[:200] if fields else None
            yield Line(number=line, raw=raw, verdict=verdict, section=section or None)
            if out:
                yield from out
                out.clear()
        reading.finish()
        yield from out


class _Reading:
    """One pass over one file."""

    def __init__(self, options: Options, listing: Listing) -> None:
        self.context = context = Context(options, listing)
        grants = GrantActivity(context)
        sections: dict[str, Section] = {
            "Statement": StatementSection(context),
            "Account Information": AccountSection(context),
            "Trades": Trades(context),
            "Transfers": Transfers(context),
            "Corporate Actions": CorporateActions(context),
            "Grant Activity": grants,
            "Stock Grant Activity": grants,
            "Open Positions": OpenPositions(context),
            "Long Open Positions": OpenPositions(context),
            "Short Open Positions": OpenPositions(context, short=True),
            "Cash Report": CashReport(context),
            "Financial Instrument Information": InstrumentList(context),
            **cash_sections(context),
        }
        self._sections = {name.casefold(): section for name, section in sections.items()}
        self._headers: dict[str, Header] = {}
        self._current: Section | None = None
        self._current_name: str | None = None
        self._unread_columns: dict[str, list[str]] = {}
        self._uncomputed = Unread()
        self._known = 0
        self._garbage = 0

    def record(self, line: int, raw: str, fields: Sequence[str]) -> Verdict:
        """The verdict on a record; what it means is in ``context.out``."""
        if "\0" in raw:
            raise FileRefused("the file holds a NUL character: it is binary or damaged", line=line)
        if len(fields) < _FIRST_CELL:
            return self._bare(line, fields)
        name = fields[0].strip()
        if name != self._current_name:
            self._enter(name)
        section = self._current
        if section is None:
            return self._unread(line, name, fields)
        self._known += 1
        kind = fields[1].strip()
        if kind == "Data":
            return self._data(line, name, section, fields)
        if kind in _HEADER_KINDS:
            header = self._headers[name] = Header(fields)
            section.header(line, name, header)
            return "skipped"
        if kind in _SKIPPED_KINDS:
            return "skipped"
        verdict = section.other_kind(kind)
        if verdict is None:
            self.context.warn_once(
                f"kind of {name}", line, None, kind, f"a kind of row that nobody knows in the section {name}"
            )
            return "unknown"
        return verdict

    def finish(self) -> None:
        """The end of the file. Raises ``FileRefused`` where nothing in it was a statement."""
        if self._current is not None:
            self._current.close()
        for section in dict.fromkeys(self._sections.values()):
            section.finish()
        self.context.finish()
        self.context.out.extend(self._uncomputed.told())
        if not self._known:
            raise _not_a_statement(None)

    def _enter(self, name: str) -> None:
        if self._current is not None:
            self._current.close()
        self._current_name = name
        self._current = self._sections.get(name.casefold())

    def _data(self, line: int, name: str, section: Section, fields: Sequence[str]) -> Verdict:
        first = fields[_FIRST_CELL].lstrip() if len(fields) > _FIRST_CELL else ""
        if first.startswith(TOTALS) and not section.reads_totals:
            return "skipped"
        try:
            return self._row(line, name, section, fields)
        except RowError as refused:
            if section.check_only:
                reason = f"{refused.reason}; not compared with the books"
                self.context.warn(line, refused.column, refused.text, reason)
                return "evidence"
            self.context.out.append(refused.refusal(line))
            return "row"

    def _row(self, line: int, name: str, section: Section, fields: Sequence[str]) -> Verdict:
        header = self._headers.get(name)
        if header is None:
            reason = "a data row before the header of its section"
            raise RowError("no_header", reason, text=",".join(fields))
        row = Row(line, name, header, header.rejoined(fields))
        if is_closed_lot(fields):
            section.closed_lot(row)
            return "evidence"
        row.check_width()
        try:
            return section.data(row)
        except ValidationError as error:
            reason = str(error.errors(include_url=False)[0]["msg"])
            raise RowError("bad_value", reason, text=",".join(fields)) from None

    def _bare(self, line: int, fields: Sequence[str]) -> Verdict:
        if not fields or not fields[0].strip() or fields[0].startswith(_SKIPPED_PREFIXES):
            return "skipped"
        return self._unread(line, fields[0].strip(), fields)

    def _unread(self, line: int, name: str, fields: Sequence[str]) -> Verdict:
        if not name and not any(cell.strip() for cell in fields):
            return "skipped"
        if name.casefold() in _SKIPPED or name.casefold().startswith(_SKIPPED_STARTS):
            self._known += 1
            return "skipped"
        if not self._known:
            self._garbage += 1
            if self._garbage > _GARBAGE_AT_MOST:
                raise _not_a_statement(line)
        columns = self._unread_columns.get(name, [])
        if len(fields) > 1 and fields[1].strip() in _HEADER_KINDS:
            if len(self._unread_columns) < _GARBAGE_AT_MOST:
                self._unread_columns[name] = list(fields)
            self._uncomputed.meet(name, line, _UNKNOWN)
            return "unknown"
        first = fields[_FIRST_CELL].lstrip() if len(fields) > _FIRST_CELL else ""
        is_data = len(fields) > 1 and fields[1].strip() == "Data" and not first.startswith(TOTALS)
        cells = dict(zip(columns[_FIRST_CELL:], fields[_FIRST_CELL:], strict=False)) if is_data else {}
        self._uncomputed.add(name, line, _UNKNOWN, cells)
        return "unknown"


def _not_a_statement(line: int | None) -> FileRefused:
    return FileRefused(
        "no section of an Interactive Brokers activity statement was found",
        line=line,
        hint="download Performance & Reports, Statements, Activity, as CSV, in English",
    )
