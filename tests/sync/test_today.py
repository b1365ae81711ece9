"""Today's executions: beside the record until a statement covers the day, never in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from quantmatrix.sync import today
from quantmatrix.testing.broker_server import Fill, FlexServer
from quantmatrix.testing.gateway_server import Execution, GatewayServer

from .conftest import Person, yesterday

NEW_YORK = ZoneInfo("America/New_York")


def execution(identity: str, side: str, shares: str, days: int = 0, **more: str) -> Execution:
    when = datetime.now(NEW_YORK) - timedelta(days=days)
    return Execution(identity, f"{when:%Y%m%d %H:%M:%S} US/Eastern", side, shares, "61.07", **more)


@pytest.fixture
def gateway(person: Person, flex: FlexServer) -> Iterator[GatewayServer]:
    with GatewayServer().running() as made:
        person.add("ibkr_today", "now", {}, {"port": made.port}, yesterday())
        person.sync()
        yield made


def now(person: Person) -> list[tuple[str, Decimal, Decimal]]:
    with person.session() as session:
        return [(row["symbol"], row["recorded_quantity"], row["quantity"]) for row in session.view("today")]


def test_they_are_shown_until_flex_covers_the_day(
    person: Person, flex: FlexServer, gateway: GatewayServer
) -> None:
    gateway.executions = [
        execution("0000.7.01.01", "BOT", "100.0", days=1),
        execution("0000.8.01.01", "BOT", "30", days=1, commission="1.7976931348623157E308"),
        execution("0000.8.01.02", "BOT", "40", days=1),
        execution("0000.9.01.01", "SLD", "5"),
    ]
    report = person.sync("now")
    assert (report["status"], report["rows"]["new"]) == ("finished", 3)
    assert person.sync("now")["rows"]["new"] == 0
    assert now(person) == [("KO", Decimal(30), Decimal(165))]
    with person.session() as session:
        told = {row["execution_id"]: row for row in session.view("today_executions")}
        assert (told["0000.7.01"]["price"], told["0000.7.01"]["commission"]) == (Decimal("61.07"), -1)
        [held] = session.view("holdings")
        assert held["quantity"] == 30

    # The statement has one of them, under its own id, and not the other, which was cancelled.
    flex.fills.append(Fill("7", yesterday(), 100))
    assert person.sync()["rows"]["new"] == 1
    with person.session() as session:
        told = {row["execution_id"]: row for row in session.view("today_executions")}
        assert told["0000.7.01"]["transaction_id"] is not None
        assert not told["0000.8.01"]["counts"]
        assert told["0000.9.01"]["counts"]
        imports = [row["id"] for row in session.view("imports", order=("id",))]
    assert now(person) == [("KO", Decimal(130), Decimal(125))]

    # Nothing was lost by it: without the statement they count again.
    person.undo(imports[-1])
    assert now(person) == [("KO", Decimal(30), Decimal(165))]


def test_a_gateway_that_is_not_there_or_says_nothing(
    person: Person, gateway: GatewayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(today, "CONNECT_SECONDS", 0.2)
    gateway.is_silent = True
    assert person.sync("now")["failure"] == "too_slow"
    with person.session() as session:
        session.call("feed_set", {"name": "now", "changes": {"settings": {"port": 1}}})
    assert person.sync("now")["failure"] == "unreachable"


def test_an_account_that_nobody_knows_is_named(person: Person, gateway: GatewayServer) -> None:
    gateway.executions = [execution("0000.1.01.01", "BOT", "1", account="U9999999")]
    report = person.sync("now")
    assert "U9999999 is not known yet" in report["warnings"][0]
    assert now(person) == []
