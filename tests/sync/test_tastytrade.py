"""tastytrade through its interface, from access to the reconciled position."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from quantmatrix.ingest.model import Line, Link, Options, PositionEvidence, Refusal, Transaction
from quantmatrix.ingest.tastytrade import TastytradeApi
from quantmatrix.testing.conformance import Conformance, hold_together
from quantmatrix.testing.parsing import only, these
from quantmatrix.testing.tastytrade_server import TastytradeServer, traded

from .conftest import NOW, Person, yesterday


@pytest.fixture
def server(person: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[TastytradeServer]:
    with TastytradeServer().running() as made:
        assert isinstance(made, TastytradeServer)
        monkeypatch.setenv("QUANTMATRIX_TASTYTRADE_URL", made.url)
        made.transactions = [traded(n, yesterday() - timedelta(days=20 - n), 10) for n in range(1, 8)]
        made.positions = [
            {"symbol": "KO", "instrument-type": "Equity", "quantity": 70, "quantity-direction": "Long"}
        ]
        secrets = {"client_secret": made.client_secret, "refresh_token": made.refresh_token}
        person.add("tastytrade", "main", secrets, {"account": "5WT00001"}, yesterday() - timedelta(days=40))
        yield made


def test_pages_arrive_once_with_the_brokers_ids(person: Person, server: TastytradeServer) -> None:
    server.page = 3
    report = person.sync()
    assert report["status"] == "finished", report
    assert report["rows"] == {"read": 7, "new": 7, "refused": 0}
    assert person.ids() == ["1", "2", "3", "4", "5", "6", "7"]
    server.transactions.append(traded(8, yesterday(), -20))
    server.positions[0]["quantity"] = 50
    assert person.sync()["rows"]["new"] == 1
    with person.session() as session:
        [held] = session.view("holdings")
        assert (held["symbol"], held["quantity"]) == ("KO", Decimal(50))
        assert session.call("reconcile", {})["differences"] == []
    assert server.tokens == 2


def test_faults_pass_and_each_try_is_kept(person: Person, server: TastytradeServer) -> None:
    server.page = 3
    server.faults = ["500", "", "cut_off", "", "cut_text", "", "", "html", "reset", "", "429"]
    assert person.sync(settings=replace(NOW, tries=9))["status"] == "finished"
    failures = [attempt["failure"] for attempt in person.attempts()]
    assert failures == [
        "server_error", "cut_off", "unreadable", "content_type", "cut_off", "throttled", None,
    ]  # fmt: skip
    assert len(person.ids()) == 7


def test_a_page_that_comes_twice_loses_no_row(person: Person, server: TastytradeServer) -> None:
    server.page, server.repeats_first_page = 3, True
    report = person.sync()
    assert (report["failure"], report["tries"]) == ("repeated_page", 3)
    assert person.ids() == []
    server.repeats_first_page = False
    assert person.sync()["rows"]["new"] == 7


def test_wrong_credentials_are_no_matter_of_time(person: Person, server: TastytradeServer) -> None:
    server.refresh_token = "replaced"
    report = person.sync()
    assert (report["failure"], report["tries"]) == ("not_allowed", 1)
    assert "refresh-token-of-test" not in str(report)


HEAD = (
    '{"format":"tastytrade_api","account":"5WT00001","from":"2025-01-01","through":"2025-01-31",'
    '"generated_at":"2025-02-01T10:00:00+00:00"}'
)
DAY = date(2025, 1, 17)


def line_of(kind: str, row: dict[str, Any]) -> str:
    return json.dumps({kind: row})


def sample(*broken: str) -> str:
    at_close = {"transaction-type": "Receive Deliver", "executed-at": f"{DAY}T21:00:00.000+00:00"}
    assigned = {
        "instrument-type": "Equity Option",
        "symbol": "KO    250117P00010000",
        "transaction-sub-type": "Assignment",
        "description": "Removal of option due to assignment",
        "value": "0.0",
        "net-value": "0.0",
        **dict.fromkeys(("action", "clearing-fees", "regulatory-fees", "price")),
    }
    unknown = {"instrument-type": "Moon Rock", "transaction-sub-type": "Odd", "action": None}
    rows = [
        traded(1, DAY, 100),
        traded(2, DAY, 1) | at_close | assigned,
        traded(3, DAY, 100) | at_close | {"description": "Buy to Open 100 KO @ 10.00"},
        traded(4, DAY, -100) | {"reverses-id": 1},
        traded(7, DAY, 1) | unknown,
    ]
    short = {"symbol": "KO", "instrument-type": "Equity", "quantity": "5", "quantity-direction": "Short"}
    return "\n".join(
        [HEAD, *(line_of("transaction", row) for row in rows), *broken, line_of("position", short)]
    )


def test_rows_mean_what_rows_of_the_csv_mean() -> None:
    broken = [
        line_of("transaction", traded(5, DAY, 100) | {"value-effect": "None"}),
        line_of("transaction", traded(6, DAY, 100) | {"account-number": "5WT00002"}),
        "{",
    ]
    text = sample(*broken)
    records = list(TastytradeApi().parse(StringIO(text), Options()))
    hold_together(records)
    made = {t.external_id: t for t in only(records, Transaction)}
    assert {identity: row.type.value for identity, row in made.items()} == {
        "1": "buy", "2": "option_assignment", "3": "buy", "4": "sell", "7": "other",
    }  # fmt: skip
    first = made["1"]
    assert these(first.quantity, first.net_amount, first.fees) == these(
        100, Decimal("-1000.06"), Decimal("-0.06")
    )
    assert {(link.kind.value, link.from_line, link.to_line) for link in only(records, Link)} == {
        ("exercise", 3, 4), ("correction", 5, 2),
    }  # fmt: skip
    assert [(refusal.line, refusal.code) for refusal in only(records, Refusal)] == [
        (7, "contradiction"), (8, "contradiction"), (9, "bad_json"),
    ]  # fmt: skip
    [position] = only(records, PositionEvidence)
    assert (position.quantity, position.as_of) == (Decimal(-5), date(2025, 2, 1))
    assert len(only(records, Line)) == len(text.splitlines())


class TestConformance(Conformance):
    parser = TastytradeApi
    samples = {"sample.jsonl": sample()}
    repeat_from = '{"transaction": {"id": 1,'
