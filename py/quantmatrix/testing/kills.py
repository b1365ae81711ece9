"""SIGKILL at random moments: a command runs against servers of its own, and one process dies meanwhile.

A test says which command, whom it strikes, and what must hold afterwards. A fixed share of the moments is in
every run; the others are marked ``soak`` (``make soak``, ``QUANTMATRIX_SOAK_RUNS``).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import psycopg
import pytest

from quantmatrix.services.credentials import SUPERUSER
from quantmatrix.services.processes import is_alive, wait_until
from quantmatrix.testing.cluster import Api, Cluster

# As people run it: what was committed must be there after a kill.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
COMMAND_LINE = (sys.executable, "-m", "quantmatrix")
SOAK_RUNS = 60
PATIENCE = 120.0


class Victim(StrEnum):
    """Whom a kill strikes."""

    COMMAND = "command"
    """The command's own process; what it started is left to see for itself."""
    POSTMASTER = "postmaster"
    """The server's first process: the others end when they see it."""
    BACKEND = "backend"
    """The process that works for the command; the server restarts all of them."""
    API = "api"
    """PostgREST."""


@dataclass(frozen=True)
class Kill:
    """Whom, and after which share of the time that the command takes when nobody strikes."""

    victim: Victim
    at: float

    def __str__(self) -> str:
        return f"{self.victim}-{self.at:.4f}"


@dataclass(frozen=True)
class Outcome:
    """How a struck command ended: its status, what it said, and whether the victim was still there."""

    status: int
    stdout: str
    stderr: str
    struck: bool


def kills(name: str, share: int, victims: Sequence[Victim] = tuple(Victim)[:3]) -> list[Any]:
    """Parameters for a test: ``share`` kills for every run, the rest of the soak marked so.

    The moments are the same in each run and on each worker: ``name`` seeds them.
    """
    soak = int(os.environ.get("QUANTMATRIX_SOAK_RUNS", SOAK_RUNS))
    moments = random.Random(name)
    return [
        pytest.param(
            kill := Kill(victims[number % len(victims)], moments.uniform(0.02, 0.98)),
            id=str(kill),
            marks=[pytest.mark.soak] if number >= share else [],
        )
        for number in range(max(share, soak))
    ]


@dataclass
class Stage:
    """Servers that may be killed, and how long each command takes on them when nobody strikes."""

    cluster: Cluster
    api: Api | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def measure(self, name: str, command: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
        """Run ``command`` undisturbed and remember under ``name`` how long it took; its output."""
        begun = time.monotonic()
        process = self._start(command, variables)
        stdout, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, stderr
        self.seconds[name] = time.monotonic() - begun
        return stdout

    def strike(
        self, name: str, command: Sequence[str], kill: Kill, variables: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run ``command``, kill its victim at the moment of ``kill``, and bring the servers back."""
        process = self._start(command, variables)
        try:
            stdout, stderr = process.communicate(timeout=self.seconds[name] * kill.at)
            struck = False
        except subprocess.TimeoutExpired:
            struck = self._kill(kill.victim, process)
            try:
                stdout, stderr = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        self.recover()
        return Outcome(process.returncode, stdout, stderr, struck)

    def recover(self) -> None:
        """Start what was killed, and wait until nobody works for a command that is gone."""
        self.cluster.environment.ensure_running()
        assert wait_until(self._serves, PATIENCE), "the server did not come back"
        assert wait_until(lambda: not self._working(), PATIENCE), "somebody still works in the database"
        if self.api is not None:
            self.api.server.start(self.api.config)

    def postmaster(self) -> int:
        """Process number of the server."""
        environment = self.cluster.environment
        running = environment.postgres(environment.known_state()).running()
        assert running is not None
        return running.pid

    def _start(self, command: Sequence[str], variables: Mapping[str, str] | None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command],
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _kill(self, victim: Victim, process: subprocess.Popen[str]) -> bool:
        pid = self._pid(victim, process)
        try:
            if pid is None:
                return False
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        if victim is Victim.POSTMASTER:
            # Its own start would otherwise take the dying server for a living one.
            wait_until(lambda: not is_alive(pid), PATIENCE)
        return True

    def _pid(self, victim: Victim, process: subprocess.Popen[str]) -> int | None:
        if victim is Victim.COMMAND:
            return process.pid
        if victim is Victim.POSTMASTER:
            return self.postmaster()
        if victim is Victim.API:
            assert self.api is not None, "the stage has no API"
            running = self.api.server.running()
            return running.pid if running else None
        working = self._working()
        return working[-1] if working else None

    def _working(self) -> list[int]:
        """Processes of the server that work for a client, the busiest last; a resting pool is left out."""
        with closing(psycopg.connect(self._dsn, autocommit=True)) as connection:
            found = connection.execute(
                "select a.pid from pg_stat_activity a where a.backend_type = 'client backend'"
                " and a.pid <> pg_backend_pid() and not (a.usename = 'authenticator' and a.state = 'idle')"
                " order by a.state = 'active', a.xact_start nulls first, a.pid"
            ).fetchall()
        return [pid for (pid,) in found]

    def _serves(self) -> bool:
        try:
            psycopg.connect(self._dsn).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def _dsn(self) -> str:
        return self.cluster.environment.dsn(SUPERUSER, "postgres")
