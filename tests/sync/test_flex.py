"""Interactive Brokers through the Flex web service: what is asked, what is believed, what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from quantmatrix.errors import Problem
from quantmatrix.loading.files import load_file
from quantmatrix.sync import web
from quantmatrix.sync.documents import Window
from quantmatrix.sync.failure import Failed
from quantmatrix.sync.flex import OFFICIAL, fetch
from quantmatrix.sync.run import run
from quantmatrix.sync.web import Service
from quantmatrix.testing.broker_server import Fill, FlexServer, failure

from .conftest import NOW, Person, yesterday


def test_rows_arrive_once_and_the_cursor_moves(person: Person, flex: FlexServer) -> None:
    first = person.sync()
    assert (first["status"], first["tries"], first["rows"]["new"]) == ("finished", 1, 3)
    flex.fills.append(Fill("4", yesterday(), -5))
    second = person.sync()
    assert second["rows"] == {"read": 1, "new": 1, "refused": 0}
    assert person.ids() == ["1", "2", "3", "4"]
    feed = person.feed()
    assert (feed["fetched_through"], feed["accounts"], feed["state"]) == (yesterday(), ["U5550001"], "ok")
    attempts = person.attempts()
    assert [(a["status"], a["rows_new"]) for a in attempts] == [("finished", 3), ("finished", 1)]
    assert attempts[1]["asked_from"] == yesterday() - timedelta(days=6)
    with person.database.connect() as connection:
        [(synced, cursor)] = connection.execute(
            "select last_synced_at, sync_cursor from core.accounts where user_id = %s", [person.user_id]
        ).fetchall()
    assert cursor == {"main": str(yesterday())}
    assert synced == attempts[1]["finished_at"]


def test_the_protocol_is_spoken(person: Person, flex: FlexServer) -> None:
    flex.polls = 2
    assert person.sync()["status"] == "finished"
    paths = [path.rpartition("/")[2] for _, path, _, _ in flex.requests]
    assert paths == ["SendRequest", "GetStatement", "GetStatement", "GetStatement"]
    _, _, asked, headers = flex.requests[0]
    assert (asked["q"], asked["v"], asked["td"]) == ("123456", "3", f"{yesterday():%Y%m%d}")
    assert headers["User-Agent"].startswith("quantmatrix/")


def test_years_are_asked_for_in_windows_that_overlap(person: Person, flex: FlexServer) -> None:
    since = yesterday() - timedelta(days=999)
    flex.fills += [Fill("old", since, 1), Fill("edge", since + timedelta(days=360), 1)]
    with person.session() as session:
        session.call("feed_set", {"name": "main", "changes": {"since": str(since)}})
    assert person.sync()["rows"]["new"] == 5
    [attempt] = person.attempts()
    asked = [(d["asked_from"], d["asked_through"]) for d in attempt["documents"]]
    days = [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in asked]
    assert all((last - first).days <= 364 for first, last in days)
    assert all((days[n][1] - days[n + 1][0]).days == 6 for n in range(len(days) - 1))
    assert (asked[0][0], asked[-1][1]) == (str(since), str(yesterday()))
    assert person.ids() == ["1", "2", "3", "edge", "old"]


PASSING = {
    "500": "server_error", "503": "server_error", "429": "throttled", "cut_off": "cut_off",
    "reset": "cut_off", "html": "content_type", "html_type": "content_type", "no_answer": "cut_off",
    "gzip": "content_type",
    "flex_1001": "flex_1001", "flex_1018": "flex_1018", "body nonsense": "unreadable",
    "body <x><y></x>": "unreadable",
    "body <!DOCTYPE x [<!ENTITY e 'e'>]><FlexStatementResponse>&e;</FlexStatementResponse>": "unreadable",
    "body <FlexStatementResponse><Status>Success</Status></FlexStatementResponse>": "unreadable",
}  # fmt: skip


def test_what_passes_is_tried_again_and_each_try_is_kept(person: Person, flex: FlexServer) -> None:
    flex.faults = list(PASSING)
    report = person.sync(settings=replace(NOW, tries=20))
    assert (report["status"], report["tries"]) == ("finished", len(PASSING) + 1)
    *failed, finished = person.attempts()
    assert [attempt["failure"] for attempt in failed] == list(PASSING.values())
    assert [attempt["try_number"] for attempt in failed] == list(range(1, len(PASSING) + 1))
    assert {attempt["run_id"] for attempt in failed} == {finished["run_id"]}
    assert all(attempt["status"] == "failed" and attempt["retry_at"] for attempt in failed)
    assert person.ids() == ["1", "2", "3"]


def test_a_statement_cut_off_in_the_middle_is_not_taken(person: Person, flex: FlexServer) -> None:
    flex.polls = 0
    flex.faults = ["", "cut_text", "", "cut_off"]
    assert person.sync()["status"] == "finished"
    assert [a["failure"] for a in person.attempts()] == ["unreadable", "cut_off", None]


LASTING = {
    "401": "not_allowed", "404": "not_found", "flex_1012": "flex_1012", "flex_1014": "flex_1014",
    "429 5000": "throttled", "302 https://elsewhere.example/": "redirected", "flex_4711": "flex_4711",
}  # fmt: skip


def test_what_does_not_pass_is_not_tried_again(person: Person, flex: FlexServer) -> None:
    for number, (fault, code) in enumerate(LASTING.items(), 1):
        flex.faults = [fault]
        report = person.sync()
        assert (report["status"], report["failure"], report["tries"]) == ("failed", code, 1)
        assert report["next_step"]
        assert len(flex.requests) == number
        assert person.feed()["state"] == "failing"


def test_all_windows_are_there_before_anything_is_written(person: Person, flex: FlexServer) -> None:
    with person.session() as session:
        since = str(yesterday() - timedelta(days=500))
        session.call("feed_set", {"name": "main", "changes": {"since": since}})
    flex.polls = 0
    flex.faults = ["", "", "", "500"] * 3
    assert person.sync()["status"] == "failed"
    assert person.ids() == []
    assert person.feed()["fetched_through"] is None
    assert person.sync()["rows"]["new"] == 3


def test_an_empty_answer_where_rows_are_known_is_a_failure(person: Person, flex: FlexServer) -> None:
    flex.fills.append(Fill("4", yesterday(), 1))
    person.sync()
    kept, flex.fills = flex.fills, []
    report = person.sync()
    assert (report["failure"], report["tries"]) == ("empty", 3)
    assert person.feed()["fetched_through"] == yesterday()
    flex.fills = kept
    assert person.sync()["status"] == "finished"


def test_a_quiet_account_may_be_empty(person: Person, flex: FlexServer) -> None:
    flex.fills = []
    report = person.sync()
    assert (report["status"], report["rows"]["read"]) == ("finished", 0)
    assert person.sync()["status"] == "finished"


def test_a_missing_account_is_a_failure(person: Person, flex: FlexServer) -> None:
    flex.accounts = ["U5550001", "U5550002"]
    flex.fills.append(Fill("b1", yesterday(), 1, account="U5550002"))
    person.sync()
    flex.accounts = ["U5550002"]
    assert person.sync()["failure"] == "account_missing"


def test_an_answer_that_begins_too_late_leaves_no_gap_behind(person: Person, flex: FlexServer) -> None:
    flex.known_through = yesterday() - timedelta(days=10)
    assert person.sync()["fetched_through"] == str(flex.known_through)
    flex.known_through = None
    flex.changed = {"fromDate": f"{yesterday():%Y%m%d}"}
    assert person.sync()["failure"] == "gap"
    flex.changed = {}
    assert person.sync()["fetched_through"] == str(yesterday())


def test_an_old_answer_does_not_count(person: Person, flex: FlexServer) -> None:
    person.sync()
    flex.known_through = yesterday() - timedelta(days=3)
    assert person.sync()["failure"] == "stale"


def test_no_statement_from_the_future(person: Person, flex: FlexServer) -> None:
    flex.changed = {"whenGenerated": f"{datetime.now(UTC) + timedelta(days=2):%Y%m%d;%H%M%S}"}
    assert person.sync()["failure"] == "clock_skew"
    assert person.ids() == []


def test_a_server_whose_clock_is_behind_holds_the_cursor_back(person: Person, flex: FlexServer) -> None:
    flex.clock_skew = -5 * 86400
    report = person.sync()
    assert report["status"] == "finished"
    assert report["fetched_through"] < str(yesterday() - timedelta(days=3))
    assert "clock" in report["warnings"][0]


def test_one_row_that_cannot_be_read_keeps_everything_out(person: Person, flex: FlexServer) -> None:
    flex.fills.append(Fill("bad", yesterday(), 1, commission="some"))
    report = person.sync()
    assert (report["failure"], report["tries"]) == ("rows_refused", 1)
    assert person.ids() == []
    accepted = person.sync(settings=replace(NOW, accept_refusals=True))
    assert accepted["rows"] == {"read": 4, "new": 3, "refused": 1}


def test_a_slow_server_is_not_waited_for(
    person: Person, flex: FlexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "SILENCE_SECONDS", 0.2)
    flex.slow_seconds = 0.5
    flex.faults = ["slow"]
    assert person.sync()["tries"] == 2
    assert person.attempts()[0]["failure"] == "too_slow"


def test_an_answer_has_a_largest_size_and_a_longest_time(flex: FlexServer) -> None:
    service = Service.at(flex.base, OFFICIAL, "X")
    with web.Web(service, seconds=0.3, largest=40) as client:
        with pytest.raises(Failed) as large:
            client.get(f"{flex.base}/SendRequest", {"t": "x"})
        flex.faults, flex.slow_seconds = ["drip"], 0.02
        with pytest.raises(Failed) as slow:
            client.get(f"{flex.base}/SendRequest", {"t": "x"})
    assert (large.value.code, slow.value.code) == ("too_large", "too_slow")


@pytest.mark.parametrize(
    "address",
    [
        "http://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService/GetStatement",
        "https://interactivebrokers.com.evil.example/AccountManagement/FlexWebService/GetStatement",
        "https://evilinteractivebrokers.com/AccountManagement/FlexWebService/GetStatement",
        "https://gdcdyn.interactivebrokers.com@evil.example/AccountManagement/FlexWebService/GetStatement",
        "https://user:x@gdcdyn.interactivebrokers.com/AccountManagement/FlexWebService/GetStatement",
        "https://gdcdyn.interactivebrokers.com:8443/AccountManagement/FlexWebService/GetStatement",
        "https://gdcdyn.interactivebrokers.com/AccountManagement/FlexWebService/../../elsewhere",
        "https://gdcdyn.interactivebrokers.com/AccountManagement/FlexWebService/%2e%2e/elsewhere",
        "https://gdcdyn.interactivebrokers.com/elsewhere",
        "https://169.254.169.254/AccountManagement/FlexWebService/GetStatement",
        "file:///AccountManagement/FlexWebService/GetStatement",
        "https://[::1/AccountManagement/FlexWebService/",
        "https://gdcdyn.interactivebrokers.com:x/AccountManagement/FlexWebService/",
        "https://gdcdyn.interactivebrokers.com\\@evil.example/AccountManagement/FlexWebService/",
    ],
)
def test_the_returned_address_is_obeyed_only_if_it_is_the_brokers(address: str) -> None:
    assert not OFFICIAL.allows(address)


def test_the_brokers_other_host_is_obeyed() -> None:
    assert OFFICIAL.allows(
        "https://gdcdyn.interactivebrokers.com/AccountManagement/FlexWebService/GetStatement"
    )


def test_the_returned_address_is_asked(person: Person, flex: FlexServer) -> None:
    flex.address = f"{flex.base}/elsewhere/GetStatement"
    assert person.sync()["status"] == "finished"
    assert [path.removeprefix(flex.FOLDER) for _, path, _, _ in flex.requests] == [
        "/SendRequest", "/elsewhere/GetStatement", "/elsewhere/GetStatement",
    ]  # fmt: skip


def test_an_untrusted_address_gets_nothing(person: Person, flex: FlexServer) -> None:
    with FlexServer().running() as other:
        assert isinstance(other, FlexServer)
        flex.address = f"{other.base}/GetStatement"
        report = person.sync()
        assert (report["failure"], report["tries"]) == ("untrusted_address", 1)
        assert other.requests == []


@pytest.mark.parametrize(
    "named", ["http://example.org/x", "https://u:p@example.org", "ftp://localhost/", "https://[x"]
)
def test_credentials_go_to_no_plain_address(named: str) -> None:
    with pytest.raises(Problem, match="no address to send credentials to"):
        Service.at(named, OFFICIAL, "QUANTMATRIX_FLEX_URL")


def test_two_at_once_are_one(person: Person, flex: FlexServer) -> None:
    with person.session() as first, person.session() as second:
        lock = first.call("sync_lock", {"feed": "main"})
        assert first.connection.execute("select pg_try_advisory_lock(%s) as got", [lock]).fetchone() == {
            "got": True
        }
        assert run(second, person.feed(), NOW)["status"] == "busy"
        with pytest.raises(Problem, match="does not hold the lock"):
            second.call("sync_begin", {"feed": "main", "run_id": "0" * 32, "try_number": 1})
    assert person.attempts() == []
    assert person.sync()["status"] == "finished"


def test_an_attempt_that_was_killed_is_ended_by_the_next(person: Person, flex: FlexServer) -> None:
    with person.session() as session:
        lock = session.call("sync_lock", {"feed": "main"})
        session.connection.execute("select pg_advisory_lock(%s)", [lock])
        session.call("sync_begin", {"feed": "main", "run_id": "0" * 32, "try_number": 1, "base_seconds": 0})
    assert person.sync()["status"] == "finished"
    assert [(a["status"], a["failure"]) for a in person.attempts()] == [
        ("failed", "interrupted"), ("finished", None),
    ]  # fmt: skip


def test_rows_of_a_run_that_was_killed_after_it_wrote_come_once(
    person: Person, flex: FlexServer, tmp_path: Path
) -> None:
    with person.session() as session:
        lock = session.call("sync_lock", {"feed": "main"})
        session.connection.execute("select pg_advisory_lock(%s)", [lock])
        plan = session.call(
            "sync_begin", {"feed": "main", "run_id": "0" * 32, "try_number": 1, "base_seconds": 0}
        )
        windows = [
            Window(date.fromisoformat(w["from"]), date.fromisoformat(w["through"])) for w in plan["windows"]
        ]
        [document] = fetch(plan, windows, {"token": flex.token}, tmp_path)
        load_file(session, document.path, document.options)
    assert person.ids() == ["1", "2", "3"]
    assert person.feed()["fetched_through"] is None
    assert person.sync()["fetched_through"] == str(yesterday())
    assert person.ids() == ["1", "2", "3"]


def test_the_token_is_nowhere(
    person: Person, flex: FlexServer, config_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    flex.query = "999"
    flex.faults = [f"body {failure('1015', f'{flex.token} is bad')}"]
    report = person.sync()
    assert "*** is bad" in report["error"]
    assert flex.token not in str(report) + caplog.text
    with person.database.connect() as connection:
        tables = connection.execute(
            "select c.oid::regclass::text from pg_class c where c.relkind = 'r'"
            " and c.relnamespace::regnamespace::text in ('core', 'tax', 'ingest', 'auth', 'audit', 'work')"
        ).fetchall()
        for (table,) in tables:
            found = connection.execute(
                f"select count(*) from {table} t where t::text like %s".encode(), [f"%{flex.token}%"]
            )
            assert found.fetchone() == (0,), table
    assert (config_dir / "sync.key").stat().st_mode & 0o777 == 0o600


def test_credentials_open_only_with_the_key_and_for_their_feed(
    person: Person, flex: FlexServer, config_dir: Path
) -> None:
    person.add("ibkr", "other", {}, {"query": "1"}, yesterday())
    with person.session() as session:
        session.call(
            "feed_seal", {"name": "other", "sealed": session.call("feed_credentials", {"name": "main"})}
        )
    assert "sealed for another feed" in person.sync("other")["error"]
    key = config_dir / "sync.key"
    whole = key.read_text()
    for text, mode, why in (
        (whole, 0o644, "chmod 600"),
        (whole[8:], 0o600, "holds no key"),
        ("", 0o600, "holds no key"),
    ):
        key.write_text(text)
        key.chmod(mode)
        assert why in person.sync()["error"]
    key.unlink()
    gone = person.sync()
    assert (gone["failure"], gone["tries"]) == ("no_credentials", 1)
    assert "there is no key on this machine" in gone["error"]
    elsewhere = config_dir / "elsewhere"
    elsewhere.write_text(whole)
    elsewhere.chmod(0o600)
    key.symlink_to(elsewhere)
    assert person.sync()["failure"] == "no_credentials"
    key.unlink()
    key.write_text(Fernet.generate_key().decode() + "\n")
    key.chmod(0o600)
    assert "sealed with another key" in person.sync()["error"]
    assert flex.requests == []
    key.write_text(key.read_text() + whole)
    assert person.sync()["status"] == "finished"


def test_plain_credentials_are_refused(person: Person, flex: FlexServer) -> None:
    with person.session() as session:
        with pytest.raises(Problem, match="sealed"):
            session.call("feed_seal", {"name": "main", "sealed": "t0ken"})
        with pytest.raises(Problem, match="no setting of a feed"):
            session.call("feed_set", {"name": "main", "changes": {"settings": {"token": "x"}}})
