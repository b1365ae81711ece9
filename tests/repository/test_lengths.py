"""What is too long is named, and what may be is named with a reason."""

from __future__ import annotations

import pytest

from tools import lengths

SQL = "create function api.{name}(a integer)\nreturns void\nlanguage sql\nas $$\n{body}$$;\n\n"
PYTHON = "def {name}() -> None:\n    pass\n{body}\n\n"


def found(name: str, text: str) -> list[tuple[str, int]]:
    return [(long.name, long.lines) for long in lengths.long_in(name, text)]


def test_functions_over_the_limit_are_named_with_their_file() -> None:
    sql = SQL.format(name="one", body="-- $ )\n" * 145) + SQL.format(name="two", body="\n" * 146)
    assert found("a.sql", sql) == [("a.sql:api.two", 151)]
    python = PYTHON.format(name="one", body="    pass\n" * 148) + PYTHON.format(
        name="two", body="    pass\n" * 149
    )
    assert found("a.py", python) == [("a.py:two", 151)]


def test_a_file_over_the_limit_is_named() -> None:
    assert found("a.sql", "-- a\n" * 400) == []
    assert found("a.sql", "-- a\n" * 401) == [("a.sql", 401)]


def test_an_exception_has_a_reason() -> None:
    assert lengths.exceptions("# why\n\na.sql:api.one | one statement\n") == {
        "a.sql:api.one": "one statement"
    }
    with pytest.raises(ValueError, match=r"a\.py has no reason"):
        lengths.exceptions("a.py |\n")
