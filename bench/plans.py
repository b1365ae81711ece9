"""The same person's 60,000 lines in an empty database and where thousands live, whatever the planner knows.

Baseline of the same run: the empty database. Beside the clock stands the time that the server computed, which
other work on the machine does not lengthen.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from bench.common import Result, generator_directory
from quantmatrix.ingest.model import Instrument, InstrumentType, Line, Record, Transaction, TransactionType
from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.importer import Importer, statement
from quantmatrix.testing.lived_in import PEOPLE, Statistics, lived_in

LINES = int(os.environ.get("QUANTMATRIX_BENCH_LINES", "60000"))
HISTORIES = {
    "trades": ["--mode", "steady"],
    "day trades with wash sales": ["--mode", "steady", "--symbols", "4", "--buy-frac", "0.5", "--years", "2"],
}


def records(options: list[str], lines: int = LINES) -> list[Record]:
    """A file of generated trades."""
    generated = subprocess.run(
        [sys.executable, str(generator_directory() / "gen_trades.py"), "--n", str(lines), *options],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    rows = list(csv.DictReader(generated))
    made = {
        symbol: Instrument(type=InstrumentType.STOCK, symbol=symbol, currency="USD")
        for symbol in sorted({row["symbol"] for row in rows})
    }
    file: list[Record] = [statement(account="A-60000"), *made.values()]
    for number, row in enumerate(rows, start=1):
        when = datetime.fromisoformat(row["ts"]).replace(tzinfo=UTC)
        buy = row["side"] == "BUY"
        quantity = Decimal(row["quantity"]) if buy else -Decimal(row["quantity"])
        gross, fee = -quantity * Decimal(row["price"]), Decimal(row["fee"])
        file.append(Line(number=number, raw=f"line {number}", verdict="row"))
        file.append(
            Transaction(
                line=number,
                instrument=made[row["symbol"]].key,
                type=TransactionType.BUY if buy else TransactionType.SELL,
                executed_at=when,
                trade_date=when.date(),
                quantity=quantity,
                price=Decimal(row["price"]),
                gross_amount=gross,
                commission=-fee,
                net_amount=gross - fee,
                currency="USD",
            )
        )
    return file


def computed(cluster: Cluster) -> float:
    """Seconds that sessions which ended have computed."""
    layout = cluster.environment.layout(cluster.environment.known_state())
    process = int((layout.home / "postgres" / "postmaster.pid").read_text().split()[0])
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def wait_for_the_end(database: Database) -> None:
    """Until the server has counted all sessions: it does so when their processes are gone, a moment later."""
    with database.connect() as connection:
        query = (
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        while (row := connection.execute(query).fetchone()) and row[0] > 0:
            time.sleep(0.05)
    time.sleep(0.5)


def ask(person: Importer, query: str) -> None:
    """One query of the person, in a session of its own."""
    with person.session() as session, session.transaction() as connection:
        connection.execute(query.encode())


def rebuild(person: Importer) -> None:
    """Derive everything again."""
    with person.database.connect() as connection:
        connection.execute("select tax.rebuild_all(%s)", [person.user_id])


def measure(database: Database, file: list[Record]) -> dict[str, tuple[float, float]]:
    """Seconds by the clock and computed, by step."""
    person = Importer(database, "large@example.org")
    loaded: dict[str, int] = {}

    def load() -> None:
        loaded["import_id"] = person.load(file)["import_id"]

    steps: dict[str, Callable[[], object]] = {
        "import": load,
        "known file": load,
        "rebuild": lambda: rebuild(person),
        "reconcile": lambda: ask(person, "select api.reconcile()"),
        "undo": lambda: person.undo(loaded["import_id"]),
    }
    taken = {}
    for name, step in steps.items():
        began, before = time.perf_counter(), computed(database.cluster)
        step()
        clock = time.perf_counter() - began
        wait_for_the_end(database)
        spent = computed(database.cluster) - before
        taken[name] = (clock, spent)
    return taken


def run(database: Database) -> Iterator[Result]:
    """Every step in every setting, as a multiple of the empty database."""
    cluster = database.cluster
    people = int(os.environ.get("QUANTMATRIX_BENCH_PEOPLE", PEOPLE))
    for history, options in HISTORIES.items():
        file = records(options)
        alone: dict[str, tuple[float, float]] = {}
        for statistics in (None, *Statistics):
            with (
                lived_in(cluster, statistics, people) if statistics else nullcontext(),
                cluster.database() as one,
            ):
                taken = measure(one, file)
            alone = alone or taken
            for name, (clock, spent) in taken.items():
                ratio = spent / max(alone[name][1], 0.01)
                where = f"{people:,} people, statistics {statistics}" if statistics else "an empty database"
                yield Result(
                    work=f"{name}, {LINES:,} {history}, {where}",
                    measured=f"{clock:.1f} s ({spent:.1f} s computed), {LINES / spent:,.0f} lines/s",
                    baseline=f"empty database {alone[name][1]:.1f} s computed",
                    ratio=f"{ratio:.2f}",
                    goal="at most 1.3",
                    met=ratio <= 1.3,
                )
