"""What the name of a security tells, where a file says no more than its CUSIP and its name."""

from __future__ import annotations

import re

CUSIP = re.compile(r"(?=[A-Z0-9]*[0-9])[A-Z0-9]{8}[0-9]")

_DEBT = re.compile(r"\b(?:DUE|TREASURY|TREAS|NOTES?|BONDS?|CD|BILL|MUNI)\b|%", re.IGNORECASE)
_PREFERRED = re.compile(r"PFD|PREFERRED", re.IGNORECASE)
_FUND = re.compile(
    r"\b(?:MONEY|CASH RESERVES?|LIQUIDITY|FUNDS?|FD|ETF|INDEX|IDX|SHARES|PORTFOLIO)\b", re.IGNORECASE
)
_DUE = re.compile(r"%|\bDUE\b", re.IGNORECASE)


def is_debt(name: str) -> bool:
    """Whether it is a bond, note or bill: a fund that holds some (US TREASURY MONEY FUND) is none."""
    if not _DEBT.search(name) or _PREFERRED.search(name):
        return False
    return bool(_DUE.search(name)) or not _FUND.search(name)
