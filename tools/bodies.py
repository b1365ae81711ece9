"""``python -m tools.bodies``: plpgsql_check over every function in PL/pgSQL of the assembled schema.

Debian's PostgreSQL 15 is the one that carries plpgsql_check as a package. The script installs both where
they are missing (as root; what is there is not upgraded), starts a cluster of its own, builds the schema as
``migrate up`` does, and leaves nothing else behind. What it finds and ``bodies_excluded.txt`` does not
explain ends it with status 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from psycopg.rows import class_row

from quantmatrix.testing.cluster import Cluster

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
EXTENSION = Path("/usr/share/postgresql/15/extension/plpgsql_check.control")
PACKAGE = "postgresql-15-plpgsql-check"
HERE = Path(__file__).parent
EVERY_FUNCTION = "*"


@dataclass(frozen=True)
class Finding:
    """One row of plpgsql_check; without ``message`` the function is as it must be."""

    function: str
    of_table: str | None
    line: int | None
    level: str | None
    message: str | None


class Exclusion(NamedTuple):
    """A finding that stays: its function or ``*``, and the beginning of its message."""

    function: str
    message: str

    def covers(self, finding: Finding) -> bool:
        """Whether it explains ``finding``."""
        of_this = self.function in (EVERY_FUNCTION, finding.function)
        return of_this and (finding.message or "").startswith(self.message)


def exclusions(text: str) -> list[Exclusion]:
    """The lines of ``bodies_excluded.txt``: function, message and reason, none of them empty."""
    found = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            function, message, reason = line.split(" | ")
            if not reason.strip():
                raise ValueError(f"an exclusion without a reason: {line}")
            found.append(Exclusion(function, message))
    return found


def install() -> None:
    """Bring Debian's package, and with it the server, where it is missing; the rest stays as it is."""
    if EXTENSION.is_file():
        return
    if os.geteuid() != 0:
        sys.exit(f"check-bodies needs {PACKAGE} (Debian); as root it installs it itself")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=quiet)
    # The server's package would make a cluster of its own and start it.
    configuration = Path("/etc/postgresql-common/createcluster.d/quantmatrix.conf")
    is_new_folder = not configuration.parent.exists()
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.write_text("create_main_cluster = false\n", encoding="utf-8")
    # The server is named by the extension's package alone: what is named here would be upgraded.
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "--no-upgrade", PACKAGE]
    try:
        subprocess.run(command, check=True, env=quiet)
    finally:
        configuration.unlink()
        if is_new_folder:
            configuration.parent.rmdir()


def check() -> list[Finding]:
    """What plpgsql_check says of each function, in a cluster that is destroyed at the end."""
    os.environ["QUANTMATRIX_POSTGRES"] = str(PROGRAMS)
    cluster = Cluster()
    try:
        cluster.start()
        with cluster.database() as database, database.connect() as connection:
            connection.execute("create schema plpgsql_check")
            connection.execute("create extension plpgsql_check with schema plpgsql_check")
            with connection.cursor(row_factory=class_row(Finding)) as cursor:
                return cursor.execute((HERE / "bodies.sql").read_bytes()).fetchall()
    finally:
        cluster.destroy()


def main() -> int:
    """Print what is not explained; 1 if there is any."""
    install()
    rows = check()
    found = [row for row in rows if row.message is not None]
    excluded = exclusions((HERE / "bodies_excluded.txt").read_text(encoding="utf-8"))
    open_findings = [row for row in found if not any(one.covers(row) for one in excluded)]
    idle = [one for one in excluded if not any(one.covers(row) for row in found)]
    for row in open_findings:
        of_table = f" of {row.of_table}" if row.of_table else ""
        print(f"{row.function}{of_table}, line {row.line or 1}: {row.level}: {row.message}")
    for one in idle:
        print(f"bodies_excluded.txt: nothing needs: {one.function} | {one.message}")
    checked = len({row.function for row in rows})
    sys.stdout.write(
        f"{checked} functions, {len(open_findings)} findings, {len(found) - len(open_findings)} explained\n"
    )
    return 1 if open_findings or idle else 0


if __name__ == "__main__":
    sys.exit(main())
