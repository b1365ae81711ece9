"""An exchange through ccxt: Kraken's interface on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from quantmatrix.ingest.ccxt_trades import CcxtParser
from quantmatrix.ingest.model import CashEvidence, Options, PositionEvidence, Refusal, Transaction
from quantmatrix.testing.conformance import Conformance, hold_together
from quantmatrix.testing.kraken_server import KrakenServer, Trade
from quantmatrix.testing.parsing import only, these

from .conftest import NOW, Person, yesterday


def at(days: int, minute: int = 0) -> int:
    """Noon of so many days before yesterday, New York."""
    noon = datetime.combine(
        yesterday() - timedelta(days=days), clock(12, minute), ZoneInfo("America/New_York")
    )
    return int(noon.timestamp())


@pytest.fixture
def server(person: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[KrakenServer]:
    with KrakenServer().running() as made:
        assert isinstance(made, KrakenServer)
        monkeypatch.setenv("QUANTMATRIX_CCXT_URL", made.url)
        made.deposits = [
            {
                "method": "wire", "aclass": "currency", "asset": "ZUSD", "refid": "D1", "txid": "d1",
                "info": "", "amount": "10000.00", "fee": "0.00", "time": at(30), "status": "Success",
            }
        ]  # fmt: skip
        made.trades = [
            Trade(f"T{n}", at(20 - n, n), "buy", "0.01000000", "50000.0", "500.00", "0.80") for n in range(8)
        ]
        made.balance = {"ZUSD": "5993.6000", "XXBT": "0.0800000000"}
        secrets = {"api_key": made.key, "secret": "c2VjcmV0LW9mLXRlc3Q="}
        settings = {"exchange": "kraken", "account": "K1"}
        person.add("crypto", "main", secrets, settings, yesterday() - timedelta(days=40))
        yield made


def test_pages_of_the_newest_first_arrive_once_and_reconcile(person: Person, server: KrakenServer) -> None:
    server.page = 3
    report = person.sync()
    assert report["status"] == "finished", report
    assert report["rows"] == {"read": 9, "new": 9, "refused": 0}
    assert person.ids() == [*(f"BTC/USD:T{n}" for n in range(8)), "deposit:D1"]
    with person.session() as session:
        [held] = session.view("holdings")
        assert (held["symbol"], held["quantity"]) == ("BTC", Decimal("0.08"))
        assert session.call("reconcile", {})["differences"] == []
        [account] = session.view("accounts")
        assert (account["broker"], account["account"]) == ("kraken", "K1")
    server.trades.append(Trade("T9", at(0), "sell", "0.03", "60000.0", "1800.00", "2.88"))
    again = person.sync()
    assert (again["rows"]["new"], again["fetched_through"]) == (1, str(yesterday()))


def test_faults_pass(person: Person, server: KrakenServer) -> None:
    server.faults = ["", "", "500", "", "", "cut_off", "", "", "429"]
    report = person.sync(settings=replace(NOW, tries=6))
    assert report["status"] == "finished"
    assert [attempt["failure"] for attempt in person.attempts()] == [
        "server_error", "unreachable", "throttled", None,
    ]  # fmt: skip
    assert len(person.ids()) == 9


def test_a_wrong_key_is_no_matter_of_time_and_a_redirect_is_not_followed(
    person: Person, server: KrakenServer
) -> None:
    server.key = "another"
    report = person.sync()
    assert (report["failure"], report["tries"]) == ("not_allowed", 1)
    assert "key-of-test" not in str(report)
    server.key = "key-of-test"
    with KrakenServer().running() as other:
        server.faults = [f"302 {other.url}/0/public/AssetPairs"]
        assert person.sync()["status"] == "failed"
        assert other.requests == []


HEAD = (
    '{"format":"ccxt","exchange":"binance","account":"B1","from":"2025-01-01","through":"2025-01-31",'
    '"generated_at":"2025-02-01T10:00:00+00:00"}'
)


def trade(identity: str, market: str, side: str, **more: Any) -> str:
    told = {
        "id": identity, "order": "o1", "timestamp": 1736500000123, "symbol": market, "side": side,
        "price": "50000", "amount": "0.02", "cost": "1000", "fee": {"cost": "0.5", "currency": "USD"},
    }  # fmt: skip
    return json.dumps({"trade": told | more})


def moved(kind: str, identity: str, code: str, **more: Any) -> str:
    told = {"id": identity, "timestamp": 1736500000123, "currency": code, "amount": "3", "status": "ok"}
    return json.dumps({kind: told | more})


ROWS = [
    trade("1", "BTC/USD", "buy"),
    trade("2", "BTC/USD", "buy", fee={"cost": "0.0001", "currency": "BTC"}),
    trade("3", "BTC/USD", "sell", fees=[{"cost": "0.004", "currency": "BNB"}], fee=None),
    trade("4", "ETH/BTC", "buy", price="0.05", amount="2", cost="0.1", fee=None),
    trade("5", "EUR/USD", "sell", price="1.1", amount="100", cost="110"),
    trade("1", "BTC/USD", "buy"),
    trade("1", "BTC/USD", "sell", cost=None),
    trade("6", "BTC/USDT:USDT", "buy"),
    moved("deposit", "d1", "USD"),
    moved("withdrawal", "w1", "BTC", fee={"cost": "0.001", "currency": "BTC"}),
    moved("withdrawal", "w2", "BTC", status="pending"),
    moved("deposit", "d2", "BTC", internal=True),
    '{"balance": {"currency": "BTC", "amount": "1.5"}}',
    '{"balance": {"currency": "USD", "amount": "10.5"}}',
    '{"reward": {"currency": "USD"}}',
]


def test_rows_mean_what_they_say() -> None:
    broken = [trade("7", "BTC/USD", "lend"), moved("deposit", "d3", "USD", amount="-3"), "["]
    records = list(CcxtParser().parse(StringIO("\n".join([HEAD, *ROWS, *broken])), Options()))
    hold_together(records)
    made = {t.external_id: t for t in only(records, Transaction)}
    assert {identity: these(row.type, row.quantity, row.net_amount) for identity, row in made.items()} == {
        "BTC/USD:1": these("buy", Decimal("0.02"), Decimal("-1000.5")),
        "BTC/USD:2": these("buy", Decimal("0.0199"), -1000),
        "BTC/USD:3": these("sell", Decimal("-0.02"), 1000),
        "BTC/USD:3/fee BNB": these("sell", Decimal("-0.004"), 0),
        "ETH/BTC:4": these("sell", Decimal("-0.1"), 0),
        "ETH/BTC:4/in": these("buy", 2, 0),
        "EUR/USD:5": these("fx_conversion", -100, Decimal("109.5")),
        "BTC/USD:1#2": these("sell", Decimal("-0.02"), Decimal("999.5")),
        "BTC/USDT:USDT:6": these("other", None, 0),
        "deposit:d1": these("deposit", None, 3),
        "withdrawal:w1": these("transfer_out", Decimal("-3.001"), 0),
    }
    assert [(refusal.line, refusal.code) for refusal in only(records, Refusal)] == [
        (17, "unknown_value"), (18, "bad_value"), (19, "bad_json"),
    ]  # fmt: skip
    assert [evidence.quantity for evidence in only(records, PositionEvidence)] == [Decimal("1.5")]
    assert [evidence.amount for evidence in only(records, CashEvidence)] == [Decimal("10.5")]


class TestConformance(Conformance):
    parser = CcxtParser
    samples = {"sample.jsonl": "\n".join([HEAD, *ROWS])}
    repeat_from = '"id": "d1"'
