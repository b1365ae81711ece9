"""The worker of an environment: ``quantmatrix work`` as a process of its own."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from quantmatrix import __version__
from quantmatrix.database import repeatable
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.account import Account
from quantmatrix.services.files import last_lines, read_if_there, write_whole
from quantmatrix.services.kept import Kept, Running
from quantmatrix.services.processes import (
    clean_environment,
    has_argument,
    is_alive,
    run_in_background,
    wait_until,
)

START_SECONDS = 30.0
WORKING = "working: "


class WorkerServer(Kept):
    """The worker of one data directory. Callers hold the environment's lock around ``start`` and ``stop``.

    It runs as the person who starts it, as the sign-in page does: backups and feeds read that one's files.
    """

    # A job that runs is given back, which takes the database a moment.
    STOP_SECONDS = 15.0

    def __init__(self, folder: Path, data_dir: Path) -> None:
        super().__init__(folder, folder / "work.log")
        self.data_dir = data_dir

    def is_ours(self, pid: int) -> bool:  # noqa: D102
        return has_argument(pid, "work") and has_argument(pid, str(self.data_dir))

    def start(self) -> Running:
        """Start it unless it runs from this very program, and wait until it works."""
        program = hashlib.sha256(f"{__version__} {repeatable.digest()}".encode()).hexdigest()
        running = self.running()
        if running and running.config == program:
            return running
        self.stop()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What it said before is of no use once it works, and the file must not grow for ever.
        write_whole(self.log, "")
        pid = run_in_background(
            [sys.executable, "-P", "-m", "quantmatrix", "--data-dir", str(self.data_dir), "work"],
            account=Account("", os.geteuid(), os.getegid(), switched=False),
            log=self.log,
            environment=clean_environment(),
        )
        running = self.remember(pid, program)
        wait_until(lambda: self._works() or not is_alive(pid), START_SECONDS)
        if not is_alive(pid) or not self._works():
            self.stop()
            raise self._did_not_start()
        return running

    def _works(self) -> bool:
        return WORKING in (read_if_there(self.log) or "")

    def _did_not_start(self) -> Problem:
        said = [line for line in last_lines(self.log, 3).splitlines() if line.strip()]
        return Problem(
            "the worker did not start",
            where=str(self.log),
            why=said[-1] if said else f"it did not work after {START_SECONDS:.0f} seconds",
            unchanged="the database and the API run and are as they were",
            next_step="read the log, or do without: quantmatrix up --no-worker",
            exit_code=ExitCode.UNREACHABLE,
        )
