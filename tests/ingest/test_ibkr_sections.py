"""Nothing of a statement is passed over without a word: it is read, evidence, a repetition, or named."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from quantmatrix.ingest.formats import find
from quantmatrix.ingest.ibkr_activity.parser import SKIPPED_SECTIONS
from quantmatrix.ingest.ibkr_flex.sections import SKIPPED
from quantmatrix.ingest.model import Line, Options, Record, Warning

FIXTURES = Path(__file__).parent / "fixtures"
FILES = {
    "ibkr/margin.csv": "ibkr_activity_csv",
    "ibkr_flex/year.xml": "ibkr_flex",
    "ibkr_flex/sections.csv": "ibkr_flex",
    "brokers/ibkr_history.csv": "ibkr_history_csv",
}
SILENT = {
    *SKIPPED_SECTIONS, *SKIPPED, "Statement", "Account Information", "FlexStatement", "AccountInformation",
}  # fmt: skip
"""Sections that say something of the file itself, or repeat what others state: each by name."""


@pytest.mark.parametrize("name", FILES)
def test_each_section_is_read_or_evidence_or_named(name: str) -> None:
    text = (FIXTURES / name).read_text()
    parser = find(FILES[name])
    assert parser is not None
    records = list(parser().parse(io.StringIO(text, newline=""), Options()))
    verdicts: dict[str, set[str]] = defaultdict(set)
    for line in (r for r in records if isinstance(r, Line) and r.section):
        verdicts[line.section or ""].add(line.verdict)
    said = {r.text for r in records if isinstance(r, Warning)}
    for section, found in verdicts.items():
        if section.startswith(("Total", "Notes")):
            continue
        assert found & {"row", "evidence"} or section in SILENT or section in said, (section, found)


def test_an_unknown_section_is_named_with_units_and_money(read_ibkr: Callable[[str], list[Record]]) -> None:
    records = read_ibkr(
        "New Things,Header,Currency,Symbol,Quantity,Amount\n"
        "New Things,Data,USD,ABC,3,-12.5\nNew Things,Data,USD,ABC,1,2\nNew Things,Data,Total,,4,-10.5\n"
    )
    [told] = [r for r in records if isinstance(r, Warning)]
    assert told.text == "New Things"
    assert "units 4 ABC; money -10.5 USD" in told.reason
