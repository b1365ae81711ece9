"""Opens a dump of V1 as text: plain, packed with gzip, or an archive of pg_dump."""

from __future__ import annotations

import gzip
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.account import service_account
from quantmatrix.services.binaries import executable_postgres, find_postgres

_HEAD_BYTES = 512


@dataclass(frozen=True)
class DumpText:
    """The text of a dump, how it was packed (``plain``, ``gzip``, ``archive``), and what to ask at its end.

    ``finish`` raises ``Problem`` where the text is not all there was.
    """

    stream: BinaryIO
    layout: str
    finish: Callable[[], None] = lambda: None


@contextmanager
def open_dump(path: Path) -> Iterator[DumpText]:
    """A dump as text; leaving early ends what runs for it."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
        stream.seek(0)
        if head.startswith((b"PGDMP", b"toc.dat\0")):
            with _restored_text(stream, path) as text:
                yield text
        elif head.startswith(b"\x1f\x8b"):
            with gzip.open(stream) as text:
                yield DumpText(cast(BinaryIO, text), "gzip")
        else:
            yield DumpText(stream, "plain")


@contextmanager
def _restored_text(archive: BinaryIO, path: Path) -> Iterator[DumpText]:
    """What ``pg_restore`` would send to a server; it runs as the servers' account, with the file alone."""
    account = service_account()
    program = executable_postgres(find_postgres(), account).program("pg_restore")
    # Where the child begins is the position of the descriptor, which a buffered seek need not move.
    os.lseek(archive.fileno(), 0, os.SEEK_SET)
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            [program, "--file=-", "--no-owner", "--no-privileges"],
            stdin=archive,
            stdout=subprocess.PIPE,
            stderr=told,
            cwd="/",
            env={"LC_ALL": "C"},
            **account.popen_arguments(),
        )
        assert process.stdout is not None

        def finish() -> None:
            if process.wait() != 0:
                told.seek(0)
                raise Problem(
                    "the archive cannot be read",
                    where=str(path),
                    why=" ".join(told.read(2000).decode("utf-8", "replace").split()),
                    unchanged="nothing was written",
                    next_step="make a new dump of V1 with a pg_dump that is not newer than this PostgreSQL",
                    exit_code=ExitCode.REFUSED,
                )

        try:
            yield DumpText(cast(BinaryIO, process.stdout), "archive", finish)
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.kill()
                process.wait()
