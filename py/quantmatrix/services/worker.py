"""The worker of an environment: ``quantmatrix work`` as a process of its own."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from quantmatrix import __version__
from quantmatrix.database import repeatable
from quantmatrix.services.files import read_if_there, write_whole
from quantmatrix.services.kept import Kept, Running
from quantmatrix.services.processes import (
    has_argument,
)

START_SECONDS = 30.0
WORKING = "working: "


class WorkerServer(Kept):
    """The worker of one data directory. Callers hold the environment's lock around ``start`` and ``stop``.

    It runs as the person who starts it, as the sign-in page does: backups and feeds read that one's files.
    """

    # A job that runs is given back, which takes the database a moment.
    STOP_SECONDS = 15.0
    START_SECONDS = START_SECONDS
    NOT_UP = "did not work"
    WITHOUT = "read the log, or do without: quantmatrix up --no-worker"

    def __init__(self, folder: Path, data_dir: Path) -> None:
        super().__init__("the worker", folder, folder / "work.log")
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
        command = [sys.executable, "-P", "-m", "quantmatrix", "--data-dir", str(self.data_dir), "work"]
        return self.begin(command, program, self._works)

    def _works(self) -> bool:
        return WORKING in (read_if_there(self.log) or "")
