"""Hostile people against the whole stack through nginx: the others work, sign in, have questions answered."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.testing.people import PASSWORD
from quantmatrix.testing.proxy import pinned_nginx
from quantmatrix.testing.siege import Caller, besiege, report

HEADER = "Date,Symbol,Quantity,Price,Commission,Type\n"
LOG_BYTES = 100_000_000
MEMORY_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Siege:
    """How many attack for how long, and the trades of the books that take long."""

    hostile: int
    seconds: float
    trades: int


@pytest.fixture
def stack(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedEnvironment:
    """Everything that ``quantmatrix up`` starts, as people have it: durable, with nginx and a worker."""
    environment = EmbeddedEnvironment(data_dir.resolve())
    monkeypatch.setenv("QUANTMATRIX_NGINX", str(pinned_nginx(environment.account)))
    environment.ensure_running(api=True)
    assert environment.start_proxy()
    environment.start_worker()
    return environment


@pytest.mark.parametrize(
    "siege",
    [
        pytest.param(Siege(hostile=8, seconds=12, trades=2_000), id="short"),
        pytest.param(Siege(hostile=20, seconds=300, trades=100_000), id="long", marks=pytest.mark.soak),
    ],
)
def test_others_work_and_sign_in_meanwhile(
    stack: EmbeddedEnvironment, siege: Siege, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = [signed_in(stack, f"mallory{number}@example.test", number) for number in range(siege.hostile)]
    honest = [signed_in(stack, f"ann{number}@example.test", 100 + number) for number in range(4)]
    asker = signed_in(stack, "asker@example.test", 200)
    for caller in (*hostile, *honest):
        book(stack, caller, 20, tmp_path)
    for caller in (hostile[2], asker):
        book(stack, caller, siege.trades, tmp_path)
    questions = Questions(proxy_url(stack), asker)
    questions.start()
    met = besiege(proxy_url(stack), hostile, honest, siege.seconds)
    questions.join()
    found = sizes(stack)
    with capsys.disabled():
        sys.stdout.write(f"\nsiege of {siege.seconds} s by {siege.hostile}: {report(met)}\n")
        sys.stdout.write(f"questions: {questions.told}; {found}\n")
    assert met.refused() == {}
    assert {job["status"] for job in questions.ended} == {"finished"}
    assert len(questions.ended) == 2
    assert found["log_bytes"] < LOG_BYTES
    assert found["memory_bytes"] < MEMORY_BYTES


class Questions(threading.Thread):
    """Somebody who asks what takes long, as jobs, and looks at how far they are."""

    def __init__(self, url: str, caller: Caller) -> None:
        super().__init__(daemon=True)
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {caller.token}"},
            transport=httpx.HTTPTransport(local_address=caller.address),
            timeout=60,
        )
        self.ended: list[dict[str, Any]] = []
        self.told: list[str] = []

    def run(self) -> None:
        with self._client:
            self._ask()

    def _ask(self) -> None:
        for kind, arguments in (("lots_compare", {"year": 2024}), ("lots_rebuild", {"verify": True})):
            asked = self._client.post("/rpc/job_add", json={"kind": kind, "arguments": arguments})
            asked.raise_for_status()
            number = asked.json()["id"]
            begun = time.monotonic()
            while True:
                job = self._client.get(f"/jobs?id=eq.{number}").raise_for_status().json()[0]
                if job["status"] not in ("waiting", "running"):
                    break
                time.sleep(1)
            self.ended.append(job)
            self.told.append(f"{kind} {job['status']} after {time.monotonic() - begun:.0f} s")


def proxy_url(stack: EmbeddedEnvironment) -> str:
    url = stack.proxy_url
    assert url is not None
    return url


def signed_in(stack: EmbeddedEnvironment, email: str, number: int) -> Caller:
    """Somebody who registered and signed in from an address of their own."""
    address = f"127.0.{1 + number // 200}.{1 + number % 200}"
    with httpx.Client(
        base_url=proxy_url(stack), transport=httpx.HTTPTransport(local_address=address), timeout=60
    ) as client:
        secret = {"email": email, "password": PASSWORD}
        client.post("/rpc/register", json=secret).raise_for_status()
        with psycopg.connect(stack.superuser_dsn) as connection:
            row = connection.execute(
                "select body from auth.mails where recipient = %s order by id desc limit 1", [email]
            ).fetchone()
        assert row is not None
        token = row[0].split("Token: ")[1].split()[0]
        client.post("/rpc/verify_email", json={"token": token}).raise_for_status()
        answer = client.post("/rpc/sign_in", json=secret).raise_for_status()
    return Caller(email, PASSWORD, answer.headers["access-token"], address)


def book(stack: EmbeddedEnvironment, caller: Caller, trades: int, folder: Path) -> None:
    """Purchases, and sales of half of what each brought, on a few instruments."""
    file = folder / f"{caller.email}-{trades}.csv"
    with file.open("w", encoding="ascii") as stream:
        stream.write(HEADER)
        for number in range(trades):
            month, day = 1 + number % 12, 1 + number // 12 % 28
            kind, quantity = ("buy", 10) if number % 2 == 0 else ("sell", -5)
            price = f"{20 + number % 17}.{number % 100:02d}"
            stream.write(f"2024-{month:02d}-{day:02d},S{number % 20},{quantity},{price},1.00,{kind}\n")
    command = [sys.executable, "-m", "quantmatrix", "--data-dir", str(stack.data_dir)]
    command += ["--user", caller.email, "import", "--account", "U1", "--new-account", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def sizes(stack: EmbeddedEnvironment) -> dict[str, int]:
    """Bytes of the logs, of all the servers' files, and of the servers' memory that is their own."""
    home = stack.layout(stack.known_state()).home
    logs = sum(path.stat().st_size for path in (home / "logs").rglob("*") if path.is_file())
    memory = 0
    for process in psutil.process_iter():
        try:
            if str(home) in " ".join((*process.cmdline(), process.cwd())):
                memory += process.memory_full_info().uss
        except psutil.Error:
            continue
    files = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    return {"log_bytes": logs, "file_bytes": files, "memory_bytes": memory}
