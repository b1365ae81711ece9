"""Rows that belong together in pairs within one account: what leaves and comes back, what turns into what.

A journal between cash and margin, coins that go to an earn wallet and return, a reverse split told as two
transfers: as two rows of their own they would lose basis and date. Pairs are found by reference, day, words
and amount; what stays unpaired is the importer's to say, with its units.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

AT_MOST = 50_000
"""Moves that an importer needs to remember; a file with more of them has its later ones unpaired."""


@dataclass(frozen=True, slots=True)
class Move:
    """A row that moves units of one thing, or money; ``quantity`` is signed, + into the account.

    ``reference`` is what the source prints on both rows of one event and on no other; ``words`` what both
    have in common.
    """

    line: int
    account: str | None
    thing: str
    quantity: Decimal
    day: date
    words: str = ""
    reference: str = ""


def returning(moves: Iterable[Move], *, days: int = 0) -> dict[int, int]:
    """The line of the other half by that of each: equal units of one thing, out and in again.

    Halves of one reference first, then of one day and the same words, of one day, and at last of days that
    are at most ``days`` apart. Two references that differ never make a pair.
    """
    waiting = [move for move in moves if move.quantity]
    found: dict[int, int] = {}

    def settle(pairs: list[tuple[Move, Move]]) -> list[Move]:
        for one, other in pairs:
            found[one.line], found[other.line] = other.line, one.line
        return [move for move in waiting if move.line not in found]

    referred = [move for move in waiting if move.reference]
    waiting = settle(_matches(referred, lambda move: (_what(move), move.reference), are_referred=True))
    worded = [move for move in waiting if move.words]
    waiting = settle(_matches(worded, lambda move: (_what(move), move.day, move.words)))
    waiting = settle(_matches(waiting, lambda move: (_what(move), move.day)))
    if days:
        settle(_matches(sorted(waiting, key=lambda move: move.day), _what, days=days))
    return found


def turning(moves: Iterable[Move]) -> list[tuple[Move, Move]]:
    """What left and what came for it: of one account, day and words, whatever the units.

    Both of one thing first; else in order, where as many left as came.
    """
    groups: defaultdict[Hashable, tuple[list[Move], list[Move]]] = defaultdict(lambda: ([], []))
    for move in moves:
        if move.quantity:
            out, into = groups[move.account, move.day, move.words]
            (into if move.quantity > 0 else out).append(move)
    found: list[tuple[Move, Move]] = []
    for out, into in groups.values():
        for left in list(out):
            same = next((came for came in into if came.thing == left.thing), None)
            if same is not None:
                found.append((left, same))
                out.remove(left)
                into.remove(same)
        if len(out) == len(into):
            found += zip(out, into, strict=True)
    return found


def _what(move: Move) -> Hashable:
    return move.account, move.thing, abs(move.quantity)


def _matches(
    moves: Iterable[Move],
    key: Callable[[Move], Hashable],
    *,
    are_referred: bool = False,
    days: int | None = None,
) -> list[tuple[Move, Move]]:
    """Halves of one key, of those that wait the first; ``are_referred``: their key holds the reference.

    With ``days`` the moves stand in the order of time.
    """
    waiting: defaultdict[Hashable, deque[Move]] = defaultdict(deque)
    found: list[tuple[Move, Move]] = []
    for move in moves:
        group, is_in, has_own = key(move), move.quantity > 0, bool(move.reference)
        # Two references that differ are two events.
        for other_has in (True,) if are_referred else (False,) if has_own else (False, True):
            others = waiting[group, not is_in, other_has]
            while days is not None and others and (move.day - others[0].day).days > days:
                others.popleft()
            if others:
                found.append((others.popleft(), move))
                break
        else:
            waiting[group, is_in, has_own].append(move)
    return found
