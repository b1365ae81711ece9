"""What the name of an account says of its kind."""

from __future__ import annotations

import re

from quantmatrix.ingest.model import Statement
from quantmatrix.ingest.table import TableReading

_PLAN = r"\b(?:401\(?K\)?|403\(?B\)?|457\(?B?\)?|PROFIT SHARING|PENSION|BROKERAGELINK)"
_KINDS = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (_PLAN, "401k"),
        (r"\bHSA\b|HEALTH SAVINGS", "hsa"),
        (r"\bROTH\b", "roth_ira"),
        (r"\bIRA\b|\bROLLOVER\b", "ira"),
    )
)


def kind_of(name: str) -> str | None:
    """The kind of account; None where the name says none."""
    return next((kind for pattern, kind in _KINDS if pattern.search(name)), None)


class Accounts:
    """The accounts of a file, each told with its name and kind at its first row."""

    def __init__(self, reading: TableReading) -> None:
        self._reading = reading
        self._told: set[str] = set()

    def of(self, number: str, name: str) -> str | None:
        """The account of a row."""
        account = self._reading.account(number)
        if name and number not in self._told:
            self._told.add(number)
            told = Statement(account=number, account_name=name[:200], account_type=kind_of(name))
            self._reading.out.append(told)
        return account
