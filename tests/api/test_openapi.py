"""The API's reference: made from comments, complete, and true about numbers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from quantmatrix.testing.service import Service


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    answer = service.get("", service.root, "quantmatrix_admin", accept="application/openapi+json")
    described: dict[str, Any] = answer.json()
    return described


def test_every_path_has_a_summary(document: dict[str, Any]) -> None:
    silent = [
        f"{method} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if not operation.get("summary")
    ]
    assert len(document["paths"]) > 25
    assert silent == []


def test_every_function_says_more_than_its_title(document: dict[str, Any]) -> None:
    silent = [
        path
        for path, methods in document["paths"].items()
        if path.startswith("/rpc/") and not methods["post"].get("description")
    ]
    assert silent == []


def example(operation: dict[str, Any]) -> str:
    """What the description of an operation shows as its example."""
    found = re.findall(r"^Example: (.+)$", operation.get("description", ""), re.MULTILINE)
    return str(found[-1]) if found else ""


def test_every_function_shows_a_call(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        if path.startswith("/rpc/"):
            shown = json.loads(example(methods["post"]) or "null")
            assert isinstance(shown, dict), path
            parameters = methods["post"]["parameters"]
            body: dict[str, Any] = next((p["schema"] for p in parameters if p.get("in") == "body"), {})
            assert set(body.get("required", [])) <= set(shown) <= set(body.get("properties", {})), path


def test_every_view_shows_a_question_that_is_answered(service: Service, document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        if path != "/" and not path.startswith("/rpc/"):
            shown = example(methods["get"])
            assert shown.startswith(f"GET {path}?"), path
            answer = service.get(shown.removeprefix("GET /"), service.ann)
            assert answer.status_code == 200, (shown, answer.text)


def test_every_column_is_described(document: dict[str, Any]) -> None:
    silent = [
        f"{view}.{column}"
        for view, definition in document["definitions"].items()
        for column, described in definition["properties"].items()
        if not described.get("description")
    ]
    assert silent == []


def test_exact_numbers_are_strings(document: dict[str, Any]) -> None:
    for view, column in (("transactions", "net_amount"), ("lots", "cost_remaining"), ("cash", "amount")):
        described = document["definitions"][view]["properties"][column]
        assert (described["type"], described["format"]) == ("string", "api.exact")
    numbers = [
        f"{view}.{column}"
        for view, definition in document["definitions"].items()
        for column, described in definition["properties"].items()
        if described.get("type") == "number"
    ]
    assert numbers == []


def test_the_document_says_what_this_is(document: dict[str, Any]) -> None:
    assert document["info"]["title"] == "QuantMatrix"
