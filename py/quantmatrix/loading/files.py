"""One file on disk through its parser into a session: what ``import`` and ``sync`` have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from quantmatrix.door.protocol import Door
from quantmatrix.errors import Problem
from quantmatrix.ingest.detect import choose_parser
from quantmatrix.ingest.model import Options
from quantmatrix.ingest.reader import open_source
from quantmatrix.loading.load import File, load
from quantmatrix.loading.readings import content_of, reading

TRIES = 3
NOT_ALL_STAGED = "QM011"


def load_file(
    door: Door,
    path: Path,
    options: Options,
    *,
    source: str | None = None,
    broker: str | None = None,
    accept_refusals: bool = False,
    dry_run: bool = False,
    replace: int | None = None,
    if_edited: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """The report of ``api.import_load``. Raises ``FileRefused`` and ``Problem``.

    What is staged does not survive a crash of the database: a file of which not all is there any more is read
    and staged anew. ``source`` forces a format, ``broker`` that of a new account; ``progress`` as of
    ``open_source``; ``replace`` and ``if_edited`` as ``api.import_load`` takes them.
    """

    def attempt() -> dict[str, Any]:
        with open_source(path, progress) as file:
            parser, layout = choose_parser(file, source)
            broker_named = broker or parser.broker

            def digest(content: str) -> str | None:
                return reading(content, path.name, parser.source, broker_named, options)

            # Who asks for more than a file's rows wants it read.
            if replace is None and not accept_refusals and (known := _known(door, path, digest, options)):
                return known

            def describe() -> File:
                return File(
                    name=path.name,
                    size=file.size,
                    sha256=file.sha256(),
                    source=parser.source,
                    layout=layout,
                    newest_first=parser.newest_first,
                    broker=broker_named,
                    account=options.account,
                    currency=options.currency,
                    accept_refusals=accept_refusals,
                    reading=digest(file.sha256()),
                    replace=replace,
                    if_edited=if_edited,
                )

            records = parser.parse(file.text, options.model_copy(update={"file_name": path.name}))
            return load(door, records, describe, dry_run=dry_run)

    return staged_anew(attempt)


def _known(
    door: Door, path: Path, digest: Callable[[str], str | None], options: Options
) -> dict[str, Any] | None:
    """The report on a file that is imported already; None where it must be read to know."""
    content = content_of(path)
    asked = None if content is None else digest(content)
    if asked is None:
        return None
    known = door.call("import_known", {"reading": asked, "name": path.name, "account": options.account})
    return None if known is None else dict(known)


def staged_anew(attempt: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of ``attempt``, which stages and loads, again where what it staged is gone."""
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except Problem as problem:
            if problem.code != NOT_ALL_STAGED:
                raise
    return attempt()
