"""Tables that a spreadsheet saved its own way: semicolons or tabs between the columns, commas in the numbers.

A number is rewritten as brokers print it before anybody reads it, and only where its whole column shows
decimal commas: ``0,345678`` never becomes 345678, nor ``$2.000,00`` two dollars. What may be read both ways
refuses the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.numbers import CURRENCY

DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
"""What may stand between columns instead of commas, and what it is called."""

HINT = "save it with commas between the columns and points in the numbers"

_DECLARED = re.compile(r'\ufeff?"?sep=(?P<delimiter>[,;|\t])"?[,;|\t]*\s*', re.IGNORECASE)
_CELL = re.compile(
    rf"(?P<before>[\s\"'(+-]*+(?:(?:{CURRENCY})[\s(+-]*+)?)(?P<core>(?=[.,]*+[0-9])[0-9.,]++)"
    rf"(?P<after>\s*+(?:\)\s*+)?(?:(?:{CURRENCY})\s*+)?(?:\)\s*+)?[sS]?[\s\"']*+)"
)
_COMMA = re.compile(r"(?:[0-9]+|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)?(?:,[0-9]+)?")
_POINT = re.compile(r"(?:[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+)?(?:\.[0-9]+)?")
_ROWS_OF_SECTIONS = frozenset({"Header", "Data", "SubTotal", "Total", "Notes"})
_COLUMNS_AT_MOST = 5000

Column = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written: what separates columns, and which columns have decimal commas."""

    delimiter: str = ","
    commas: frozenset[Column] = frozenset()

    def read(self, fields: list[str]) -> list[str]:
        """The cells with their numbers as brokers print them."""
        if not self.commas:
            return fields
        section = _section(fields)
        return [_rewritten(cell) if (section, at) in self.commas else cell for at, cell in enumerate(fields)]


PLAIN = Dialect()


def declared(line: str) -> str | None:
    """The delimiter that a first line ``sep=;`` declares."""
    found = _DECLARED.fullmatch(line)
    return found["delimiter"] if found else None


@dataclass(slots=True)
class _Shown:
    """What the numbers of one column show, each with the first line that does."""

    comma: int = 0
    point: int = 0
    either: dict[str, int] = field(default_factory=dict)


def dialect_of(delimiter: str, rows: Iterable[tuple[int, list[str]]]) -> Dialect:
    """The dialect that all rows of a file show. Raises ``FileRefused`` where a number may be two."""
    columns: dict[Column, _Shown] = {}
    groups = ""
    for line, fields in rows:
        section = _section(fields)
        for at, cell in enumerate(fields):
            core = _core(cell)
            if core is None or not ("," in core or "." in core):
                continue
            shown = columns.setdefault((section, at), _Shown())
            is_comma, is_point = bool(_COMMA.fullmatch(core)), bool(_POINT.fullmatch(core))
            if is_comma and is_point:
                shown.either.setdefault("," if "," in core else ".", line)
            elif is_comma:
                shown.comma = shown.comma or line
                groups += "." if "." in core and "." not in groups else ""
            elif is_point:
                shown.point = shown.point or line
                groups += "," if "," in core and "," not in groups else ""
            if shown.comma and shown.point:
                reason = "a column has decimal commas in one row and decimal points in another"
                raise FileRefused(reason, line=line, hint=HINT)
        if len(columns) > _COLUMNS_AT_MOST:
            raise FileRefused("more columns than any statement has", line=line, hint=HINT)
    commas = {column for column, shown in columns.items() if shown.comma}
    are_points = any(shown.point for shown in columns.values())
    for column, shown in columns.items():
        if not shown.either:
            continue
        has_commas = bool(shown.comma) or (not shown.point and bool(commas) and not are_points)
        if not (shown.comma or shown.point or commas or are_points) or (
            not shown.comma and not shown.point and commas and are_points
        ):
            _refuse_doubt(next(iter(shown.either.values())))
        grouping = "." if has_commas else ","
        if grouping in shown.either and grouping not in groups:
            _refuse_doubt(shown.either[grouping])
        if has_commas:
            commas = commas | {column}
    return Dialect(delimiter, frozenset(commas))


def _refuse_doubt(line: int) -> None:
    reason = (
        "a number may have thousands or decimals after its separator, and nothing in the file tells which"
    )
    raise FileRefused(reason, line=line, hint=HINT)


def _section(fields: list[str]) -> str:
    """Files with several tables name each in the first cell and the kind of row in the second."""
    return fields[0] if len(fields) > 1 and fields[1] in _ROWS_OF_SECTIONS else ""


def _core(cell: str) -> str | None:
    found = _CELL.fullmatch(cell)
    return found["core"] if found else None


def _rewritten(cell: str) -> str:
    found = _CELL.fullmatch(cell)
    if not found or not _COMMA.fullmatch(found["core"]):
        return cell
    core = found["core"].replace(".", "").replace(",", ".")
    return f"{found['before']}{core}{found['after']}"
