"""Lots by FIFO from the same generated ledgers: ours, the bare loop, and two Python engines.

Trades per second of each, from rows that are at hand to lots: ours reads its tables and stores every lot,
closing and position; the others make their objects in memory and write nothing. Each has a virtual
environment of its own, made here at first use. QUANTMATRIX_BENCH_SIZES names the sizes (default
10000,100000), QUANTMATRIX_BENCH_PATIENCE the seconds after which one of the others is given up (default
1800): its row then says how fast it was at most.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from bench.common import Result
from bench.rebuild import REBUILD, fill, timed
from quantmatrix.testing.cluster import Database

# A version that was seen to work; the figures belong to it.
OTHERS = {"beancount": "beancount==3.2.3", "rp2": "rp2==1.7.2"}
SCRIPTS = Path(__file__).parent / "engines_of_others"
ENVIRONMENTS = Path(".venv-bench")


def run(database: Database) -> list[Result]:
    """One row for each engine and size, against the bare loop."""
    sizes = [int(size) for size in os.environ.get("QUANTMATRIX_BENCH_SIZES", "10000,100000").split(",")]
    results = []
    for trades in sizes:
        with (
            tempfile.TemporaryDirectory() as folder,
            database.cluster.database() as fresh,
            fresh.connect() as connection,
        ):
            path = fill(connection, "grow", Path(folder), "none", trades)
            bare = min(timed(connection, "select bench.bare_loop()") for _ in range(2))
            ours = timed(connection, REBUILD)
            results.append(_result("QuantMatrix, first build, all stored", trades, ours, bare))
            # The choice of the wash scope rebuilds everything within the same statement.
            washed = timed(connection, "update core.users set wash_scope = 'taxpayer'")
            results.append(_result("QuantMatrix, all again with wash sales on", trades, washed, bare))
            for name in OTHERS:
                taken, finished = seconds_of(name, path)
                title = name if finished else f"{name} (given up)"
                results.append(_result(title, trades, taken, bare, slower_than=ours))
    return results


def seconds_of(name: str, ledger: Path) -> tuple[float, bool]:
    """How long the engine of that name takes by its own clock, and whether it came to an end."""
    script = SCRIPTS / f"{name}_fifo.py"
    command = [python_of(name), str(script.resolve()), str(ledger.resolve())]
    patience = float(os.environ.get("QUANTMATRIX_BENCH_PATIENCE", "1800"))
    try:
        # In a folder to throw away: rp2 writes a log and its settings where it runs.
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=patience, cwd=folder
            )
    except subprocess.TimeoutExpired:
        return patience, False
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"]), True


def python_of(name: str) -> str:
    """The interpreter of the engine's environment, which is made if it is not there."""
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    ready = folder / f".{OTHERS[name]}"
    if not ready.exists():
        print(f"bench: making {folder} for {OTHERS[name]}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install", OTHERS[name]]
        subprocess.run(install, check=True)
        ready.touch()
    return str(python.absolute())


def _result(engine: str, trades: int, taken: float, bare: float, slower_than: float | None = None) -> Result:
    return Result(
        work=f"{engine}: {trades:,} trades",
        measured=f"{trades / taken:,.0f} trades/s ({taken:.2f} s)",
        baseline=f"bare loop {trades / bare:,.0f} trades/s",
        ratio=f"{taken / bare:.1f}",
        goal="shown" if slower_than is None else "slower than ours",
        met=slower_than is None or taken > slower_than,
    )
