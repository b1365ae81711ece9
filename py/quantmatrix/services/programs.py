"""Where programs are looked for: in folders that do not depend on where a command is typed.

A program found here is run with all rights of the caller, root's included. So a relative entry of the PATH
(an empty one, which means the current folder, too) is no place to look, and a program that a stranger could
have put there or could change is none.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from quantmatrix.errors import ExitCode, Problem

SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin")
"""Where servers are installed, and a person's PATH does not look."""


def search_path() -> str:
    """The PATH without entries that depend on the current folder; never empty, as that would mean it."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if Path(entry).is_absolute()) or os.defpath


def find_program(name: str, *more_folders: str) -> Path | None:
    """The first program of that name on the PATH, then in ``more_folders``, that no stranger can change."""
    for folder in (*search_path().split(os.pathsep), *more_folders):
        found = shutil.which(name, path=folder)
        if found is not None and is_trusted(Path(found)):
            return Path(found)
    return None


def named_program(variable: str) -> Path | None:
    """What the environment ``variable`` names, a program or a folder of them; None where it is not set."""
    named = os.environ.get(variable)
    if not named:
        return None
    path = Path(named).expanduser()
    if path.is_absolute():
        return path
    raise Problem(
        f"{variable} does not begin at the root",
        where=named,
        why="what it names would depend on the folder in which a command is typed",
        unchanged="nothing was started",
        next_step=f"name the whole path: {variable}={path.absolute()}",
        exit_code=ExitCode.USAGE,
    )


def is_trusted(program: Path) -> bool:
    """Whether only root and the caller can change ``program``, its folder, and what a link leads to."""
    try:
        real = program.resolve(strict=True)
        return all(_is_ours(path) for path in (program.parent, real.parent, real))
    except OSError:
        return False


def _is_ours(path: Path) -> bool:
    found = path.stat()
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & stat.S_IWOTH
