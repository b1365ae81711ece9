"""``python -m bench [NAME…]``: the speed that the design promises, as ratios to baselines of the same run.

``QUANTMATRIX_BENCH_LIVED_IN=stale`` (or ``fresh``, ``none``: the planner's statistics) measures every figure
in a database where ``QUANTMATRIX_BENCH_PEOPLE`` small persons live (default 2,000), and autovacuum is off.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from importlib import import_module

from quantmatrix.testing.cluster import Cluster
from quantmatrix.testing.lived_in import PEOPLE, Statistics, lived_in

NAMES = (
    "rebuild",
    "imports",
    "legacy",
    "row_level_security",
    "audit",
    "people",
    "engines",
    "sync",
    "formats",
    "plans",
)
SETTINGS = {"shared_buffers": "1GB", "work_mem": "64MB", "maintenance_work_mem": "256MB"}


def main(names: list[str]) -> int:
    """Run the named benches, all by default, each in a database of its own.

    1 if one of them does not reach its goal.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        print(f"bench: there is no {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    statistics = os.environ.get("QUANTMATRIX_BENCH_LIVED_IN")
    # Whoever asks for stale statistics must find them stale.
    cluster = Cluster(SETTINGS | ({"autovacuum": "off"} if statistics or "plans" in names else {}))
    reached = True
    try:
        cluster.start()
        people = int(os.environ.get("QUANTMATRIX_BENCH_PEOPLE", PEOPLE))
        with lived_in(cluster, Statistics(statistics), people) if statistics else nullcontext():
            for name in names or NAMES:
                with cluster.database() as database:
                    for result in import_module(f"bench.{name}").run(database):
                        reached = reached and result.met
                        print(
                            f"{'ok    ' if result.met else 'MISSED'} {result.work}: {result.measured}\n"
                            f"       baseline {result.baseline}; ratio {result.ratio}; goal {result.goal}",
                            flush=True,
                        )
    finally:
        cluster.destroy()
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
