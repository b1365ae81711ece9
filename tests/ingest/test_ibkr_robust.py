"""Damaged files give records or a clean refusal, never anything else, and memory does not grow with them."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantmatrix.ingest.checks import problem
from quantmatrix.ingest.ibkr_activity import IbkrActivity
from quantmatrix.ingest.model import (
    FileRefused,
    Line,
    Link,
    LotEvidence,
    Options,
    PositionEvidence,
    Record,
    Refusal,
    Transaction,
    Warning,
)
from quantmatrix.ingest.reader import SourceFile

MARGIN = (Path(__file__).parent / "fixtures" / "ibkr" / "margin.csv").read_text()
LINES = MARGIN.splitlines(keepends=True)
SOURCE = Path(__file__).parent / "fixtures" / "ibkr" / "margin.csv"

NASTY = st.sampled_from(
    [
        *(
            "",
            "-",
            "1e999999",
            "1,02",
            "NaN",
            "9" * 400,
            "0",
            "-5",
            "2024-13-45",
            "0001-01-01",
            "9999-12-31, 23:59:59",
        ),
        *('"', "'", "\r", "\x7f", "é", "\U0001f4a9", "(", ")", "A" * 70, "C;O;Ca;A;Ex;Ep"),
        *("Order", "Trade", "Data", "Header", "USD"),
    ]
)
LONG = ["(" * 5000, "*" * 5000, "a" * 100_000, " " * 50_000 + "(", "1" * 100_000, "C;" * 50_000]


def swallow(text: str) -> list[Record]:
    """Records, or those before the file was refused."""
    records: list[Record] = []
    try:
        for record in IbkrActivity().parse(io.StringIO(text, newline=""), Options()):
            records.append(record)
    except FileRefused:
        return records
    return records


def hold_together(records: list[Record]) -> None:
    """Every record points at lines that exist; the database would take every transaction; keys are known."""
    lines = {r.number: r.verdict for r in records if isinstance(r, Line)}
    keys = {r.key for r in records if not isinstance(r, Line) and hasattr(r, "key")}
    made = {(r.line, r.part): r for r in records if isinstance(r, Transaction)}
    assert len(made) == len([r for r in records if isinstance(r, Transaction)])
    for record in records:
        if isinstance(record, Transaction):
            assert problem(record) is None
            assert {lines[line] for line in (record.line, *record.also_lines)} == {"row"}
            assert record.instrument is None or record.instrument in keys
            if record.terms and record.terms.new_instrument:
                assert record.terms.new_instrument in keys
        elif isinstance(record, PositionEvidence | LotEvidence):
            assert record.instrument in keys
        elif isinstance(record, Link):
            assert (record.from_line, 0) in made
            assert (record.to_line, 0) in made
        elif isinstance(record, Refusal):
            assert lines[record.line] == "row"
            assert record.reason
        elif isinstance(record, Warning):
            assert record.line in lines


def rows_and_what_they_became(records: list[Record]) -> None:
    """No row is lost: each is part of a transaction or refused."""
    rows = {r.number for r in records if isinstance(r, Line) and r.verdict == "row"}
    said: set[int] = {r.line for r in records if isinstance(r, Refusal)}
    for record in records:
        if isinstance(record, Transaction):
            said |= {record.line, *record.also_lines}
    assert rows == said


@st.composite
def damaged(draw: st.DrawFn) -> str:
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        how = draw(st.integers(0, 6))
        if how == 0 and len(lines) > 1:
            del lines[at]
        elif how == 1:
            lines.insert(at, lines[at])
        elif how == 2:
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif how == 3:
            cells = lines[at].split(",")
            cells[draw(st.integers(0, len(cells) - 1))] = draw(NASTY)
            lines[at] = ",".join(cells)
        elif how == 4:
            cells = lines[at].split(",")
            one, two = (draw(st.integers(0, len(cells) - 1)) for _ in range(2))
            cells[one], cells[two] = cells[two], cells[one]
            lines[at] = ",".join(cells)
        elif how == 5 and lines[at]:
            place = draw(st.integers(0, len(lines[at]) - 1))
            lines[at] = lines[at][:place] + chr(draw(st.integers(1, 0x2FF))) + lines[at][place + 1 :]
        else:
            lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
    return "".join(lines)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged())
def test_damaged_statements(text: str) -> None:
    records = swallow(text)
    hold_together_if_complete(text, records)


def hold_together_if_complete(text: str, records: list[Record]) -> None:
    """A file that was refused half-way may have told of lines whose partner never came."""
    try:
        list(IbkrActivity().parse(io.StringIO(text, newline=""), Options()))
    except FileRefused:
        return
    hold_together(records)
    rows_and_what_they_became(records)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(MARGIN)))
def test_truncated_statements(length: int) -> None:
    text = MARGIN[:length]
    hold_together_if_complete(text, swallow(text))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(MARGIN.encode()) - 1), st.integers(0, 255)), max_size=5))
def test_flipped_bytes(flips: list[tuple[int, int]]) -> None:
    data = bytearray(MARGIN.encode())
    for place, value in flips:
        data[place] = value
    try:
        source = SourceFile(io.BytesIO(bytes(data)), "damaged.csv")
        records = list(IbkrActivity().parse(source.text, Options()))
    except FileRefused:
        return
    hold_together(records)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_any_text_in_a_known_section(text: str) -> None:
    for head in LINES:
        if ",Header," in head and head.startswith(("Trades", "Corporate", "Transfers", "Dividends", "Open")):
            section = head.split(",")[0]
            swallow(f"{head}{section},Data,{text}\n")


@pytest.mark.parametrize("cell", LONG)
def test_long_cells_take_no_time(cell: str) -> None:
    for line in LINES:
        cells = line.rstrip("\n").split(",")
        if len(cells) > 3 and cells[1] == "Data":
            for at in range(2, len(cells)):
                changed = ",".join([*cells[:at], f'"{cell}"', *cells[at + 1 :]])
                swallow("".join(head for head in LINES if head.startswith(f"{cells[0]},Header")) + changed)


class _Endless(io.TextIOBase):
    """A long file that nobody holds: the head of the sample, then trades without end."""

    def __init__(self, trades: int) -> None:
        self._trades = trades
        self._lines = self._made(trades)

    def seek(self, _offset: int, _whence: int = 0) -> int:
        self._lines = self._made(self._trades)
        return 0

    def readline(self, _size: int | None = -1) -> str:  # type: ignore[override]
        return next(self._lines, "")

    @staticmethod
    def _made(trades: int) -> Iterator[str]:
        yield from LINES[:34]
        for number in range(trades):
            yield (
                f'Trades,Data,Order,Stocks,USD,S{number % 50},"2024-02-01, 09:{number % 60:02}:31",'
                f"{1 + number % 977},20,20.1,-{20 * (1 + number % 977)},-1,{number},0,10,O\n"
            )


def test_memory_does_not_grow_with_the_file() -> None:
    peaks = []
    for trades in (25_000, 50_000):
        tracemalloc.start()
        for _ in IbkrActivity().parse(cast(TextIO, _Endless(trades)), Options()):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2
