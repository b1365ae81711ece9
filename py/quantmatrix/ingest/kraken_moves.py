"""Kraken: what moves between its wallets, and which coin is behind a code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TextIO

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.pairs import AT_MOST, Move, returning
from quantmatrix.ingest.reader import records
from quantmatrix.ingest.table import Columns, Row, name_of

_RENAMED = {"XBT": "BTC", "XXBT": "BTC", "XDG": "DOGE", "XXDG": "DOGE", "ETH2": "ETH", "KFEE": "KFEE"}
_LONG = re.compile(r"[XZ][A-Z]{3}")
_SUFFIX = re.compile(r"(?:[0-9]{2})?\.(?:S|M|F|B|P|T|HOLD)$")
_WITHIN = re.compile(r"staking|earn|allocat|migration|autoallocat|spotfromspot", re.IGNORECASE)
_MAY_MOVE = frozenset({"earn", "staking", "transfer"})
_ZERO = Decimal(0)


@dataclass(slots=True)
class Inside:
    """Lines of moves that return, of those the ones with several candidates, and units that did not."""

    pairs: set[int] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)
    lost: list[tuple[int, str, Decimal]] = field(default_factory=list)


def asset(printed: str) -> str:
    """The coin or currency behind Kraken's code: ``XXBT``, ``ZEUR``, ``XBT.M`` and ``ETH2.S``."""
    bare = _SUFFIX.sub("", printed)
    if bare in _RENAMED:
        return _RENAMED[bare]
    if _LONG.fullmatch(bare):
        bare = bare[1:]
    return _RENAMED.get(bare, bare)


def is_inside(kind: str, subtype: str, amount: Decimal) -> bool:
    """Whether a row says itself that it moves between wallets."""
    if kind == "earn":
        return subtype not in ("", "reward")
    return (kind == "transfer" or (kind == "staking" and amount <= 0)) and bool(_WITHIN.search(subtype))


def moves_within(text: TextIO, needed: frozenset[str]) -> Inside:
    """A first pass: rows of ``earn``, ``staking`` and ``transfer`` whose equal other half is in the file.

    Such a row may have neither a subtype nor a reference (``Unknown``); its halves stand a second apart.
    """
    moves: list[Move] = []
    sums: dict[str, Decimal] = {}
    newest: dict[str, int] = {}
    for row in _candidates(text, needed):
        try:
            amount = row.number("amount") or _ZERO
        except RowError:
            continue
        kind, subtype = row.text("type").lower(), row.text("subtype").lower()
        code, time = asset(row.text("asset").upper()), row.text("time")
        try:
            day = date.fromisoformat(time[:10])
        except ValueError:
            continue
        if is_inside(kind, subtype, amount):
            sums[code] = EXACT.add(sums.get(code, _ZERO), amount)
            newest[code] = row.line
        elif subtype in ("", "reward") and len(moves) < AT_MOST:
            reference = row.text("refid")
            reference = "" if reference.lower() == "unknown" else reference
            moves.append(Move(row.line, None, code, amount, day, time, reference))
    found = returning(moves)
    inside = Inside(set(found))
    inside.lost = [(newest[code], code, -rest) for code, rest in sums.items() if rest < 0]
    groups: dict[object, list[Move]] = {}
    for move in moves:
        groups.setdefault((move.thing, abs(move.quantity), move.day), []).append(move)
    for group in groups.values():
        paired = [move for move in group if move.line in found and not move.reference]
        if paired and len(paired) < len(group):
            inside.doubtful |= {min(move.line, found[move.line]) for move in paired}
    return inside


def _candidates(text: TextIO, needed: frozenset[str]) -> Iterator[Row]:
    """Each row that may be such a move, once."""
    columns: Columns | None = None
    seen: set[int] = set()
    try:
        for line, _, fields in records(text, strict=False):
            if columns is None:
                if needed <= {name_of(cell) for cell in fields}:
                    columns = Columns.of(fields)
                continue
            row = Row(line, fields, columns)
            identity = row.text("txid")
            if row.text("type").lower() in _MAY_MOVE and identity and hash(identity) not in seen:
                seen.add(hash(identity))
                yield row
    except FileRefused:
        pass  # the second pass says it, with all that stands before it
