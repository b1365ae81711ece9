"""The order of imports, overlaps and undo must not matter."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantmatrix.ingest.model import Record, Transaction
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.importer import Importer, file_of, fill

numbers = itertools.count()

Drawn = tuple[list[list[tuple[int, int]]], list[tuple[int, int]], list[int]]

# A day holds fills of which some are equal in every column, and all of them are real.
days = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([5, -5, 7])), min_size=0, max_size=4),
    min_size=2,
    max_size=5,
)


@st.composite
def histories(draw: st.DrawFn) -> Drawn:
    """A history by day, windows of whole days that cover it, and an order of import."""
    history = draw(days)
    count = len(history)
    cuts = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(1, count)), max_size=3))
    windows = [(0, count), *[(start, min(count, start + length)) for start, length in cuts]]
    return history, windows, draw(st.permutations(range(len(windows))))


def window_file(history: list[list[tuple[int, int]]], start: int, end: int, generated: int) -> list[Record]:
    """The file that a broker would make of these days."""
    fills: list[Transaction] = []
    for day in range(start, end):
        fills.extend(
            fill(len(fills) + 1 + k, day + 1, minute, quantity)
            for k, (minute, quantity) in enumerate(history[day])
        )
    return file_of(*[f.model_copy(update={"line": n + 1}) for n, f in enumerate(fills)], generated=generated)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_any_order_gives_the_same_rows(module_database: Database, drawn: Drawn) -> None:
    history, windows, order = drawn
    files = [window_file(history, start, end, number + 1) for number, (start, end) in enumerate(windows)]
    straight = Importer(module_database, f"p{next(numbers)}@example.org")
    for records in files:
        straight.load(records)
    shuffled = Importer(module_database, f"p{next(numbers)}@example.org")
    for index in order:
        shuffled.load(files[index])
    assert shuffled.state() == straight.state()
    assert len(straight.state()) == sum(len(day) for day in history)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_importing_and_undoing_is_as_if_never_imported(module_database: Database, drawn: Drawn) -> None:
    history, windows, _ = drawn
    files = [window_file(history, start, end, number + 1) for number, (start, end) in enumerate(windows)]
    alone = Importer(module_database, f"p{next(numbers)}@example.org")
    for records in files[1:]:
        alone.load(records)
    undone = Importer(module_database, f"p{next(numbers)}@example.org")
    first = undone.load(files[0])
    for records in files[1:]:
        undone.load(records)
    if first["status"] == "imported" and first["import_id"] is not None:
        undone.undo(first["import_id"])
    assert undone.state() == alone.state()
