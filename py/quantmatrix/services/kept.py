"""The servers that ``up`` starts: begun, remembered in a file, known with certainty, ended at last."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.account import Account
from quantmatrix.services.files import last_lines, read_if_there, write_whole
from quantmatrix.services.processes import (
    clean_environment,
    is_alive,
    run_in_background,
    terminate,
    wait_until,
)


@dataclass(frozen=True)
class Running:
    """A process that runs, and the digest of what it was started with."""

    pid: int
    config: str


class Server(ABC):
    """One server of an environment. Callers hold the environment's lock around what starts and stops it."""

    name: str
    """What people call it."""

    @abstractmethod
    def stop(self) -> bool:
        """Stop it and wait until it is gone; whether one was running."""


class Kept(Server):
    """A server of a folder that is a process of ours; PostgreSQL, which keeps itself, is none."""

    START_SECONDS: float
    """How long it may take until it is up."""
    STOP_SECONDS: float
    """How long it may take to end before it is killed."""
    NOT_UP = "did not listen"
    """What it did not do, if it did not start."""
    UNCHANGED = "the database and the API run and are as they were"
    """What is as before, if it did not start."""
    WITHOUT: str
    """What to do, if it did not start."""

    def __init__(self, name: str, folder: Path, log: Path, account: Account | None = None) -> None:
        self.name = name
        self.folder = folder
        # As the person who starts it, where no account is named.
        self.account = account or Account("", os.geteuid(), os.getegid(), switched=False)
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

    def begin(self, command: Sequence[str], config: str, is_up: Callable[[], bool]) -> Running:
        """Start ``command``, remember it, and wait until it is up; one that is not is ended again."""
        pid = run_in_background(command, account=self.account, log=self.log, environment=clean_environment())
        running = self.remember(pid, config)
        wait_until(lambda: is_up() or not is_alive(pid), self.START_SECONDS)
        if not is_alive(pid) or not is_up():
            self.stop()
            said = [line for line in last_lines(self.log, 3).splitlines() if line.strip()]
            raise Problem(
                f"{self.name} did not start",
                where=str(self.log),
                why=said[-1] if said else f"it {self.NOT_UP} after {self.START_SECONDS:.0f} seconds",
                unchanged=self.UNCHANGED,
                next_step=self.WITHOUT,
                exit_code=ExitCode.UNREACHABLE,
            )
        return running

    def stop(self) -> bool:  # noqa: D102
        running = self.running()
        if running:
            terminate(running.pid, lambda: self.running() is None, patience=self.STOP_SECONDS)
        self.pid_file.unlink(missing_ok=True)
        return running is not None
