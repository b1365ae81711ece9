"""Keys that sign tokens change while old tokens stay good; 'up' starts nginx and the sign-in page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from click.testing import CliRunner

from quantmatrix.cli import cli
from quantmatrix.services.account import service_account
from quantmatrix.testing.proxy import pinned_nginx

Run = Callable[..., Any]


@pytest.fixture
def run(data_dir: Path) -> Run:
    program = pinned_nginx(service_account())
    env = {"QUANTMATRIX_DATA_DIR": str(data_dir), "QUANTMATRIX_NGINX": str(program)}

    def invoke(*words: str, status: int = 0) -> Any:
        told = () if words[0] in ("migrate", "down") else ("--format", "json")
        result = CliRunner(env=env).invoke(cli, [*words, *told])
        assert result.exit_code == status, result.output + result.stderr
        return json.loads(result.stdout) if result.stdout else None

    return invoke


def status_of(api: str, token: str) -> int:
    return httpx.get(f"{api}/me", headers={"Authorization": f"Bearer {token}"}).status_code


def test_keys_rotate_with_overlap_and_the_proxy_comes_and_goes(run: Run, tmp_path: Path) -> None:
    addresses = run("up")
    api, proxy = addresses["api"], addresses["proxy"]
    assert {row["server"]: row["state"] for row in run("status")} == {
        "PostgreSQL": "running",
        "PostgREST": "running",
        "PostgREST for signing in": "running",
        "nginx": "running",
        "worker": "running",
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

    # The sign-in page comes with its providers, is reached through the proxy, and is remembered.
    providers = tmp_path / "providers.json"
    provider = {"client_id": "me", "client_secret": "hush", "authorize_url": "https://hub.test/authorize"}
    providers.write_text(json.dumps({"hub": provider}))
    assert run("up", "--providers", str(providers))["sign_in_page"] == proxy
    begin = f"{proxy}/oauth/hub/start?challenge={'A' * 43}&return_to=http://127.0.0.1:1/"
    begun = httpx.get(begin)
    assert begun.status_code == 302
    assert begun.headers["location"].startswith("https://hub.test/authorize?")
    assert f"redirect_uri={quote(proxy, safe='')}%2Foauth%2Fhub%2Fcallback&" in begun.headers["location"]
    before = run("status")
    assert [row["server"] for row in before][-2:] == ["sign-in page", "worker"]
    assert {row["state"] for row in before} == {"running"}
    assert run("up")["sign_in_page"] == proxy
    assert [row["pid"] for row in run("status")] == [row["pid"] for row in before]
    run("down")
    assert {row["state"] for row in run("status", status=6)} == {"stopped"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{proxy}/")
