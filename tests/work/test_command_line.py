"""The command line over HTTP asks as a job what takes too long for a request, and waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from quantmatrix import resources
from quantmatrix.cli import cli
from quantmatrix.door import http as api_session
from quantmatrix.door.http import ApiSession
from quantmatrix.errors import Problem
from quantmatrix.services.tokens import sign
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.service import Service, add_book
from quantmatrix.work.loop import Worker


@contextmanager
def working(worker: Worker) -> Iterator[None]:
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.context.ending.set()
        thread.join()


def token(service: Service) -> str:
    return sign(service.claims(service.ann), service.api.key)


def test_what_takes_too_long_is_asked_as_a_job_and_waited_for(
    service: Service, database: Database, make_worker: Callable[..., Worker]
) -> None:
    add_book(service, service.ann)
    expected = service.done("totals", service.ann)
    with database.connect() as connection:
        # PostgREST takes the limit of the function; who calls it otherwise has a limit of its own.
        connection.execute("alter function api.totals() set statement_timeout = '1ms'")
    # The schema is read again by a request that does not find what it wants.
    service.api.server.reload()
    with working(make_worker("jobs")), ApiSession(service.api.url, token(service)) as session:
        while service.call("totals", service.ann).status_code != 500:
            continue
        assert session.call("totals") == expected
    # The book's own job was cancelled before.
    jobs = service.get("jobs?status=neq.cancelled", service.ann).json()
    assert [(job["kind"], job["status"]) for job in jobs] == [("totals", "finished")]


def test_a_job_that_fails_is_told_as_the_function_would(
    service: Service, make_worker: Callable[..., Worker]
) -> None:
    with working(make_worker("jobs")), ApiSession(service.api.url, token(service)) as session:
        with pytest.raises(Problem) as direct:
            session.call("reconcile", {"account": "nowhere"})
        with pytest.raises(Problem) as asked:
            session.job("reconcile", {"account": "nowhere"})
    assert (asked.value.what, asked.value.code) == (direct.value.what, direct.value.code)


def test_an_interrupted_question_ends_its_job(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("quantmatrix.door.http.time.sleep", interrupt)
    with ApiSession(service.api.url, token(service)) as session, pytest.raises(KeyboardInterrupt):
        session.job("totals", {})
    assert [job["status"] for job in service.get("jobs", service.ann).json()] == ["cancelled"]


def test_a_large_file_is_loaded_by_a_job(
    service: Service, make_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(api_session, "MANY", 3)
    env = {
        "QUANTMATRIX_API": service.api.url,
        "QUANTMATRIX_CONFIG_DIR": str(tmp_path),
        "QUANTMATRIX_TOKEN": token(service),
    }
    file = resources.root() / "examples" / "ibkr-2024.csv"
    with working(make_worker("jobs")):
        done = CliRunner(env=env).invoke(cli, ["import", str(file)])
    assert done.exit_code == 0, done.output + done.stderr
    assert [job["kind"] for job in service.get("jobs", service.ann).json()] == ["import_load"]
    assert service.get("transactions", service.ann).json() != []
