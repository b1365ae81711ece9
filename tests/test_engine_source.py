"""The event loop is one function of many parts: what each says of the variables at its head is so."""

from __future__ import annotations

import re

import pytest

from quantmatrix import resources
from quantmatrix.database import source
from quantmatrix.testing.parts import Part, parts_of, without_comments

FRAME = resources.root() / "db" / "functions" / "tax" / "derive.sql"
PARTS = parts_of(FRAME)


def name(part: Part) -> str:
    return part.path.relative_to(FRAME.parent).as_posix()


@pytest.mark.parametrize("part", PARTS, ids=name)
def test_the_head_names_what_the_part_reads_and_changes(part: Part) -> None:
    assert part.told.get("Reads", []) == part.reads
    assert part.told.get("Changes", []) == part.changes


@pytest.mark.parametrize("part", PARTS, ids=name)
def test_a_part_is_whole_statements(part: Part) -> None:
    assert part.left_open() == []
    assert part.code.rstrip().endswith(";")


@pytest.mark.parametrize("part", PARTS, ids=name)
def test_a_part_begins_with_a_sentence(part: Part) -> None:
    assert re.match(r"-- [A-Z][a-z ].*[a-z]{3}", part.text)


def test_every_variable_of_the_frame_is_used() -> None:
    whole = without_comments(source.read(FRAME).text)
    declared = re.findall(r"^    ([vc]_\w+) ", whole[: whole.index("\nbegin")], re.MULTILINE)
    assert len(declared) > 100
    assert [one for one in declared if len(re.findall(rf"\b{one}\b", whole)) < 2] == []


def test_what_outlives_a_part_is_declared_by_the_frame_alone() -> None:
    """A part that declares a name of the frame would hide it from the parts within."""
    whole = without_comments(FRAME.read_text(encoding="utf-8"))
    declared = set(re.findall(r"^    ([vc]_\w+) ", whole[: whole.index("\nbegin")], re.MULTILINE))
    assert [(name(part), one) for part in PARTS for one in sorted(part.own & declared)] == []


def test_the_loop_compares_with_words() -> None:
    """Kinds, methods, outcomes and sides are words: no number stands for one."""
    number = re.compile(r"\bv_\w*(?:kind|method|outcome|side|from)\s*(?:=|<>|<|>|<=|>=|in \(|between)\s*\d")
    assert [(name(part), hit) for part in PARTS for hit in number.findall(part.code)] == []


def test_only_two_places_know_how_pools_are_numbered() -> None:
    """`tax.pool_of`, and the scan that does the same in place; all others look into columns."""
    counted = re.compile(r"pool\w*(?:\[\w+\])?\)* *[%/] *2|\) \* 2 - |\* 2 - 1")
    found = {
        path.name
        for path in FRAME.parent.rglob("*.sql")
        if counted.search(without_comments(path.read_text(encoding="utf-8")))
    }
    assert found == {"plan.sql", "history.sql"}


def test_nothing_else_is_put_together() -> None:
    """Parts are for the loop, whose arrays no function can share; everything else is functions."""
    frames = [
        path
        for path in resources.repeatable_files()
        if len({line.path for line in source.read(path).lines}) > 1
    ]
    assert frames == [FRAME]


def test_a_rule_is_cited_behind_a_sentence() -> None:
    """A comment says what the rule demands there; its number alone, or first, says nothing."""
    number_first = re.compile(r"^\s*-- [A-Z]\.\d", re.MULTILINE)
    found = [
        path.name
        for path in FRAME.parent.rglob("*.sql")
        if number_first.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


COPIES = tuple(FRAME.parent / file for file in ("run.sql", "store.sql", "append.sql"))
TABLES = (
    "Rows of core.positions",
    "Rows of core.tax_lots",
    "What open lots remember beyond their rows",
    "Rows of tax.closings",
    "Rows of tax.wash_matches",
    "Rows of tax.notices",
)


def block_after(text: str, mark: str) -> list[str]:
    """The lines between the next bracket that is opened at a line's end and its end, less indentation."""
    lines = text[text.index(mark) :].splitlines()[1:]
    margin = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    end = next(place for place, line in enumerate(lines) if line.rstrip(",") == f"{margin})")
    return [line.removeprefix(margin) for line in lines[1:end]]


@pytest.mark.parametrize("table", TABLES)
def test_what_a_row_is_is_the_same_wherever_rows_are_made(table: str) -> None:
    """The statements repeat it, because passing rows costs more than deriving them; they must not differ."""
    mark = f"-- {table}: the same text in run.sql, store.sql and append.sql."
    first, *others = (block_after(path.read_text(encoding="utf-8"), mark) for path in COPIES)
    assert len(first) > 5
    assert others == [first, first]


def test_what_the_queries_look_into_is_declared_alike() -> None:
    mark = "    -- Arrays that are addressed by place must be variables: only those are kept unpacked.\n"
    first, *others = (
        re.split(r"\n\n|\nbegin", path.read_text(encoding="utf-8").split(mark)[1])[0] for path in COPIES
    )
    assert first.count(":=") > 25
    assert others == [first, first]
