"""What is read of V1: tables, columns and kinds of values. No secret is among them, so none leaves V1."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.legacy.declared import DECLARED

# A column that ends in ? may be missing: the database grew by hand.
_READ = {
    "users": "id? username? email?",
    "accounts": "id account_name account_type account_number broker",
    "holdings": "id account_id symbol quantity currency? contract_type last_updated",
    "transactions": (
        "id account_id external_id order_id? execution_id symbol description transaction_type action "
        "quantity price amount commission fees net_amount currency? contract_type transaction_date "
        "source synced_at? last_updated?"
    ),
    "dividends": (
        "id account_id external_id? symbol ex_date pay_date dividend_per_share shares_held total_dividend "
        "tax_withheld currency? source synced_at? last_updated?"
    ),
    "tax_lots": "id holding_id account_id shares_remaining",
    "option_instruments": "id? symbol?",
    "alerts": (
        "id user_id name description? symbol alert_type is_active? is_repeating? max_triggers? "
        "current_triggers? notify_discord? notify_email? notify_app? priority? created_at? last_triggered? "
        "expires_at? custom_message?"
    ),
    "alert_conditions": (
        "id alert_id condition_type operator target_value indicator_params? timeframe? logical_operator? "
        "group_id?"
    ),
}
OPTIONAL_TABLES = frozenset({"option_instruments", "alerts", "alert_conditions"})

_NUMBERS = frozenset(
    {
        "quantity", "price", "amount", "commission", "fees", "net_amount", "dividend_per_share",
        "shares_held", "total_dividend", "tax_withheld", "shares_remaining", "target_value",
    }
)  # fmt: skip
_INSTANTS = frozenset(
    {
        "last_updated", "transaction_date", "synced_at", "ex_date", "pay_date", "created_at",
        "last_triggered", "expires_at",
    }
)  # fmt: skip
_WHOLE = frozenset(
    {"id", "holding_id", "user_id", "alert_id", "group_id", "max_triggers", "current_triggers"}
)
_TRUTHS = frozenset({"is_active", "is_repeating", "notify_discord", "notify_email", "notify_app"})
_NUMBER = re.compile(
    r"[+-]?(\d{1,40}(\.\d{0,60})?|\.\d{1,60})([eE][+-]?\d{1,3})?|[+-]?Infinity|NaN", re.ASCII
)
# What PostgreSQL prints of a timestamp, however far off; which dates are plausible is judged with the rows.
_INSTANT = re.compile(
    r"\d{4,5}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([+-]\d\d(:?\d\d)?)?)?( BC)?|-?infinity", re.ASCII
)
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_TRUTH = re.compile(r"t|f|true|false", re.ASCII)
_SHAPES = {"number": _NUMBER, "date": _INSTANT, "whole number": _INTEGER, "truth value": _TRUTH}

READ: dict[str, tuple[str, ...]] = {
    table: tuple(name.rstrip("?") for name in columns.split()) for table, columns in _READ.items()
}
"""Columns that are read, by table."""

REQUIRED: dict[str, frozenset[str]] = {
    table: frozenset(name for name in columns.split() if not name.endswith("?"))
    for table, columns in _READ.items()
}


@dataclass
class Table:
    """One table as it was found: its columns in order and the number of its rows."""

    columns: tuple[str, ...] = ()
    rows: int = 0


@dataclass
class Catalogue:
    """What a V1 holds: ``tables`` by name, and how many foreign keys it declares."""

    tables: dict[str, Table] = field(default_factory=dict)
    foreign_keys: int = 0

    def as_json(self) -> dict[str, object]:
        """Counts, and each table with what is known of it: ``read``, ``declared`` or ``leftover``."""
        return {
            "tables": len(self.tables),
            "columns": sum(len(table.columns) for table in self.tables.values()),
            "foreign_keys": self.foreign_keys,
            "rows": sum(table.rows for table in self.tables.values()),
            "by_table": [
                {
                    "table": name,
                    "rows": table.rows,
                    "columns": len(table.columns),
                    "use": "read" if name in READ else "declared" if name in DECLARED else "leftover",
                    "leftover_columns": [
                        column for column in table.columns if column not in DECLARED.get(name, table.columns)
                    ],
                }
                for name, table in sorted(self.tables.items())
            ],
        }

    def staged(self) -> int:
        """Rows of the tables that are read."""
        return sum(table.rows for name, table in self.tables.items() if name in READ)

    def unread(self) -> list[dict[str, object]]:
        """Tables of which nothing is carried over, with their rows."""
        return [
            {"table": name, "rows": table.rows, "use": "declared" if name in DECLARED else "leftover"}
            for name, table in sorted(self.tables.items())
            if name not in READ
        ]


def kind_of(table: str, column: str) -> str:
    """``number``, ``date``, ``whole number``, ``truth value`` or ``text``: what a value must be."""
    if column in _NUMBERS:
        return "number"
    if column in _INSTANTS:
        return "date"
    if column in _TRUTHS:
        return "truth value"
    if column in _WHOLE or (column == "account_id" and table != "tax_lots"):
        return "whole number"
    return "text"


def is_readable(kind: str, value: str) -> bool:
    """Whether a value has the shape of its kind."""
    shape = _SHAPES.get(kind)
    return shape is None or shape.fullmatch(value) is not None


def require(tables: Collection[str], where: str) -> None:
    """Refuse a database that lacks a table V1 always has."""
    missing = [name for name in READ if name not in tables and name not in OPTIONAL_TABLES]
    if missing:
        everything = len(missing) == len(READ) - len(OPTIONAL_TABLES)
        raise Problem(
            "this is no database of V1" if everything else f"V1's table {missing[0]} is missing",
            where=where,
            why=f"not found: {', '.join(missing)}",
            unchanged="nothing was written",
            next_step="name the old database, or a whole dump of it, with --from",
            exit_code=ExitCode.REFUSED,
        )


def require_columns(table: str, columns: Collection[str], where: str) -> None:
    """Refuse a table without a column that its rows cannot be understood without."""
    missing = sorted(REQUIRED[table] - set(columns))
    if missing:
        raise Problem(
            f"V1's table {table} has no column {missing[0]}",
            where=where,
            why=f"missing: {', '.join(missing)}",
            unchanged="nothing was written",
            next_step="name the old database, or a whole dump of it, with --from",
            exit_code=ExitCode.REFUSED,
        )
