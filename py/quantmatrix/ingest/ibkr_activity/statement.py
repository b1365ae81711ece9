"""What the statement says about itself: period, time of making, account."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

from quantmatrix.ingest import dates
from quantmatrix.ingest.ibkr_activity.context import ACCOUNT_LONGEST
from quantmatrix.ingest.ibkr_activity.row import Header, Row
from quantmatrix.ingest.ibkr_activity.section import Section, Verdict
from quantmatrix.ingest.model import FileRefused, Statement

_LABELS = ["field name", "field value"]
_DAY = re.compile(r"([A-Za-z]+)\s+([0-9]{1,2}),\s*([0-9]{4})")
_GENERATED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}),?\s+([0-9]{2}:[0-9]{2}:[0-9]{2})\s*([A-Z]{2,5})?")
_IRA = re.compile(r"\bIRA\b")
_CURRENCY = re.compile(r"[A-Z]{3}")
_VALUE_LONGEST = 2000


def read_period(text: str) -> tuple[date, date]:
    """First and last day of ``April 1, 2025 - July 22, 2025`` or of one date. Raises ``ValueError``."""
    days = []
    for month, day, year in _DAY.findall(text):
        if not dates.FIRST_YEAR <= int(year) <= dates.LAST_YEAR:
            raise ValueError("not a year of a statement")
        days.append(date(int(year), dates.month_number(month), int(day)))
    if len(days) not in (1, 2) or days[0] > days[-1]:
        raise ValueError("not a period")
    return days[0], days[-1]


def read_generated(text: str) -> datetime:
    """The instant of ``2025-07-22, 10:15:00 EDT`` in UTC; New York where no zone is printed.

    Raises ``ValueError``.
    """
    found = _GENERATED.fullmatch(text.strip())
    if not found:
        raise ValueError("not a time")
    printed = f"{found[1]} {found[2]}"
    if not found[3]:
        return dates.instant(printed, ("%Y-%m-%d %H:%M:%S",))
    if found[3] not in dates.ZONES:
        raise ValueError(f"the zone {found[3]} is not known")
    naive = dates.instant(printed, ("%Y-%m-%d %H:%M:%S",), "UTC").replace(tzinfo=None)
    return naive.replace(tzinfo=timezone(timedelta(hours=dates.ZONES[found[3]]))).astimezone(UTC)


class Labelled(Section):
    """A section of names and values. Refuses the file where the names of its two columns are not English."""

    def header(self, line: int, section: str, header: Header) -> None:
        """Refuse another language."""
        if [name.casefold() for name in header.index][:2] != _LABELS:
            raise FileRefused(
                f"the columns of the section {section} are not called Field Name and Field Value: "
                "the statement seems to be in another language than English",
                line=line,
                hint="set the language of Client Portal to English and download the statement again",
            )


class StatementSection(Labelled):
    """Period and time of making."""

    def data(self, row: Row) -> Verdict:
        """A field of the statement."""
        name, value = row.text("Field Name"), row.text("Field Value")[:_VALUE_LONGEST]
        field = name.casefold()
        try:
            if field == "period":
                start, end = read_period(value)
                self.context.period_start, self.context.period_end = start, end
                self.context.out.append(Statement(period_start=start, period_end=end))
            elif field == "whengenerated":
                self.context.out.append(Statement(generated_at=read_generated(value)))
        except ValueError as error:
            self.context.warn(row.line, name, value, f"{error}; read as not stated")
        return "skipped"


class AccountSection(Labelled):
    """Account, its type and base currency; several accounts where the statement is consolidated."""

    def data(self, row: Row) -> Verdict:
        """A field of the account."""
        context = self.context
        name, value = row.text("Field Name").casefold(), row.text("Field Value")[:_VALUE_LONGEST]
        if name == "account":
            context.accounts |= _accounts(value)
            context.is_open = "consolidated" in value.casefold()
        elif name == "accounts included":
            context.accounts = _accounts(value)
            context.is_open = False
        elif name == "base currency" and _CURRENCY.fullmatch(value):
            context.base_currency = value
            context.out.append(Statement(base_currency=value))
        elif name in ("account type", "customer type") and _IRA.search(value):
            context.out.append(Statement(account_type="roth_ira" if "roth" in value.lower() else "ira"))
        return "skipped"

    def close(self) -> None:
        """Settle which account the statement is about."""
        context = self.context
        if len(context.accounts) == 1 and not context.is_open:
            (context.account,) = context.accounts
            context.out.append(Statement(account=context.account))
        else:
            context.account = None


def _accounts(text: str) -> frozenset[str]:
    """Account numbers in a list; what stands in brackets after one is a note (``(Custom Consolidated)``)."""
    numbers = (part.partition("(")[0].strip() for part in re.split("[,;]", text))
    return frozenset(number for number in numbers if 0 < len(number) <= ACCOUNT_LONGEST)
