"""Symbols as the broker prints them, and the ids behind them in brackets, told apart by shape."""

from __future__ import annotations

import re

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.model import InstrumentType
from quantmatrix.ingest.symbols import ticker

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_CUSIP = re.compile(r"[A-Z0-9]{8}[0-9]")
_SYMBOL_LONGEST = 64
OLD = ".OLD"
"""What the broker puts behind the ticker of shares whose id another contract has replaced."""

_CONID = re.compile(r"[0-9]{4,12}")


def looks_like_id(text: str) -> bool:
    """Whether ``text`` has the shape of an id."""
    return any(shape.fullmatch(text) for shape in (_ISIN, _CUSIP, _CONID))


def identifier(text: str) -> dict[str, str]:
    """The id under ``isin``, ``cusip`` or ``conid``; empty for what is none, or may be two of them.

    Nine digits are a contract number or a CUSIP: a leading zero or a wrong check digit decides, nothing else
    can.
    """
    if _ISIN.fullmatch(text):
        return {"isin": text}
    if _CUSIP.fullmatch(text):
        is_number, is_cusip = text.isdigit(), _check_digit(text[:8]) == int(text[8])
        if is_number and not text.startswith("0"):
            return {} if is_cusip else {"conid": text}
        return {"cusip": text}
    return {"conid": text} if _CONID.fullmatch(text) else {}


def _check_digit(body: str) -> int:
    """The ninth character of a CUSIP: values (A is 10) weighted 1 and 2 in turn, their digits summed."""
    total = 0
    for at, character in enumerate(body):
        weighted = int(character, 36) * (1 + at % 2)
        total += weighted // 10 + weighted % 10
    return -total % 10


def symbol_of(kind: InstrumentType, text: str) -> str:
    """The canonical symbol of anything but an option.

    ``GCM.OLD`` is what the broker calls GCM's shares before a change of id.
    """
    text = " ".join(text.split()).replace("|", "/")
    if len(text) > _SYMBOL_LONGEST:
        reason = f"longer than {_SYMBOL_LONGEST} characters"
        raise RowError("bad_symbol", reason, column="Symbol", text=text)
    if kind in (InstrumentType.STOCK, InstrumentType.FUND):
        text = ticker(text)
        if text.endswith(OLD) and len(text) > len(OLD):
            text = text[: -len(OLD)]
    return text
