"""Faults by format and by what became of them, in one table."""

from __future__ import annotations

import difflib
import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.parser import Parser
from quantmatrix.testing.mutations.book import Book, parser_of, read
from quantmatrix.testing.mutations.cells import Sheet
from quantmatrix.testing.mutations.claims import broken
from quantmatrix.testing.mutations.mutate import Mutant, mutant

_CHOSEN_BY = 40
"""Rows from the top that decide which parser reads a file: titles and header."""


class Outcome(StrEnum):
    """What became of a fault."""

    RIGHT = "right"
    """The same is stored."""
    REFUSED = "refused"
    """The file or a row of it."""
    WARNED = "warned"
    """A warning, an unknown row or a difference to the file's own figures says so."""
    SILENT = "silent, could tell"
    """Something else is stored although the file contradicts itself: must not be."""
    UNTOLD = "silent, cannot tell"
    """Something else is stored, and nothing in the file says otherwise."""


@dataclass
class Sample:
    """A file that is read well, as it stands."""

    name: str
    text: str
    sheet: Sheet = field(init=False)
    parser: type[Parser] = field(init=False)
    book: Book = field(init=False)
    broken: dict[str, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.sheet = Sheet(self.text)
        self.parser = parser_of(self.text, self.name)
        self.book = read(self.parser, self.text, self.name)
        self.broken = broken(self.parser.source, self.sheet)


@dataclass(frozen=True)
class Finding:
    """A fault that passed in silence: the claims that it breaks, none where the file cannot tell."""

    source: str
    sample: str
    mutant: Mutant
    claims: tuple[str, ...]
    diff: str


@dataclass
class Tally:
    """Outcomes by format; of the silent ones the shortest differences, by format and kind."""

    counts: defaultdict[str, Counter[Outcome]] = field(default_factory=lambda: defaultdict(Counter))
    untold: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    findings: dict[tuple[str, str, Outcome], Finding] = field(default_factory=dict)

    def add(self, sample: Sample, made: Mutant) -> None:
        """Judge one fault."""
        outcome, claims = judged(sample, made)
        source = sample.parser.source
        self.counts[source][outcome] += 1
        if outcome is Outcome.UNTOLD:
            self.untold[source][made.kind] += 1
        if outcome in (Outcome.SILENT, Outcome.UNTOLD):
            found = Finding(source, sample.name, made, claims, difference(sample.text, made.text))
            key = source, made.kind, outcome
            if key not in self.findings or len(found.diff) < len(self.findings[key].diff):
                self.findings[key] = found

    def silent(self) -> list[Finding]:
        """Those that must not be, the smallest first."""
        found = [f for (_, _, outcome), f in self.findings.items() if outcome is Outcome.SILENT]
        return sorted(found, key=lambda finding: len(finding.diff))

    def table(self) -> str:
        """The counts, a line for each format."""
        lines = [f"{'format':<20}" + "".join(f"{outcome:>21}" for outcome in Outcome)]
        for source in sorted(self.counts):
            counts = self.counts[source]
            lines.append(f"{source:<20}" + "".join(f"{counts[outcome]:>21,}" for outcome in Outcome))
        for source in sorted(self.untold):
            kinds = ", ".join(f"{kind} {times:,}" for kind, times in self.untold[source].most_common())
            lines.append(f"cannot tell, {source}: {kinds}")
        return "\n".join(lines)


def judged(sample: Sample, made: Mutant) -> tuple[Outcome, tuple[str, ...]]:
    """What becomes of a fault, and the claims of the file that it breaks if nobody says so."""
    try:
        decides = made.row < _CHOSEN_BY and made.text[:20] != sample.text[:20]
        header = sample.sheet.rows[min(made.row, len(sample.sheet.rows) - 1)].is_header
        parser = parser_of(made.text, sample.name) if decides or header else sample.parser
        book = read(parser, made.text, sample.name)
    except FileRefused:
        return Outcome.REFUSED, ()
    if book.refused - sample.book.refused:
        return Outcome.REFUSED, ()
    if book.stored() == sample.book.stored():
        return Outcome.RIGHT, ()
    if book.told - sample.book.told or _differs(book, sample.book):
        return Outcome.WARNED, ()
    now = broken(sample.parser.source, Sheet(made.text))
    claims = tuple(
        sorted(kind for kind, texts in now.items() if len(texts) > len(sample.broken.get(kind, ())))
    )
    if made.kind == "columns moved":
        claims = ("the header names the columns",)
    return (Outcome.SILENT, claims) if claims else (Outcome.UNTOLD, ())


def _differs(book: Book, before: Book) -> bool:
    """Whether the file's own positions or balances are away from its transactions, other than before."""
    return any(apart and apart != before.apart.get(key) for key, apart in book.apart.items())


def difference(before: str, after: str) -> str:
    """A unified diff without context."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return "\n".join(list(lines)[2:])


def run(samples: Mapping[str, Sample], seed: str, times: int) -> Tally:
    """So many faults of each sample; the same for the same seed."""
    tally = Tally()
    for name, sample in samples.items():
        chance = random.Random(f"{seed} {name}")
        made = 0
        while made < times:
            fault = mutant(sample.sheet, chance)
            if fault is not None:
                tally.add(sample, fault)
                made += 1
    return tally
