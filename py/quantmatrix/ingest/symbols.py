"""Symbols in one spelling.

Tickers with a dot for class shares, options in the 21 characters of the OSI form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from quantmatrix.ingest.dates import month_number

_READABLE = re.compile(
    r"(?P<root>[A-Z0-9][A-Z0-9. ]{0,11}?) +(?P<day>[0-9]{2})(?P<month>[A-Z]{3})(?P<year>[0-9]{2}) +"
    r"(?P<strike>[0-9]{1,8}(?:\.[0-9]{1,6})?) +(?P<right>[CP])",
    re.IGNORECASE,
)
_OSI = re.compile(
    r"(?P<root>[A-Z0-9]{1,6}) *(?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?P<right>[CP])(?P<strike>[0-9]{8})",
    re.IGNORECASE,
)
_DATE_FIRST = re.compile(
    r"(?P<root>[A-Z]{1,6}[0-9]?) (?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2}) (?P<right>[CP]) "
    r"(?P<strike>[0-9]{1,8}(?:\.[0-9]{1,6})?)"
)
"""``LITE 270716 P 560.00``: Vanguard."""
_COMPACT = re.compile(
    r"[-.]?(?P<root>[A-Z]{1,6}[0-9]?)(?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?P<right>[CP])"
    r"(?P<strike>[1-9][0-9]{0,4}(?:\.[0-9]{1,3})?|0\.[0-9]{1,3})"
)
"""``-MU250926P150``, ``.TQQQ250620C80``: the strike as it is; seven digits may be a damaged OSI symbol."""
_MONTH = r"(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]*"
_LIKE_OPTION = re.compile(
    rf"[0-9]{{6}}[CP][0-9]|\b(?:CALL|PUT)S?\b|[0-9]{{1,2}}[- ]?{_MONTH}[- ]?[0-9]{{2,4}}|\b{_MONTH} [0-9]|"
    r"[ .][0-9]+(?:\.[0-9]+)?[ .]?[CP]$|[ .][CP][ .]?[0-9]+(?:\.[0-9]+)?$",
    re.IGNORECASE,
)
_CLASS_AFTER_SLASH = re.compile(r"([A-Za-z0-9]+)/([A-Za-z]{1,2})")
_PLAIN = re.compile(
    r"(?P<root>.*[^ ]) (?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?P<right>[CP])"
    r"(?P<strike>(?:0|[1-9][0-9]{0,6})(?:\.[0-9]{0,8}[1-9])?)"
)
"""``./ESU5 EW4N5 250725P6200``: what does not fit into the OSI form."""
_LONGEST = 64
_ROOT_WIDTH = 6


@dataclass(frozen=True, slots=True)
class OptionTerms:
    """What an option symbol says.

    ``root`` has no dot or blank (``BRKB``); ``underlying`` is the ticker that the root stands for.

    A root that ends in a digit (``GREE1``) is an adjusted contract: its deliverable is not 100 shares of
    ``underlying``.
    """

    root: str
    underlying: str
    expiration: date
    option_type: Literal["call", "put"]
    strike: Decimal

    @property
    def is_adjusted(self) -> bool:
        """Whether the root carries the digit of a contract changed by a corporate action."""
        return self.root[-1].isdigit() and not self.root.isdigit()


def parse_option(text: str) -> OptionTerms | None:
    """Terms of ``TQQQ 20JUN25 80 C``, ``-MU250926P150`` or an OSI symbol, padded or not; None for others.

    Two-digit years: 00 to 79 are 2000 to 2079, the rest 1980 to 1999.
    """
    return _option(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=16384)
def _option(text: str) -> OptionTerms | None:
    text = text.strip()
    found = _OSI.fullmatch(text)
    try:
        if found:
            month, strike = int(found["month"]), Decimal(found["strike"]) / 1000
        elif found := _DATE_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
            month, strike = int(found["month"]), Decimal(found["strike"])
        else:
            found = _READABLE.fullmatch(text)
            if not found:
                return None
            month, strike = month_number(found["month"]), Decimal(found["strike"])
        year = int(found["year"])
        expiration = date(year + (2000 if year < 80 else 1900), month, int(found["day"]))
    except ValueError:
        return None
    printed = found["root"].upper()
    root = printed.replace(" ", "").replace(".", "")
    underlying = ticker(printed)
    if root[-1].isdigit() and not root.isdigit():
        underlying = underlying.rstrip("0123456789").rstrip(".")
    return OptionTerms(
        root=root,
        underlying=underlying,
        expiration=expiration,
        option_type="call" if found["right"].upper() == "C" else "put",
        strike=strike,
    )


def looks_like_option(text: str) -> bool:
    """Whether a text that ``parse_option`` refuses speaks of an expiration, a right or a strike."""
    return bool(_LIKE_OPTION.search(text))


@lru_cache(maxsize=16384)
def osi(terms: OptionTerms) -> str:
    """The 21 characters: root to 6, YYMMDD, C or P, thousandths of the strike in 8 digits.

    Raises ``ValueError`` where the form has no room: a longer root, a strike with more than three decimals or
    too large.
    """
    thousandths = terms.strike * 1000
    if len(terms.root) > _ROOT_WIDTH:
        raise ValueError(f"the root {terms.root} has more than {_ROOT_WIDTH} letters")
    if thousandths != thousandths.to_integral_value() or not 0 <= thousandths < 10**8:
        raise ValueError(f"the strike {terms.strike} does not fit into the OSI form")
    right = "C" if terms.option_type == "call" else "P"
    return f"{terms.root:<{_ROOT_WIDTH}}{terms.expiration:%y%m%d}{right}{int(thousandths):08d}"


def terms_in(symbol: str) -> OptionTerms | None:
    """The terms that the catalogue reads in a symbol: the OSI form, or a stem, YYMMDD, C or P and strike."""
    if found := _PLAIN.fullmatch(symbol):
        month, day = int(found["month"]), int(found["day"])
        strike = Decimal(found["strike"])
    elif found := _OSI.fullmatch(symbol):
        month, day, strike = int(found["month"]), int(found["day"]), Decimal(found["strike"]) / 1000
    else:
        return None
    year = int(found["year"])
    try:
        expiration = date(year + (2000 if year < 80 else 1900), month, day)
    except ValueError:
        return None
    root = found["root"]
    return OptionTerms(root, root, expiration, "call" if found["right"].upper() == "C" else "put", strike)


def ticker(text: str) -> str:
    """A ticker in one spelling: ``BRK B`` and ``BRK/B`` are ``BRK.B``.

    Letters keep their case; ``/ESU5`` and ``BTC/USD`` stay as they are.
    """
    text = " ".join(text.split())
    if " " in text:
        return text.replace(" ", ".")
    if found := _CLASS_AFTER_SLASH.fullmatch(text):
        return f"{found[1]}.{found[2]}"
    return text
