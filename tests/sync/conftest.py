"""A person whose brokers are servers on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from quantmatrix.door.login import PersonSession
from quantmatrix.sync.run import Settings, run
from quantmatrix.sync.secrets import seal
from quantmatrix.testing.broker_server import Fill, FlexServer
from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.importer import Importer

NOW = Settings(base_seconds=0, tries=3)


class Person(Importer):
    """A person with feeds."""

    def add(
        self, service: str, name: str, secrets: dict[str, str], settings: dict[str, Any], since: date
    ) -> None:
        with self.session() as session:
            made = session.call(
                "feed_add", {"name": name, "service": service, "settings": settings, "since": since}
            )
            if secrets:
                sealed = seal(secrets, self.user_id, made["id"])
                session.call("feed_seal", {"name": name, "sealed": sealed})

    def sync(self, name: str = "main", settings: Settings = NOW) -> dict[str, Any]:
        with self.session() as session:
            return run(session, self.feed(name, session), settings)

    def feed(self, name: str = "main", session: PersonSession | None = None) -> dict[str, Any]:
        if session is None:
            with self.session() as session:
                return self.feed(name, session)
        [feed] = [feed for feed in session.view("feeds") if feed["name"] == name]
        return feed

    def attempts(self) -> list[dict[str, Any]]:
        with self.session() as session:
            return list(session.view("sync_attempts", order=("id",)))

    def ids(self) -> list[str]:
        """The broker's ids of all transactions, in order."""
        with self.database.connect() as connection:
            rows = connection.execute(
                "select external_id from core.transactions where user_id = %s order by external_id",
                [self.user_id],
            ).fetchall()
        return [row[0] for row in rows]


@pytest.fixture
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration folder, with its key."""
    monkeypatch.setenv("QUANTMATRIX_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


PEOPLE = iter(range(1_000_000))


@pytest.fixture(scope="session")
def sync_database(cluster: Cluster) -> Iterator[Database]:
    """One database for all these tests: each has a person of its own."""
    with cluster.database() as made:
        yield made


@pytest.fixture
def email() -> str:
    """An address that nobody has yet."""
    return f"person-{next(PEOPLE)}@example.org"


@pytest.fixture
def person(sync_database: Database, config_dir: Path, email: str) -> Person:
    """Somebody without feeds."""
    return Person(sync_database, email)


def yesterday() -> date:
    return datetime.now(UTC).astimezone(ZoneInfo("America/New_York")).date() - timedelta(days=1)


@pytest.fixture
def flex(person: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlexServer]:
    """The Flex web service with three trades, and the person's feed ``main`` of the last thirty days."""
    with FlexServer().running() as server:
        assert isinstance(server, FlexServer)
        monkeypatch.setenv("QUANTMATRIX_FLEX_URL", server.base)
        server.fills = [Fill(f"{n}", yesterday() - timedelta(days=20 - n), 10) for n in (1, 2, 3)]
        person.add(
            "ibkr", "main", {"token": server.token}, {"query": server.query}, yesterday() - timedelta(days=29)
        )
        yield server
