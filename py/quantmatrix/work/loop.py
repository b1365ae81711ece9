"""The worker: looks every second with one query, and gives each kind that has something to do a thread."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from quantmatrix.door.login import PersonSession
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.work.context import Context
from quantmatrix.work.registry import KINDS, Kind

LOOK_SECONDS = 1.0
BEAT_SECONDS = 5.0
KEEP_SECONDS = 60.0
PATIENCE_SECONDS = 10.0
JOBS = "jobs"
JOBS_AT_ONCE = 2


def name() -> str:
    """A name for this worker: machine, process, and what tells it from one that had this number before."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass
class Worker:
    """One worker and what it does at the moment."""

    context: Context
    kinds: Sequence[Kind]
    _running: dict[Future[None], Kind] = field(default_factory=dict)
    _failed: dict[str, str] = field(default_factory=dict)
    _outdated: Problem | None = None

    def once(self) -> bool:
        """One turn of each kind, due or not, all jobs that wait; whether all went well."""
        with self.context.service() as desk:
            self._beat(desk)
        for kind in self.kinds:
            if kind.NAME == JOBS:
                while (done := self._try(kind)) is not None:
                    self.context.narrate(done)
            else:
                self._turn(kind, even_if_not_due=True)
        self._leave()
        return not self._failed

    def run(self) -> None:
        """Work until ``context.ending``; a database that is away is waited for."""
        with ThreadPoolExecutor(max_workers=len(self.kinds) + JOBS_AT_ONCE) as pool:
            while not self.context.ending.is_set():
                try:
                    with self.context.service() as desk:
                        self._look_until_it_fails(desk, pool)
                except Problem as problem:
                    if problem.exit_code is not ExitCode.UNREACHABLE:
                        self.context.ending.set()
                        raise
                    self.context.narrate(problem.what)
                self.context.ending.wait(LOOK_SECONDS)
        if self._outdated is not None:
            raise self._outdated
        self._leave()

    def _look_until_it_fails(self, desk: PersonSession, pool: ThreadPoolExecutor) -> None:
        self._beat(desk)
        # Who starts a worker waits for this: from now on it is seen.
        self.context.narrate(f"working: {', '.join(kind.NAME for kind in self.kinds)}")
        beaten = kept = float("-inf")
        every = {kind.NAME: kind.EVERY for kind in self.kinds}
        while not self.context.ending.is_set():
            self._forget_what_ended()
            now = time.monotonic()
            if now - beaten >= BEAT_SECONDS:
                self._beat(desk)
                beaten = now
            if now - kept >= KEEP_SECONDS:
                self._keep(desk)
                kept = now
            for due in desk.call("work.look", {"p_every": every}):
                kind = KINDS[due]
                if self._count(kind) < (JOBS_AT_ONCE if due == JOBS else 1):
                    self._running[pool.submit(self._turn, kind)] = kind
            self.context.ending.wait(LOOK_SECONDS)

    def _count(self, kind: Kind) -> int:
        return sum(running is kind for running in self._running.values())

    def _forget_what_ended(self) -> None:
        for future in [future for future in self._running if future.done()]:
            del self._running[future]

    def _turn(self, kind: Kind, *, even_if_not_due: bool = False) -> None:
        """Take the turn of ``kind`` where nobody has it, and note how it went. Jobs are claimed singly."""
        if kind.NAME == JOBS:
            done = self._try(kind)
            if done:
                self.context.narrate(done)
            return
        try:
            own = {"p_kind": kind.NAME, "p_worker": self.context.worker}
            with self.context.service() as desk:
                taken = desk.call("work.take_turn", own | {"p_at_once": even_if_not_due})
            if not taken:
                return
            done = self._try(kind)
            if done:
                self.context.narrate(f"{kind.NAME}: {done}")
            ended = {
                "p_every": kind.EVERY,
                "p_outcome": done or "nothing to do",
                "p_error": self._failed.get(kind.NAME),
            }
            with self.context.service() as desk:
                desk.call("work.end_turn", own | ended)
        except Problem as error:
            # The lease lapses, and the next look finds the turn due again.
            self._note(kind, error)

    def _try(self, kind: Kind) -> str | None:
        try:
            done = kind.run(self.context)
        except Exception as error:
            self._note(kind, error)
            return None
        self._failed.pop(kind.NAME, None)
        return done

    def _note(self, kind: Kind, error: Exception) -> None:
        told = (
            error.what if isinstance(error, Problem) else " ".join(str(error).split()) or type(error).__name__
        )
        if self._failed.get(kind.NAME) != told:
            self.context.narrate(f"{kind.NAME} failed: {told}")
        self._failed[kind.NAME] = told
        if isinstance(error, Problem) and error.exit_code is ExitCode.MIGRATION_NEEDED:
            # Another program than this one is wanted: whoever started it starts that.
            self._outdated = error
            self.context.ending.set()

    def _beat(self, desk: PersonSession) -> None:
        names = [kind.NAME for kind in self.kinds]
        desk.call("work.beat", {"p_worker": self.context.worker, "p_kinds": names})

    def _keep(self, desk: PersonSession) -> None:
        for kind in set(map(id, self._running.values())):
            running = next(k for k in self._running.values() if id(k) == kind)
            if running.NAME != JOBS:
                desk.call("work.keep_turn", {"p_kind": running.NAME, "p_worker": self.context.worker})

    def _leave(self) -> None:
        try:
            with self.context.service() as desk:
                desk.call("work.leave", {"p_worker": self.context.worker})
        except Problem as problem:
            # The leases lapse without us.
            self.context.narrate(f"left without a word: {problem.what}")
