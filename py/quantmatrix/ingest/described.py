"""Contracts that a broker names in words: a description, not a symbol."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from quantmatrix.ingest.dates import month_number
from quantmatrix.ingest.symbols import OptionTerms, ticker

_OPTION = re.compile(
    r"\b(?P<right>PUT|CALL)\s+(?P<root>[A-Z]{1,6}[0-9]?)\s+(?P<month>[0-9]{2})/(?P<day>[0-9]{2})/"
    r"(?P<year>[0-9]{2}(?:[0-9]{2})?)\s+\$?(?P<strike>[0-9]+(?:\.[0-9]+)?)"
)
_NAMED_OPTION = re.compile(
    r"\b(?P<root>[A-Z]{1,6}[0-9]?) (?P<month>[A-Z]{3}) (?P<day>[0-9]{2}) '?(?P<year>[0-9]{2}) "
    r"\$?(?P<strike>[0-9]+(?:\.[0-9]+)?) (?P<right>PUT|CALL)\b",
    re.IGNORECASE,
)


def described_option(text: str) -> OptionTerms | None:
    """The contract that a description names: ``PUT  IWM    02/27/26   260.000``."""
    found = _OPTION.search(text)
    try:
        if found:
            month = int(found["month"])
        else:
            found = _NAMED_OPTION.search(text)
            if not found:
                return None
            month = month_number(found["month"])
        year = int(found["year"])
        expiration = date(year if year > 99 else 2000 + year, month, int(found["day"]))
    except ValueError:
        return None
    root = found["root"].upper()
    return OptionTerms(
        root=root,
        underlying=ticker(root.rstrip("0123456789")),
        expiration=expiration,
        option_type="call" if found["right"].upper() == "CALL" else "put",
        strike=Decimal(found["strike"]),
    )
