"""Who runs the servers: the person, or a system user when that is root (PostgreSQL refuses root)."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.files import exclusive_lock

SERVICE_USER = "quantmatrix"
SYSTEM_DIRECTORY = Path("/var/lib/quantmatrix")


@dataclass(frozen=True)
class Account:
    """The operating system's user that owns the servers' files and processes."""

    name: str
    uid: int
    gid: int
    switched: bool
    """Whether this is another user than the one who runs the program (that is: root runs it)."""

    def popen_arguments(self) -> dict[str, Any]:
        """Keyword arguments that make ``subprocess`` run a command as this user."""
        if not self.switched:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Make ``path`` belong to this user."""
        if self.switched:
            os.chown(path, self.uid, self.gid)

    def make_directory(self, path: Path, mode: int = 0o700) -> Path:
        """Make ``path`` if it is missing, belonging to this user with exactly ``mode``."""
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
        self.own(path)
        return path


def service_account() -> Account:
    """The account for the servers. Makes the system user when run by root for the first time."""
    if os.geteuid() != 0:
        person = _by_uid(os.geteuid())
        if person is None:
            raise _nameless(os.geteuid())
        return Account(person.pw_name, os.geteuid(), os.getegid(), switched=False)
    entry = _by_name(SERVICE_USER) or _create()
    SYSTEM_DIRECTORY.mkdir(mode=0o755, parents=True, exist_ok=True)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switched=True)


def _by_uid(uid: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return None


def _by_name(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _create() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise _cannot_create("there is no useradd on this system")
    SYSTEM_DIRECTORY.mkdir(mode=0o755, parents=True, exist_ok=True)
    with exclusive_lock(SYSTEM_DIRECTORY / "lock"):
        if entry := _by_name(SERVICE_USER):
            return entry
        home = str(SYSTEM_DIRECTORY)
        command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", home]
        command += ["--shell", "/usr/sbin/nologin", "--comment", "QuantMatrix servers", SERVICE_USER]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        entry = _by_name(SERVICE_USER)
        if made.returncode != 0 or entry is None:
            raise _cannot_create(made.stderr.strip() or "useradd failed")
        return entry


def _nameless(uid: int) -> Problem:
    return Problem(
        f"the user id {uid} has no name on this system",
        why="PostgreSQL runs only for users that are in /etc/passwd",
        unchanged="nothing was started",
        next_step="run it as a user with a name, or use a running server with QUANTMATRIX_DATABASE_URL",
        exit_code=ExitCode.PERMISSION,
    )


def _cannot_create(why: str) -> Problem:
    return Problem(
        f"the system user {SERVICE_USER!r} could not be made",
        why=f"{why}; PostgreSQL refuses to run as root, so its servers need a user of their own",
        unchanged="nothing was started",
        next_step=f"make a system user named {SERVICE_USER}, or run quantmatrix as an ordinary user",
        exit_code=ExitCode.PERMISSION,
    )
