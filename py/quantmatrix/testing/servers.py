"""Other versions of PostgreSQL to test on, from npm: their packages leave links out, and a file says which.

``python -m quantmatrix.testing.servers FOLDER`` makes the links in each package of ``node_modules`` in
``FOLDER`` and says where its programs are, for ``QUANTMATRIX_POSTGRES``. The packages' own scripts, which
would make the links at installation, are not run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

PREFIX = "postgres-"
LINKS = Path("native") / "pg-symlinks.json"


def make_links(package: Path) -> None:
    """Make the links that ``package`` lists; one to another folder is refused with ``ValueError``."""
    for entry in json.loads((package / LINKS).read_text(encoding="utf-8")):
        source, target = package / entry["source"], package / entry["target"]
        if ".." in source.parts or source.parent != target.parent:
            raise ValueError(f"{package}: a link from {target} to {source} leads out of its folder")
        if not target.is_symlink():
            target.symlink_to(source.name)


def servers(folder: Path) -> dict[int, Path]:
    """Major version to folder of programs, for each package in ``folder/node_modules``."""
    found = sorted((folder / "node_modules").glob(f"{PREFIX}*"))
    return {int(package.name.removeprefix(PREFIX)): package / "native" / "bin" for package in found}


def main(folder: Path) -> None:
    """Make the links and say where the servers are."""
    for major, programs in servers(folder).items():
        make_links(programs.parents[1])
        sys.stdout.write(f"{major} {programs}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
