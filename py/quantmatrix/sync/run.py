"""One feed from beginning to end: the lock, tries until one succeeds or none may follow, the report."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from psycopg.types.json import Jsonb

from quantmatrix.door.login import PersonSession
from quantmatrix.errors import Problem
from quantmatrix.loading.files import load_file
from quantmatrix.sync.documents import Document, Window, survey
from quantmatrix.sync.failure import Failed

FETCHERS = {
    "ibkr": "quantmatrix.sync.flex",
    "tastytrade": "quantmatrix.sync.tastytrade",
    "crypto": "quantmatrix.sync.crypto",
    "ibkr_today": "quantmatrix.sync.today",
}
"""The module of each service: ``SECRETS`` names its credentials, ``fetch`` gets its documents; ``store``, of
what is no document, does all of an attempt."""


@dataclass(frozen=True)
class Settings:
    """How a run behaves. ``base_seconds``: the wait after a first failure, to which all others relate."""

    tries: int = 12
    base_seconds: float = 10
    through: date | None = None
    accept_refusals: bool = False


Report = dict[str, Any]


def fetcher(service: str) -> ModuleType:
    """The module that speaks the service's protocol."""
    return import_module(FETCHERS[service])


def run(
    session: PersonSession,
    feed: Mapping[str, Any],
    settings: Settings,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Sync a feed, a row of ``api.feeds``; what became of the last try.

    Report: ``feed, status`` (``finished``, ``failed``, or ``busy`` where another session is at it),
    ``tries``, and what ``api.sync_end`` or ``api.sync_fail`` tell. Raises ``Problem``; an
    attempt that this leaves behind is ended as interrupted by the next run.
    """
    name = str(feed["name"])
    # The lock is the connection's: another one would not hold it.
    session.stay()
    lock = session.call("sync_lock", {"feed": name})
    if not _lock(session, "pg_try_advisory_lock", lock):
        return {"feed": name, "status": "busy", "tries": 0}
    try:
        return _tries(session, feed, settings, say)
    finally:
        if not session.connection.closed:
            _lock(session, "pg_advisory_unlock", lock)


def _tries(
    session: PersonSession, feed: Mapping[str, Any], settings: Settings, say: Callable[[str], None]
) -> Report:
    run_id = uuid.uuid4()
    number = 0
    while True:
        number += 1
        plan = session.call(
            "sync_begin",
            {
                "feed": feed["name"],
                "run_id": run_id,
                "try_number": number,
                "through": settings.through,
                "base_seconds": Decimal(str(settings.base_seconds)),
            },
        )
        try:
            with tempfile.TemporaryDirectory(prefix="quantmatrix-sync-") as folder:
                ended = _attempt(session, plan, settings, Path(folder))
            return {**ended, "tries": number}
        except Failed as failed:
            ended = _fail(session, plan, settings, failed)
        except KeyboardInterrupt:
            _fail(session, plan, settings, Failed("interrupted"))
            raise
        except Problem as problem:
            if not session.connection.closed:
                _fail(session, plan, settings, Failed("defect", problem.what))
            raise
        except Exception as error:
            _fail(session, plan, settings, Failed("defect", type(error).__name__))
            raise
        if not ended["again"]:
            return {"feed": feed["name"], **ended, "tries": number}
        say(f"{feed['name']}: {ended['error']}; again in {float(ended['wait_seconds']):g} seconds")
        time.sleep(float(ended["wait_seconds"]))


def _attempt(
    session: PersonSession,
    plan: Mapping[str, Any],
    settings: Settings,
    folder: Path,
) -> Report:
    module = fetcher(plan["service"])
    if hasattr(module, "store"):
        stored: Report = module.store(session, plan)
        return stored
    windows = [
        Window(date.fromisoformat(window["from"]), date.fromisoformat(window["through"]))
        for window in plan["windows"]
    ]
    documents: list[Document] = module.fetch(plan, windows, _secrets(session, plan, module), folder)
    for document in documents:
        survey(document)
        if document.refusals and not settings.accept_refusals:
            first = document.refusals[0]
            where = ", ".join(filter(None, (f"line {first.line}", first.column)))
            raise Failed(
                "rows_refused", f"{len(document.refusals)} in {document.path.name}; {where}: {first.reason}"
            )
    verdict = session.call("sync_judge", {"attempt": plan["attempt"], "documents": _described(documents)})
    if not verdict["may_load"]:
        raise Failed(verdict["failure"], verdict["detail"])
    for document in documents:
        if document.is_worth_loading:
            document.report = load_file(
                session,
                document.path,
                document.options,
                source=document.source,
                broker=document.broker,
                accept_refusals=settings.accept_refusals,
            )
    ended: Report = session.call("sync_end", {"attempt": plan["attempt"], "documents": _described(documents)})
    return ended


def _fail(
    session: PersonSession,
    plan: Mapping[str, Any],
    settings: Settings,
    failed: Failed,
) -> Report:
    ended: Report = session.call(
        "sync_fail",
        {
            "attempt": plan["attempt"],
            "failure": failed.code,
            "detail": failed.detail,
            "retry_after": None if failed.retry_after is None else Decimal(f"{failed.retry_after:.3f}"),
            "tries": settings.tries,
            "base_seconds": Decimal(str(settings.base_seconds)),
        },
    )
    return ended


def _secrets(session: PersonSession, plan: Mapping[str, Any], module: ModuleType) -> dict[str, str]:
    if not module.SECRETS:
        return {}
    sealed = session.call("feed_credentials", {"name": plan["feed"]})
    if sealed is None:
        raise Failed("no_credentials")
    from quantmatrix.sync.secrets import unseal

    try:
        return unseal(sealed, session.user_id, plan["feed_id"])
    except Problem as problem:
        raise Failed("no_credentials", f"{problem.why} ({problem.where})") from None


def _described(documents: list[Document]) -> Jsonb:
    return Jsonb([document.described() for document in documents])


def _lock(session: PersonSession, function: str, lock: int) -> bool:
    row = session.connection.execute(f"select {function}(%s) as done".encode(), [lock]).fetchone()
    return bool(row and row["done"])
