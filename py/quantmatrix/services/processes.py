"""Processes of our own: started apart from the program, known with certainty, ended with patience."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from quantmatrix.services.account import Account


def is_alive(pid: int) -> bool:
    """Whether there is such a process (a zombie is none)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def has_argument(pid: int, argument: str) -> bool:
    """Whether ``pid`` lives and was started with ``argument`` (a number alone proves nothing)."""
    try:
        return is_alive(pid) and argument in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def works_in(pid: int, folder: Path) -> bool:
    """Whether ``pid`` lives and works in ``folder``, as each process of a PostgreSQL server does."""
    try:
        return is_alive(pid) and Path(psutil.Process(pid).cwd()) == folder
    except (psutil.Error, OSError):
        return False


def any_works_in(folder: Path) -> bool:
    """Whether any process has ``folder`` as its working directory."""
    return any(works_in(pid, folder) for pid in psutil.pids())


def run_in_background(
    command: Sequence[str], *, account: Account, log: Path, environment: Mapping[str, str]
) -> int:
    """Start ``command`` in a session of its own with its output appended to ``log``; return its pid.

    A shell starts it and ends, so that the system, not this program, becomes its parent.
    """
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" </dev/null >>"$QUANTMATRIX_LOG" 2>&1 & echo $!', "sh", *command],
        env={**environment, "QUANTMATRIX_LOG": str(log)},
        cwd="/",
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        **account.popen_arguments(),
    )
    return int(done.stdout)


def terminate(pid: int, gone: Callable[[], bool], *, patience: float) -> None:
    """Ask ``pid`` to end, wait up to ``patience`` seconds until ``gone``, then end it by force."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if wait_until(gone, seconds):
            return


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Whether ``condition`` became true within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def clean_environment() -> dict[str, str]:
    """Environment for a server: nothing of the person's settings, messages in English, clocks in UTC."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "LC_MESSAGES": "C", "TZ": "UTC"}
