"""What PostgreSQL says when it cannot be made or started, told as people need it."""

from __future__ import annotations

import re
from pathlib import Path

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services import ports

PORT_TAKEN = ("Address already in use", "could not bind")
NO_ROOM = ("No space left on device", "Disk quota exceeded")
NOT_WRITABLE = ("Permission denied", "Read-only file system", "Operation not permitted")
STILL_ENDING = ("pre-existing shared memory block", 'lock file "postmaster.pid" already exists')
# A transaction that made an unlogged table was rolled back just before the crash: its file is there once more
# than recovery expects. The recovery that fails leaves behind what lets the next one remove it.
LEFT_BY_A_ROLLBACK = re.compile(r'could not create file "[^"]*": File exists')


def passes(said: str) -> bool:
    """Whether another try may work: the server before is still ending, or recovery mends itself."""
    return any(sign in said for sign in STILL_ENDING) or LEFT_BY_A_ROLLBACK.search(said) is not None


def not_enough_room(folder: Path) -> Problem:
    """The problem of a full disk."""
    return Problem(
        "the disk is full",
        where=str(folder),
        why="PostgreSQL needs room to write its data and its log of changes",
        unchanged="no data were lost: what was committed is on the disk",
        next_step="make room there, or name a folder on another disk with --data-dir",
    )


def explain_failure(verb: str, said: str, logs: Path, data: Path, port: int = 0) -> Problem:
    """The problem behind what ``initdb``, ``pg_ctl`` and the server ``said`` when it was to be ``verb``."""
    if any(sign in said for sign in NO_ROOM):
        return not_enough_room(data)
    if any(sign in said for sign in PORT_TAKEN):
        return ports.taken(port, "PostgreSQL", "--database-port")
    if any(sign in said for sign in NOT_WRITABLE):
        return Problem(
            f"PostgreSQL could not be {verb}: it may not write",
            where=str(data),
            why=_line_that_says_why(said),
            unchanged="no data were touched",
            next_step="give the folder back to the user who runs the server, or name another with --data-dir",
            exit_code=ExitCode.PERMISSION,
        )
    return Problem(
        f"PostgreSQL could not be {verb}",
        where=str(data),
        why=_line_that_says_why(said),
        unchanged="the data are as they were",
        next_step=f"read the log in {logs}; 'quantmatrix doctor' checks the surroundings",
        exit_code=ExitCode.UNREACHABLE,
    )


def _line_that_says_why(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\b(FATAL|PANIC|ERROR|error):", line)]
    return (telling or lines or ["it said nothing"])[0]
