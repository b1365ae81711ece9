"""Logs: what people ask stands in none of them, and none of them can fill a disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from quantmatrix.services import ports
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.logs import POSTGRES_FILES, keep_bounded
from quantmatrix.services.nginx import NginxServer, ProxyConfig
from quantmatrix.services.tokens import sign
from quantmatrix.testing.proxy import pinned_nginx

SECRET = "U7654321SECRET"
NUMBER = 40
# Of one request, in all logs together: its line in nginx's. Its address alone has eight thousand characters.
BYTES_EACH = 300


@pytest.fixture(scope="module")
def proxied(started: EmbeddedEnvironment) -> Iterator[str]:
    """Address of a proxy before the running API, whose logs lie beside the others."""
    state = started.known_state()
    layout = started.layout(state)
    server = NginxServer(layout.nginx, layout.logs, started.account)
    port = ports.choose(1)[0]
    try:
        server.start(pinned_nginx(started.account), ProxyConfig(port, state.api_port))
        yield f"http://{ports.LOOPBACK}:{port}"
    finally:
        server.stop()


def logs(environment: EmbeddedEnvironment) -> dict[Path, str]:
    folder = environment.layout(environment.known_state()).logs
    return {path: path.read_text(errors="replace") for path in folder.iterdir() if path.is_file()}


def hostile() -> list[tuple[str, str]]:
    """Requests that the database refuses in many ways, each with a number of an account in its address."""
    long = "&".join(f"id=eq.{SECRET}{n}" for n in range(350))
    return [
        ("GET", f"/accounts?{long}"),
        ("GET", f"/accounts?account=eq.{SECRET}&id=eq.{SECRET}"),
        ("GET", f"/accounts?account_name=match.((({SECRET}"),
        ("GET", f"/nothing?{long}"),
        ("GET", f"/rpc/import_show?import_id={SECRET}"),
        ("GET", f"/rpc/schema_version?{long}"),
        ("POST", f"/rpc/account_add?{long}"),
        ("POST", f"/rpc/sign_in?{long}"),
        ("PATCH", f"/accounts?{long}"),
    ]


def test_hostile_requests_leave_no_values_and_few_bytes(started: EmbeddedEnvironment, proxied: str) -> None:
    claims = {"sub": "00000000-0000-4000-8000-000000000000", "role": "quantmatrix_user", "aud": "quantmatrix"}
    token = sign(claims | {"exp": 4102444800}, started.jwt_secret)
    before = sum(map(len, logs(started).values()))
    statuses = set()
    asked = 0
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        for url in (proxied, started.api_url):
            with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
                for method, path in hostile() * (NUMBER // 9 + 1):
                    answer = client.request(method, path, json={} if method != "GET" else None)
                    statuses.add(answer.status_code)
                    asked += 1
    assert not statuses <= {200, 204}
    told = logs(started)
    assert asked > 4 * NUMBER
    assert sum(map(len, told.values())) - before < asked * BYTES_EACH
    assert [file for file, text in told.items() if SECRET in text] == []


def test_what_the_database_is_asked_by_hand_is_not_logged(started: EmbeddedEnvironment) -> None:
    """The migrator's login has no setting of its own: the server's holds for it."""
    with psycopg.connect(started.migrator_dsn) as connection, pytest.raises(psycopg.Error):
        connection.execute(f'select 1 / 0 as "{SECRET}"'.encode())
    assert all(SECRET not in text for path, text in logs(started).items() if path.name.startswith("postgres"))


def test_a_log_is_cut_and_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "postgrest.log"
    other = tmp_path / "small.log"
    other.write_text("short")
    with path.open("ab", buffering=0) as log:
        log.write(b"a" * 600 + b"b" * 600)
        keep_bounded(tmp_path, largest=1000)
        log.write(b"next")
        assert path.read_bytes() == b"next"
        assert (tmp_path / "postgrest.log.1").read_bytes() == b"a" * 400 + b"b" * 600
        log.write(b"c" * 1200)
        keep_bounded(tmp_path, largest=1000)
        assert path.read_bytes() == b""
    assert sorted(found.name for found in tmp_path.iterdir()) == [
        "postgrest.log",
        "postgrest.log.1",
        "small.log",
    ]
    assert other.read_text() == "short"


def test_no_log_that_is_a_link_is_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x" * 2000)
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "nginx.log").symlink_to(elsewhere)
    keep_bounded(folder, folder / "not there", largest=1000)
    assert elsewhere.stat().st_size == 2000


def test_of_the_files_of_postgresql_the_newest_stay(tmp_path: Path) -> None:
    for number in range(POSTGRES_FILES + 5):
        path = tmp_path / f"postgres-202411{number:02}-000000.log"
        path.write_text("x" * 2000)
        os.utime(path, (number, number))
    (tmp_path / "postgres-start.log").write_text("begun")
    keep_bounded(tmp_path, largest=1000)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == POSTGRES_FILES + 1
    assert left[0] == "postgres-20241105-000000.log"
    assert left[-1] == "postgres-start.log"


def test_a_command_cuts_what_is_too_long(started: EmbeddedEnvironment) -> None:
    log = started.layout(started.known_state()).logs / "postgrest.log"
    with log.open("ab") as appended:
        appended.truncate(11 * 1024 * 1024)
    started.ensure_running()
    assert log.stat().st_size < 1024
    assert log.with_name("postgrest.log.1").stat().st_size <= 10 * 1024 * 1024
