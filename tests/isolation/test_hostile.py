"""Every function with hostile arguments, one value at a time in a call that would go far: refused, and soon.

``calls.json`` holds such calls for each function; a new function fails until it has one. What is tried of
each is a sample, the same in each run: QUANTMATRIX_HOSTILE=10000 tries all there is.
"""

from __future__ import annotations

import copy
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.service import Service, add_book

EACH = int(os.environ.get("QUANTMATRIX_HOSTILE", "4"))
CALLS: list[tuple[str, dict[str, Any]]] = json.loads(
    Path(__file__).with_name("calls.json").read_text(encoding="utf-8")
)
# Wait on purpose, hash, or end the session of the test.
APART = {"register", "sign_in", "sign_out"}
# Generous: a hostile call must not be a way to keep the server busy.
SECONDS = 10.0
# What Postgres itself says of values that it cannot read or that are too large; anything else is ours to say.
UNREADABLE = ("22P0", "2200", "2201", "2202", "22003", "235", "54000", "54001", "42501", "PT", "PGRST")


def nested(letter: str, depth: int) -> Any:
    """A value inside as many lists or objects."""
    made: Any = 1
    for _ in range(depth):
        made = [made] if letter == "[" else {"a": made}
    return made


WORDS = [
    *("", " ", "\u0000", "a\u0000b", "\\", "%", "%s%n{0}${x}", "../../etc/passwd", "a" * 50_000),
    *("'; drop table core.users; --", "\u202e\U0010ffff\ud7ff", "((((((((((a*)*)*)*)*" * 20),
    *("quantmatrix_keeper", "auth.credentials", "read", "admin", "00000000-0000-0000-0000-000000000000"),
]
NUMBERS = [
    *("NaN", "Infinity", "-Infinity", "1e131071", "-1e131071", "1e-16383", "1e-20000", "1e999999999"),
    *("9" * 3000, "0." + "0" * 2000 + "1", "0x10", "1_000", 0, -1, 1.5, 2**31, 2**63 - 1, 2**63, -(2**63)),
    *(10**40, 10**400, 1e308, True),
]
DATES = [
    *("infinity", "-infinity", "294276-12-31", "4713-01-01 BC", "0001-01-01", "5874897-12-31"),
    *("99999-01-01", "2024-02-30", "2024-01-01T00:00:00+99:99", "now", "epoch", "178000000 years"),
]
SHAPES = [
    *(None, [], {}, [None], [[]], {"": ""}, [1] * 3000, [{}] * 1000, {f"k{n}": n for n in range(1000)}),
    *(nested("[", 300), nested("{", 300), ["admin", None, "\u0000"]),
]
VALUES: list[Any] = [*WORDS, *NUMBERS, *DATES, *SHAPES]


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a call, at every depth."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield (*above, key)
        yield from paths(part, (*above, key))


def changed(arguments: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The call with another value there."""
    made = copy.deepcopy(arguments)
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return made


def sample(function: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Hostile calls of a function, as many as wanted."""
    found = [(path, value) for path in paths(arguments) for value in VALUES]
    chosen = random.Random(function).sample(found, min(EACH, len(found)))
    return [changed(arguments, path, value) for path, value in chosen]


@pytest.fixture(scope="module")
def service(module_database: Database) -> Iterator[Service]:
    with module_database.postgrest() as api:
        with module_database.connect() as connection:
            connection.execute("update auth.settings set bcrypt_cost = 10, writes_per_second = 1000")
        made = Service(api, module_database)
        add_book(made, made.ann)
        yield made


def test_every_function_refuses_what_is_hostile_and_soon(service: Service) -> None:
    described = service.get("", service.root, "quantmatrix_admin").json()["paths"]
    assert {name for name, _ in CALLS} == {path[5:] for path in described if path.startswith("/rpc/")}
    staged = dict(CALLS)["import_stage"]
    theirs = {path[5:] for path in service.get("", service.ann).json()["paths"] if path.startswith("/rpc/")}
    failures: list[str] = []
    with httpx.Client(base_url=service.api.url, timeout=60) as client:
        for function, arguments in CALLS:
            if function in APART:
                continue
            is_theirs = function in theirs
            person = service.ann if is_theirs else service.root
            role = "quantmatrix_user" if is_theirs else "quantmatrix_admin"
            for hostile in sample(function, arguments):
                headers = service.headers(person, role, iat=int(time.time()) + 1)
                if function in ("import_load", "import_resolve"):
                    client.post("/rpc/import_stage", json=staged, headers=headers)
                begun = time.monotonic()
                answer = client.post(f"/rpc/{function}", json=hostile, headers=headers)
                took = time.monotonic() - begun
                failures += wrong(function, hostile, answer, took)
                if function == "import_stage" and answer.is_success:
                    file = {
                        "name": "h",
                        "source": "made_up",
                        "sha256": "c" * 64,
                        "size": 1,
                        "records": answer.json(),
                    }
                    load = {"load_id": hostile["load_id"], "file": file, "dry_run": True}
                    loaded = client.post("/rpc/import_load", json=load, headers=headers)
                    failures += wrong("import_load", hostile, loaded, 0)
        for view in sorted(path for path in described if path != "/" and not path.startswith("/rpc/")):
            answer = client.get(view, headers=service.headers(service.ann))
            failures += wrong(view, {}, answer, 0)
            if not answer.is_success:
                failures.append(f"{view}: {answer.status_code} {answer.text[:200]}")
    assert failures == [], "\n".join(failures)


def wrong(function: str, arguments: dict[str, Any], answer: httpx.Response, took: float) -> list[str]:
    """What is wrong with an answer, if anything."""
    told = answer.json() if answer.content and "json" in answer.headers["content-type"] else {}
    code = str(told.get("code", "QM")) if isinstance(told, dict) else "QM"
    if answer.status_code < 500 and took < SECONDS and code.startswith(("QM", *UNREADABLE)):
        return []
    return [
        f"{function}: {answer.status_code} in {took:.1f} s: {answer.text[:300]} {json.dumps(arguments)[:500]}"
    ]
