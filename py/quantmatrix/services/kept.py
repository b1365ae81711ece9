"""A process of ours that is kept running: remembered in a file, recognised with certainty, ended at last."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from quantmatrix.services.files import read_if_there, write_whole
from quantmatrix.services.processes import terminate


@dataclass(frozen=True)
class Running:
    """A process that runs, and the digest of what it was started with."""

    pid: int
    config: str


class Kept(ABC):
    """One server of a folder. Callers hold the environment's lock around what starts and stops it."""

    STOP_SECONDS: float
    """How long it may take to end before it is killed."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder = folder
        self.log = log
        self.pid_file = folder / "pid.json"

    @abstractmethod
    def is_ours(self, pid: int) -> bool:
        """Whether ``pid`` lives and is this very server (a number alone proves nothing)."""

    def running(self) -> Running | None:
        """The process of this folder that runs, or None; a pid file that names a stranger is nothing."""
        text = read_if_there(self.pid_file)
        try:
            found = Running(**json.loads(text)) if text else None
        except (ValueError, TypeError):
            found = None
        return found if found and self.is_ours(found.pid) else None

    def remember(self, pid: int, config: str) -> Running:
        """Note what was started, for programs that come later."""
        running = Running(pid, config)
        write_whole(self.pid_file, json.dumps(vars(running)))
        return running

    def stop(self) -> bool:
        """Stop it and wait until it is gone; whether one was running."""
        running = self.running()
        if running:
            terminate(running.pid, lambda: self.running() is None, patience=self.STOP_SECONDS)
        self.pid_file.unlink(missing_ok=True)
        return running is not None
