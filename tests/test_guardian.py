"""A killed run leaves nothing behind: no server, no folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from quantmatrix.testing.guardian import PREFIX

A_TEST = """
import pathlib, time
def test_that_does_not_end(database, postgrest):
    state = database.environment.known_state()
    home = database.environment.layout(state).home
    pathlib.Path({told!r}).write_text(f"{{home}}\\n")
    time.sleep(600)
"""


@pytest.mark.parametrize("processes", [0, 1])
def test_a_killed_run_leaves_no_server_and_no_folder(tmp_path: Path, processes: int) -> None:
    checkout = Path(__file__).parents[1]
    told = tmp_path / "told"
    test = tmp_path / "test_endless.py"
    test.write_text(A_TEST.format(told=str(told)))
    base = tmp_path / "base"
    base.mkdir(mode=0o711)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", f"--numprocesses={processes}"]
    command += ["-c", str(checkout / "pyproject.toml"), "--rootdir", str(checkout), str(test)]
    run = subprocess.Popen(
        command, cwd=checkout, env=os.environ | {"TMPDIR": str(base)}, stdout=subprocess.DEVNULL
    )
    while not (told.is_file() and told.read_text().endswith("\n")):
        assert run.poll() is None, "the run ended before its test"
        time.sleep(0.1)
    home = Path(told.read_text().strip())
    assert home.is_dir()
    (folder,) = base.glob(f"{PREFIX}*")
    guardian = next(child for child in psutil.Process(run.pid).children() if str(folder) in child.cmdline())
    run.send_signal(signal.SIGKILL)
    run.wait()
    guardian.wait()
    assert not folder.exists()
    assert not home.exists()
    assert not [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(home) in " ".join(process.info["cmdline"] or [])
    ]
