"""What a case expects against what was derived: the first field that differs, named by its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quantmatrix.cases.results import CLOSING_KEY, LOT_KEY, MATCH_KEY, NO_YEAR, in_order

KEYS = {
    "open_lots": LOT_KEY,
    "closings": CLOSING_KEY,
    "wash_matches": MATCH_KEY,
    "reconciliation": ("account", "symbol"),
    "section104.closings": ("symbol", "closed", "rule", "matched"),
}


def first_difference(block: str, expected: Any, derived: Any) -> str | None:
    """Where and how ``derived`` first differs; None if all that is expected is there."""
    if block == "broker_1099b":
        return _first(
            f"{block}.{name}: {found}"
            for name, part in expected.items()
            if (found := first_difference(name, part, derived.get(name)))
        )
    if block == "totals":
        return _totals(expected, derived)
    return _difference(block, expected, derived)


def _first(found: Any) -> str | None:
    return next(iter(found), None)


def _totals(expected: Mapping[str, Any], derived: Mapping[str, Any]) -> str | None:
    years = expected.get("by_year", {})
    for year in sorted(set(years) | set(derived["by_year"] if "by_year" in expected else ())):
        mine = derived["by_year"].get(year, NO_YEAR)
        wanted = years.get(year, dict.fromkeys(mine, "0.00"))
        found = _difference(f"totals.by_year.{year}", wanted, mine)
        if found:
            return found
    rest = {name: value for name, value in expected.items() if name != "by_year"}
    return _difference("totals", rest, derived)


def _difference(place: str, expected: Any, derived: Any) -> str | None:
    if isinstance(expected, Mapping):
        for name, value in expected.items():
            if not isinstance(derived, Mapping) or name not in derived:
                return f"{place}.{name}: expected {value!r}, but it is not derived"
            found = _difference(f"{place}.{name}", value, derived[name])
            if found:
                return found
        return None
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        rows = list(derived)
        if place in KEYS:
            # What the format does not order is put into one order on both sides.
            expected, rows = in_order(list(expected), KEYS[place]), in_order(rows, KEYS[place])
        for index, value in enumerate(expected):
            if index >= len(rows):
                return f"{place}[{index}]: missing: {value}"
            found = _difference(f"{place}[{index}]", value, rows[index])
            if found:
                return found
        if len(rows) > len(expected):
            return f"{place}[{len(expected)}]: not expected: {rows[len(expected)]}"
        return None
    if expected != derived:
        return f"{place}: expected {expected!r}, got {derived!r}"
    return None
