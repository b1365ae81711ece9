"""nginx before the API: limits and their headers, the caller's address, nothing secret in a log."""

from __future__ import annotations

import select
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from quantmatrix.door.http import ApiSession
from quantmatrix.door.protocol import Staged
from quantmatrix.services import ports
from quantmatrix.services.nginx import NginxServer, ProxyConfig
from quantmatrix.services.processes import wait_until
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.people import PASSWORD, People
from quantmatrix.testing.proxy import pinned_nginx, slow_proxy
from quantmatrix.testing.service import Person, Service


@dataclass
class Proxied:
    """People whose API is reached directly, and through the proxy at ``url``."""

    people: People
    url: str
    server: NginxServer
    entrance: str


@pytest.fixture(scope="module")
def proxied(module_database: Database) -> Iterator[Proxied]:
    with module_database.postgrest() as api, module_database.entrance() as entrance:
        with module_database.connect() as connection:
            connection.execute("update auth.settings set bcrypt_cost = 10")
        account = api.server.account
        program = pinned_nginx(account)
        folder = account.make_directory(api.server.folder / "nginx")
        server = NginxServer(folder, folder, account)
        port = ports.choose(1)[0]
        try:
            config = ProxyConfig(
                port,
                api.config.port,
                entrance_port=entrance.config.port,
                calls_per_second=5,
                calls_at_once=20,
                origin_calls_per_second=50,
                origin_calls_at_once=100,
            )
            server.start(program, config)
            yield Proxied(
                People(Service(api, module_database)), f"http://{ports.LOOPBACK}:{port}", server, entrance.url
            )
        finally:
            server.stop()


def test_requests_pass_and_tokens_come_back(proxied: Proxied) -> None:
    member = proxied.people.member("proxied@example.test")
    answer = httpx.post(
        f"{proxied.url}/rpc/sign_in", json={"email": member.email, "password": PASSWORD}, timeout=30
    )
    assert answer.status_code == 204
    assert "Access-Token" in answer.headers["access-control-expose-headers"]
    headers = {"Authorization": f"Bearer {answer.headers['access-token']}"}
    me = httpx.get(f"{proxied.url}/me", headers=headers)
    assert me.json()[0]["email"] == member.email
    assert me.headers["server"] == "nginx"


@contextmanager
def slowly(
    proxied: Proxied, name: str, tls_proxy: str = "255.255.255.255"
) -> Iterator[tuple[str, NginxServer]]:
    server = proxied.server
    upstream = proxied.people.service.api.config.port
    with slow_proxy(server.account, server.folder / name, upstream, tls_proxy=tls_proxy) as made:
        yield made


@pytest.fixture
def slow(proxied: Proxied) -> Iterator[str]:
    with slowly(proxied, f"slow-{uuid.uuid4()}") as (url, _):
        yield url


def test_reads_are_limited_for_each_token_with_429_and_when_to_come_back(proxied: Proxied, slow: str) -> None:
    quick = proxied.people.service.headers(proxied.people.service.ann)
    with httpx.Client(headers=quick) as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.get(f"{slow}/me"), range(60)))
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) == {200, 429}
    assert counted[200] >= 20
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["code"] == "QM051"
    other = proxied.people.service.headers(proxied.people.service.bob)
    assert httpx.get(f"{slow}/me", headers=other).status_code == 200


def test_who_makes_up_a_token_for_each_call_is_limited_by_address(proxied: Proxied, slow: str) -> None:
    with httpx.Client(base_url=slow) as client, ThreadPoolExecutor(4) as pool:
        statuses = Counter(
            pool.map(
                lambda n: client.get("/me", headers={"Authorization": f"Bearer {n}"}).status_code, range(300)
            )
        )
    assert set(statuses) == {401, 429}
    assert statuses[401] >= 100


def test_signing_in_is_limited_for_each_origin_and_takes_no_query(proxied: Proxied, slow: str) -> None:
    assert httpx.post(f"{slow}/rpc/sign_in?select=x", json={}).status_code == 400
    with httpx.Client() as client, ThreadPoolExecutor(8) as pool:
        statuses = list(
            pool.map(
                lambda n: client.post(f"{slow}/rpc/refresh", json={"refresh_token": str(n)}).status_code,
                range(60),
            )
        )
    assert set(statuses) == {401, 429}


def posted_in_peace(url: str, email: str, claimed_origin: str) -> httpx.Response:
    """The database's answer to a wrong password; the proxy's own limit is waited out."""
    while True:
        answer = httpx.post(
            url,
            json={"email": email, "password": "not the one at all"},
            headers={"X-Real-IP": claimed_origin, "X-Forwarded-For": claimed_origin},
            timeout=30,
        )
        if answer.status_code != 429 or answer.json()["message"] != "too many requests":
            return answer
        time.sleep(float(answer.headers["retry-after"]))


def test_the_database_sees_the_address_of_the_caller_and_no_other(proxied: Proxied) -> None:
    """Seven claimed origins are one: the throttle of one address and origin holds."""
    people = proxied.people
    member = people.member("origin@example.test")
    people.release()
    statuses = [
        posted_in_peace(f"{proxied.url}/rpc/sign_in", member.email, f"203.0.113.{n}").status_code
        for n in range(7)
    ]
    assert statuses == [401] * 5 + [429] * 2


def statuses_of(url: str, addresses: list[str]) -> set[int]:
    """What calls from these addresses are answered, as the operator's own proxy reports them."""
    with httpx.Client() as client:
        return {
            client.post(
                f"{url}/rpc/refresh", json={"refresh_token": "x"}, headers={"X-Forwarded-For": address}
            ).status_code
            for address in addresses
        }


def test_behind_the_operator_s_own_proxy_people_are_told_apart(proxied: Proxied) -> None:
    """Its word for the address is believed, and counted; without being named it would not be."""
    with slowly(proxied, "behind", ports.LOOPBACK) as (url, _):
        assert statuses_of(url, [f"203.0.113.{n}" for n in range(60)]) == {401}
        assert statuses_of(url, ["198.51.100.7"] * 60) == {401, 429}


def test_a_network_of_ipv6_is_one_origin(proxied: Proxied) -> None:
    """As the operator's own proxy reports the addresses; those of IPv4 written as IPv6 are told apart."""
    with slowly(proxied, "sixth", ports.LOOPBACK) as (url, _):
        assert statuses_of(url, [f"2001:db8:1:{n:x}::1" for n in range(60)]) == {401}
        assert statuses_of(url, [f"::ffff:203.0.113.{n}" for n in range(60)]) == {401}
        assert statuses_of(url, [f"2001:db8:2:3:{n:x}::1" for n in range(60)]) == {401, 429}


def test_people_sign_in_while_others_hold_every_connection_of_the_api(proxied: Proxied) -> None:
    """Three persons with as many requests as they may have, each of which waits and is asked again."""
    service = proxied.people.service
    member = proxied.people.member("unhurried@example.test")
    proxied.people.release()
    done = threading.Event()

    def ask_again_and_again(person: Person) -> set[int]:
        statuses = set()
        while not done.is_set():
            statuses.add(service.get("accounts", person).status_code)
        return statuses

    with (
        service.database.connect() as lock,
        service.database.connect() as observer,
        ThreadPoolExecutor(12) as pool,
    ):
        lock.execute("begin")
        lock.execute("lock table core.accounts in access exclusive mode")
        people = [person for person in (service.ann, service.bob, service.root) for _ in range(4)]
        slow = [pool.submit(ask_again_and_again, person) for person in people]

        def all_wait() -> bool:
            row = observer.execute(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and usename = 'authenticator' and wait_event_type = 'Lock'"
            ).fetchone()
            return row == (10,)

        try:
            assert wait_until(all_wait, 20)
            for _ in range(3):
                answer = httpx.post(
                    f"{proxied.url}/rpc/sign_in",
                    json={"email": member.email, "password": PASSWORD},
                    headers=service.headers(service.ann, "quantmatrix_admin"),
                    timeout=30,
                )
                assert answer.status_code == 204, answer.text
            renewed = httpx.post(
                f"{proxied.url}/rpc/refresh", json={"refresh_token": answer.headers["refresh-token"]}
            )
            assert renewed.status_code == 200
            assert wait_until(all_wait, 20)
        finally:
            done.set()
            lock.execute("rollback")
        assert 200 in {status for call in slow for status in call.result()}


def test_who_signs_in_reaches_nothing_else(proxied: Proxied) -> None:
    """The login of the API for signing in becomes no person, whatever token is sent to it."""
    service = proxied.people.service
    entrance = proxied.entrance
    assert httpx.get(f"{entrance}/rpc/schema_version").status_code == 200
    for role in ("quantmatrix_user", "quantmatrix_admin"):
        answer = httpx.get(f"{entrance}/accounts", headers=service.headers(service.root, role))
        assert not answer.is_success
        assert "permission denied" in answer.text


def test_what_is_too_large_is_refused(proxied: Proxied) -> None:
    """PostgREST parses a body whole: brackets alone would take it two hundred times their size."""
    headers = proxied.people.service.headers(proxied.people.service.bob)
    for function, size in (("sign_in", 20_000), ("transaction_add", 70_000), ("import_stage", 1_100_000)):
        large = httpx.post(f"{proxied.url}/rpc/{function}", content=b"[" * size, headers=headers)
        assert large.status_code == 413, function
        assert large.json()["code"] == "QM002"
    nobody = httpx.post(f"{proxied.url}/rpc/import_stage", content=b"[" * 100_000)
    assert nobody.status_code == 401
    origin = proxied.people.service.api.url
    first = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asked = httpx.options(f"{proxied.url}/rpc/import_stage", headers=first)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == origin


def test_a_file_is_staged_in_chunks_that_pass(proxied: Proxied) -> None:
    service = proxied.people.service
    token = service.headers(service.ann)["Authorization"].removeprefix("Bearer ")
    load_id = uuid.uuid4()
    rows: list[Staged] = [
        (str(load_id), "line", n, 0, '{"verdict": "row"}', "é" * 30_000) for n in range(1, 31)
    ]
    with ApiSession(proxied.url, token) as session:
        session.stage(load_id, rows)
    with service.database.connect() as connection:
        staged = connection.execute(
            "select count(*), sum(length(raw)) from ingest.staging where load_id = %s", [load_id]
        ).fetchone()
    assert staged == (30, 900_000)


def test_who_does_not_read_is_let_go_and_fills_no_disk(proxied: Proxied) -> None:
    """An answer of forty megabytes that nobody takes: a part of it waits in a file, and not for long."""
    service = proxied.people.service
    with service.database.connect() as connection:
        connection.execute(
            "with run as (insert into core.sync_history (user_id, kind, source, status, finished_at,"
            " content_sha256) values (%s, 'import', 'made_up', 'finished', now(), repeat('d', 64))"
            " returning user_id, id), file as (insert into ingest.files (user_id, sync_id, name, size_bytes)"
            " select r.user_id, r.id, 'large', 1 from run r)"
            " insert into ingest.lines (user_id, sync_id, line_number, verdict, raw)"
            " select r.user_id, r.id, n, 'unknown', repeat('x', 200000)"
            " from run r, generate_series(1, 200) n",
            [service.ann.id],
        )
    token = service.headers(service.ann)["Authorization"]
    port = int(proxied.url.rsplit(":", 1)[1])
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((ports.LOOPBACK, port))
        ask = f"GET /import_lines HTTP/1.1\r\nHost: api\r\nAuthorization: {token}\r\n\r\n"
        reader.sendall(ask.encode())
        assert reader.recv(12) == b"HTTP/1.1 200"
        largest = 0
        # Asked for nothing, it tells of errors alone: the connection was reset.
        reset = select.poll()
        reset.register(reader, 0)

        def is_let_go() -> bool:
            nonlocal largest
            largest = max(largest, kept_by(proxied.server))
            return bool(reset.poll(0))

        assert wait_until(is_let_go, 120)
    assert 0 < largest <= 17 * 1024 * 1024


def kept_by(server: NginxServer) -> int:
    """Bytes of the files that nginx keeps open for answers; they have no name any more."""
    running = server.running()
    assert running is not None
    sizes = []
    for process in psutil.Process(running.pid).children():
        for handle in Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                if str(server.folder / "proxy") in str(handle.readlink()):
                    sizes.append(handle.stat().st_size)
            except FileNotFoundError:
                continue
    return sum(sizes)


def test_no_secret_stands_in_the_log(proxied: Proxied) -> None:
    """Neither in that of requests nor in that of errors, a refusal for being too quick included."""
    key = "qm_00000000_" + "S" * 43
    headers = {"Authorization": f"Bearer {key}"}
    with slowly(proxied, "logged") as (url, server):
        with httpx.Client(headers=headers) as client, ThreadPoolExecutor(4) as pool:
            asked = list(pool.map(lambda _: client.get(f"{url}/me?select={key}"), range(60)))
        assert 429 in {answer.status_code for answer in asked}
        for path in ("start", "callback"):
            assert httpx.get(f"{url}/oauth/local/{path}?code={key}").status_code == 503
        path_of_log = server.log.with_name("nginx-access.log")
        # A request is logged once its answer was sent.
        assert wait_until(lambda: "/oauth/local/callback" in path_of_log.read_text(), 10)
        log = path_of_log.read_text()
        assert "/me" in log
        for text in (log, server.log.read_text()):
            assert key not in text
            assert "Bearer" not in text


def test_a_sign_in_page_that_is_not_there_is_told(proxied: Proxied) -> None:
    answer = httpx.get(f"{proxied.url}/oauth/google/start")
    assert answer.status_code == 503
    assert answer.json()["code"] == "QM059"


def test_an_api_that_is_gone_is_told(proxied: Proxied) -> None:
    proxied.people.service.api.server.stop()
    answer = httpx.get(f"{proxied.url}/rpc/schema_version")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["message"] == "the API does not answer"
