"""The sign-in page of an environment: ``quantmatrix serve`` as a process of its own, behind the proxy."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services import ports
from quantmatrix.services.account import Account
from quantmatrix.services.files import last_lines, read_if_there
from quantmatrix.services.kept import Kept, Running
from quantmatrix.services.processes import (
    clean_environment,
    has_argument,
    is_alive,
    run_in_background,
    wait_until,
)

START_SECONDS = 20.0


@dataclass(frozen=True)
class SignInConfig:
    """What differs between one page and another; ``public_url`` is how people and providers reach it."""

    port: int
    providers: Path
    public_url: str

    def digest(self) -> str:
        """Of all that the page reads once, when it starts."""
        known = f"{self.port} {self.public_url} {self.providers} {read_if_there(self.providers)}"
        return hashlib.sha256(known.encode()).hexdigest()


class SignInServer(Kept):
    """The page of one data directory. Callers hold the environment's lock around ``start`` and ``stop``.

    It runs as the person who starts it, not as the servers' account: that one may neither enter the folder of
    the program nor read the secrets of the providers.
    """

    STOP_SECONDS = 5.0

    def __init__(self, folder: Path, data_dir: Path) -> None:
        super().__init__(folder, folder / "sign-in.log")
        self.data_dir = data_dir

    def is_ours(self, pid: int) -> bool:  # noqa: D102
        return has_argument(pid, "serve") and has_argument(pid, str(self.data_dir))

    def start(self, config: SignInConfig) -> Running:
        """Start it with ``config`` unless it runs with that already, and wait until it listens."""
        digest = config.digest()
        running = self.running()
        if running and running.config == digest:
            return running
        self.stop()
        if not ports.is_free(config.port):
            raise ports.taken(config.port, "the sign-in page", "--sign-in-port")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "quantmatrix", "--data-dir", str(self.data_dir), "serve"]
        command += ["--providers", str(config.providers), "--port", str(config.port)]
        command += ["--public-url", config.public_url]
        pid = run_in_background(
            command,
            account=Account("", os.geteuid(), os.getegid(), switched=False),
            log=self.log,
            environment=clean_environment(),
        )
        running = self.remember(pid, digest)
        wait_until(lambda: not ports.is_free(config.port) or not is_alive(pid), START_SECONDS)
        if not is_alive(pid) or ports.is_free(config.port):
            self.stop()
            raise self._did_not_start()
        return running

    def _did_not_start(self) -> Problem:
        said = [line for line in last_lines(self.log, 3).splitlines() if line.strip()]
        return Problem(
            "the sign-in page did not start",
            where=str(self.log),
            why=said[-1] if said else f"it did not listen after {START_SECONDS:.0f} seconds",
            unchanged="the database and the API run and are as they were",
            next_step="read the log, or do without: quantmatrix up --no-providers",
            exit_code=ExitCode.UNREACHABLE,
        )
