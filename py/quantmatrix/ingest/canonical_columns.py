"""The columns of ``quantmatrix_csv``: which field of which record each one is, and how its text reads.

One table serves the parser, the writer and the test that holds ``docs/formats.md`` to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from quantmatrix.ingest.model import Terms

Group = Literal["account", "transaction", "instrument", "new_instrument", "terms", "link"]

_DECIMAL = re.compile(r"-?\d{1,100}(\.\d{1,100})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3,5}")
_RANK = re.compile(r"\d{1,9}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:?\d{2})", re.ASCII)


class BadCellError(ValueError):
    """Text that is not what its column holds; ``code`` is that of the refusal."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def _decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise BadCellError("bad_number", "not a plain decimal number such as -1234.5")
    return Decimal(text)


def _date(text: str) -> date:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise BadCellError("bad_date", "not a date YYYY-MM-DD") from None


def _instant(text: str) -> datetime:
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text)
    except ValueError:
        raise BadCellError(
            "bad_date", "not an instant with its offset such as 2024-08-16T15:57:13+02:00"
        ) from None


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise BadCellError("bad_value", "neither true nor false")
    return text == "true"


def _currency(text: str) -> str:
    if not _CURRENCY.fullmatch(text):
        raise BadCellError("bad_value", "not a currency code such as USD")
    return text


def _rank(text: str) -> int:
    if not _RANK.fullmatch(text):
        raise BadCellError("bad_number", "not a whole number")
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadCellError("bad_value", "not a JSON object")
    return {k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in value.items()}


@dataclass(frozen=True, slots=True)
class Column:
    """``name`` in the header, the ``field`` of the ``group``'s record that it fills, how its text reads."""

    name: str
    group: Group
    field: str
    read: Callable[[str], object]


_ACCOUNT = ("account", "broker", "account_type", "account_name", "base_currency")

_TRANSACTION: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("transaction_type", str),
    ("position_effect", str),
    ("external_id", str),
    ("fingerprint", str),
    ("original_source", str),
    ("original_key", str),
    ("order_id", str),
    ("executed_at", _instant),
    ("trade_date", _date),
    ("settlement_date", _date),
    ("quantity", _decimal),
    ("price", _decimal),
    ("gross_amount", _decimal),
    ("commission", _decimal),
    ("fees", _decimal),
    ("net_amount", _decimal),
    ("currency", _currency),
    ("description", str),
    ("sequence", _rank),
    ("metadata", _metadata),
)

_INSTRUMENT: tuple[tuple[str, str, Callable[[str], object]], ...] = (
    ("instrument_type", "type", str),
    ("symbol", "symbol", str),
    ("instrument_currency", "currency", _currency),
    ("instrument_name", "name", str),
    ("exchange", "exchange", str),
    ("underlying", "underlying", str),
    ("option_type", "option_type", str),
    ("strike", "strike", _decimal),
    ("expiration", "expiration", _date),
    ("multiplier", "multiplier", _decimal),
    ("conid", "conid", str),
    ("isin", "isin", str),
    ("cusip", "cusip", str),
    ("figi", "figi", str),
)

IDENTIFIERS = ("conid", "isin", "cusip", "figi")

_READ_TERM: dict[str, Callable[[str], object]] = {
    "fee_currency": _currency,
    **dict.fromkeys(("fraction_handling", "lot_method", "exercise_settlement"), str),
    **dict.fromkeys(("taxable", "covered"), _boolean),
    **dict.fromkeys(("supplied_acquired_on", "donor_acquired_on"), _date),
}


def _columns() -> tuple[Column, ...]:
    terms = [name for name in Terms.model_fields if name != "new_instrument"]
    return (
        Column("reference", "link", "reference", str),
        *(Column(name, "account", name, str) for name in _ACCOUNT),
        *(
            Column(name, "transaction", "type" if name == "transaction_type" else name, read)
            for name, read in _TRANSACTION
        ),
        *(Column(name, "instrument", field, read) for name, field, read in _INSTRUMENT),
        *(Column(f"new_{name}", "new_instrument", field, read) for name, field, read in _INSTRUMENT),
        *(Column(name, "terms", name, _READ_TERM.get(name, _decimal)) for name in terms),
        Column("link_kind", "link", "link_kind", str),
        Column("linked_reference", "link", "linked_reference", str),
    )


COLUMNS: tuple[Column, ...] = _columns()
"""Every column, in the order in which the writer prints them."""

NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)

REQUIRED: tuple[str, ...] = ("transaction_type", "trade_date", "net_amount", "currency")
"""Columns that every file has; the others may be left out."""
