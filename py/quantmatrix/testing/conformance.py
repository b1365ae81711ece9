"""What every importer must stand: a kit of tests that ours run, and that packages with their own can run.

    class TestMyBroker(Conformance):
        parser = MyBroker
        samples = {"history": Path("tests/history.csv").read_text()}

See docs/importers.md. Nothing here needs a database; ``quantmatrix.testing.importer`` has what does.
"""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Mapping
from typing import ClassVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantmatrix.ingest.checks import instrument_problem, problem
from quantmatrix.ingest.model import (
    CashEvidence,
    FileRefused,
    Instrument,
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
from quantmatrix.ingest.parser import Parser
from quantmatrix.ingest.reader import HEAD_BYTES, SourceFile

_NASTY = st.sampled_from(
    [
        *("", "-", "--", "N/A", "1e999999", "1,02", "NaN", "Infinity", "9" * 400, "0", "-5", "-0", "(1.00)"),
        *("2024-13-45", "0001-01-01", "99/99/9999", "02/30/2024", "20240230", "9999-12-31 23:59:59"),
        *('"', "'", "<", ">", "&", "&amp;", "\r", "\x7f", "é", "\U0001f4a9", "(", ")", "|", "A" * 70),
        *("USD", "BTC", "Buy", "SELL", "\ufeff", "\u2028"),
    ]
)
_MEMORY = 12 * 1024 * 1024
"""What a parser may keep of a file of eight thousand rows."""


def records_of(parser: type[Parser], text: str, options: Options | None = None) -> list[Record]:
    """All records of a text. Raises ``FileRefused``."""
    return list(parser().parse(io.StringIO(text, newline=""), options or Options()))


def hold_together(records: list[Record]) -> None:
    """Assert what the load relies on: every reference leads somewhere, every row is told of exactly once."""
    lines = [record.number for record in records if isinstance(record, Line)]
    assert lines == sorted(set(lines)), "each line once, in order"
    verdicts = {record.number: record.verdict for record in records if isinstance(record, Line)}
    keys = {record.key for record in records if isinstance(record, Instrument)}
    rows = [record for record in records if isinstance(record, Transaction)]
    made = {(row.line, row.part) for row in rows}
    assert len(made) == len(rows), "line and part name one transaction"
    told: dict[int, str] = {}
    for row in rows:
        assert problem(row) is None, (problem(row), row)
        assert row.instrument is None or row.instrument in keys, row
        new = row.terms.new_instrument if row.terms else None
        assert new is None or new in keys, row
        for line in (row.line, *row.also_lines):
            assert verdicts[line] == "row", (line, verdicts[line])
            told[line] = "transaction"
    for record in records:
        if isinstance(record, Instrument):
            assert instrument_problem(record) is None, record
        elif isinstance(record, Refusal):
            assert record.reason
            assert verdicts[record.line] == "row", record
            assert told.setdefault(record.line, "refusal") == "refusal", record
        elif isinstance(record, Warning):
            assert record.reason
            assert record.line in verdicts, record
        elif isinstance(record, Link):
            assert {(record.from_line, record.from_part), (record.to_line, record.to_part)} <= made, record
            assert (record.from_line, record.from_part) != (record.to_line, record.to_part)
        elif isinstance(record, PositionEvidence | LotEvidence):
            assert record.instrument in keys, record
            assert record.line in verdicts, record
        elif isinstance(record, CashEvidence):
            assert record.line in verdicts, record
    lost = {line for line, verdict in verdicts.items() if verdict == "row"} - set(told)
    assert not lost, f"rows without a transaction or a refusal: {sorted(lost)[:5]}"


class Conformance:
    """Tests of one parser on its samples, which are whole files as text."""

    parser: ClassVar[type[Parser]]
    samples: ClassVar[Mapping[str, str]]
    options: ClassVar[Options] = Options(account="A-1")
    repeated: ClassVar[str | None] = None
    """The sample whose middle may be repeated to make a long file; None for the first."""
    repeat_from: ClassVar[str] = ""
    """A piece of that sample's line that is repeated; empty: its last data line."""

    def test_each_sample_is_detected_by_its_head(self) -> None:
        for name, text in self.samples.items():
            assert self.parser.detect(text.encode()[:HEAD_BYTES].decode(errors="replace"), name), name

    def test_a_poem_is_not_detected(self) -> None:
        for text in ("", "\n", "Roses,are\nred,indeed\n", "Date,Symbol,Quantity\n", "{}", "<html></html>"):
            assert self.parser.detect(text, "poem.csv") is None, text

    def test_samples_are_read_in_full(self) -> None:
        for name, text in self.samples.items():
            records = records_of(self.parser, text, self.options)
            hold_together(records)
            assert not [r for r in records if isinstance(r, Refusal)], name

    def test_reading_twice_gives_the_same(self) -> None:
        for text in self.samples.values():
            assert records_of(self.parser, text, self.options) == records_of(self.parser, text, self.options)

    def test_line_ends_and_a_byte_order_mark_change_nothing(self) -> None:
        for text in self.samples.values():
            plain = text.replace("\r\n", "\n")
            known = _facts(records_of(self.parser, plain, self.options))
            with SourceFile(io.BytesIO(plain.replace("\n", "\r\n").encode("utf-8-sig")), "f.csv") as file:
                assert _facts(list(self.parser().parse(file.text, self.options))) == known

    def test_damaged_files_give_rows_or_a_clean_refusal(self) -> None:
        samples = list(self.samples.values())

        @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def damaged(data: st.DataObject) -> None:
            text = _damage(data, data.draw(st.sampled_from(samples)))
            try:
                records = records_of(self.parser, text, self.options)
            except FileRefused as refused:
                assert refused.reason
                return
            hold_together(records)

        damaged()

    def test_truncated_files_give_rows_or_a_clean_refusal(self) -> None:
        samples = list(self.samples.values())

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def truncated(data: st.DataObject) -> None:
            text = data.draw(st.sampled_from(samples))
            text = text[: data.draw(st.integers(0, len(text)))]
            try:
                records = records_of(self.parser, text, self.options)
            except FileRefused as refused:
                assert refused.reason
                return
            hold_together(records)

        truncated()

    def test_memory_does_not_grow_with_the_file(self) -> None:
        name = self.repeated or next(iter(self.samples))
        lines = self.samples[name].splitlines(keepends=True)
        at = next(i for i in reversed(range(len(lines))) if self.repeat_from in lines[i] and lines[i].strip())
        text = "".join(lines[:at]) + lines[at] * 8_000 + "".join(lines[at + 1 :])
        source = io.StringIO(text, newline="")
        tracemalloc.start()
        try:
            count = sum(isinstance(r, Line) for r in self.parser().parse(source, self.options))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert count >= 8_000
        assert peak < _MEMORY, f"{peak / 1024 / 1024:.0f} MiB for eight thousand rows"


def _facts(records: list[Record]) -> list[object]:
    """What does not hang on how a line was typed."""
    return [r for r in records if not isinstance(r, Line | Warning)]


def _damage(data: st.DataObject, text: str) -> str:
    lines = text.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 5))):
        if not lines:
            break
        at = data.draw(st.integers(0, len(lines) - 1))
        how = data.draw(st.integers(0, 6))
        if how == 0:
            del lines[at]
        elif how == 1:
            lines.insert(at, lines[at])
        elif how == 2:
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif how in (3, 4):
            lines[at] = _damage_cell(data, lines[at])
        elif how == 5 and lines[at]:
            place = data.draw(st.integers(0, len(lines[at]) - 1))
            lines[at] = lines[at][:place] + chr(data.draw(st.integers(1, 0x2FF))) + lines[at][place + 1 :]
        else:
            lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at])))]
    return "".join(lines)


def _damage_cell(data: st.DataObject, line: str) -> str:
    for separator in (",", '"', "<"):
        if line.count(separator) > 2:
            cells = line.split(separator)
            at = data.draw(st.integers(0, len(cells) - 1))
            ending = "\n" if cells[at].endswith("\n") else ""
            cells[at] = data.draw(_NASTY) + ending
            return separator.join(cells)
    return data.draw(_NASTY) + "\n"
