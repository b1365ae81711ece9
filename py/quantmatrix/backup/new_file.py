"""A new file that is there whole or not at all, whenever its writer is killed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from quantmatrix.errors import ExitCode, Problem

_UNNAMED = getattr(os, "O_TMPFILE", None)
# What systems say that know no files without a name.
_UNABLE = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A stream to a file that takes its name, ``path``, when everything is written and on the disk.

    Until then it has no name where the system can do that, so that a kill leaves nothing; elsewhere a hidden
    one beside. Nothing is overwritten. For its owner alone.
    """
    if path.exists():
        raise _there(path)
    partial = None
    try:
        descriptor = _unnamed(path.parent)
        if descriptor is None:
            partial = path.with_name(f".{path.name}.{os.getpid()}")
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
            _name(partial, descriptor, path)
        _keep_name(path.parent)
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


def _unnamed(folder: Path) -> int | None:
    if _UNNAMED is None:
        return None
    try:
        return os.open(folder, _UNNAMED | os.O_WRONLY, 0o600)
    except OSError as error:
        if error.errno in _UNABLE and folder.is_dir():
            return None
        raise


def _name(partial: Path | None, descriptor: int, path: Path) -> None:
    try:
        if partial is not None:
            os.link(partial, path)
        else:
            # A folder's descriptor makes Python call linkat, which alone follows the link.
            os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor, follow_symlinks=True)
    except FileExistsError:
        raise _there(path) from None


def _keep_name(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _there(path: Path) -> Problem:
    return Problem(
        "the file exists",
        where=str(path),
        unchanged="no backup was taken, and the file is as it was",
        next_step="name a new file",
        exit_code=ExitCode.USAGE,
    )
