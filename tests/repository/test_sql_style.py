"""The reader of SQL finds what it must, and says where."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import bodies, sql_style

FUNCTION = """\
create function api.one()
returns integer
language {language}
as $$
{body}
$$;
"""


def found(path: Path) -> list[tuple[int, str]]:
    """Line and beginning of the message of each finding of both readers."""
    both = [*sql_style.read_by_us(path), *sql_style.read_by_sqruff([path], sqruff())]
    return sorted({(finding.line, finding.message.partition(":")[0]) for finding in both})


def sqruff() -> Path:
    return Path(sys.executable).with_name("sqruff")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1;\n", []),
        ("SELECT 1;\n", [(1, "CP01")]),
        ("select\t1;\n", [(1, "LT01"), (1, "a tab")]),
        ("select 1; \n", [(1, "LT01"), (1, "white space at the end of the line")]),
        (FUNCTION.format(language="sql", body="    select a.id  from core.users a"), [(5, "LT01")]),
        (FUNCTION.format(language="plpgsql", body="begin\n    return 'A'; -- B\nend"), []),
        (
            FUNCTION.format(language="plpgsql", body="begin\n    RETURN 1;\nend"),
            [(6, "RETURN is not lower case")],
        ),
        (
            FUNCTION.format(language="plpgsql", body="begin\n   return 1;\nend"),
            [(6, "begins at column 3, no multiple of 4")],
        ),
    ],
)
def test_what_is_not_in_style_is_named_with_its_line(
    tmp_path: Path, text: str, expected: list[tuple[int, str]]
) -> None:
    path = tmp_path / "one.sql"
    path.write_text(text, encoding="utf-8")
    assert found(path) == expected


def test_an_exclusion_of_bodies_covers_one_function_or_all_and_has_a_reason() -> None:
    one, every = bodies.exclusions("# why\n\na() | unused | because\n* | cast | so it is\n")
    unused = bodies.Finding("a()", None, 3, "warning", "unused variable")
    assert one.covers(unused)
    assert not every.covers(unused)
    assert every.covers(bodies.Finding("b()", None, 1, "warning", "cast it"))
    with pytest.raises(ValueError, match="without a reason"):
        bodies.exclusions("a() | unused |  \n")


def test_every_exclusion_of_bodies_can_be_read() -> None:
    assert bodies.exclusions((bodies.HERE / "bodies_excluded.txt").read_text(encoding="utf-8"))
