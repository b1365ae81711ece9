"""One fault in one place of a file, chosen by a seeded generator: the same seed makes the same fault."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from quantmatrix.testing.mutations.cells import Cell, Row, Sheet, day_in, number

_CELLS_OF_ROW = 4
_WORD = re.compile(r"[A-Za-z]{2,}")
_TOTALS = re.compile(r"total|ending|starting|balance|change", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A text with one fault: its kind, and the row (from 0) that it is in."""

    kind: str
    text: str
    row: int


def mutant(sheet: Sheet, chance: random.Random) -> Mutant | None:
    """One fault; None where what was chosen cannot be done at that place."""
    kind = chance.choice(tuple(KINDS))
    made = KINDS[kind](sheet, chance)
    if made is None or made[0] == sheet.text:
        return None
    return Mutant(kind, *made)


def _row(sheet: Sheet, chance: random.Random) -> int:
    return chance.randrange(len(sheet.rows))


def _columns_moved(sheet: Sheet, chance: random.Random) -> tuple[str, int] | None:
    """Two columns change places, with their header and in every row of their table."""
    headers = [at for at, row in enumerate(sheet.rows) if row.is_header]
    if not headers:
        return _attributes_moved(sheet, chance)
    at = chance.choice(headers)
    header = sheet.rows[at]
    first = 2 if len(header.cells) > 1 and sheet.of(header.cells[1]) == "Header" else 0
    if len(header.cells) - first < 2:
        return None
    one, other = sorted(chance.sample(range(first, len(header.cells)), 2))
    text, grown = sheet.text, []
    for row in sheet.rows:
        if row.table != header.table or len(row.cells) < _CELLS_OF_ROW:
            continue
        if len(row.cells) != len(header.cells):
            return None
        grown.append((_raw(text, row.cells[one]), _raw(text, row.cells[other])))
    for (a, a_end), (b, b_end) in reversed(grown):
        text = text[:a] + text[b:b_end] + text[a_end:b] + text[a:a_end] + text[b_end:]
    return text, at


def _raw(text: str, cell: Cell) -> tuple[int, int]:
    """The span of a cell with its quotation marks."""
    if text[cell.start - 1 : cell.start] == '"' and text[cell.end : cell.end + 1] == '"':
        return cell.start - 1, cell.end + 1
    return cell.start, cell.end


def _attributes_moved(sheet: Sheet, chance: random.Random) -> tuple[str, int] | None:
    """Two attributes of one element change places; in OFX the order of elements has a meaning."""
    at = _row(sheet, chance)
    row = sheet.rows[at]
    text = sheet.text
    if len(row.cells) < 2 or '="' not in text[row.start : row.end]:
        return None
    a, b = (row.cells[n] for n in sorted(chance.sample(range(len(row.cells)), 2)))
    (a0, a1), (b0, b1) = ((text.rindex(" ", 0, cell.start) + 1, cell.end + 1) for cell in (a, b))
    return text[:a0] + text[b0:b1] + text[a1:b0] + text[a0:a1] + text[b1:], at


def _row_cut(sheet: Sheet, chance: random.Random) -> tuple[str, int] | None:
    at = _row(sheet, chance)
    row = sheet.rows[at]
    return (sheet.text[: row.start] + sheet.text[row.end :], at) if row.cells else None


def _row_doubled(sheet: Sheet, chance: random.Random) -> tuple[str, int] | None:
    at = _row(sheet, chance)
    row = sheet.rows[at]
    if not row.cells or row.is_header:
        return None
    return sheet.text[: row.end] + sheet.text[row.start : row.end] + sheet.text[row.end :], at


def _pair_split(sheet: Sheet, chance: random.Random) -> tuple[str, int] | None:
    """One of two neighbours that have a cell of some length in common, beside their day, goes."""
    at = _row(sheet, chance)
    if at + 1 >= len(sheet.rows):
        return None
    one, other = sheet.rows[at], sheet.rows[at + 1]
    if one.is_header or other.is_header or len(one.cells) < 3 or len(one.cells) != len(other.cells):
        return None
    same = sum(sheet.of(a) == sheet.of(b) != "" for a, b in zip(one.cells, other.cells, strict=True))
    if same < 2:
        return None
    gone = chance.choice((one, other))
    return sheet.text[: gone.start] + sheet.text[gone.end :], at


def _sign_flipped(sheet: Sheet, chance: random.Random) -> tuple[str, int] | None:
    found = _cell(sheet, chance, lambda text: bool(number(text)))
    if found is None:
        return None
    at, cell = found
    said = sheet.text[cell.start : cell.end].strip()
    if said.startswith("("):
        said = said.strip("()")
    else:
        said = said[1:] if said.startswith("-") else f"-{said}"
    return _replaced(sheet, cell, said), at


def _digit_changed(sheet: Sheet, chance: random.Random) -> tuple[str, int] | None:
    found = _cell(sheet, chance, lambda text: number(text) is not None)
    return None if found is None else _other_digit(sheet, chance, *found)


def _total_wrong(sheet: Sheet, chance: random.Random) -> tuple[str, int] | None:
    """Another digit in a row that calls itself a total or a balance."""
    rows = [
        at
        for at, row in enumerate(sheet.rows)
        if not row.is_header and _TOTALS.search(sheet.text[row.start : row.end])
    ]
    if not rows:
        return None
    at = chance.choice(rows)
    cells = [cell for cell in sheet.rows[at].cells if number(sheet.of(cell)) is not None]
    return _other_digit(sheet, chance, at, chance.choice(cells)) if cells else None


def _date_moved(sheet: Sheet, chance: random.Random) -> tuple[str, int] | None:
    found = _cell(sheet, chance, lambda text: day_in(text) is not None)
    if found is None:
        return None
    at, cell = found
    said = sheet.text[cell.start : cell.end]
    day = day_in(said)
    assert day is not None
    places = [place for place in range(*day.span()) if said[place].isdigit()]
    place = chance.choice(places)
    other = chance.choice([digit for digit in "0123456789" if digit != said[place]])
    return _replaced(sheet, cell, said[:place] + other + said[place + 1 :]), at


def _word_changed(sheet: Sheet, chance: random.Random) -> tuple[str, int] | None:
    """Another row's word in the same column, or one that nobody knows."""
    found = _cell(sheet, chance, lambda text: bool(_WORD.search(text)))
    if found is None:
        return None
    at, cell = found
    others = [
        sheet.of(same)
        for row in sheet.rows
        if not row.is_header
        for same in row.cells
        if same.name == cell.name and sheet.of(same) not in ("", sheet.of(cell))
    ]
    said = sheet.text[cell.start : cell.end]
    if others and chance.random() < 0.6:
        return _replaced(sheet, cell, chance.choice(others)), at
    word = chance.choice(list(_WORD.finditer(said)))
    return _replaced(sheet, cell, said[: word.start()] + "Zq" + said[word.end() :]), at


def _cell_emptied(sheet: Sheet, chance: random.Random) -> tuple[str, int] | None:
    found = _cell(sheet, chance, bool)
    return None if found is None else (_replaced(sheet, found[1], ""), found[0])


def _cell(sheet: Sheet, chance: random.Random, fits: Callable[[str], bool]) -> tuple[int, Cell] | None:
    at = _row(sheet, chance)
    row: Row = sheet.rows[at]
    cells = [cell for cell in row.cells if fits(sheet.of(cell))]
    return (at, chance.choice(cells)) if cells else None


def _other_digit(sheet: Sheet, chance: random.Random, at: int, cell: Cell) -> tuple[str, int]:
    said = sheet.text[cell.start : cell.end]
    place = chance.choice([place for place, sign in enumerate(said) if sign.isdigit()])
    other = chance.choice([digit for digit in "0123456789" if digit != said[place]])
    return _replaced(sheet, cell, said[:place] + other + said[place + 1 :]), at


def _replaced(sheet: Sheet, cell: Cell, said: str) -> str:
    return sheet.text[: cell.start] + said + sheet.text[cell.end :]


KINDS: dict[str, Callable[[Sheet, random.Random], tuple[str, int] | None]] = {
    "columns moved": _columns_moved,
    "row cut": _row_cut,
    "row doubled": _row_doubled,
    "pair split": _pair_split,
    "sign flipped": _sign_flipped,
    "digit changed": _digit_changed,
    "total wrong": _total_wrong,
    "date moved": _date_moved,
    "word changed": _word_changed,
    "cell emptied": _cell_emptied,
}
