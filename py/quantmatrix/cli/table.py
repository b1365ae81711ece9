"""Tables that a person reads: aligned, points of numbers in one line, fitted to the terminal."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from quantmatrix.cli.values import plain
from quantmatrix.terminal import visible

GAP = "  "
NARROWEST = 8
# A line or a tab within a cell is a space; other characters without a shape are shown as escapes.
_BREAKS = str.maketrans("\t\n\r", "   ")
UNKNOWN = "–"
NAMES_IN_DIGITS = {"id", "pid", "port", "year", "line", "column", "sequence"}


def render_rows(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """``rows`` as lines under a header; text is shortened only where a terminal is too narrow."""
    columns = [_column(name, [row[name] for row in rows]) for name in names]
    numeric = [_is_numeric([row[name] for row in rows]) for name in names]
    widths = _fitted([max(map(_width, column)) for column in columns], numeric)
    lines = []
    for cells in zip(*columns, strict=True):
        fitted = [_fit(*parts) for parts in zip(cells, widths, numeric, strict=True)]
        lines.append(GAP.join(fitted).rstrip())
    return lines


def render_fields(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The names of one thing, padded to one width, and its values."""
    width = max((_width(_title(name)) for name in row), default=0)
    return [(_title(name).ljust(width) + GAP, _text(value)) for name, value in row.items()]


def _column(name: str, values: list[Any]) -> list[str]:
    # A key or an address is not an amount: its digits are not set apart.
    named = name in NAMES_IN_DIGITS or name.endswith("_id")
    texts = [str(value) if named and isinstance(value, int) else _text(value) for value in values]
    if any(isinstance(value, Decimal) for value in values):
        texts = _points_aligned(texts)
    return [_title(name), *texts]


def _title(name: str) -> str:
    return visible(name.replace("_", " "))


def _is_numeric(values: list[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, int | Decimal) and not isinstance(value, bool) for value in known
    )


def _text(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return format(value, ",f")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    simple = plain(value)
    text = json.dumps(simple, ensure_ascii=False) if isinstance(simple, dict | list) else str(simple)
    return visible(text.translate(_BREAKS))


def _points_aligned(texts: list[str]) -> list[str]:
    after = [len(text) - text.index(".") if "." in text else 0 for text in texts]
    longest = max(after)
    return [text + " " * (longest - own) for text, own in zip(texts, after, strict=True)]


def _fitted(widths: list[int], numeric: list[bool]) -> list[int]:
    """``widths``, the widest text columns narrowed until a line fits the terminal. Numbers are never cut."""
    if not sys.stdout.isatty():
        return widths
    fitted = list(widths)
    room = shutil.get_terminal_size().columns
    while sum(fitted) + len(GAP) * (len(fitted) - 1) > room:
        texts = [number for number, wide in enumerate(fitted) if not numeric[number] and wide > NARROWEST]
        if not texts:
            break
        fitted[max(texts, key=fitted.__getitem__)] -= 1
    return fitted


def _fit(cell: str, width: int, numeric: bool) -> str:
    while _width(cell) > width:
        cell = cell.removesuffix("…")[:-1] + "…"
    padding = " " * (width - _width(cell))
    return padding + cell if numeric else cell + padding


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    wide = sum(1 for mark in text if unicodedata.east_asian_width(mark) in "WF")
    return len(text) + wide - sum(1 for mark in text if unicodedata.combining(mark))
