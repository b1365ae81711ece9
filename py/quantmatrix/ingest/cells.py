"""Reading one row's cells: what cannot be read becomes a refusal with its column, text and reason."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from quantmatrix.ingest.checks import instrument_problem, problem
from quantmatrix.ingest.model import Instrument, Refusal, Transaction
from quantmatrix.ingest.numbers import parse_decimal

_M = TypeVar("_M", bound=BaseModel)
_SHOWN = 200

EXACT = Context(prec=200)
"""Arithmetic on what files print: products of their numbers have room for every digit."""


class RowError(Exception):
    """One row cannot be read; the rest of the file can. ``code`` counts such rows."""

    def __init__(self, code: str, reason: str, *, column: str | None = None, text: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.column = column
        self.text = text

    def refusal(self, line: int) -> Refusal:
        """The record that says so of ``line``."""
        return Refusal(
            line=line, column=self.column, text=self.text[:_SHOWN], code=self.code, reason=self.reason
        )


def number(text: str, column: str) -> Decimal | None:
    """The number in a cell, None for a placeholder. Raises ``RowError`` ``bad_number``."""
    if not text:
        return None
    try:
        return parse_decimal(text)
    except ValueError as error:
        raise RowError("bad_number", str(error), column=column, text=text) from None


def needed(text: str, column: str) -> Decimal:
    """The number that a cell must hold. Raises ``RowError`` ``bad_number`` or ``missing_value``."""
    value = number(text, column)
    if value is None:
        raise RowError("missing_value", "a number is needed here", column=column, text=text)
    return value


def built(model: type[_M], values: dict[str, Any], column_of: Mapping[str, str] = MappingProxyType({})) -> _M:
    """A record of ``values``; what its model refuses is a ``RowError`` at ``column_of[field]``."""
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        text = "" if first["type"] == "missing" else str(first.get("input"))
        field = str(first["loc"][0])
        column = column_of.get(field, field)
        raise RowError("bad_value", str(first["msg"]), column=column, text=text) from None


def identity(values: dict[str, Any], column_of: Mapping[str, str] = MappingProxyType({})) -> Instrument:
    """An instrument that the catalogue will take. Raises ``RowError``."""
    instrument = built(Instrument, values, column_of)
    if wrong := instrument_problem(instrument):
        field, reason = wrong
        text = str(values.get(field) or "")
        raise RowError("bad_value", reason, column=column_of.get(field, field), text=text)
    return instrument


def transaction(values: dict[str, Any], column_of: Mapping[str, str] = MappingProxyType({})) -> Transaction:
    """A transaction that the database will take. Raises ``RowError`` for a contradiction within the row."""
    values.setdefault("metadata", {})  # a default would be copied deeply, which costs a fifth of the time
    row = built(Transaction, values, column_of)
    if wrong := problem(row):
        field, reason = wrong
        text = str(values.get(field) or "")
        raise RowError("contradiction", reason, column=column_of.get(field, field), text=text)
    return row
