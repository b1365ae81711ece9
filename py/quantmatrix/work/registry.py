"""Every kind of work there is."""

from __future__ import annotations

from typing import Protocol

from quantmatrix.backup import keep
from quantmatrix.work import backup, drill, jobs, logs, seal, sessions, sweep, verify
from quantmatrix.work.context import Context


class Kind(Protocol):
    """What a module of this package offers."""

    NAME: str
    EVERY: int

    def run(self, context: Context) -> str | None:
        """Do one turn; what was done, in a few words, or None where there was nothing to do."""


# A worker that knows no folder for backups must not take the turn of one that does.
_SAVING: tuple[Kind, ...] = (backup, drill) if keep.configured() else ()
_ALL: tuple[Kind, ...] = (jobs, logs, seal, sessions, sweep, verify, *_SAVING)
KINDS: dict[str, Kind] = {kind.NAME: kind for kind in _ALL}
