"""Which ids a file says more than once: told by a first pass over it, in memory that stays the same."""

from __future__ import annotations

_SLOTS = 1 << 25


class Repeats:
    """One bit for each of 33 million hashes; an id is suspected where its bit was set before.

    A suspicion may be wrong, for one id in a hundred at 300,000 ids; then the second pass remembers a row for
    nothing. It is never missed.
    """

    def __init__(self) -> None:
        self._bits = bytearray()
        self._suspects: set[int] = set()

    def look(self, identity: str) -> None:
        """Take in the id of one row."""
        self._bits = self._bits or bytearray(_SLOTS // 8)
        slot = hash(identity) % _SLOTS
        at, bit = slot >> 3, 1 << (slot & 7)
        if self._bits[at] & bit:
            self._suspects.add(slot)
        else:
            self._bits[at] |= bit

    def may_repeat(self, identity: str) -> bool:
        """Whether another row of the file may have this id."""
        return hash(identity) % _SLOTS in self._suspects
