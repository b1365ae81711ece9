"""Bounded fuzzing of the API from its own description: whatever is sent, the server does not fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.service import Service, add_book

EXAMPLES = 6
# Waits on purpose, so as to tell nothing by its time.
SLOW = {"/rpc/register"}


@pytest.fixture(scope="module")
def service(module_database: Database) -> Iterator[Service]:
    with module_database.postgrest() as api:
        with module_database.connect() as connection:
            connection.execute("update auth.settings set bcrypt_cost = 10, writes_per_second = 1000")
        made = Service(api, module_database)
        add_book(made, made.ann)
        yield made


def _explore(operation: Any, attempt: Callable[[Any], None]) -> None:
    """A few requests of one operation, the same in each run."""

    @settings(
        max_examples=1 if operation.path in SLOW else EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def explore(case: Any) -> None:
        attempt(case)

    explore()


@pytest.mark.parametrize("role", ["quantmatrix_user", "quantmatrix_admin"])
def test_nothing_that_is_sent_fails_the_server(service: Service, role: str) -> None:
    person = service.root if role == "quantmatrix_admin" else service.ann
    description = service.get("", person, role).json()
    schema = schemathesis.openapi.from_dict(description)
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > 60
    sent = 0
    failures: list[str] = []
    with httpx.Client(base_url=service.api.url, timeout=60) as client:

        def attempt(case: Any) -> None:
            nonlocal sent
            # A token made now: one of the calls may be to sign out everywhere.
            headers = service.headers(person, role, iat=int(time.time()) + 1)
            request = case.as_transport_kwargs(base_url=service.api.url)
            try:
                answer = client.request(
                    request["method"],
                    request["url"],
                    params=request.get("params"),
                    json=request.get("json"),
                    headers={**headers, "Prefer": "count=exact"},
                )
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError, ValueError):
                return
            sent += 1
            if answer.status_code >= 500:
                told = f"{answer.status_code} {request['method']} {request['url']} {answer.text[:300]}"
                failures.append(f"{told} {request.get('json')!r:.300} {request.get('params')!r:.200}")

        for operation in operations:
            _explore(operation, attempt)
    assert sent > 3 * len(operations)
    assert failures == [], "\n".join(failures)
