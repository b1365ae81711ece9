"""What a run of tests started ends with it, however it ends: a process of its own waits for that.

All that tests make lies below one temporary folder, which is their ``TMPDIR``. The guardian's standard input
is a pipe that the run holds open; when it closes, by the run's last act or by its death, the guardian ends
every process of that folder and removes the folder and the servers' files that it leads to.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from quantmatrix.services.layout import layout, read_state

PREFIX = "qmtest-"
PATIENCE = 10.0


class Guardian:
    """A temporary folder that is the ``TMPDIR`` of a run and its children, and who clears up after it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        # The servers' own user, where they have one, passes through.
        self.folder.chmod(0o711)
        self._before = os.environ.get("TMPDIR")
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.folder)], stdin=subprocess.PIPE, start_new_session=True
        )
        os.environ["TMPDIR"] = str(self.folder)
        tempfile.tempdir = None

    def dismiss(self) -> None:
        """Let it clear up, and wait until it has."""
        os.environ.pop("TMPDIR")
        if self._before is not None:
            os.environ["TMPDIR"] = self._before
        tempfile.tempdir = None
        self._process.communicate()


def clear_up(folder: Path) -> None:
    """End all processes that belong to ``folder`` and remove it, with the servers' files it leads to."""
    homes = list(_homes(folder))
    places = [str(path) for path in (folder, *homes)]
    for _ in range(3):
        found = [process for process in psutil.process_iter() if _belongs(process, places)]
        if not found:
            break
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=PATIENCE)
    for path in (*homes, folder):
        shutil.rmtree(path, ignore_errors=True)


def _homes(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("state.json"):
        state = read_state(path.parent)
        if state is not None:
            yield layout(path.parent, state).home


def _belongs(process: psutil.Process, places: list[str]) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        words = [*process.cmdline(), process.cwd(), process.environ().get("TMPDIR", "")]
    except psutil.Error:
        return False
    return any(place in word for place in places for word in words)


def main() -> None:
    """Wait for the end of the run, then clear up."""
    sys.stdin.read()
    clear_up(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
