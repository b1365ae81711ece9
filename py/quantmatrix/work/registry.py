"""Every kind of work there is."""

from __future__ import annotations

from typing import Protocol

from quantmatrix.work import jobs, seal, sessions, sweep, verify
from quantmatrix.work.context import Context


class Kind(Protocol):
    """What a module of this package offers."""

    NAME: str
    EVERY: int

    def run(self, context: Context) -> str | None:
        """Do one turn; what was done, in a few words, or None where there was nothing to do."""


_ALL: tuple[Kind, ...] = (jobs, seal, sessions, sweep, verify)
KINDS: dict[str, Kind] = {kind.NAME: kind for kind in _ALL}
