"""Symbols of a case in the catalogue: in a namespace of their own, and those of options with their terms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

_TERMS = re.compile(r" [0-9]{6}[CP][0-9.]+\Z")


def stored(namespace: str, symbol: str, described: Mapping[str, Any]) -> str:
    """What the catalogue calls it; ``described`` is the case's own row about it."""
    if described.get("kind") not in ("option", "future_option"):
        return namespace + symbol
    letter = "C" if described["right"] == "call" else "P"
    strike = Decimal(str(described["strike"])).normalize()
    return f"{namespace}{symbol} {date.fromisoformat(described['expiry']):%y%m%d}{letter}{strike:f}"


def bare(namespace: str, symbol: str) -> str:
    """What the case calls it."""
    return _TERMS.sub("", symbol.removeprefix(namespace)) if symbol.startswith(namespace) else symbol
