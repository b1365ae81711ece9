"""What a case gives: its rows and accounts, and what holds where it says nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

Case = dict[str, Any]
Row = dict[str, Any]

OPTION_EVENTS = {"exercise", "assign", "expire"}
OUTGOING = {"sell", "transfer", "transfer_out", "gift_out"}
INCOMING = {"buy", "reinvest", "transfer_in", "gift_in", "inherit"}
NAMES = ("lots", "stock_lots")


def accounts(case: Case) -> list[Row]:
    """The accounts of a case; one that only its transactions name is a taxable one."""
    stated = list(case.get("accounts", []))
    known = {account["id"] for account in stated}
    for row in case.get("transactions", []):
        for name in (row.get("account"), row.get("to_account")):
            if name is not None and name not in known:
                known.add(name)
                stated.append({"id": name})
    return stated


def names_lots(case: Case) -> bool:
    """Whether a row of the case says which lots it uses."""
    return any(field in row for row in case.get("transactions", []) for field in NAMES)


def without_names(case: Case) -> Case:
    """The case as if nobody had said which lots are used, and without what the broker says it holds."""
    rows = [{k: v for k, v in row.items() if k not in NAMES} for row in case["transactions"]]
    return {name: value for name, value in case.items() if name != "reconcile"} | {"transactions": rows}


def moves_a_short(row: Row) -> bool:
    """Whether a row moves a short position between own accounts."""
    return row["type"] == "transfer" and row.get("side") == "short"


def may_short(account: Row) -> bool:
    """Where a case does not say, taxable accounts may short and others may not (A.13)."""
    stated = account.get("allow_short")
    return account.get("type", "taxable") == "taxable" if stated is None else bool(stated)


def number(text: str | None) -> Decimal | None:
    """A number of a case; None stays None."""
    return None if text is None else Decimal(text)


def day(text: str | None) -> date | None:
    """A date of a case; None stays None."""
    return None if text is None else date.fromisoformat(text)
