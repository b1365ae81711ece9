"""The codes of the statement's Code columns, in our words, and what those of a trade mean for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from quantmatrix.ingest.model import PositionEffect

CODES: dict[str, str] = {
    "A": "option assigned",
    "ADR": "fee of a depositary receipt",
    "AEx": "exercised by the broker ahead of a dividend",
    "AFx": "currency converted by the broker",
    "Adj": "adjustment",
    "Al": "allocated to an account",
    "Aw": "traded at another broker",
    "B": "bought in",
    "Bo": "borrowed directly",
    "C": "closes",
    "CD": "delivered in cash",
    "CP": "part of a complex position",
    "Ca": "cancelled",
    "Co": "corrected",
    "Cx": "crossed between two customers",
    "D": "dividend",
    "DT": "direct trade",
    "De": "debit",
    "ETF": "creation or redemption of a fund",
    "Ep": "expired",
    "Ex": "option exercised",
    "FP": "fraction executed by the broker as principal",
    "FPA": "fraction executed by the broker as principal, rest as agent",
    "G": "in the guaranteed segment",
    "GEA": "exercised or assigned against an offsetting position",
    "HC": "lots matched by highest cost",
    "HFI": "invested in a hedge fund",
    "HFR": "redeemed from a hedge fund",
    "I": "internal transfer",
    "IA": "executed against an affiliate",
    "IM": "partly executed against the broker or an affiliate",
    "INV": "transferred from an investor",
    "IPO": "bought in an initial offering",
    "L": "liquidated for margin",
    "LD": "adjusted for a wash sale",
    "LF": "fraction liquidated by the broker",
    "LI": "lots matched last in, first out",
    "LT": "long-term",
    "Lo": "lent directly",
    "M": "entered by hand",
    "MEx": "exercised by hand ahead of a dividend",
    "ML": "lots matched for the largest loss",
    "MLG": "lots matched for the largest long-term gain",
    "MLL": "lots matched for the largest long-term loss",
    "MSG": "lots matched for the largest short-term gain",
    "MSL": "lots matched for the largest short-term loss",
    "O": "opens",
    "Off": "off the exchange",
    "P": "executed in part",
    "PE": "preferred execution",
    "PI": "price improved",
    "PTA": "adjusted after the trade",
    "Po": "accrual posted",
    "Pr": "executed by the broker as principal",
    "R": "dividend reinvested",
    "RED": "redeemed to an investor",
    "RI": "recurring investment",
    "RP": "executed by the broker riskless",
    "RPA": "partly executed by the broker riskless",
    "Rb": "billed again",
    "Re": "accrual reversed",
    "Ri": "reimbursed",
    "S0": "settles the same day",
    "S1": "settles the next day",
    "SF": "stock fraction",
    "SI": "solicited by the broker",
    "SL": "lots named",
    "SO": "solicited by the introducing broker",
    "SS": "customer chose a shorter settlement",
    "ST": "short-term",
    "SY": "lent in the stock yield programme",
    "T": "transfer",
    "Un": "not yet vested",
    "XCH": "exchanged between funds",
}

_LONGEST = 200
_SEPARATORS = re.compile(r"[;,]")
_EXERCISE = frozenset({"Ex", "AEx", "MEx", "GEA"})


@dataclass(frozen=True, slots=True)
class CodeSet:
    """The codes of one cell. ``metadata`` is shared between rows and must not be changed."""

    text: str
    unknown: tuple[str, ...]
    effect: PositionEffect
    is_assignment: bool
    is_exercise: bool
    is_expiration: bool
    is_cancel: bool
    is_reinvestment: bool
    is_unvested: bool
    metadata: dict[str, str]


def read_codes(text: str) -> CodeSet:
    """The codes in ``text``, joined by semicolons (or commas).

    Opening and closing at once leaves the effect ``auto``.
    """
    return _read(text[:_LONGEST])


@lru_cache(maxsize=4096)
def _read(text: str) -> CodeSet:
    codes = [code for part in _SEPARATORS.split(text) if (code := part.strip())]
    present = frozenset(codes)
    effect = PositionEffect.AUTO
    if "O" in present and "C" not in present:
        effect = PositionEffect.OPEN
    elif "C" in present and "O" not in present:
        effect = PositionEffect.CLOSE
    return CodeSet(
        text=";".join(codes),
        unknown=tuple(code for code in codes if code not in CODES),
        effect=effect,
        is_assignment="A" in present,
        is_exercise=bool(present & _EXERCISE),
        is_expiration="Ep" in present,
        is_cancel="Ca" in present,
        is_reinvestment="R" in present,
        is_unvested="Un" in present,
        metadata={"codes": ";".join(codes)} if codes else {},
    )
