"""A tenant who states every wrong thing about everything that others hold changes no byte of their books."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from click.testing import CliRunner

from quantmatrix.cli import cli
from quantmatrix.door.login import person
from quantmatrix.errors import Problem
from quantmatrix.ingest.model import (
    Instrument,
    InstrumentType,
    Line,
    PositionEvidence,
    Record,
    Transaction,
    TransactionType,
)
from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.importer import Importer, statement

VICTIM = "victim@example.org"
# Numbers of rows, which all tenants draw from one sequence, and instants of writing.
NUMBERS = ("id", "created_at", "updated_at", "rebuilt_at", "last_synced_at", "started_at", "finished_at")
VIEWS = (
    "instruments",
    "transactions",
    "holdings",
    "lots",
    "closings",
    "wash_sales",
    "notices",
    "cash",
    "tax_years",
)


def stock(symbol: str, **more: Any) -> Instrument:
    return Instrument(type=InstrumentType.STOCK, symbol=symbol, currency="USD", **more)


def option(root: str, on: str, right: str, strike: int, **more: Any) -> Instrument:
    letter = right[0].upper()
    return Instrument(
        type=InstrumentType.OPTION, symbol=f"{root:<6}270115{letter}{strike * 1000:08d}", currency="USD",
        underlying=on, option_type=right, strike=Decimal(strike), expiration=date(2027, 1, 15),
        multiplier=Decimal(100), **more,
    )  # fmt: skip


SHARES = [
    stock(
        "MSFT", name="Microsoft", exchange="NASDAQ", identifiers={"isin": "US5949181045", "conid": "272093"}
    ),
    stock("BRK.B", name="Berkshire"),
    stock("GCM", identifiers={"isin": "US3615701048"}),
    Instrument(type=InstrumentType.FUND, symbol="SPY", currency="USD", exchange="ARCA"),
]
OPTIONS = [
    option("MSFT", "MSFT", "call", 200),
    option("MSFT", "MSFT", "put", 90),
    option("BRKB", "BRK.B", "call", 300),
    option("SPY", "SPY", "call", 500),
    option("SPXW", "SPX", "call", 5000),
    Instrument(
        type=InstrumentType.FUTURE_OPTION, symbol="EW4N5 P6200", currency="USD", underlying="/ESU5",
        option_type="put", strike=Decimal(6200), expiration=date(2027, 7, 25), multiplier=Decimal(50),
    ),
]  # fmt: skip
EVERYTHING = [*SHARES, *OPTIONS]


def trades(rng: random.Random, begun: date, generated: int) -> list[Record]:
    """A file of the victim's: purchases, sales at a loss, replacements, and what the broker holds."""
    records: list[Record] = [statement(generated), *EVERYTHING]
    for line in range(1, 25):
        instrument = rng.choice(EVERYTHING)
        quantity = Decimal(rng.choice((-30, -10, 10, 20, 40)))
        price = Decimal(rng.randrange(500, 20000)) / 100
        gross = -quantity * price * (instrument.multiplier or 1)
        records.append(Line(number=line, raw=f"line {line}", verdict="row"))
        records.append(
            Transaction(
                line=line,
                instrument=instrument.key,
                trade_date=begun + timedelta(days=rng.randrange(45)),
                type=TransactionType.BUY if quantity > 0 else TransactionType.SELL,
                quantity=quantity,
                price=price,
                gross_amount=gross,
                net_amount=gross,
                currency="USD",
                external_id=f"{generated}-{line}",
            )
        )
    day = begun + timedelta(days=50)
    records += [
        PositionEvidence(
            line=line, instrument=one.key, as_of=day, quantity=Decimal(rng.randrange(1, 90)), currency="USD"
        )
        for line, one in enumerate(EVERYTHING, start=100)
    ]
    return records


class Hostile:
    """Everything that a person can say about what others hold, one wrong thing at a time."""

    def __init__(self, database: Database) -> None:
        self.importer = Importer(database, "mallory@example.org")

    def acts(self) -> Iterator[Callable[[], None]]:
        for one in EVERYTHING:
            stated = json.loads(one.model_dump_json(exclude_none=True))
            for wrong in self._wrong(one):
                yield lambda payload=stated | wrong: self._state(payload)  # type: ignore[misc]
        for one in SHARES:
            yield lambda one=one: self._book(one)  # type: ignore[misc]
            yield lambda one=one: self._facts(one)  # type: ignore[misc]
        yield self._merge
        yield self._split
        yield self._prices

    @staticmethod
    def _wrong(one: Instrument) -> list[dict[str, Any]]:
        junk: list[dict[str, Any]] = [
            {"name": "=cmd|' /C calc'!A0", "exchange": "\x1b]0;pwned\x07"},
            {"multiplier": "7"},
            {"currency": "XXX"},
            {"type": "other", "option_type": None, "strike": None},
            {"identifiers": {"conid": "272093", "isin": "US5949181045"}},
            {"identifiers": {"isin": "US0000000000"}},
        ]
        if one.strike is None:
            return [*junk, {"expiration": "2000-01-01"}, {"symbol": one.symbol + "~2"}, {"type": "fund"}]
        return [
            *junk,
            {"option_type": "call" if one.option_type == "put" else "put"},
            {"strike": "1"},
            {"strike": "1e130000"},
            {"expiration": "2024-02-02"},
            {"expiration": "infinity"},
            {"underlying": "TSLA"},
            {"underlying": one.underlying, "underlying_type": "other"},
        ]

    def _state(self, payload: dict[str, Any]) -> None:
        load_id = str(uuid4())
        records = json.dumps([{"kind": "instrument", "line": 1, "payload": payload}])
        with self.importer.session() as session:
            with session.transaction() as connection:
                connection.execute("select api.import_stage(%s, %s)", [load_id, records])
            session.call("import_resolve", {"load_id": load_id})

    def _book(self, one: Instrument) -> None:
        """A history with a split of a hundred for one and another name, in the own book."""
        other = stock("TSLA")
        day = date(2026, 1, 20)
        bought = {"quantity": Decimal(10), "price": Decimal(1), "net_amount": Decimal(-10)}
        rows: list[tuple[TransactionType, date, dict[str, Any]]] = [
            (TransactionType.BUY, date(2026, 1, 1), bought),
            (TransactionType.SPLIT, day, {"terms": {"ratio_numerator": "100", "ratio_denominator": "1"}}),
            (TransactionType.SYMBOL_CHANGE, day, {"terms": {"new_instrument": other.key}}),
        ]
        records: list[Record] = [statement(), one.model_copy(update={"name": "@SUM(A1)"}), other]
        for line, (kind, when, more) in enumerate(rows, start=1):
            values = {"net_amount": Decimal(0)} | more
            records.append(Line(number=line, raw="x", verdict="row"))
            records.append(
                Transaction(
                    line=line, instrument=one.key, type=kind, trade_date=when, currency="USD", **values
                )
            )
        self.importer.load(records)

    def _facts(self, one: Instrument) -> None:
        facts = {"identical_group": "all", "index_family": "all", "section_1256": True, "wash_exempt": True}
        for symbol in (one.symbol, f"{one.type}|{one.symbol}|USD"):
            with self.importer.session() as session:
                session.call("instrument_facts_set", {"symbol": symbol, "facts": facts | {"name": "mine"}})

    def _merge(self) -> None:
        with self.importer.session() as session:
            session.call(
                "instrument_merge", {"from_instrument": "SPY", "into_instrument": "MSFT", "reason": "so"}
            )

    def _split(self) -> None:
        with self.importer.session() as session:
            session.call(
                "instrument_split", {"from_instrument": "MSFT", "reason": "so", "since": "2000-01-01"}
            )

    def _prices(self) -> None:
        bar = {"symbol": "MSFT", "type": "stock", "currency": "USD", "day": "2026-04-01", "close": "1"}
        with self.importer.session() as session, session.transaction() as connection:
            connection.execute("select api.prices_load(%s)", [json.dumps([bar])])


def prices(database: Database, day: str, closes: dict[str, str]) -> None:
    kinds = {one.symbol: str(one.type) for one in SHARES}
    bars = [
        {
            "symbol": symbol,
            "type": kinds[symbol],
            "currency": "USD",
            "day": day,
            "close": close,
            "source": "x",
        }
        for symbol, close in closes.items()
    ]
    with (
        person(database.environment, UUID(int=0), "quantmatrix_admin") as admin,
        admin.transaction() as connection,
    ):
        connection.execute("select api.prices_load(%s)", [json.dumps(bars)])


def without_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: without_numbers(inner)
            for name, inner in value.items()
            if name not in NUMBERS and not name.endswith(("_id", "_ids", "_at"))
        }
    return [without_numbers(inner) for inner in value] if isinstance(value, list) else value


def books(database: Database, victim: Importer) -> dict[str, Any]:
    """All that the victim sees, as text, without numbers of rows."""
    seen: dict[str, Any] = {}
    with victim.session() as session:
        for view in VIEWS:
            rows = session.rows(f"select to_jsonb(v) as row from api.{view} v")
            seen[view] = sorted(json.dumps(without_numbers(row["row"]), sort_keys=True) for row in rows)
        with session.transaction() as connection:
            found = connection.execute("select api.reconcile('A-1') as report").fetchone()
        assert found is not None
        seen["reconciliation"] = json.dumps(without_numbers(found["report"]), sort_keys=True)
    variables = database.variables()
    exported = CliRunner(env=variables).invoke(cli, ["--user", VICTIM, "export", "-"])
    assert exported.exit_code == 0, exported.stderr
    seen["export"] = exported.stdout
    return seen


def lived_through(database: Database, seed: int, *, with_hostile: bool) -> dict[str, Any]:
    """The victim imports three files, an administrator loads prices; somebody may be about, at any moment."""
    rng, order = random.Random(seed), random.Random(seed)
    victim = Importer(database, VICTIM)
    acts = list(Hostile(database).acts()) if with_hostile else []
    order.shuffle(acts)

    def interfere(share: float) -> None:
        for act in acts[: int(len(acts) * share)]:
            try:
                act()
            except (Problem, psycopg.Error):
                # Refused: as good as not said. What is not refused must not matter either.
                continue
        order.shuffle(acts)

    interfere(0.4)
    victim.load(trades(rng, date(2026, 1, 2), 1))
    interfere(0.2)
    prices(database, "2026-03-31", {"MSFT": "400", "GCM": "12.50", "SPY": "600", "BRK.B": "470"})
    victim.load(trades(rng, date(2026, 1, 20), 2))
    interfere(0.2)
    # A hundredth: held, whatever splits somebody made up.
    prices(database, "2026-04-01", {"MSFT": "4", "GCM": "12.75", "SPY": "610", "BRK.B": "471"})
    victim.load(trades(rng, date(2026, 2, 20), 3))
    interfere(0.4)
    with victim.session() as session:
        session.call("lots_rebuild", {"verify": False})
    return books(database, victim)


@pytest.mark.parametrize("seed", [1, 20])
def test_the_victims_books_are_the_same_with_and_without(cluster: Cluster, seed: int) -> None:
    with cluster.database() as quiet:
        expected = lived_through(quiet, seed, with_hostile=False)
    assert len(expected["wash_sales"]) > 0
    priced = "".join(expected["holdings"])
    assert '"last_price": 610' in priced
    assert '"last_price": 4,' not in priced
    with cluster.database() as shared:
        found = lived_through(shared, seed, with_hostile=True)
    for name, wanted in expected.items():
        assert found[name] == wanted, name
