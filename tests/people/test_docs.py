"""Every example in docs/api.md runs, and does not tell an error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quantmatrix import resources
from quantmatrix.testing.people import PASSWORD, Member, People
from quantmatrix.work.context import Context
from quantmatrix.work.loop import Worker, name
from quantmatrix.work.registry import KINDS

DOCUMENT = (resources.root() / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = [
    pytest.param(language, text, id=f"line {DOCUMENT[: found.start()].count(chr(10)) + 1} {language}")
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    for language, text in [found.groups()]
]


@pytest.fixture(scope="module")
def reader(people: People) -> Member:
    people.release()
    people.member("friend@example.test")
    member = people.member("docs@example.test")
    member.done("account_add", broker="ibkr", account_number="U1", name="Main")
    buy = {
        "account": "U1",
        "transaction_type": "buy",
        "symbol": "ABC",
        "trade_date": "2024-01-03",
        "quantity": "12.5",
        "price": "100",
    }
    member.done("transaction_add", transaction=buy, reason="an example")
    return member


@pytest.fixture(scope="module", autouse=True)
def _worker(people: People) -> Iterator[None]:
    """Whoever reads the page has one beside the API."""
    context = Context(name(), people.service.database.environment, lambda _: None)
    thread = threading.Thread(target=Worker(context, [KINDS["jobs"]]).run)
    thread.start()
    yield
    context.ending.set()
    thread.join()


def test_each_language_has_examples() -> None:
    languages = [parameter.values[0] for parameter in EXAMPLES]
    assert {"sh", "python", "js"} == set(languages)
    # What people do every day, in each: read, sign in, exchange a key, share, import, write.
    for task in (
        "holdings",
        "sign_in",
        "key_exchange",
        "grant_",
        "import_load",
        ("transaction_add", "what_if"),
    ):
        words = (task,) if isinstance(task, str) else task
        shown = {p.values[0] for p in EXAMPLES if any(word in str(p.values[1]) for word in words)}
        assert shown == {"sh", "python", "js"}, task


@pytest.mark.parametrize(("language", "text"), EXAMPLES)
def test_example(people: People, reader: Member, tmp_path: Path, language: str, text: str) -> None:
    assert reader.sign_in().status_code == 204
    address = f"verify-{tmp_path.name}@example.test".lower()
    if "mail_token" in text:
        people.call("register", email=address, password=PASSWORD)
    variables = {
        "PATH": os.environ["PATH"],
        "url": people.service.api.url,
        "token": reader.access,
        "refresh_token": reader.renewal,
        "email": reader.email,
        "password": reader.password,
        "key": reader.done("key_create", name="docs")["key"],
        "mail_token": people.mailed_token(address) if "mail_token" in text else "",
    }
    suffix, program = {
        "sh": (".sh", ["sh", "-eu"]),
        "python": (".py", [sys.executable, "-W", "error"]),
        "js": (".mjs", ["node"]),
    }[language]
    script = tmp_path / f"example{suffix}"
    script.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [*program, str(script)], env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"code":' not in done.stdout
    assert "Traceback" not in done.stderr


def test_every_function_and_error_is_told(people: People) -> None:
    with people.service.database.connect() as connection:
        functions = connection.execute(
            "select p.proname::text from pg_proc p where p.pronamespace = 'api'::regnamespace"
            " and p.proowner = 'quantmatrix_keeper'::regrole and p.proname <> 'check_request'"
        ).fetchall()
    assert [name for (name,) in functions if name not in DOCUMENT] == []
    registry = (resources.root() / "db" / "functions" / "errors.md").read_text(encoding="utf-8")
    codes = set(re.findall(r"QM\d{3}", registry))
    assert codes - set(re.findall(r"QM\d{3}", DOCUMENT)) == set()
