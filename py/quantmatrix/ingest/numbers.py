"""Numbers as brokers print them, read exactly and never guessed."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

_NOTHING = frozenset({"", "-", "--", "N/A", "n/a", "\N{EN DASH}", "\N{EM DASH}"})
_UNSIGNED = r"(?:[0-9]{1,24}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,7})(?:\.[0-9]{1,30})?"
_PLAIN = re.compile(rf"-?{_UNSIGNED}")
_DOLLARS = re.compile(rf"(?P<sign>[-(]?)\$(?P<number>{_UNSIGNED})(?P<end>\)?)")
"""How US brokers print nearly every amount: read without the general form, which takes thrice the time."""
CURRENCY = (
    r"(?:[A-Z]{1,3}\$|[A-Z]{3,5}|[$€£¥₹₩₺₽₴₪₫฿₱₦]|z\N{LATIN SMALL LETTER L WITH STROKE}|"
    r"K\N{LATIN SMALL LETTER C WITH CARON}|Ft|lei|kr\.?|S?Fr\.?)"
)
"""A sign or a code of a currency, as a pattern."""
_PRINTED = re.compile(
    rf"""(?P<sign>[-+])?\s*(?P<before>{CURRENCY})?\s*(?P<inner_sign>[-+])?\s*
         (?P<whole>[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+|[0-9]+)?(?P<fraction>\.[0-9]*)?(?P<exponent>[eE][-+]?[0-9]{{1,9}})?
         \s*(?P<after>{CURRENCY})?""",
    re.VERBOSE,
)
_IN_PARENTHESES = re.compile(rf"(?P<before>{CURRENCY})?\s*\((?P<inside>[^()]*)\)\s*(?P<after>{CURRENCY})?")
_LONGEST = 80
_LARGEST = 24
_MOST_DECIMALS = 30

_WITHOUT_COLUMN = frozenset({"US$", "$", "€", "£", "EUR", "USD", "GBP"})
"""What may stand beside a number of which nobody says the currency."""

_SIGNS: dict[str, frozenset[str]] = {
    sign: frozenset(codes.split())
    for sign, codes in {
        "$": "USD CAD AUD NZD SGD HKD TWD MXN ARS CLP COP BSD BBD BMD BZD FJD JMD KYD TTD XCD",
        "US$": "USD",
        "C$": "CAD",
        "CA$": "CAD",
        "CAD$": "CAD",
        "A$": "AUD",
        "AU$": "AUD",
        "NZ$": "NZD",
        "S$": "SGD",
        "SG$": "SGD",
        "HK$": "HKD",
        "NT$": "TWD",
        "R$": "BRL",
        "MX$": "MXN",
        "€": "EUR",
        "£": "GBP",
        "¥": "JPY CNY CNH",
        "₹": "INR",
        "₩": "KRW",
        "₺": "TRY",
        "₽": "RUB",
        "₴": "UAH",
        "₪": "ILS",
        "₫": "VND",
        "฿": "THB",
        "₱": "PHP",
        "₦": "NGN",
        "z\N{LATIN SMALL LETTER L WITH STROKE}": "PLN",
        "K\N{LATIN SMALL LETTER C WITH CARON}": "CZK",
        "Ft": "HUF",
        "lei": "RON",
        "kr": "SEK NOK DKK ISK",
        "kr.": "SEK NOK DKK ISK",
        "Fr": "CHF",
        "Fr.": "CHF",
        "SFr": "CHF",
        "SFr.": "CHF",
    }.items()
}
"""Signs of currencies, and the codes that each may stand for; a code stands for itself."""


def parse_decimal(text: str, currency: str | None = None) -> Decimal | None:
    """The number that ``text`` prints, or None for a placeholder (empty, ``-``, ``--``, ``N/A``).

    Accepts blanks and quotation marks around, the sign or code of ``currency``, thousands commas, a leading
    plus, parentheses for negative and powers of ten (``3.605E-05``). Raises ``ValueError`` with the reason
    for anything else, for another currency, for decimal commas, for numbers of 10^24 and more and for more
    than 30 decimals: no broker prints those.
    """
    if len(text) > _LONGEST:
        raise ValueError("longer than any number")
    return _parse(text, currency)


@lru_cache(maxsize=16384)
def _parse(text: str, currency: str | None) -> Decimal | None:
    if _PLAIN.fullmatch(text):
        return Decimal(text.replace(",", ""))
    if (found := _DOLLARS.fullmatch(text)) and (found["sign"] == "(") == bool(found["end"]):
        _check_currency("$", currency)
        value = Decimal(found["number"].replace(",", ""))
        return value.copy_negate() if found["sign"] else value
    bare = text.strip().strip("\"'").strip().replace("\N{MINUS SIGN}", "-")
    if bare in _NOTHING:
        return None
    if enclosed := _IN_PARENTHESES.fullmatch(bare):
        _check_currency(enclosed["before"], currency)
        _check_currency(enclosed["after"], currency)
        value = _printed(enclosed["inside"].strip(), currency)
        if value.is_signed():
            raise ValueError("a sign inside parentheses contradicts them")
        return value.copy_negate()
    return _printed(bare, currency)


def _printed(bare: str, currency: str | None) -> Decimal:
    found = _PRINTED.fullmatch(bare)
    if not found or not (found["whole"] or (found["fraction"] or ".") != "."):
        if "," in bare:
            raise ValueError("not a number: a comma may only separate thousands, before exactly three digits")
        raise ValueError("not a number")
    _check_currency(found["before"], currency)
    _check_currency(found["after"], currency)
    if found["sign"] and found["inner_sign"]:
        raise ValueError("not a number: two signs")
    sign = "-" if "-" in (found["sign"], found["inner_sign"]) else ""
    whole = (found["whole"] or "0").replace(",", "")
    value = Decimal(f"{sign}{whole}{found['fraction'] or ''}{found['exponent'] or ''}")
    exponent = value.as_tuple().exponent
    if value and value.adjusted() >= _LARGEST:
        raise ValueError("too large to be true")
    if not isinstance(exponent, int) or not -_MOST_DECIMALS <= exponent <= _LARGEST:
        raise ValueError("too many decimals to be true")
    return Decimal(f"{value:f}") if exponent > 0 else value


def _check_currency(sign: str | None, currency: str | None) -> None:
    """Raise ``ValueError`` where a sign or code beside a number is not that of its column."""
    if sign is None:
        return
    if currency is None:
        if sign not in _WITHOUT_COLUMN:
            raise ValueError("not a number")
    elif sign != currency and currency not in _SIGNS.get(sign, ()):
        raise ValueError(f"{sign} is not the currency of this row, {currency}")
