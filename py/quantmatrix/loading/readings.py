"""What decides which records are read of a file, in one digest.

Where it is the same, the records would be: such a file is known without reading it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from quantmatrix import digests, ingest
from quantmatrix.ingest.formats import OWN
from quantmatrix.ingest.model import Options


def reading(content: str, name: str, source: str, broker: str, options: Options) -> str | None:
    """SHA-256 over the file's ``content`` (its SHA-256), name, format, options and our readers' code.

    None for a format of another package, whose code nobody here knows.
    """
    if source not in OWN:
        return None
    said = options.model_dump_json(exclude={"file_name"})
    return hashlib.sha256("\0".join((content, name, source, broker, said, _code())).encode()).hexdigest()


def content_of(path: Path) -> str | None:
    """SHA-256 of the file at ``path``; None where reading it would take it away, as from a pipe."""
    if not path.is_file():
        return None
    return digests.of_file(path)


@cache
def _code() -> str:
    folder = Path(ingest.__file__).parent
    return digests.of_files(folder, sorted(folder.rglob("*.py")))
