"""Logs that cannot fill a disk: files are cut at a size, and PostgreSQL's, which cuts its own, are counted.

The servers append to files that nobody reopens: what is too long is copied aside and emptied in place. Done
whenever the program looks at the servers, and every minute by the worker.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LARGEST = 10 * 1024 * 1024
"""Bytes of a log, and as many again of its past."""
POSTGRES_FILES = 8
START_LOG = "postgres-start.log"


def keep_bounded(*folders: Path, largest: int = LARGEST) -> None:
    """Cut what is longer than ``largest`` in these folders; of PostgreSQL's files leave the newest."""
    for folder in folders:
        if not folder.is_dir():
            continue
        own = sorted(
            (path for path in folder.glob("postgres-*.log") if path.name != START_LOG),
            key=lambda path: path.lstat().st_mtime,
        )
        for path in own[:-POSTGRES_FILES]:
            path.unlink(missing_ok=True)
        for path in sorted(folder.glob("*.log")):
            if path not in own and not path.is_symlink() and path.stat().st_size > largest:
                _cut(path, largest)


def _cut(path: Path, largest: int) -> None:
    """Keep the end of ``path`` beside it, and empty it: whoever appends to it goes on at its start."""
    aside = path.with_name(path.name + ".1")
    aside.unlink(missing_ok=True)
    source = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    owner = os.fstat(source)
    with os.fdopen(source, "r+b") as log:
        target = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(target, "wb") as copy:
            if os.geteuid() == 0:
                os.fchown(copy.fileno(), owner.st_uid, owner.st_gid)
            log.seek(max(0, owner.st_size - largest))
            shutil.copyfileobj(log, copy)
        log.truncate(0)
