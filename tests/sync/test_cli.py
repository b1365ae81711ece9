"""``quantmatrix sync``: feeds, credentials, statuses and what people are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.testing.broker_server import Fill, FlexServer

from .conftest import Person, yesterday

QUICK = ("--base-delay", "0", "--tries", "2")


class Shell:
    """The command line with a database and a server of its own."""

    def __init__(self, person: Person, email: str, server: FlexServer, config_dir: Path) -> None:
        self.server = server
        self.email = email
        self.variables = {
            **person.database.variables(),
            "QUANTMATRIX_CONFIG_DIR": str(config_dir),
            "QUANTMATRIX_FLEX_URL": server.base,
        }

    def run(self, *arguments: str, said: str | None = None) -> Result:
        return CliRunner(env=self.variables).invoke(
            cli, ["--user", self.email, "sync", *arguments], input=said
        )

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--format", "json")
        assert done.stdout, done.output
        return json.loads(done.stdout)

    def add(self, name: str = "main", **secrets: str) -> Result:
        said = json.dumps(secrets or {"token": self.server.token})
        more = ("--query", self.server.query, "--since", str(yesterday()), "--credentials-file", "-")
        return self.run("add", "ibkr", name, *more, said=said)


@pytest.fixture
def shell(person: Person, email: str, config_dir: Path) -> Iterator[Shell]:
    with FlexServer().running() as server:
        assert isinstance(server, FlexServer)
        server.fills = [Fill("1", yesterday(), 10)]
        yield Shell(person, email, server, config_dir)


def test_a_feed_from_its_making_to_its_end(shell: Shell, config_dir: Path) -> None:
    nothing = shell.run("status")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert shell.run("ibkr").exit_code == 2
    made = shell.add()
    assert made.exit_code == 0, made.output
    assert shell.server.token not in made.output
    assert shell.add().exit_code == 1

    done = shell.run("ibkr", *QUICK)
    assert done.exit_code == 0, done.output
    assert "finished" in done.stdout
    [again] = shell.json("run", *QUICK)
    assert (again["status"], again["tries"], again["rows"]) == (
        "finished",
        1,
        {"read": 1, "new": 0, "refused": 0},
    )
    [state] = shell.json("status")
    assert (state["state"], state["fetched_through"], state["accounts"]) == (
        "ok",
        str(yesterday()),
        ["U5550001"],
    )

    shell.server.faults = ["flex_1012"]
    expired = shell.run("run", *QUICK)
    assert expired.exit_code == 4
    assert "the token has expired: 1012: said the server (flex_1012)" in expired.stderr
    assert "next: make a new token at the broker, then quantmatrix sync credentials main" in expired.stderr
    told = shell.run("status")
    assert told.exit_code == 3
    assert "main: failing: the token has expired" in told.stderr

    shell.server.token = "another"
    assert (
        shell.run("credentials", "main", "--credentials-file", "-", said='{"token": "another"}').exit_code
        == 0
    )
    assert shell.run("run", *QUICK).exit_code == 0
    assert [row["status"] for row in shell.json("history", "main")] == [
        "finished",
        "failed",
        "finished",
        "finished",
    ]

    assert shell.run("set", "main", "--pause").exit_code == 0
    assert shell.run("run").exit_code == 2
    assert shell.run("ibkr", "main").exit_code == 1
    assert shell.run("set", "main", "--resume", "--overlap", "30", "--silent-after", "9 days").exit_code == 0
    assert shell.run("set", "main", "--silent-after", "soon").exit_code == 1
    assert shell.run("remove", "main").exit_code == 0
    assert shell.json("status") == []
    assert shell.run("credentials", "main").exit_code == 2


def test_credentials_are_asked_for_or_read_and_never_half(shell: Shell) -> None:
    assert shell.add("one", client="x").exit_code == 2
    assert "missing: token" in shell.add("one", client="x").stderr
    assert "unknown: more" in shell.add("one", token="a", more="b").stderr
    asked = shell.run("add", "ibkr", "one", "--query", "123456", said=f"{shell.server.token}\n")
    assert asked.exit_code == 0, asked.output
    assert shell.server.token not in asked.output
    assert shell.run("add", "ibkr", "two", said="x\n").exit_code == 1
    assert shell.run("add", "crypto", "three", "--exchange", "../x", said="a\nb\n").exit_code == 1


def test_other_statuses_and_one_feed_that_fails_beside_one_that_does_not(shell: Shell) -> None:
    assert shell.add("good").exit_code == 0
    assert shell.add("bad", token="wrong").exit_code == 0
    both = shell.run("run", *QUICK, "--format", "json")
    assert both.exit_code == 4
    assert {report["feed"]: report["status"] for report in json.loads(both.stdout)} == {
        "bad": "failed", "good": "finished",
    }  # fmt: skip
    shell.server.faults = ["500", "500"]
    assert shell.run("run", "good", *QUICK).exit_code == 1
    shell.server.fills.append(Fill("2", yesterday(), 1, commission="some"))
    refused = shell.run("run", "good", *QUICK)
    assert refused.exit_code == 5
    assert "not a number" in refused.stderr
    assert shell.run("run", "good", *QUICK, "--accept-refusals").exit_code == 0


def test_two_programs_at_once(shell: Shell) -> None:
    assert shell.add().exit_code == 0
    shell.server.faults = ["hold"]
    program = [sys.executable, "-m", "quantmatrix", "--user", shell.email, "sync", "run", *QUICK]
    with subprocess.Popen(program, env=os.environ | shell.variables, stdout=subprocess.DEVNULL) as first:
        try:
            for _ in range(600):
                if shell.server.requests:
                    break
                time.sleep(0.05)
            [second] = shell.json("run", *QUICK)
        finally:
            shell.server.release.set()
        assert first.wait(60) == 0
    assert second == {"feed": "main", "status": "busy", "tries": 0}
    assert [row["status"] for row in shell.json("history")] == ["finished"]
