"""What the name of an account says of its kind."""

from __future__ import annotations

import re

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
