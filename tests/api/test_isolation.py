"""Nobody sees or changes what is another's, and readers change nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from quantmatrix.testing.service import Service, add_book

VIEWS = (
    "me",
    "accounts",
    "instruments",
    "transactions",
    "holdings",
    "lots",
    "closings",
    "tax_years",
    "wash_sales",
    "notices",
    "cash",
    "imports",
    "import_lines",
    "import_matches",
    "import_decisions",
    "instrument_changes",
    "reconciliations",
    "differences",
    "feeds",
    "sync_attempts",
    "today",
    "today_executions",
    "acceptances",
    "jobs",
    "audit_log",
)
INNER = ("core", "tax", "ingest", "matching", "reconcile", "sync", "legacy", "auth", "audit", "work")


def exposed(service: Service, role: str) -> dict[str, Any]:
    """What the API describes to ``role``."""
    person = service.root if role == "quantmatrix_admin" else service.ann
    document = service.get("", person, role, accept="application/openapi+json").json()
    paths: dict[str, Any] = document["paths"]
    return paths


def test_the_list_of_views_is_complete(service: Service) -> None:
    paths = exposed(service, "quantmatrix_user")
    assert {path[1:] for path in paths if "/rpc/" not in path} - {""} == set(VIEWS)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_shows_the_own_rows_alone(service: Service, book: dict[str, int], view: str) -> None:
    mine = service.get(view, service.ann)
    assert mine.status_code == 200, mine.text
    assert mine.json(), "the positive control: ann has rows here"
    assert service.get(view, service.ann, "quantmatrix_readonly").json() == mine.json()

    other = service.get(view, service.bob)
    assert other.status_code == 200
    if view in ("me", "audit_log"):
        assert all(row.get("email", "bob@example.test") == "bob@example.test" for row in other.json())
        assert not [row for row in other.json() if row in mine.json()]
    else:
        assert other.json() == []

    administrator = service.get(view, service.root, "quantmatrix_admin")
    assert not [row for row in administrator.json() if row in mine.json()]
    assert service.get(view, None).status_code == 401


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
def test_a_view_cannot_be_written(service: Service, book: dict[str, int], view: str, method: str) -> None:
    before = service.rows_of(service.ann)
    row = service.get(view, service.ann).json()[0]
    column = next(iter(row))
    answer = httpx.request(
        method,
        f"{service.api.url}/{view}",
        headers=service.headers(service.ann),
        json={column: row[column]} if method != "DELETE" else None,
    )
    assert answer.status_code >= 400, answer.text
    assert service.rows_of(service.ann) == before


def calls(book: dict[str, int]) -> dict[str, dict[str, Any]]:
    """For every function that writes, arguments that name ann's rows."""
    fields = {"account": "U1", "transaction_type": "deposit", "trade_date": "2024-01-02", "net_amount": "1"}
    return {
        "account_set": {"account": "U1", "changes": {"name": "taken"}},
        "transaction_add": {"transaction": fields, "reason": "not mine"},
        "transaction_correct": {
            "transaction_id": book["sell"], "changes": {"quantity": "-4"}, "reason": "not mine",
        },
        "transaction_void": {"transaction_id": book["sell"], "reason": "not mine"},
        "basis_set": {"transaction_id": book["transfer"], "basis": 1, "reason": "not mine"},
        "method_set": {"account": "U1", "symbol": "ABC", "method": "lifo"},
        "instrument_facts_set": {"symbol": "ABC", "facts": {"identical_group": "mine"}},
        "reconcile": {"account": "U1"},
    }  # fmt: skip


@pytest.mark.parametrize("function", sorted(calls({"sell": 0, "transfer": 0})))
def test_a_function_reaches_the_own_rows_alone(service: Service, book: dict[str, int], function: str) -> None:
    arguments = calls(book)[function]
    before = service.rows_of(service.ann)
    foreign = service.call(function, service.bob, arguments)
    assert foreign.status_code == 400, foreign.text
    assert foreign.json()["code"] == "QM001"
    assert service.rows_of(service.ann) == before

    for person, role in ((service.ann, "quantmatrix_readonly"), (None, "anon")):
        answer = service.call(function, person, arguments, role)
        assert answer.status_code in (401, 403, 404), answer.text
        assert service.rows_of(service.ann) == before


def test_each_of_these_calls_works_for_its_owner(service: Service) -> None:
    carol = service.add_person("carol@example.test")
    owned = add_book(service, carol)
    for function, arguments in calls(owned).items():
        if function == "transaction_void":
            continue
        service.done(function, carol, arguments)
    service.done("transaction_void", carol, calls(owned)["transaction_void"])


def test_an_acceptance_is_for_the_own_differences(service: Service, book: dict[str, int]) -> None:
    found = service.get("differences?status=eq.open&select=id", service.ann).json()
    assert found
    arguments = {"finding_id": found[0]["id"], "reason": "not mine"}
    assert service.call("difference_accept", service.bob, arguments).json()["code"] == "QM001"
    assert (
        service.call("difference_accept", service.ann, arguments, "quantmatrix_readonly").status_code == 403
    )


@pytest.mark.parametrize("schema", [*INNER, "public", "migrations"])
def test_no_other_schema_is_reached(service: Service, schema: str) -> None:
    headers = {**service.headers(service.ann), "Accept-Profile": schema}
    assert httpx.get(f"{service.api.url}/transactions", headers=headers).status_code == 406


def test_readers_may_call_nothing_that_writes(service: Service) -> None:
    with service.database.connect() as connection:
        may = connection.execute(
            "select r.rolname, count(*) from pg_proc p cross join pg_roles r"
            " where p.pronamespace = 'api'::regnamespace and p.provolatile = 'v'"
            # Signing in and keeping one's sessions is not writing to a book.
            " and p.proowner <> 'quantmatrix_keeper'::regrole"
            " and r.rolname in ('quantmatrix_user', 'quantmatrix_readonly', 'anon')"
            " and has_function_privilege(r.oid, p.oid, 'execute') group by r.rolname"
        ).fetchall()
    assert [name for name, _ in may] == ["quantmatrix_user"]
