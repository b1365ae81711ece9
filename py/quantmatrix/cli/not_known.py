"""What the books leave open, told beside what was compared."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def not_known(unknown: Mapping[str, Any]) -> str:
    """One line of the answer ``unknown`` of ``import_load`` and ``reconcile``; empty if all is known."""
    facts = []
    if unknown.get("closings_without_gain"):
        proceeds = Decimal(unknown["proceeds_without_gain"])
        facts.append(
            _counted(unknown["closings_without_gain"], "closing", "closings")
            + " without a gain"
            + (f" (proceeds {proceeds:,})" if proceeds else "")
        )
    if unknown.get("lots_without_basis"):
        facts.append(_counted(unknown["lots_without_basis"], "lot", "lots") + " without a basis")
    for currency, number in sorted(unknown.get("rows_without_rate", {}).items()):
        facts.append(
            _counted(number, "row", "rows") + f" without a rate of {currency}"
            " (quantmatrix transactions correct NUMBER --term fx_rate=RATE)"
        )
    if unknown.get("rows_of_unknown_effect"):
        moved = [
            f"{Decimal(amount):,} {name}"
            for part in ("units", "money")
            for name, amount in sorted(unknown[part].items())
        ]
        facts.append(
            _counted(unknown["rows_of_unknown_effect"], "row", "rows")
            + " of unknown effect"
            + (f" ({', '.join(moved)})" if moved else "")
        )
    return "not known: " + ", ".join(facts) if facts else ""
