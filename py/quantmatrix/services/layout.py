"""Where an environment keeps what: the data directory, and the servers' own files.

``DATA/state.json``      what is remembered: ports, where the servers' files are
``DATA/lock``            held while servers are started or stopped
``DATA/secrets/``        passwords and the signing keys, 0600 in a 0700 folder
``HOME/postgres/``       PostgreSQL's data
``HOME/run/``            the socket, in a 0700 folder
``HOME/logs/``           the newest of PostgreSQL's logs, and PostgREST's and nginx's
``HOME/postgrest/``      PostgREST's configuration and pid
``HOME/entrance/``       those of the PostgREST for signing in
``HOME/nginx/``          the proxy's configuration and pid
``DATA/sign-in/``        the sign-in page's pid and log
``DATA/worker/``         the worker's
``DATA/demo/``           the demonstration's data directory

``HOME`` is ``DATA/server``. When root runs the program the servers run as another user, who may not be able
to enter ``DATA``; then it is a folder of that user's under ``/var/lib/quantmatrix/clusters``.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.account import SYSTEM_DIRECTORY, Account
from quantmatrix.services.files import read_if_there, write_whole

STATE_FORMAT = 1
# The kernel's limit for the path of a socket, and the longest name PostgreSQL gives one.
SOCKET_PATH_BYTES = 107
SOCKET_NAME = ".s.PGSQL.65535.lock"


@dataclass(frozen=True)
class State:
    """What an environment remembers between runs."""

    instance: str
    home: str
    """Folder of the servers' files; empty when it is inside the data directory (which may be moved)."""
    database_port: int = 0
    api_port: int = 0
    admin_port: int = 0
    proxy_port: int = 0
    sign_in_port: int = 0
    entrance_port: int = 0
    """Of the API for signing in, which the proxy alone knows."""
    entrance_admin_port: int = 0
    providers: str = ""
    """File of the providers of sign-ins; empty where there is no sign-in page."""
    public_url: str = ""
    """How people reach the sign-in page; empty: at the proxy."""
    roles_digest: str = ""
    format: int = STATE_FORMAT


@dataclass(frozen=True)
class Layout:
    """The paths of one environment."""

    data_dir: Path
    home: Path
    socket_directory: Path

    @property
    def lock(self) -> Path:
        """Held while servers are started or stopped."""
        return self.data_dir / "lock"

    @property
    def secrets(self) -> Path:
        """Folder of passwords and signing keys."""
        return self.data_dir / "secrets"

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "postgres"

    @property
    def logs(self) -> Path:
        """Folder of both servers' logs."""
        return self.home / "logs"

    @property
    def nginx(self) -> Path:
        """Folder of the proxy's configuration and pid file."""
        return self.home / "nginx"

    @property
    def entrance(self) -> Path:
        """Folder of the configuration and pid file of the PostgREST for signing in."""
        return self.home / "entrance"

    @property
    def sign_in(self) -> Path:
        """Folder of the sign-in page's pid file and log."""
        return self.data_dir / "sign-in"

    @property
    def worker(self) -> Path:
        """Folder of the worker's pid file and log."""
        return self.data_dir / "worker"

    @property
    def postgrest(self) -> Path:
        """Folder of PostgREST's configuration and pid file."""
        return self.home / "postgrest"


def default_data_dir() -> Path:
    """``QUANTMATRIX_DATA_DIR``, else ``quantmatrix`` in the person's XDG data directory."""
    named = os.environ.get("QUANTMATRIX_DATA_DIR")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "quantmatrix"


def demo_data_dir(data_dir: Path) -> Path:
    """The demonstration's own data directory beside the data in ``data_dir``: nobody's book is in it."""
    return data_dir / "demo"


def read_state(data_dir: Path) -> State | None:
    """What the environment in ``data_dir`` remembers; None before its first start."""
    path = data_dir / "state.json"
    try:
        text = read_if_there(path)
        values = json.loads(text) if text else None
    except PermissionError as error:
        raise not_writable(data_dir, error) from error
    except ValueError as error:
        raise _unreadable(path, str(error)) from error
    if values is None:
        return None
    stated = values.get("format") if isinstance(values, dict) else None
    if stated != STATE_FORMAT:
        raise _unreadable(path, f"its format is {stated!r}, and this program reads {STATE_FORMAT}")
    # A newer program of the same format may remember more.
    known = {field.name for field in fields(State)}
    try:
        return State(**{name: value for name, value in values.items() if name in known})
    except TypeError as error:
        raise _unreadable(path, str(error)) from error


def write_state(data_dir: Path, state: State) -> None:
    """Remember ``state``."""
    write_whole(data_dir / "state.json", json.dumps(asdict(state), indent=2) + "\n")


def make_data_dir(data_dir: Path) -> None:
    """Make the data directory, for its owner alone."""
    try:
        for folder in reversed((data_dir, *data_dir.parents)):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
        probe = data_dir / f".write-{secrets.token_hex(4)}"
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as error:
        raise not_writable(data_dir, error) from error


def first_state(account: Account) -> State:
    """The state of an environment that starts for the first time."""
    instance = secrets.token_hex(6)
    return State(instance, str(SYSTEM_DIRECTORY / "clusters" / instance) if account.switched else "")


def layout(data_dir: Path, state: State) -> Layout:
    """The paths of the environment in ``data_dir``."""
    home = Path(state.home) if state.home else data_dir / "server"
    return Layout(data_dir, home, _socket_directory(home, state.instance))


def make_home(found: Layout, account: Account) -> None:
    """Make the servers' folders; refuse a socket folder that is somebody else's."""
    try:
        if account.switched:
            found.home.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        for path in (found.home, found.logs, found.postgrest, found.entrance, found.socket_directory):
            if path.is_symlink() or (path.exists() and path.stat().st_uid not in (account.uid, os.geteuid())):
                raise PermissionError(13, "it belongs to somebody else", str(path))
            account.make_directory(path)
        if account.switched:
            write_whole(found.home / "origin", f"{found.data_dir}\n", 0o600)
    except OSError as error:
        raise not_writable(Path(error.filename or found.home), error) from error


def orphans() -> list[Path]:
    """Folders of servers, made by root, whose data directory is gone."""
    clusters = SYSTEM_DIRECTORY / "clusters"
    if os.geteuid() != 0 or not clusters.is_dir():
        return []
    return [home for home in sorted(clusters.iterdir()) if not _is_claimed(home)]


def _is_claimed(home: Path) -> bool:
    origin = read_if_there(home / "origin")
    try:
        state = read_state(Path(origin.strip())) if origin else None
    except Problem:
        # Something is remembered there, by a program of another version perhaps: not ours to call forgotten.
        return True
    return state is not None and Path(state.home) == home


def _socket_directory(home: Path, instance: str) -> Path:
    wanted = home / "run"
    if len(os.fsencode(wanted / SOCKET_NAME)) <= SOCKET_PATH_BYTES:
        return wanted
    return Path(tempfile.gettempdir()) / f"quantmatrix-{instance}"


def not_writable(path: Path, error: OSError) -> Problem:
    """The problem of a folder in which nothing can be kept."""
    return Problem(
        "the data directory cannot be used",
        where=str(path),
        why=(error.strerror or str(error)).lower(),
        unchanged="nothing was started",
        next_step="let your user write there, or name another folder with --data-dir or QUANTMATRIX_DATA_DIR",
        exit_code=ExitCode.PERMISSION if isinstance(error, PermissionError) else ExitCode.FAILED,
    )


def _unreadable(path: Path, why: str) -> Problem:
    return Problem(
        "the environment's state cannot be read",
        where=str(path),
        why=why,
        unchanged="nothing was started and no data were touched",
        next_step="restore the file from a backup, or use the version of quantmatrix that wrote it",
    )
