"""Every format: rows read and imported in a second, and whether memory stays flat when the file grows.

Baseline of the same run: the same file through ``csv``, ``expat`` or ``json`` alone, record by record. The
rows are trades, half of them purchases. ``QUANTMATRIX_BENCH_LINES`` says how many (default 50,000); memory is
told for as many and for four times as many, each in a process of its own. ``QUANTMATRIX_BENCH_FORMATS`` names
some formats.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.parsers import expat

from bench.common import Result
from bench.format_files import FORMATS, NAMED, write
from quantmatrix.ingest.detect import choose_parser
from quantmatrix.ingest.formats import OWN
from quantmatrix.ingest.model import Options, Refusal
from quantmatrix.ingest.reader import open_source
from quantmatrix.testing.cluster import Database

LINES = int(os.environ.get("QUANTMATRIX_BENCH_LINES", "50000"))
GROWTH = 4
FLAT_MB = 12
"""What an id that must be remembered costs: 150,000 more of them are a few megabytes."""


def plain(path: Path) -> float:
    """Seconds for the baseline: the records of the file, and nothing made of them."""
    began = time.perf_counter()
    with path.open(newline="") as file:
        start = file.read(1)
        file.seek(0)
        if start == "<":
            parser = expat.ParserCreate()
            parser.StartElementHandler = lambda _name, _attributes: None
            parser.CharacterDataHandler = lambda _text: None
            while chunk := file.read(64 * 1024):
                parser.Parse(chunk, False)
        elif start == "{":
            for line in file:
                json.loads(line)
        else:
            for _ in csv.reader(file):
                pass
    return time.perf_counter() - began


def parse(source: str, path: Path) -> dict[str, float]:
    """Read the file in this process, keeping nothing: seconds, megabytes at most, rows refused."""
    began = time.perf_counter()
    refused = 0
    with open_source(path) as file:
        parser, _ = choose_parser(file, source)
        for record in parser.parse(file.text, Options(account="B-1", file_name=path.name)):
            refused += isinstance(record, Refusal)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "megabytes": _peak(),
        "refused": refused,
    }


def _peak() -> float:
    """Megabytes of this process alone; ``ru_maxrss`` would carry over what its parent held."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def _parsed(source: str, path: Path) -> dict[str, float]:
    program = (
        "import json, pathlib, bench.formats as b; "
        f"print(json.dumps(b.parse({source!r}, pathlib.Path({str(path)!r}))))"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(told)
    if found["refused"]:
        raise AssertionError(f"{source}: {found['refused']} of the generated rows are refused")
    return found


def _imported(database: Database, source: str, path: Path) -> tuple[float, float]:
    """Seconds and megabytes of the command line."""
    program = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
        "stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    command = [sys.executable, "-m", "quantmatrix", "--quiet", "import", "--source", source]
    if source not in NAMED:
        command += ["--account", f"bench {source}"]
    began = time.perf_counter()
    told = subprocess.run(
        [sys.executable, "-c", program, *command, str(path)],
        check=True,
        env=os.environ | database.variables(),
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return time.perf_counter() - began, float(told)


def run(database: Database) -> list[Result]:
    """All formats, one after the other, in one person's book; instruments of their own each."""
    named = os.environ.get("QUANTMATRIX_BENCH_FORMATS", "").split()
    missing = sorted(set(OWN) - set(FORMATS))
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for source in named or FORMATS:
            form = FORMATS[source]
            path, large = Path(folder) / f"{source}.txt", Path(folder) / f"{source}-large.txt"
            write(path, form, LINES)
            write(large, form, LINES * GROWTH)
            baseline = min(plain(path) for _ in range(3))
            alone, grown = _parsed(source, path), _parsed(source, large)
            seconds, megabytes = _imported(database, source, path)
            growth = grown["megabytes"] - alone["megabytes"]
            results.append(
                Result(
                    work=f"{source}, {LINES:,} rows",
                    measured=(
                        f"read {LINES / alone['seconds']:,.0f} rows/s, imported {LINES / seconds:,.0f} "
                        "rows/s; "
                        f"{alone['megabytes']:.0f} MB, {grown['megabytes']:.0f} MB for {GROWTH} times as "
                        "many, "
                        f"{megabytes:.0f} MB to import"
                    ),
                    baseline=f"{LINES / baseline:,.0f} rows/s by the plain reader",
                    ratio=f"{alone['seconds'] / baseline:.0f} to read, {seconds / baseline:.0f} to import",
                    goal=f"memory flat within {FLAT_MB} MB",
                    met=growth < FLAT_MB and not missing,
                )
            )
            print(f"bench: {results[-1].work}: {results[-1].measured}", file=sys.stderr, flush=True)
            path.unlink()
            large.unlink()
    return results
