"""SHA-256, in hexadecimal, of files as they stand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def of_file(path: Path) -> str:
    """Of what is in the file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def of_files(root: Path, paths: Iterable[Path]) -> str:
    """Of the names, below ``root``, and contents of the files, in their order; of a link, where it points."""
    whole = hashlib.sha256()
    for path in paths:
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        whole.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()
