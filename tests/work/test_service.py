"""The worker beside the API: up starts it, status and doctor show it, down stops it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.processes import is_alive, wait_until


def run(data_dir: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--data-dir", str(data_dir), "--format", "json", *words])


def states(data_dir: Path) -> dict[str, tuple[str, int | None]]:
    return {row["server"]: (row["state"], row["pid"]) for row in json.loads(run(data_dir, "status").stdout)}


def checks(data_dir: Path) -> dict[str, str]:
    return {row["check"]: row["result"] for row in json.loads(run(data_dir, "doctor").stdout)}


def test_the_worker_comes_and_goes_with_the_api(data_dir: Path) -> None:
    started = run(data_dir, "up", "--no-proxy")
    assert started.exit_code == 0, started.output + started.stderr
    state, pid = states(data_dir)["worker"]
    assert state == "running"
    assert pid is not None
    assert checks(data_dir)["worker"] == "ok"
    assert checks(data_dir)["audit log"] == "ok"

    assert run(data_dir, "up", "--no-proxy").exit_code == 0
    assert states(data_dir)["worker"] == ("running", pid), "what runs is left running"

    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(pid), 10)
    assert states(data_dir)["worker"] == ("stopped", None)
    assert run(data_dir, "up", "--no-proxy").exit_code == 0
    state, second = states(data_dir)["worker"]
    assert state == "running"
    assert second is not None
    assert second != pid

    assert "the worker" in EmbeddedEnvironment(data_dir.resolve()).stop()
    assert not is_alive(second)
    assert run(data_dir, "status").exit_code == 6
