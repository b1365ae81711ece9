"""The shared catalogue: what one person states of an instrument reaches nobody else, nor makes one wait."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from quantmatrix.door.login import PersonSession, person
from quantmatrix.errors import Problem
from quantmatrix.ingest.model import Instrument, InstrumentType, Line, Transaction, TransactionType
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.importer import Importer, statement

OPTION = "MSFT  270115C00200000"
KEY = f"option|{OPTION}|USD"
STOCK = Instrument(type=InstrumentType.STOCK, symbol="MSFT", currency="USD")
CALL = Instrument(
    type=InstrumentType.OPTION,
    symbol=OPTION,
    currency="USD",
    underlying="MSFT",
    option_type="call",
    strike=Decimal(200),
    expiration=date(2027, 1, 15),
    multiplier=Decimal(100),
)
TRUE = {
    "type": "option",
    "symbol": OPTION,
    "currency": "USD",
    "underlying": "MSFT",
    "option_type": "call",
    "strike": "200",
    "expiration": "2027-01-15",
}


@pytest.fixture
def mallory(database: Database) -> Importer:
    return Importer(database, "mallory@example.org")


@pytest.fixture
def victim(database: Database) -> Importer:
    return Importer(database, "victim@example.org")


def state_of(session: PersonSession, *descriptors: dict[str, Any]) -> int:
    """What importing a file with these instruments begins with: staged, and resolved."""
    load_id = str(uuid4())
    records = [
        {"kind": "instrument", "line": number, "payload": payload}
        for number, payload in enumerate(descriptors, start=1)
    ]
    with session.transaction() as connection:
        connection.execute("select api.import_stage(%s, %s)", [load_id, json.dumps(records)])
    return int(session.call("import_resolve", {"load_id": load_id}))


def refusal(error: psycopg.Error | Problem) -> tuple[str, str]:
    """Code and message, also of what ends with a status of HTTP."""
    if isinstance(error, Problem):
        return str(error.code), error.what
    message = error.diag.message_primary or ""
    if error.sqlstate == "PGRST":
        told = json.loads(message)
        return told["code"], told["message"]
    return str(error.sqlstate), message


def trade(line: int, instrument: Instrument, day: date, quantity: int, price: str) -> list[Any]:
    gross = -Decimal(quantity) * Decimal(price) * (100 if instrument.type is InstrumentType.OPTION else 1)
    kind = TransactionType.BUY if quantity > 0 else TransactionType.SELL
    return [
        Line(number=line, raw=f"line {line}", verdict="row"),
        Transaction(
            line=line, instrument=instrument.key, type=kind, trade_date=day, quantity=Decimal(quantity),
            price=Decimal(price), gross_amount=gross, net_amount=gross, currency="USD",
        ),
    ]  # fmt: skip


def washed(victim: Importer) -> list[Decimal]:
    """The losses that a book of shares sold at a loss and a call bought four days later must not claim."""
    records = [
        statement(),
        STOCK,
        CALL,
        *trade(1, STOCK, date(2026, 1, 5), 100, "150"),
        *trade(2, STOCK, date(2026, 2, 2), -100, "100"),
        *trade(3, CALL, date(2026, 2, 6), 1, "5"),
    ]
    assert victim.load(records)["status"] == "imported"
    with victim.session() as session:
        return [Decimal(row["amount"]) for row in session.rows("select amount::text from tax.wash_matches")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"option_type": "put"},
        {"strike": "1"},
        {"strike": "1e130000"},
        {"strike": "NaN"},
        {"expiration": "2024-02-02"},
        {"expiration": "infinity"},
    ],
    ids=lambda wrong: "-".join(wrong.values()),
)
def test_terms_that_contradict_the_symbol_are_refused_and_keep_nothing(
    mallory: Importer, victim: Importer, wrong: dict[str, str]
) -> None:
    with mallory.session() as session, pytest.raises(Problem) as raised:
        state_of(session, TRUE | wrong)
    code, message = refusal(raised.value)
    assert code in ("QM013", "QM002")
    assert message.startswith(next(iter(wrong)))
    with mallory.database.connect() as connection:
        assert connection.execute("select count(*) from core.instruments").fetchone() == (0,)
    assert washed(victim) == [Decimal(5000)]


def test_another_underlying_is_the_opinion_of_whoever_states_it(mallory: Importer, victim: Importer) -> None:
    with mallory.session() as session:
        state_of(session, TRUE | {"underlying": "TSLA", "name": "=cmd|' /C calc'!A0", "exchange": "MINE"})
    assert washed(victim) == [Decimal(5000)]
    with victim.session() as session:
        shown = session.rows("select symbol, name, exchange, underlying from api.instruments order by symbol")
    assert [tuple(row.values()) for row in shown] == [
        ("MSFT", None, None, None),
        (OPTION, None, None, "MSFT"),
    ]


def test_nobodys_names_are_shown_to_others_and_the_shared_row_has_none(
    mallory: Importer, victim: Importer
) -> None:
    def stock(name: str) -> Instrument:
        return STOCK.model_copy(update={"name": name, "exchange": "NASDAQ"})

    for importer, name in ((victim, "Microsoft"), (mallory, "\x1b]0;pwned\x07=HYPERLINK()")):
        importer.load([statement(), stock(name), *trade(1, STOCK, date(2026, 1, 5), 1, "150")])
    seen = []
    for importer in (victim, mallory):
        with importer.session() as session:
            seen += session.rows("select name, exchange from api.instruments")
    assert [tuple(row.values()) for row in seen] == [
        ("Microsoft", "NASDAQ"),
        ("]0;pwned =HYPERLINK()", "NASDAQ"),
    ]
    with victim.database.connect() as connection:
        assert connection.execute(
            "select name, exchange, underlying_id from core.instruments"
        ).fetchall() == [(None, None, None)]


@pytest.mark.parametrize(
    ("stated", "symbol", "terms"),
    [
        ({"symbol": "MSFT270115C00200000"}, OPTION, ("call", "200", "2027-01-15")),
        (
            {"type": "future_option", "symbol": "./ESU5 EW4N5 250725P6200"},
            "./ESU5 EW4N5 250725P6200",
            ("put", "6200", "2025-07-25"),
        ),
        (
            {
                "type": "future_option", "symbol": "EW4N5 P6200", "option_type": "put", "strike": "6200.50",
                "expiration": "2025-07-25",
            },
            "EW4N5 P6200 250725P6200.5",
            ("put", "6200.5", "2025-07-25"),
        ),
        (
            {"symbol": "LONGROOT", "option_type": "call", "strike": "5", "expiration": "2025-07-25"},
            "LONGROOT 250725C5",
            ("call", "5", "2025-07-25"),
        ),
    ],
)  # fmt: skip
def test_a_symbol_says_its_terms(
    mallory: Importer, stated: dict[str, str], symbol: str, terms: tuple[str, ...]
) -> None:
    with mallory.session() as session:
        state_of(session, {"type": "option", "currency": "USD"} | stated)
    with mallory.database.connect() as connection:
        found = connection.execute(
            "select symbol, option_type::text, strike::text, expiration::text from core.instruments"
            " where option_type is not null"
        ).fetchall()
    assert found == [(symbol, *terms)]


def test_an_expiration_of_a_future_is_a_fact_of_whoever_states_it(
    mallory: Importer, victim: Importer
) -> None:
    for importer, day in ((mallory, date(2001, 1, 1)), (victim, date(2025, 9, 19))):
        future = Instrument(
            type=InstrumentType.FUTURE, symbol="/ESU5", currency="USD", multiplier=Decimal(50), expiration=day
        )
        importer.load([statement(), future, *trade(1, future, date(2025, 7, 1), 1, "6000")])
    with victim.session() as session:
        assert session.rows("select expiration from api.instruments") == [{"expiration": date(2025, 9, 19)}]


def test_a_person_adds_so_many_identities_and_no_more(mallory: Importer, victim: Importer) -> None:
    with mallory.database.connect() as connection:
        connection.execute(
            "insert into ingest.identity_counts (user_id, allowed) values (%s, 5)", [mallory.user_id]
        )
    junk = [{"type": "stock", "symbol": f"JUNK{n}", "currency": "USD"} for n in range(6)]
    with mallory.session() as session:
        assert state_of(session, *junk[:4]) == 4
        with pytest.raises(Problem) as raised:
            state_of(session, *junk)
        # What is known goes on as before.
        assert state_of(session, *junk[:4]) == 4
    assert refusal(raised.value) == (
        "QM014",
        "2 instruments that nobody had would be added, and 1 of 5 are left",
    )
    assert len(washed(victim)) == 1


def test_an_administrator_allows_more(mallory: Importer) -> None:
    with (
        person(mallory.database.environment, UUID(int=0), "quantmatrix_admin") as admin,
        admin.transaction() as connection,
    ):
        told = connection.execute("select api.user_instruments('mallory@example.org', 7) as told").fetchone()
    assert told == {"told": {"email": "mallory@example.org", "added": 0, "allowed": 7}}


@contextmanager
def uncommitted(importer: Importer, load_id: str) -> Iterator[None]:
    """Somebody's identities, added and not committed yet."""
    with importer.session() as session, session.transaction(dry_run=True) as connection:
        connection.execute("select api.import_resolve(%s)", [load_id])
        yield


def staged(importer: Importer, *descriptors: dict[str, Any]) -> str:
    load_id = str(uuid4())
    records = [{"kind": "instrument", "line": 1, "payload": payload} for payload in descriptors]
    with importer.session() as session, session.transaction() as connection:
        connection.execute("select api.import_stage(%s, %s)", [load_id, json.dumps(records)])
    return load_id


def test_nobody_waits_for_identities_that_another_has_not_committed(
    mallory: Importer, victim: Importer
) -> None:
    load_id = staged(mallory, TRUE)
    with uncommitted(mallory, load_id), victim.session() as session, pytest.raises(Problem) as raised:
        state_of(session, TRUE)
    assert refusal(raised.value)[0] == "QM015"
    with victim.session() as session:
        assert state_of(session, TRUE) == 2


def test_an_import_goes_on_when_the_other_is_done(mallory: Importer, victim: Importer) -> None:
    """The import resolves again while the database says that somebody adds the same."""
    held = uncommitted(mallory, staged(mallory, TRUE))
    held.__enter__()
    found: list[list[Decimal]] = []
    importing = threading.Thread(target=lambda: found.append(washed(victim)))
    importing.start()
    with mallory.database.connect() as connection:
        waits = (
            "select count(*) from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database()"
        )
        while connection.execute(waits.encode()).fetchone() == (0,):
            pass
    held.__exit__(None, None, None)
    importing.join(30)
    assert found == [[Decimal(5000)]]


def test_a_load_whose_instruments_are_not_resolved_is_refused(victim: Importer) -> None:
    load_id = staged(victim, TRUE)
    file = json.dumps({"name": "x", "source": "made_up", "sha256": "0" * 64, "size": 1, "records": 1})
    with (
        victim.session() as session,
        pytest.raises(psycopg.Error) as raised,
        session.transaction() as connection,
    ):
        connection.execute("select api.import_load(%s, %s)", [load_id, file])
    assert refusal(raised.value)[0] == "QM017"


def test_a_personal_login_adds_no_identities(database: Database, victim: Importer) -> None:
    with database.connect() as admin:
        login = f"qm_{uuid4().hex}"
        admin.execute(f"create role {login} login in role quantmatrix_user".encode())
        admin.execute(
            "insert into auth.database_logins (login_name, user_id) values (%s, %s)", [login, victim.user_id]
        )
        load_id = staged(victim, TRUE)
        try:
            admin.execute(f"set session authorization {login}".encode())
            with pytest.raises(psycopg.Error) as raised, admin.transaction():
                admin.execute("select api.import_resolve(%s)", [load_id])
            assert refusal(raised.value)[0] == "QM016"
        finally:
            admin.execute("reset session authorization")
            admin.execute("delete from auth.database_logins where login_name = %s", [login])
            admin.execute(f"drop role {login}".encode())


def test_prices_of_a_symbol_that_is_several_are_asked_about(mallory: Importer, victim: Importer) -> None:
    twins = [
        {"type": "stock", "symbol": "SPY", "currency": "XXX"},
        {"type": "stock", "symbol": "SPY", "currency": "USD", "multiplier": "7"},
    ]
    with mallory.session() as session:
        state_of(session, *twins[:1])
        state_of(session, *twins[1:])
    with victim.session() as session:
        state_of(session, {"type": "stock", "symbol": "SPY", "currency": "USD"})
    bar = {"symbol": "SPY", "day": "2024-08-01", "close": "500", "source": "made_up"}
    with person(mallory.database.environment, UUID(int=0), "quantmatrix_admin") as admin:
        asked = prices(admin, bar)
        assert asked["new"] == 0
        assert sorted(asked["ambiguous"]["SPY"]) == ["stock|SPY|USD", "stock|SPY|USD|7", "stock|SPY|XXX"]
        assert prices(admin, bar | {"type": "stock", "currency": "USD"})["new"] == 1
    with mallory.database.connect() as connection:
        assert connection.execute(
            "select i.currency, i.multiplier from core.market_data m"
            " join core.instruments i on i.id = m.instrument_id"
        ).fetchall() == [("USD", 1)]


def test_whoever_adds_a_multiplier_takes_no_price_from_those_who_hold_another(
    mallory: Importer, victim: Importer
) -> None:
    """A future is worth what its contract says, so no multiplier of it is more usual than another."""
    held = {"type": "future", "symbol": "/ESZ6", "currency": "USD", "multiplier": "50"}
    option = {"type": "option", "symbol": OPTION, "currency": "USD", "multiplier": "10"}
    with victim.session() as session:
        state_of(session, held, option)
    with mallory.session() as session:
        for multiplier in ("1", "100", "7"):
            state_of(session, held | {"multiplier": multiplier})
            state_of(session, option | {"multiplier": multiplier})
    with person(mallory.database.environment, UUID(int=0), "quantmatrix_admin") as admin:
        for named in (held, option):
            del named["multiplier"]
            bar = named | {"source": "made_up"}
            assert not prices(admin, bar | {"day": "2026-08-03", "close": "6000"})["ambiguous"]
            assert not prices(admin, bar | {"day": "2026-08-04", "close": "3"})["ambiguous"]
        key = "future|/ESZ6|USD"
        admin.call("price_action_add", {"symbol": key, "day": "2026-08-04", "reason": "it fell"})
        assert prices(admin, held | {"source": "made_up", "day": "2026-08-04", "close": "3"})["held"] == 0
    with mallory.database.connect() as connection:
        assert connection.execute(
            "select i.instrument_type::text, i.multiplier, array_agg(m.close order by m.as_of)"
            " from core.market_data m join core.instruments i on i.id = m.instrument_id"
            " where i.multiplier in (10, 50) group by 1, 2 order by 1"
        ).fetchall() == [("future", 50, [6000, 3]), ("option", 10, [6000, 3])]


def test_a_split_that_somebody_made_up_explains_no_price(mallory: Importer) -> None:
    split = Transaction(
        line=2,
        instrument=STOCK.key,
        type=TransactionType.SPLIT,
        trade_date=date(2024, 8, 2),
        net_amount=Decimal(0),
        currency="USD",
        terms={"ratio_numerator": "100", "ratio_denominator": "1"},
    )
    bought = trade(1, STOCK, date(2024, 8, 1), 1, "400")
    mallory.load([statement(), STOCK, *bought, Line(number=2, raw="split", verdict="row"), split])
    with person(mallory.database.environment, UUID(int=0), "quantmatrix_admin") as admin:
        bar = {"symbol": "MSFT", "type": "stock", "currency": "USD", "source": "made_up"}
        assert prices(admin, bar | {"day": "2024-08-01", "close": "400"})["new"] == 1
        assert prices(admin, bar | {"day": "2024-08-02", "close": "4"})["held"] == 1
        admin.call("price_action_add", {"symbol": "MSFT", "day": "2024-08-02", "reason": "a hundred for one"})
        assert prices(admin, bar | {"day": "2024-08-02", "close": "4"})["new"] == 1


def prices(admin: PersonSession, *bars: dict[str, str]) -> dict[str, Any]:
    with admin.transaction() as connection:
        row = connection.execute("select api.prices_load(%s) as told", [json.dumps(bars)]).fetchone()
    assert row is not None
    return dict(row["told"])
