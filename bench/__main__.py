"""``python -m bench [NAME…]``: the speed that the design promises, as ratios to baselines of the same run."""

from __future__ import annotations

import sys
from importlib import import_module

from quantmatrix.testing.cluster import Cluster

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
)


def main(names: list[str]) -> int:
    """Run the named benches, all by default, each in a database of its own.

    1 if one of them does not reach its goal.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        print(f"bench: there is no {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    cluster = Cluster({"shared_buffers": "1GB", "work_mem": "64MB", "maintenance_work_mem": "256MB"})
    reached = True
    try:
        cluster.start()
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
