"""Small file work that the servers need: locks, whole writes, private files."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quantmatrix.errors import Problem

LOCK_SECONDS = 180.0


@contextmanager
def exclusive_lock(path: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock file ``path``; wait up to ``seconds`` for another program that holds it.

    The kernel releases it when the holder ends, however it ends, so a lock file that stays behind is never
    stale.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise Problem(
                        "another program is still starting or stopping the servers",
                        where=str(path),
                        why=f"it has held the lock for {seconds:.0f} seconds",
                        unchanged="nothing was started or stopped",
                        next_step="wait for it, or end it, and try again",
                    ) from error
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace ``path`` by ``text`` in one step: readers see, and a crash leaves, the old text or the new."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(mode)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read_if_there(path: Path) -> str | None:
    """The text of ``path``, or None if there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None


def last_lines(path: Path, count: int = 12) -> str:
    """The last lines of a log, or nothing if it is not there."""
    return "\n".join((read_if_there(path) or "").splitlines()[-count:])
