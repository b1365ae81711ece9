"""The sign-in page of an environment: ``quantmatrix serve`` as a process of its own, behind the proxy."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from quantmatrix.services import ports
from quantmatrix.services.files import read_if_there
from quantmatrix.services.kept import Kept, Running
from quantmatrix.services.processes import (
    has_argument,
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

    START_SECONDS = START_SECONDS
    STOP_SECONDS = 5.0
    WITHOUT = "read the log, or do without: quantmatrix up --no-providers"

    def __init__(self, folder: Path, data_dir: Path) -> None:
        super().__init__("the sign-in page", folder, folder / "sign-in.log")
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
        return self.begin(command, digest, lambda: not ports.is_free(config.port))
