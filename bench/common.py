"""What the benchmarks share: a result that is a ratio, and the generator they are all fed by."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """One row of the table.

    It says what was done, the figure with its unit, the baseline of the same run, and what must be reached.
    """

    work: str
    measured: str
    baseline: str
    ratio: str
    goal: str
    met: bool


def generator_directory() -> Path:
    """The folder with ``gen_trades.py`` and ``bare_loop.sql``; ends the program where it is not named."""
    named = os.environ.get("QUANTMATRIX_BENCH_DIR")
    if named is None or not (Path(named) / "gen_trades.py").is_file():
        sys.exit(
            "bench: QUANTMATRIX_BENCH_DIR must name the folder that holds gen_trades.py and bare_loop.sql;"
            " nothing was measured"
        )
    return Path(named)
