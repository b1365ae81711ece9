"""Ten thousand syncs against a service that fails one request in five: is every row there, and only once?

``QUANTMATRIX_BENCH_SYNCS`` says how many (default 10,000). Waits are none; everything else is as for a user.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time

from bench.common import Result
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.sync_simulation import Outcome, simulate

SYNCS = int(os.environ.get("QUANTMATRIX_BENCH_SYNCS", "10000"))
RATE = 0.2
RELIABLE = 0.999


def tell(seen: Outcome) -> None:
    """Every thousand syncs, a line of what was so far: the whole takes minutes."""
    if seen.syncs % 1000 == 0:
        print(
            f"bench: {seen.syncs:,} syncs, {seen.succeeded:,} succeeded at once, {seen.rows:,} rows, "
            f"{seen.lost} lost, "
            f"{seen.doubled} doubled, {seen.attempts:,} attempts, {seen.recorded:,} in the history",
            file=sys.stderr,
            flush=True,
        )


def run(database: Database) -> list[Result]:
    """Sync day after day for as many people as that takes."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["QUANTMATRIX_CONFIG_DIR"] = folder
        began = time.perf_counter()
        seen = simulate(database, SYNCS, os.environ, rate=RATE, say=tell)
        seconds = time.perf_counter() - began
    whole = not (seen.lost or seen.doubled or seen.behind)
    told = seen.attempts == seen.recorded and seen.faults == seen.failed_attempts == seen.recorded_failed
    return [
        Result(
            work=f"{seen.syncs:,} syncs, {seen.requests:,} requests of which {seen.faults:,} failed",
            measured=(
                f"{seen.succeeded / seen.syncs:.3%} succeeded in their own run; {seen.rows:,} rows, "
                f"{seen.lost} lost, "
                f"{seen.doubled} doubled; {seen.recorded:,} attempts in the history, "
                f"{seen.recorded_failed:,} of them failed"
            ),
            baseline=(
                f"{seen.attempts:,} attempts made in {seconds:.0f} s, "
                f"{1000 * seconds / seen.attempts:.0f} ms each"
            ),
            ratio=f"{seen.faults / seen.requests:.2f} of requests failed",
            goal="99.9 %; every row once; each attempt in the history",
            met=whole and told and seen.succeeded / seen.syncs >= RELIABLE,
        )
    ]
