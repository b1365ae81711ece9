"""Which sales of options open a position: contracts bought and written, counted row by row."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from quantmatrix.cases.given import INCOMING, OPTION_EVENTS, OUTGOING, Row


@dataclass
class Contracts:
    """What an account holds of one option, by side; only to see which plain sales open a position."""

    bought: Decimal = Decimal(0)
    written: Decimal = Decimal(0)

    def change(self, row: Row) -> tuple[Decimal, Decimal]:
        """Apply a row; by how much it changed the contracts bought and those written."""
        before = self.bought, self.written
        kind, effect = row["type"], row.get("effect", "auto")
        units = Decimal(row["quantity"]) if "quantity" in row else self.bought + self.written
        if kind == "buy" and effect != "open":
            covered = min(units, self.written)
            self.written -= covered
            self.bought += units - covered
        elif kind in INCOMING:
            self.bought += units
        elif kind == "sell" and effect == "open":
            self.written += units
        elif kind == "sell":
            closed = min(units, self.bought)
            self.bought -= closed
            self.written += units - closed if effect == "auto" else 0
        elif kind in OUTGOING | OPTION_EVENTS | {"deliver"}:
            sides = self._closes(row)
            if "long" in sides:
                self.bought -= min(units, before[0])
            if "short" in sides:
                self.written -= min(units, before[1])
        return self.bought - before[0], self.written - before[1]

    def _closes(self, row: Row) -> set[str]:
        if row["type"] == "deliver" or (row["type"] == "expire" and not row.keys() & {"side", "quantity"}):
            return {"long", "short"}
        usual = {"assign": "short", "expire": "long" if self.bought else "short"}
        return {row.get("side", usual.get(row["type"], "long"))}
