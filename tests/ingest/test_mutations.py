"""One fault in a file: right, refused or told; in silence only where the file itself says nothing else.

A fixed share of the faults is in every run; ``make soak`` makes 100,000, from another seed each time unless
``QUANTMATRIX_SEED`` names one.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
from pathlib import Path

import pytest

from quantmatrix.ingest.formats import OWN
from quantmatrix.ingest.model import FileRefused
from quantmatrix.testing.mutations.cells import Sheet, number
from quantmatrix.testing.mutations.mutate import KINDS, Mutant, mutant
from quantmatrix.testing.mutations.outcomes import Outcome, Sample, Tally, judged, run

TESTS = Path(__file__).parents[1]
FOLDERS = (TESTS / "ingest" / "fixtures", TESTS / "reports" / "files", TESTS.parent / "examples")
ENDINGS = {".csv", ".xml", ".qfx", ".json", ".jsonl"}
SHARE = 60
SOAK = 100_000
FETCHED = {"tastytrade_api", "ccxt"}
"""Written by ``sync`` from what was fetched, never by hand; tests/sync has their faults."""


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    """Every file of the tests and examples that is read as it stands, by its path."""
    found = {}
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*")):
            if path.suffix in ENDINGS and path.name != "expected.json":
                try:
                    found[str(path.relative_to(TESTS.parent))] = Sample(path.name, path.read_text())
                except FileRefused:
                    continue
    return found


def judge(tally: Tally, seed: str) -> None:
    """Print what became of the faults; no file may contradict itself in silence."""
    sys.stdout.write(f"\nseed {seed}\n{tally.table()}\n")
    silent = tally.silent()
    shown = "\n".join(
        f"{f.source}, {f.sample}, {f.mutant.kind}, breaks {', '.join(f.claims)}:\n{f.diff}" for f in silent
    )
    assert not silent, f"seed {seed}, {len(silent)} kinds; the smallest first:\n{shown}"


def test_every_format_has_files_to_damage(samples: dict[str, Sample]) -> None:
    assert {sample.parser.source for sample in samples.values()} == OWN.keys() - FETCHED


def test_what_a_file_could_tell_is_never_silent(samples: dict[str, Sample]) -> None:
    judge(run(samples, "every run", SHARE), "every run")


@pytest.mark.soak
def test_what_a_file_could_tell_is_never_silent_for_long(samples: dict[str, Sample]) -> None:
    seed = os.environ.get("QUANTMATRIX_SEED") or secrets.token_hex(4)
    judge(run(samples, seed, SOAK // len(samples)), seed)


def test_the_same_seed_makes_the_same_faults(samples: dict[str, Sample]) -> None:
    sheet = next(iter(samples.values())).sheet
    first, second = ([mutant(sheet, random.Random(f"x{n}")) for n in range(60)] for _ in range(2))
    assert first == second
    assert {fault.kind for fault in first if fault} >= KINDS.keys() - {"pair split", "total wrong"}


FILE = "Date,Action,Symbol,Description,Quantity,Price,Fees & Comm,Amount\n" + "".join(
    f'0{day}/03/2025,Buy,KO,COCA-COLA,10,$60.00,,"-$600.00"\n' for day in (3, 2)
)


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ("03/03/2025", "03/04/2025", Outcome.UNTOLD),
        ("COCA-COLA,10", "COCA-COLA,11", Outcome.WARNED),
        ("03/03/2025", "", Outcome.REFUSED),
        ("$60.00,", "60,", Outcome.RIGHT),
    ],
)
def test_outcomes_are_told_apart(before: str, after: str, outcome: Outcome) -> None:
    sample = Sample("history.csv", FILE)
    assert judged(sample, Mutant("digit changed", FILE.replace(before, after, 1), 1))[0] is outcome


def test_cells_are_found_by_column_and_numbers_read_however_decorated() -> None:
    rows = list(Sheet(FILE).data())
    assert [row["amount"] for row in rows] == ["-$600.00"] * 2
    assert [str(number(text)) for text in ("($1,234.50)", "-3", "$7", "KO", "03/04/2025")] == [
        "-1234.50", "-3", "7", "None", "None",
    ]  # fmt: skip
