"""An embedded PostgREST: configured, started, known, stopped."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from quantmatrix.services import ports
from quantmatrix.services.account import Account
from quantmatrix.services.binaries import executable_postgrest, find_postgrest
from quantmatrix.services.files import write_whole
from quantmatrix.services.kept import Kept, Running
from quantmatrix.services.processes import (
    has_argument,
)

START_SECONDS = 30.0
AUDIENCE = "quantmatrix"


@dataclass(frozen=True)
class PostgrestConfig:
    """What differs between one PostgREST and another."""

    database_uri: str = field(repr=False)
    key_set: str = field(repr=False)
    """Content of the key set, kept beside the configuration."""
    port: int
    admin_port: int
    changed: Mapping[str, str] = field(default_factory=dict)
    """Settings by PostgREST's names that win over the ones below."""

    def settings(self, folder: Path) -> dict[str, str]:
        """All settings by PostgREST's names."""
        origins = ", ".join(f"http://{host}:{self.port}" for host in (ports.LOOPBACK, "localhost"))
        return {
            "db-uri": self.database_uri,
            "db-schemas": "api",
            "db-extra-search-path": "api",
            "db-anon-role": "anon",
            "db-pre-request": "api.check_request",
            # A person has four requests at work at a time: people who ask for all they may leave room.
            "db-pool": "20",
            # An answer is made in memory, whole: who wants more rows asks for the next ones.
            "db-max-rows": "10000",
            "jwt-secret": f"@{folder / 'jwks.json'}",
            "jwt-aud": AUDIENCE,
            "openapi-mode": "follow-privileges",
            "server-host": ports.LOOPBACK,
            "server-port": str(self.port),
            "admin-server-port": str(self.admin_port),
            "server-cors-allowed-origins": origins,
            # The other levels log the request line, in which account numbers and symbols stand.
            "log-level": "crit",
        } | dict(self.changed)


class PostgrestServer(Kept):
    """The PostgREST of one folder. Callers hold the environment's lock around ``start`` and ``stop``."""

    START_SECONDS = START_SECONDS
    STOP_SECONDS = 10.0
    NOT_UP = "was not ready"
    UNCHANGED = "the database runs and is as it was"
    WITHOUT = "read the log; 'quantmatrix migrate status' tells whether the database has the API"

    def __init__(
        self,
        folder: Path,
        logs: Path,
        account: Account,
        *,
        name: str = "PostgREST",
        log: str = "postgrest.log",
    ) -> None:
        super().__init__(name, folder, logs / log, account)
        self.config_file = folder / "postgrest.conf"

    def is_ours(self, pid: int) -> bool:  # noqa: D102
        return has_argument(pid, str(self.config_file))

    def start(self, config: PostgrestConfig) -> Running:
        """Start it with ``config`` unless it runs with that already, and wait until it is ready to serve."""
        text = _config_text(config.settings(self.folder))
        digest = hashlib.sha256((text + config.key_set).encode()).hexdigest()
        running = self.running()
        if running and running.config == digest and self.is_ready(config.admin_port):
            return running
        self.stop()
        program = executable_postgrest(find_postgrest(), self.account)
        for port, option in ((config.port, "--api-port"), (config.admin_port, "--admin-port")):
            if not ports.is_free(port):
                raise ports.taken(port, "PostgREST", option)
        for name, content in (("postgrest.conf", text), ("jwks.json", config.key_set)):
            write_whole(self.folder / name, content)
            self.account.own(self.folder / name)
        command = [str(program.path), str(self.config_file)]
        return self.begin(command, digest, lambda: self.is_ready(config.admin_port))

    def reload(self) -> None:
        """Let it read the schema again, if it runs."""
        running = self.running()
        if running:
            os.kill(running.pid, signal.SIGUSR1)

    def is_ready(self, admin_port: int) -> bool:
        """Whether it says that it serves: connected, schema read."""
        asked = HTTPConnection(ports.LOOPBACK, admin_port, timeout=2)
        try:
            asked.request("GET", "/ready")
            return asked.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            asked.close()


def _config_text(settings: Mapping[str, str]) -> str:
    escaped = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in settings.items()}
    return "".join(f'{name} = "{value}"\n' for name, value in escaped.items())
