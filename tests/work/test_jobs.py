"""Questions that take long: asked over HTTP, answered by a worker, read over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.service import Person, Service, add_book
from quantmatrix.work.loop import Worker


def job(service: Service, person: Person, number: str) -> dict[str, Any]:
    answer = service.get(f"jobs?id=eq.{number}", person)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert len(found) == 1
    return dict(found[0])


def ask(service: Service, person: Person, kind: str, **arguments: Any) -> str:
    return str(service.done("job_add", person, {"kind": kind, "arguments": arguments})["id"])


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("lots_compare", {"year": 2024, "methods": ["fifo", "hifo"]}),
        ("lots_rebuild", {"verify": True}),
        ("totals", {}),
        ("section_104", {}),
    ],
)
def test_a_job_answers_what_the_function_answers(
    service: Service, make_worker: Callable[..., Worker], kind: str, arguments: dict[str, Any]
) -> None:
    add_book(service, service.ann)
    number = ask(service, service.ann, kind, **arguments)
    waiting = job(service, service.ann, number)
    assert (waiting["status"], waiting["kind"], waiting["arguments"]) == ("waiting", kind, arguments)
    early = service.call("job_result", service.ann, {"id": number})
    assert (early.status_code, early.json()["code"], early.headers["retry-after"]) == (409, "QM123", "1")
    assert make_worker("jobs").once()
    finished = job(service, service.ann, number)
    assert (finished["status"], finished["error"]) == ("finished", None)
    assert finished["done"] == finished["total"]
    answer = service.done("job_result", service.ann, {"id": number})
    assert answer == service.done(kind, service.ann, arguments)


def test_a_job_is_its_owners(service: Service, make_worker: Callable[..., Worker]) -> None:
    add_book(service, service.ann)
    number = ask(service, service.ann, "totals")
    assert service.get("jobs", service.bob).json() == []
    for function in ("job_cancel", "job_result"):
        refused = service.call(function, service.bob, {"id": number})
        assert (refused.status_code, refused.json()["code"]) == (400, "QM001"), refused.text
    mine = ask(service, service.bob, "totals")
    assert make_worker("jobs").once()
    assert service.done("job_result", service.bob, {"id": mine}) == service.done("totals", service.bob)
    assert service.done("job_result", service.bob, {"id": mine}) != service.done(
        "job_result", service.ann, {"id": number}
    )


def test_a_job_fails_as_the_function_would(service: Service, make_worker: Callable[..., Worker]) -> None:
    number = ask(service, service.ann, "reconcile", account="nowhere")
    assert make_worker("jobs").once()
    failed = job(service, service.ann, number)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "QM001")
    answer = service.call("job_result", service.ann, {"id": number})
    direct = service.call("reconcile", service.ann, {"account": "nowhere"})
    assert answer.status_code == 409
    assert answer.json()["message"] == direct.json()["message"]


def test_what_cannot_be_asked_is_refused_at_once(service: Service) -> None:
    for arguments, status, code in (
        ({"kind": "user_list"}, 400, "QM002"),
        ({"kind": "totals", "arguments": {"x": 1}}, 400, "QM002"),
        ({"kind": "totals", "arguments": []}, 400, "QM002"),
        ({"kind": "totals", "idempotency_key": ""}, 400, "QM002"),
        ({"kind": "lots_compare", "arguments": {"methods": ["a" * 70000]}}, 400, "QM002"),
    ):
        refused = service.call("job_add", service.ann, arguments)
        assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    reader = service.call("job_add", service.ann, {"kind": "lots_rebuild"}, role="quantmatrix_readonly")
    assert (reader.status_code, reader.json()["code"]) == (403, "42501")
    assert service.done("job_add", service.ann, {"kind": "totals"}, role="quantmatrix_readonly")["id"]


def test_a_question_that_is_asked_twice_with_its_key_is_one_job(service: Service) -> None:
    question = {"kind": "totals", "arguments": {}, "idempotency_key": "once"}
    first = service.done("job_add", service.ann, question)
    assert service.done("job_add", service.ann, question) == first
    other = service.call("job_add", service.ann, question | {"kind": "section_104"})
    assert other.json()["code"] == "QM002"
    assert service.done("job_add", service.bob, question) != first


def test_open_jobs_of_a_person_are_counted(service: Service) -> None:
    numbers = [ask(service, service.ann, "totals") for _ in range(5)]
    refused = service.call("job_add", service.ann, {"kind": "totals"})
    assert (refused.status_code, refused.json()["code"]) == (429, "QM122")
    assert refused.headers["retry-after"] == "10"
    assert ask(service, service.bob, "totals")
    ended = service.done("job_cancel", service.ann, {"id": numbers[0]})
    assert ended == {"id": numbers[0], "status": "cancelled"}
    assert ask(service, service.ann, "totals")


def test_a_session_that_has_ended_is_not_acted_for(
    service: Service, database: Database, make_worker: Callable[..., Worker]
) -> None:
    number = ask(service, service.ann, "totals")
    with database.connect() as connection:
        connection.execute(
            "update core.users set status = 'disabled', disabled_at = now() where id = %s", [service.ann.id]
        )
    assert make_worker("jobs").once()
    with database.connect() as connection:
        row = connection.execute(
            "select status::text, error ->> 'code' from work.jobs where id = %s", [number]
        ).fetchone()
    assert row == ("failed", "PT403")


def test_a_worker_that_dies_leaves_the_job_to_the_next(
    service: Service, database: Database, make_worker: Callable[..., Worker]
) -> None:
    number = ask(service, service.ann, "totals")
    with database.connect() as connection:
        claim = "select count(*) from work.job_claim('dead')"
        assert connection.execute(claim).fetchone() == (1,)
        assert connection.execute(claim).fetchone() == (0,)
        assert make_worker("jobs").once()
        assert job(service, service.ann, number)["status"] == "running"
        connection.execute("update work.jobs set claimed_until = now()")
        assert make_worker("jobs").once()
        assert job(service, service.ann, number)["status"] == "finished"


def test_a_job_that_kills_workers_is_given_up(
    service: Service, database: Database, make_worker: Callable[..., Worker]
) -> None:
    number = ask(service, service.ann, "totals")
    with database.connect() as connection:
        for _ in range(3):
            assert connection.execute("select count(*) from work.job_claim('dead')").fetchone() == (1,)
            connection.execute("update work.jobs set claimed_until = now()")
    assert make_worker("jobs").once()
    given_up = job(service, service.ann, number)
    assert (given_up["status"], given_up["error"]["code"]) == ("failed", "QM124")


def test_a_job_that_runs_shows_its_progress_and_ends_when_it_is_told_to(
    service: Service, database: Database, make_worker: Callable[..., Worker]
) -> None:
    add_book(service, service.ann)
    number = ask(service, service.ann, "lots_rebuild", verify=False)
    told: list[str] = []
    worker = make_worker("jobs", told=told)
    with database.connect() as writer:
        # Something to put right, which another writer holds: the job has begun, told so, and waits.
        held = writer.execute(
            "update core.tax_lots set acquired_at = acquired_at + interval '1 second'"
            " where user_id = %s and closed_at is null returning id",
            [service.ann.id],
        ).fetchall()
        assert held
        with writer.transaction():
            writer.execute("select from core.tax_lots where user_id = %s for update", [service.ann.id])
            thread = threading.Thread(target=worker.once)
            thread.start()
            while job(service, service.ann, number)["total"] is None:
                assert thread.is_alive(), told
            running = job(service, service.ann, number)
            assert (running["status"], running["progress"]) == ("running", "groups derived")
            assert running["done"] < running["total"]
            asked = service.done("job_cancel", service.ann, {"id": number})
            assert asked["status"] == "running"
            thread.join()
        assert job(service, service.ann, number)["status"] == "cancelled"
        assert told == ["lots_rebuild cancelled"]
    assert service.call("job_result", service.ann, {"id": number}).json()["code"] == "QM124"
