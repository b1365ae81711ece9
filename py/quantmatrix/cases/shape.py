"""What must be so before a case can be imported: blocks, numbers, dates and the names of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import available_timezones

from quantmatrix.cases.known import CONFIG

Row = dict[str, Any]

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_NUMBERS = {
    "quantity", "price", "amount", "fees", "fx", "accrued_interest", "num", "den", "rate", "basis_fraction",
    "cash_per_share", "fmv_per_new_share", "per_share", "basis", "donor_basis", "fmv", "multiplier", "strike",
    "deliverable_shares", "deliverable_cash",
}  # fmt: skip
_BY_ACCOUNT = {"cash_in_lieu", "amounts"}
_DAYS = {"date", "settle_date", "acquired", "donor_acquired", "expiry"}
_UNKNOWABLE = {"basis", "acquired"}
_LISTS = {"accounts": "id", "instruments": "symbol", "transactions": "id"}


def misfits(case: Row) -> Iterator[str]:
    """What is wrong with the form of a case, first things first, each as ``place: what``."""
    if not isinstance(case["id"], str):
        yield "id: must be a text"
    config = case.get("config", {})
    if not isinstance(config, dict):
        yield f"config: must be an object with {', '.join(sorted(CONFIG))}"
    elif "tz" in config and config["tz"] not in available_timezones():
        yield f"config.tz: there is no time zone {config['tz']!r}"
    for block, name in _LISTS.items():
        rows = case.get(block, [])
        if not isinstance(rows, list):
            yield f"{block}: must be a list"
            return
        for place, row in enumerate(rows):
            if not isinstance(row, dict) or not isinstance(row.get(name), str):
                yield f"{block}[{place}]: must be an object with {name}"
                return
        yield from _repeated(block, name, rows)
        for place, row in enumerate(rows):
            yield from _values(f"{block}[{place}]", row)
    rows = case.get("transactions", [])
    named = {row["id"]: row for row in rows}
    for place, row in enumerate(rows):
        yield from _bonds(f"transactions[{place}]", row, named)


def _repeated(block: str, name: str, rows: list[Row]) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for place, row in enumerate(rows):
        key = (row[name], str(row.get("account")))
        if key in seen:
            yield f"{block}[{place}].{name}: {row[name]!r} is there twice"
        seen.add(key)


def _values(place: str, row: Row) -> Iterator[str]:
    for name, value in row.items():
        where = f"{place}.{name}"
        if value is None and name in _UNKNOWABLE:
            continue
        if name in _NUMBERS and not _is_number(value):
            yield f"{where}: {value!r} is no number written as a text"
        elif name in _DAYS and not _is_day(value):
            yield f"{where}: {value!r} is no date as 2024-12-31"
        elif name == "ts" and not _is_instant(value):
            yield f"{where}: {value!r} is no time as 2024-12-31T15:30:00Z"
        elif name in _BY_ACCOUNT and not (isinstance(value, dict) and all(map(_is_number, value.values()))):
            yield f"{where}: must give each account a number written as a text"


def _bonds(place: str, row: Row, named: dict[str, Row]) -> Iterator[str]:
    if row.get("type") == "set_basis":
        if row.get("ref") not in named:
            yield f"{place}.ref: no transaction {row.get('ref')!r}"
    elif not {"date", "ts"} & row.keys():
        yield f"{place}: has neither date nor ts"
    for field in ("lots", "stock_lots"):
        picks = row.get(field, [])
        if not isinstance(picks, list) or not all(isinstance(pick, dict) for pick in picks):
            yield f"{place}.{field}: must be a list of objects with txn and quantity"
            continue
        for order, pick in enumerate(picks):
            if pick.get("txn") not in named:
                yield f"{place}.{field}[{order}].txn: no transaction {pick.get('txn')!r}"
            if not _is_number(pick.get("quantity")):
                units = pick.get("quantity")
                yield f"{place}.{field}[{order}].quantity: {units!r} is no number written as a text"


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_instant(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False
