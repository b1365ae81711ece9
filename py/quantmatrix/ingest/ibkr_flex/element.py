"""One data element: attributes only, each of them optional, whether it came as XML or as a row of CSV."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from xml.sax.saxutils import quoteattr

from quantmatrix.ingest.cells import RowError, number
from quantmatrix.ingest.ibkr_flex.dates import DateStyle

_NOTHING = frozenset({"", "-", "--", "N/A", "n/a"})
_SPECIAL = re.compile(r'[&<>"\n\r\t]')


@dataclass(slots=True)
class Element:
    """``number`` is its line, or where several stand on one line a number of its own after it.

    ``place`` is set where the two differ: ``line 1, character 2345``.
    """

    number: int
    name: str
    attributes: dict[str, str]
    style: DateStyle
    raw: str
    place: str = ""

    def text(self, *names: str) -> str:
        """The first of these attributes that holds something, without blanks around; else empty."""
        get = self.attributes.get
        for name in names:
            if (value := get(name)) and (value := value.strip()) not in _NOTHING:
                return value
        return ""

    def needed(self, *names: str) -> str:
        """The first of these attributes that holds something. Raises ``RowError``."""
        value = self.text(*names)
        if not value:
            raise RowError("missing_value", f"the attribute {names[0]} is empty or missing", column=names[0])
        return value

    def number_of(self, name: str) -> Decimal | None:
        """A number, None where the attribute is empty or missing. Raises ``RowError``."""
        text = self.attributes.get(name)
        return number(text.strip(), name) if text else None

    def amount(self, *names: str) -> Decimal:
        """A number that must be there."""
        for name in names:
            value = self.number_of(name)
            if value is not None:
                return value
        self.needed(*names)
        raise RowError("missing_value", "a number is needed here", column=names[0])

    def day(self, *names: str) -> date | None:
        """The first of these attributes that is a date, its time left away."""
        for name in names:
            if text := self.text(name):
                try:
                    return self.style.day(text)
                except ValueError as error:
                    raise RowError("bad_date", str(error), column=name, text=text) from None
        return None

    def moment(self, name: str) -> tuple[datetime | None, date] | None:
        """Instant (None where only a day is printed) and the day as printed."""
        text = self.text(name)
        if not text:
            return None
        try:
            return self.style.moment(text)
        except ValueError as error:
            raise RowError("bad_date", str(error), column=name, text=text) from None

    def currency(self) -> str:
        """The currency of the element's amounts."""
        text = self.needed("currency").upper()
        if not (3 <= len(text) <= 5 and text.isascii() and text.isalpha()):
            raise RowError("bad_currency", "not a currency code", column="currency", text=text)
        return text


def as_text(name: str, attributes: Mapping[str, str]) -> str:
    """The element as XML, for the line that is kept."""
    if _SPECIAL.search("".join(attributes.values())):
        printed = [f"{key}={quoteattr(value)}" for key, value in attributes.items()]
    else:
        printed = [f'{key}="{value}"' for key, value in attributes.items()]
    return f"<{name} {' '.join(printed)} />"
