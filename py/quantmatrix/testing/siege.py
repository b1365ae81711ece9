"""A siege: hostile people ask the whole stack through nginx for what costs most, while others work.

``besiege`` runs both and returns what the others met. Each person comes from an address of the loopback
network of their own, as the limits of an address would otherwise be one for all.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

PATIENCE = 60.0
PAUSE = 0.5
RECORD = {"kind": "note", "line_number": 1, "text": "x" * 800}


@dataclass(frozen=True)
class Caller:
    """Somebody with a session, and the address that the requests come from."""

    email: str
    password: str
    token: str
    address: str


@dataclass(frozen=True)
class Attacker:
    """A hostile caller at work."""

    url: str
    client: httpx.AsyncClient
    caller: Caller


@dataclass
class Met:
    """What those who worked met: seconds of each request, statuses by request, sign-ins."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def quantile(self, share: float) -> float:
        """The time within which ``share`` of the requests were answered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def refused(self) -> dict[str, int]:
        """Requests that were not answered as they must be."""
        return {key: count for key, count in self.statuses.items() if not key.endswith((" 200", " 204"))}


def besiege(url: str, hostile: Sequence[Caller], honest: Sequence[Caller], seconds: float) -> Met:
    """Let the hostile attack from a process of their own while the honest work; what the honest met."""
    attack = multiprocessing.get_context("spawn").Process(
        target=_attack, args=(url, list(hostile), seconds), daemon=True
    )
    attack.start()
    try:
        return asyncio.run(_work(url, honest, seconds))
    finally:
        attack.join(PATIENCE)
        attack.kill()
        attack.join()


def _client(url: str, caller: Caller) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {caller.token}"},
        transport=httpx.AsyncHTTPTransport(local_address=caller.address),
        timeout=PATIENCE,
    )


async def _work(url: str, callers: Sequence[Caller], seconds: float) -> Met:
    met = Met()
    until = time.monotonic() + seconds
    await asyncio.gather(*(_honest(url, caller, until, met) for caller in callers))
    return met


async def _honest(url: str, caller: Caller, until: float, met: Met) -> None:
    async with _client(url, caller) as client:
        for turn in itertools.count():
            if time.monotonic() > until:
                return
            row = {
                "account": "U1",
                "transaction_type": "deposit",
                "trade_date": "2024-01-02",
                "net_amount": "1.00",
                "external_id": f"{caller.email}-{turn}",
            }
            asked: list[tuple[str, str, Any]] = [
                ("GET", "/me", None),
                ("GET", "/holdings", None),
                ("GET", "/lots?limit=100", None),
                ("POST", "/rpc/transaction_add", {"transaction": row, "reason": "siege"}),
            ]
            if turn % 10 == 0:
                secret = {"email": caller.email, "password": caller.password}
                asked.append(("POST", "/rpc/sign_in", secret))
            for method, path, body in asked:
                begun = time.monotonic()
                try:
                    answer = await client.request(method, path, json=body)
                    status = str(answer.status_code)
                except httpx.HTTPError as error:
                    status = type(error).__name__
                met.seconds.append(time.monotonic() - begun)
                met.statuses[f"{method} {path.split('?')[0]} {status}"] += 1
            await asyncio.sleep(PAUSE)


def _attack(url: str, callers: list[Caller], seconds: float) -> None:
    asyncio.run(_all_attacks(url, callers, seconds))


async def _all_attacks(url: str, callers: list[Caller], seconds: float) -> None:
    until = time.monotonic() + seconds
    tasks = []
    for caller, attack in zip(callers, itertools.cycle(ATTACKS), strict=False):
        tasks.append(_repeated(attack, url, caller, until))
    await asyncio.gather(*tasks)


async def _repeated(
    attack: Callable[[Attacker], Awaitable[None]], url: str, caller: Caller, until: float
) -> None:
    async with _client(url, caller) as client:
        own = Attacker(url, client, caller)
        while time.monotonic() < until:
            with suppress(httpx.HTTPError, OSError, TimeoutError):
                await asyncio.wait_for(attack(own), max(0.1, until - time.monotonic()))


async def _slow_reader(own: Attacker) -> None:
    """Ask for everything and read nothing."""
    place = urlsplit(own.url)
    _, writer = await asyncio.open_connection(place.hostname, place.port, local_addr=(own.caller.address, 0))
    request = f"GET /transactions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {own.caller.token}\r\n\r\n"
    writer.write(request.encode())
    await writer.drain()
    await asyncio.sleep(20)
    writer.close()


async def _pattern(own: Attacker) -> None:
    """A pattern whose matching takes ever longer, spelled so that it must be decoded to be seen."""
    groups = "(a+)" * 8
    await own.client.get(f"/accounts?account_name=m%61tch.%5E{groups}b%5C1%5C1%24")


async def _rebuilds(own: Attacker) -> None:
    """A rebuild, and changes of the same book that wait for it."""
    change = {"account": "U1", "changes": {"name": "U1"}}
    await asyncio.gather(
        own.client.post("/rpc/lots_rebuild", json={"verify": True}),
        *(own.client.post("/rpc/account_set", json=change) for _ in range(14)),
    )


async def _guesses(own: Attacker) -> None:
    """Passwords of people who may not exist."""
    guess = {"email": f"{random.randrange(10**9)}@example.test", "password": "wrong horse"}
    await own.client.post("/rpc/sign_in", json=guess, headers={"Authorization": ""})


async def _staging(own: Attacker) -> None:
    """Rows of a load that never comes."""
    records = [RECORD | {"line_number": number} for number in range(1, 1000)]
    load = f"00000000-0000-4000-8000-{random.randrange(10**12):012d}"
    await own.client.post("/rpc/import_stage", json={"load_id": load, "records": records})


async def _errors(own: Attacker) -> None:
    """Eight kilobytes that the database refuses and might log."""
    await own.client.get("/accounts?" + "&".join(f"id=eq.x{number}" for number in range(700)))


async def _questions(own: Attacker) -> None:
    """The dearest questions, all at once."""
    await asyncio.gather(
        own.client.post("/rpc/lots_compare", json={"year": 2020}),
        own.client.post("/rpc/reconcile", json={}),
        own.client.get("/rpc/totals"),
        own.client.post("/rpc/audit_verify", json={}),
    )


ATTACKS = (_slow_reader, _pattern, _rebuilds, _guesses, _staging, _errors, _questions)


def report(met: Met) -> str:
    """What was met, in one line of JSON."""
    return json.dumps(
        {
            "requests": len(met.seconds),
            "p50_seconds": round(met.quantile(0.5), 3),
            "p95_seconds": round(met.quantile(0.95), 3),
            "worst_seconds": round(max(met.seconds), 3),
            "not_answered": met.refused(),
        }
    )
