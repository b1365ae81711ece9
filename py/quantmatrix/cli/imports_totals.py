"""An import against the file's own totals: what its rows add up to, beside what it states itself."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from quantmatrix.door.protocol import Door
from quantmatrix.terminal import Styled, say

_SHOWN = 10
_CENT = Decimal("0.01")


def totals(session: Door, report: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Cash and positions that the file states, each with what its rows make and what is recorded, as text."""
    if report["import_id"] is None:
        return {"cash": [], "positions": []}
    stated = session.call("import_totals", {"import_id": report["import_id"]})
    moved = {(row["account"], row["currency"]): Decimal(row["amount"]) for row in report["cash"]}
    changed = {(row["account"], row["symbol"]): row["quantity"] for row in report["positions"]}
    cash = []
    for row in stated["cash"]:
        movement = moved.get((row["account"], row["currency"]), Decimal(0)) + Decimal(row.pop("settled"))
        difference = None
        if row["start"] is not None and row["stated_end"] is not None:
            difference = f"{Decimal(row['stated_end']) - Decimal(row['start']) - movement:f}"
        cash.append({**row, "moved": f"{movement:f}", "difference": difference})
    positions = [
        {**row, "moved": changed.get((row["account"], row["symbol"]), "0")} for row in stated["positions"]
    ]
    return {"cash": cash, "positions": positions}


def print_totals(found: Mapping[str, list[dict[str, Any]]]) -> None:
    """A line for cash in each currency, one for the positions, one for each that differs."""
    for row in found["cash"]:
        if row["difference"] is None:
            continue
        off = Decimal(row["difference"])
        if abs(off) <= _CENT:
            words = Styled("as the file states", fg="green")
        else:
            lacking = f"the file states {_money(row['stated_end'])}: {off:+,.2f} is not in it"
            words = Styled(lacking, fg="yellow")
        moved = Decimal(row["moved"])
        sums = f"{_money(row['start'])} and {moved:+,.2f} make {_money(Decimal(row['start']) + moved)}"
        say(f"  cash {row['account']} {row['currency']}: {sums}, ", words)
    positions = found["positions"]
    if not positions:
        return
    differing = [
        row
        for row in positions
        if Decimal(row["stated"]) not in (Decimal(row["moved"]), Decimal(row["recorded"]))
    ]
    say(f"  positions: {len(positions) - len(differing)} of {len(positions)} as the file states")
    for row in differing[:_SHOWN]:
        say(
            "    ",
            Styled(row["symbol"], fg="yellow"),
            f": {row['recorded']} recorded, the file states "
            f"{row['stated']} (its own rows make {row['moved']})",
        )
    if len(differing) > _SHOWN:
        say(f"    ... and {len(differing) - _SHOWN:,} more: quantmatrix reconcile")


def _money(value: str | Decimal) -> str:
    return f"{Decimal(value):,.2f}"
