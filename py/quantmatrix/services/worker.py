"""The worker of an environment: ``quantmatrix work`` as a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from quantmatrix import __version__
from quantmatrix.database import repeatable
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.account import Account
from quantmatrix.services.files import last_lines, read_if_there, write_whole
from quantmatrix.services.processes import (
    clean_environment,
    has_argument,
    is_alive,
    run_in_background,
    terminate,
    wait_until,
)

START_SECONDS = 30.0
# A job that runs is given back, which takes the database a moment.
STOP_SECONDS = 15.0
WORKING = "working: "


@dataclass(frozen=True)
class RunningWorker:
    """A worker that runs, and the digest of the program it was started from."""

    pid: int
    program: str


class WorkerServer:
    """The worker of one data directory. Callers hold the environment's lock around ``start`` and ``stop``.

    It runs as the person who starts it, as the sign-in page does: backups and feeds read that one's files.
    """

    def __init__(self, folder: Path, data_dir: Path) -> None:
        self.folder = folder
        self.data_dir = data_dir
        self.pid_file = folder / "pid.json"
        self.log = folder / "work.log"

    def running(self) -> RunningWorker | None:
        """The process of this folder that runs, or None; a pid file that names a stranger is nothing."""
        text = read_if_there(self.pid_file)
        try:
            found = RunningWorker(**json.loads(text)) if text else None
        except (ValueError, TypeError):
            found = None
        if found and has_argument(found.pid, "work") and has_argument(found.pid, str(self.data_dir)):
            return found
        return None

    def start(self) -> RunningWorker:
        """Start it unless it runs from this very program, and wait until it works."""
        program = hashlib.sha256(f"{__version__} {repeatable.digest()}".encode()).hexdigest()
        running = self.running()
        if running and running.program == program:
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
        running = RunningWorker(pid, program)
        write_whole(self.pid_file, json.dumps(vars(running)))
        wait_until(lambda: self._works() or not is_alive(pid), START_SECONDS)
        if not is_alive(pid) or not self._works():
            self.stop()
            raise self._did_not_start()
        return running

    def stop(self) -> bool:
        """Stop it and wait until it is gone; whether one was running."""
        running = self.running()
        if running:
            terminate(running.pid, lambda: self.running() is None, patience=STOP_SECONDS)
        self.pid_file.unlink(missing_ok=True)
        return running is not None

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
