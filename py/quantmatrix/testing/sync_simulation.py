"""Many syncs against a Flex service that fails at random: what arrives, and what the history says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import date, timedelta

from quantmatrix.sync.flex import VARIABLE
from quantmatrix.sync.run import Settings, run
from quantmatrix.sync.secrets import seal
from quantmatrix.testing.broker_server import Fill, FlexServer
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.importer import Importer

DAYS = 100
FIRST = date(2024, 1, 2)
_STOCKS = ("KO", "PEP", "MCD")


@dataclass
class Outcome:
    """Counts of a simulation. ``lost`` and ``doubled`` rows are what must not be."""

    syncs: int = 0
    succeeded: int = 0
    requests: int = 0
    faults: int = 0
    attempts: int = 0
    failed_attempts: int = 0
    recorded: int = 0
    recorded_failed: int = 0
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    behind: int = 0
    """Feeds whose cursor did not come to the last day."""


def simulate(
    database: Database,
    syncs: int,
    environment: MutableMapping[str, str],
    *,
    rate: float = 0.2,
    seed: int = 1,
    say: Callable[[Outcome], None] = lambda _: None,
) -> Outcome:
    """``syncs`` daily syncs, a hundred days for each of as many people as that needs, on an idle machine.

    ``environment`` is where the address of each server is written (``os.environ``). The last day is synced
    again until it succeeds, as the next night would. ``say`` is told what was so far, person by person.
    """
    outcome = Outcome()
    chance = random.Random(seed)
    while outcome.syncs < syncs:
        days = min(DAYS, syncs - outcome.syncs)
        _person(database, days, environment, rate, chance, outcome)
        say(outcome)
    return outcome


def _person(
    database: Database,
    days: int,
    environment: MutableMapping[str, str],
    rate: float,
    chance: random.Random,
    outcome: Outcome,
) -> None:
    importer = Importer(database, f"simulated-{outcome.syncs}@example.org")
    server = FlexServer(rate=rate, seed=chance.randrange(2**32))
    account = f"U{1000000 + outcome.syncs}"
    server.accounts = [account]
    with server.running(), importer.session() as session:
        environment[VARIABLE] = server.base
        made = session.call(
            "feed_add",
            {"name": "main", "service": "ibkr", "settings": {"query": server.query}, "since": FIRST},
        )
        sealed = seal({"token": server.token}, importer.user_id, made["id"])
        session.call("feed_seal", {"name": "main", "sealed": sealed})
        for number in range(days):
            day = FIRST + timedelta(days=number)
            for _ in range(chance.randrange(4)):
                identity = f"{account}-{len(server.fills)}"
                server.fills.append(
                    Fill(identity, day, chance.randint(1, 9), symbol=chance.choice(_STOCKS), account=account)
                )
            settings = Settings(base_seconds=0, through=day)
            report = run(session, {"name": "main"}, settings)
            outcome.syncs += 1
            outcome.succeeded += report["status"] == "finished"
            _count(outcome, report)
            while number == days - 1 and report["status"] != "finished":
                report = run(session, {"name": "main"}, settings)
                _count(outcome, report)
        [feed] = session.view("feeds")
        outcome.behind += feed["fetched_through"] != FIRST + timedelta(days=days - 1)
        told = Counter(attempt["status"] for attempt in session.view("sync_attempts"))
        outcome.recorded += told.total()
        outcome.recorded_failed += told["failed"]
    arrived = Counter(row[4] for row in importer.state())
    expected = {fill.identity for fill in server.fills}
    outcome.requests += len(server.requests)
    outcome.faults += len(server.done)
    outcome.rows += len(expected)
    outcome.lost += len(expected - set(arrived))
    outcome.doubled += sum(count - 1 for count in arrived.values()) + len(set(arrived) - expected)


def _count(outcome: Outcome, report: dict[str, object]) -> None:
    tries = int(str(report["tries"]))
    outcome.attempts += tries
    outcome.failed_attempts += tries - (report["status"] == "finished")
