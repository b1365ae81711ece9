"""An embedded PostgreSQL: made, started, known, recovered, stopped."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quantmatrix.errors import Problem
from quantmatrix.services import ports
from quantmatrix.services.account import Account
from quantmatrix.services.binaries import Postgres, executable_postgres, find_postgres
from quantmatrix.services.credentials import SUPERUSER
from quantmatrix.services.files import last_lines, read_if_there, write_whole
from quantmatrix.services.kept import Server
from quantmatrix.services.layout import Layout
from quantmatrix.services.logs import START_LOG
from quantmatrix.services.postgres_failures import explain_failure, not_enough_room, passes
from quantmatrix.services.postgres_settings import (
    INCLUDE,
    access_file,
    is_former_access_file,
    settings_file,
)
from quantmatrix.services.processes import any_works_in, clean_environment, is_alive, wait_until, works_in

START_SECONDS = 120
STOP_SECONDS = 120
ENDING_SECONDS = 20
LEAST_FREE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Running:
    """A server that runs: its process and the port it said it listens on."""

    pid: int
    port: int
    ready: bool


class PostgresServer(Server):
    """The PostgreSQL of one environment. Callers hold the lock around ``create``, ``start`` and ``stop``."""

    name = "PostgreSQL"

    def __init__(self, layout: Layout, account: Account, settings: Mapping[str, str] | None = None) -> None:
        self.layout = layout
        self.account = account
        self.settings = dict(settings or {})

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.layout.postgres_data

    def exists(self) -> bool:
        """Whether the data directory was made (whole: it is made beside and renamed)."""
        return (self.data / "PG_VERSION").is_file()

    def running(self) -> Running | None:
        """The server that runs on this data directory and accepts connections, or None."""
        found = self._postmaster()
        return found if found and found.ready else None

    def _postmaster(self) -> Running | None:
        """The living server that ``postmaster.pid`` names; a namesake of its pid counts for nothing."""
        lines = (read_if_there(self.data / "postmaster.pid") or "").splitlines()
        if len(lines) < 4 or not works_in(int(lines[0]), self.data):
            return None
        return Running(int(lines[0]), int(lines[3]), len(lines) > 7 and lines[7].strip() == "ready")

    def create(self, superuser_password: str) -> None:
        """Make the data directory: UTF-8, C.UTF-8, page checksums. A crash leaves nothing half made."""
        if shutil.disk_usage(self.layout.home).free < LEAST_FREE_BYTES:
            raise not_enough_room(self.layout.home)
        programs = executable_postgres(self.programs(), self.account)
        beside = self.layout.home / "postgres.new"
        shutil.rmtree(beside, ignore_errors=True)
        secret = self.layout.home / "initdb.password"
        try:
            write_whole(secret, superuser_password + "\n")
            self.account.own(secret)
            command = [programs.program("initdb"), "--pgdata", str(beside), "--username", SUPERUSER]
            command += ["--auth", "scram-sha-256", "--pwfile", str(secret), "--encoding", "UTF8"]
            command += ["--locale", "C.UTF-8", "--data-checksums", "--no-instructions"]
            if programs.major >= 17:
                command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
            made = self._run(command)
            if made.returncode != 0:
                raise explain_failure("made", made.stderr, self.layout.logs, beside)
            self._write_once(beside)
            beside.rename(self.data)
        except OSError as error:
            raise explain_failure("made", error.strerror or str(error), self.layout.logs, beside) from error
        finally:
            secret.unlink(missing_ok=True)
            shutil.rmtree(beside, ignore_errors=True)

    def _write_once(self, folder: Path) -> None:
        main = folder / "postgresql.conf"
        main.write_text(main.read_text(encoding="utf-8") + f"\ninclude '{INCLUDE}'\n", encoding="utf-8")
        self._write_owned(folder / "pg_hba.conf", access_file())
        self._write_owned(folder / INCLUDE, "")

    def _write_owned(self, path: Path, text: str) -> None:
        write_whole(path, text)
        self.account.own(path)

    def start(self, port: int) -> Running:
        """Start on ``port`` and wait until it accepts connections. Recovers after a kill or a crash."""
        if self._postmaster() and (running := self._settled()):
            return running
        programs = executable_postgres(self.programs(), self.account)
        if not ports.is_free(port):
            raise ports.taken(port, "PostgreSQL", "--database-port")
        text = settings_file(
            port, self.layout.socket_directory, self.layout.logs, self.settings, self._major_version()
        )
        self._write_owned(self.data / INCLUDE, text)
        if is_former_access_file(read_if_there(self.data / "pg_hba.conf") or ""):
            self._write_owned(self.data / "pg_hba.conf", access_file())
        command = [programs.program("pg_ctl"), "start", "--pgdata", str(self.data), "--wait", "--silent"]
        command += ["--timeout", str(START_SECONDS), "--log", str(self.layout.logs / START_LOG)]
        deadline = time.monotonic() + ENDING_SECONDS
        while True:
            self._remove_namesake()
            begun = time.time()
            (self.layout.logs / START_LOG).unlink(missing_ok=True)
            done = self._run(command)
            running = self.running()
            if done.returncode == 0 and running:
                return running
            said = "\n".join((self._logged_since(begun), done.stderr, done.stdout))
            if not passes(said) or time.monotonic() > deadline:
                raise explain_failure("started", said, self.layout.logs, self.data, port)
            # The processes of a server that was killed need a moment to see it.
            # Recovery may need a second try.
            time.sleep(0.2)

    def _settled(self) -> Running | None:
        """The server, once it has recovered and accepts connections; None if it ended instead."""
        wait_until(lambda: self._postmaster() is None or self.running() is not None, START_SECONDS)
        return self.running()

    def _logged_since(self, begun: float) -> str:
        logs = sorted(self.layout.logs.glob("postgres-*.log"), key=lambda path: path.stat().st_mtime)
        # File systems keep times less exactly than clocks.
        return "\n".join(last_lines(path, 40) for path in logs if path.stat().st_mtime >= begun - 1)

    def stop(self) -> bool:  # noqa: D102
        running = self.running()
        if running is None:
            return False
        programs = executable_postgres(self.programs(), self.account)
        done = self._run(
            [
                programs.program("pg_ctl"),
                "stop",
                "--pgdata",
                str(self.data),
                "--mode",
                "fast",
                "--wait",
                "--silent",
                "--timeout",
                str(STOP_SECONDS),
            ]
        )
        if not wait_until(lambda: not is_alive(running.pid), 5.0):
            raise Problem(
                "PostgreSQL did not stop",
                where=f"process {running.pid}",
                why=(done.stderr or done.stdout).strip()
                or f"it was still there after {STOP_SECONDS} seconds",
                unchanged="no data were lost; the server still runs",
                next_step=f"look at {self.layout.logs}, end long queries, then run 'quantmatrix down' again",
            )
        return True

    def _remove_namesake(self) -> None:
        """Remove a pid file whose number now belongs to a stranger, whom PostgreSQL would take for itself.

        That of a process that is gone is left to PostgreSQL, which looks for survivors of that server first.
        """
        path = self.data / "postmaster.pid"
        lines = (read_if_there(path) or "").splitlines()
        if lines and lines[0].isdigit() and is_alive(int(lines[0])) and not any_works_in(self.data):
            path.unlink(missing_ok=True)

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=clean_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **self.account.popen_arguments(),
        )

    def programs(self) -> Postgres:
        """The installation that fits the data (or, before there are any, the one that will make them)."""
        return find_postgres(self._major_version())

    def _major_version(self) -> int | None:
        """That of the data; None before there are any."""
        version = read_if_there(self.data / "PG_VERSION")
        return int(version) if version else None
