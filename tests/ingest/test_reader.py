"""Bytes, text and records."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.reader import RECORD_CHARACTERS, head_record, open_source, records


def read(text: str) -> list[tuple[int, str, list[str]]]:
    return list(records(io.StringIO(text, newline="")))


def test_a_record_has_its_first_physical_line_and_its_raw_text() -> None:
    found = read('a,b\r\n\r\n1,"two\nlines"\n"x, y",3')
    assert found == [
        (1, "a,b", ["a", "b"]),
        (2, "", []),
        (3, '1,"two\nlines"', ["1", "two\nlines"]),
        (5, '"x, y",3', ["x, y", "3"]),
    ]


@pytest.mark.parametrize(("text", "line"), [('a,b\n1,"x\n2,y\n', 2), ('a,b\n1,"x"y\n', 2), ('"', 1)])
def test_quotation_marks_that_do_not_match_refuse_the_file_with_the_line(text: str, line: int) -> None:
    with pytest.raises(FileRefused) as refused:
        read(text)
    assert refused.value.line == line


@pytest.mark.parametrize("swallowed", ["x\n" * RECORD_CHARACTERS, "x" * (3 * RECORD_CHARACTERS)])
def test_an_open_quotation_mark_does_not_swallow_a_large_file(swallowed: str) -> None:
    text = io.StringIO(f'a\nb\n"{swallowed}', newline="")
    with pytest.raises(FileRefused) as refused:
        list(records(text))
    assert refused.value.line == 3
    assert text.tell() < 2 * RECORD_CHARACTERS


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8), min_size=2)
    )
)
def test_what_a_csv_writer_wrote_comes_back(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    file.seek(0)
    found = list(records(file))
    assert [fields for _, _, fields in found] == rows
    assert "".join(raw + "\r\n" for _, raw, _ in found) == file.getvalue()


def test_the_digest_is_that_of_the_bytes_even_if_a_parser_reads_twice_or_stops(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"\xef\xbb\xbfDate,Name\n" + "1,Zoë\n".encode() * 200_000)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    seen: list[int] = []
    with open_source(path, seen.append) as file:
        assert file.size == path.stat().st_size
        assert file.head.startswith("Date,Name")
        assert next(records(file.text))[2] == ["Date", "Name"]
        assert file.sha256() == digest
        file.text.seek(0)
        assert sum(1 for _ in records(file.text)) == 200_001
        file.text.seek(0)
        assert next(records(file.text)) == (1, "Date,Name", ["Date", "Name"])
        assert file.sha256() == digest
    assert max(seen) == path.stat().st_size


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"a,b\n1,Zo\xeb\n", 2, "UTF-8"),
        (b"a,b\n1,Zo\xc3", 2, "UTF-8"),
        (b"a\n" * 70_000 + b"\xff\n", 70_001, "UTF-8"),
        (b"a,b\n1,\x00\n", 2, "NUL"),
        ("a,b\n".encode("utf-16"), None, "UTF-16"),
        (b"PK\x03\x04rest", None, "spreadsheet"),
        (b"%PDF-1.7", None, "PDF"),
        (b"\x1f\x8b\x08", None, "gzip"),
    ],
)
def test_what_is_not_text_is_refused(tmp_path: Path, content: bytes, line: int | None, words: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(FileRefused, match=words) as refused, open_source(path) as file:
        list(records(file.text))
    assert refused.value.line == line
    assert refused.value.hint


def test_a_pipe_can_be_read_twice(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"a,b\n1,2\n",))
    writer.start()
    with open_source(pipe) as file:
        writer.join()
        first = list(records(file.text))
        file.text.seek(0)
        assert list(records(file.text)) == first
        assert len(first) == 2


def test_the_head_is_looked_at_without_failing() -> None:
    assert head_record("\n , \nDate,Type\n") == (3, ["Date", "Type"])
    assert head_record('"never closed') == (1, [])
    assert head_record("") == (1, [])
