"""Numbers as brokers print them, read exactly and never guessed."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

_NOTHING = frozenset({"", "-", "--", "N/A", "n/a", "\N{EN DASH}", "\N{EM DASH}"})
_PLAIN = re.compile(r"-?(?:[0-9]{1,24}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,7})(?:\.[0-9]{1,30})?")
_CURRENCY = r"(?:US\$|\$|€|£|EUR|USD|GBP)"
_PRINTED = re.compile(
    rf"""(?P<sign>[-+])?\s*{_CURRENCY}?\s*(?P<inner_sign>[-+])?\s*
         (?P<whole>[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+|[0-9]+)?(?P<fraction>\.[0-9]*)?(?P<exponent>[eE][-+]?[0-9]{{1,9}})?
         \s*{_CURRENCY}?""",
    re.VERBOSE,
)
_IN_PARENTHESES = re.compile(rf"{_CURRENCY}?\s*\((?P<inside>[^()]*)\)")
_LONGEST = 80
_LARGEST = 24
_MOST_DECIMALS = 30


def parse_decimal(text: str) -> Decimal | None:
    """The number that ``text`` prints, or None for a placeholder (empty, ``-``, ``--``, ``N/A``).

    Accepts blanks and quotation marks around, a currency sign, thousands commas, a leading plus, parentheses
    for negative and powers of ten (``3.605E-05``). Raises ``ValueError`` with the reason for anything else,
    for decimal commas, for numbers of 10^24 and more and for more than 30 decimals: no broker prints those.
    """
    if len(text) > _LONGEST:
        raise ValueError("longer than any number")
    return _parse(text)


@lru_cache(maxsize=16384)
def _parse(text: str) -> Decimal | None:
    if _PLAIN.fullmatch(text):
        return Decimal(text.replace(",", ""))
    bare = text.strip().strip("\"'").strip().replace("\N{MINUS SIGN}", "-")
    if bare in _NOTHING:
        return None
    if enclosed := _IN_PARENTHESES.fullmatch(bare):
        value = _printed(enclosed["inside"].strip())
        if value.is_signed():
            raise ValueError("a sign inside parentheses contradicts them")
        return value.copy_negate()
    return _printed(bare)


def _printed(bare: str) -> Decimal:
    found = _PRINTED.fullmatch(bare)
    if not found or not (found["whole"] or (found["fraction"] or ".") != "."):
        if "," in bare:
            raise ValueError("not a number: a comma may only separate thousands, before exactly three digits")
        raise ValueError("not a number")
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
