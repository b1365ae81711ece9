"""Rows that are kept and not computed: said once a section, with the units and the money that they show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from quantmatrix.ingest.cells import EXACT
from quantmatrix.ingest.model import Warning
from quantmatrix.ingest.numbers import parse_decimal

_SECTIONS_AT_MOST = 1000
_SUMS_AT_MOST = 1000
_SHOWN_AT_MOST = 5
_SYMBOL_LONGEST = 32
_UNITS = ("quantity", "qty", "position")
_MONEY = (
    *("amount", "cash amount", "cashtransfer", "salestax", "sales tax", "netcash", "net cash", "net amount"),
    *("proceeds", "total", "fee", "value"),
)
_SYMBOL = ("symbol", "conid", "isin")
_CURRENCY = ("currency", "currencyprimary", "fxcurrency")


@dataclass(slots=True)
class _Section:
    line: int
    column: str | None
    reason: str
    rows: int = 0
    units: dict[str, Decimal] = field(default_factory=dict)
    money: dict[str, Decimal] = field(default_factory=dict)


class Unread:
    """Sums by section and reason; grows with the sections of a file and with few instruments of each."""

    def __init__(self) -> None:
        self._sections: dict[tuple[str, str], _Section] = {}

    def add(
        self, section: str, line: int, reason: str, cells: Mapping[str, str], column: str | None = None
    ) -> None:
        """Take in a row by the names of its cells."""
        held = self.meet(section, line, reason, column)
        if held is None:
            return
        held.rows += 1
        named = {name.strip().lower(): text for name, text in cells.items()}
        if units := _number(named, _UNITS):
            _add(held.units, _text(named, _SYMBOL)[:_SYMBOL_LONGEST] or "no symbol", units)
        if money := _number(named, _MONEY):
            _add(held.money, _text(named, _CURRENCY)[:_SYMBOL_LONGEST] or "no currency", money)

    def meet(self, section: str, line: int, reason: str, column: str | None = None) -> _Section | None:
        """Note where a section begins; None where there are too many."""
        key = section, reason
        held = self._sections.get(key)
        if held is None and len(self._sections) < _SECTIONS_AT_MOST:
            held = self._sections[key] = _Section(line, column, reason)
        return held

    def told(self) -> Iterator[Warning]:
        """What is to be said, in the order of the file."""
        for (section, _), held in self._sections.items():
            rows = "1 row" if held.rows == 1 else f"{held.rows} rows"
            shown = [_shown("units", held.units), _shown("money", held.money)]
            sums = "; ".join(filter(None, (rows, *shown)))
            yield Warning(
                line=held.line, column=held.column, text=section[:200], reason=f"{held.reason} ({sums})"
            )
        self._sections.clear()


def _text(cells: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := cells.get(name, "").strip()) not in ("", "-", "--")), "")


def _number(cells: Mapping[str, str], names: tuple[str, ...]) -> Decimal | None:
    for name in names:
        try:
            value = parse_decimal(cells.get(name, ""))
        except ValueError:
            continue
        if value:
            return value
    return None


def _add(sums: dict[str, Decimal], name: str, value: Decimal) -> None:
    if name in sums or len(sums) < _SUMS_AT_MOST:
        sums[name] = EXACT.add(sums.get(name, Decimal(0)), value)


def _shown(what: str, sums: Mapping[str, Decimal]) -> str:
    told = [f"{value:f} {name}" for name, value in sums.items()]
    if len(told) > _SHOWN_AT_MOST:
        told[_SHOWN_AT_MOST:] = [f"{len(told) - _SHOWN_AT_MOST} more"]
    return f"{what} {', '.join(told)}" if told else ""
