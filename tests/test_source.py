"""Files of SQL that are made of parts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quantmatrix import resources
from quantmatrix.database import repeatable, source
from quantmatrix.errors import Problem
from quantmatrix.testing.cluster import Database

FUNCTIONS = resources.root() / "db" / "functions"
# A statement about objects of a schema. Triggers and casts have none.
ABOUT = re.compile(
    r"^(?:create|comment on|alter|grant [a-z, ]+ on)"
    r"\s+(?:(?:function|procedure|aggregate|view|type|domain|column)\s+)?([a-z_]+\.[^;$]+)",
    re.MULTILINE,
)
INNERMOST = re.compile(r"\([^()]*\)")
# After the names comes what is said of them.
NAMES_END = re.compile(r"\b(?:returns|as|is|to|owner|with)\b")


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A function of three files: the frame, a part, and a part of that part."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "whole.sql").write_text(
        "create function pg_temp.whole(v_n integer) returns integer language plpgsql as $$\n"
        "begin\n"
        "    if v_n > 0 then\n"
        "        -- include parts/outer.part.sql\n"
        "    end if;\n"
        "    return v_n;\n"
        "end $$;\n"
    )
    (tmp_path / "parts" / "outer.part.sql").write_text(
        "v_n := v_n + 1;\n\nif v_n > 5 then\n    -- include inner.part.sql\nend if;\n"
    )
    (tmp_path / "parts" / "inner.part.sql").write_text("v_n := v_n * 10;\n")
    return tmp_path / "whole.sql"


def test_parts_stand_where_they_are_named(whole: Path, module_database: Database) -> None:
    assert "\n            v_n := v_n * 10;\n        end if;\n    end if;\n" in source.read(whole).text
    with module_database.connect() as connection:
        repeatable.run_file(connection, whole)
        answer = connection.execute("select pg_temp.whole(0), pg_temp.whole(2), pg_temp.whole(7)").fetchone()
    assert answer == (0, 3, 80)


def test_an_error_names_the_part_its_line_and_column(whole: Path, module_database: Database) -> None:
    part = whole.parent / "parts" / "inner.part.sql"
    part.write_text("v_n := v_n * 10;\nv_x := 1;\n")
    with module_database.connect() as connection, pytest.raises(Problem, match="refused a file") as refused:
        repeatable.run_file(connection, whole)
    assert refused.value.where == f"{part}:2:1"


def test_a_missing_part_is_named(whole: Path) -> None:
    (whole.parent / "parts" / "inner.part.sql").unlink()
    with pytest.raises(Problem, match="a part of a file is missing") as missing:
        source.read(whole)
    assert missing.value.where == f"{whole.parent / 'parts' / 'outer.part.sql'}:4"


def test_every_part_is_part_of_something() -> None:
    named = {line.path for path in resources.repeatable_files() for line in source.read(path).lines}
    assert set((resources.root() / "db").rglob("*.part.sql")) <= named


def test_the_manifest_names_every_file_once() -> None:
    listed = [*resources.schema_files(), *resources.repeatable_files(), resources.roles_file()]
    db = resources.root() / "db"
    there = {path for folder in ("schema", "functions", "policies") for path in (db / folder).rglob("*.sql")}
    assert sorted(listed) == sorted(path for path in there if not path.name.endswith(".part.sql"))


def test_every_file_says_what_it_is_for() -> None:
    files = [*(resources.root() / "db").rglob("*.sql"), *resources.migrations_directory().glob("*.sql")]
    assert [path for path in files if not path.read_text(encoding="utf-8").startswith("-- ")] == []


@pytest.mark.parametrize(
    "path",
    [path for path in resources.repeatable_files() if FUNCTIONS in path.parent.parents],
    ids=lambda path: path.relative_to(FUNCTIONS).as_posix(),
)
def test_a_file_is_about_the_schema_of_its_folder_alone(path: Path) -> None:
    assert _schemas(path.read_text(encoding="utf-8")) <= {path.parent.name}


def test_every_statement_tells_its_schemas() -> None:
    text = (
        "create function api.one(a ingest.feeds default now())\nreturns core.users\n;"
        "\ncreate view sync.none\nwith (security_invoker = true)\nas\nselect from core.users;\n"
        "grant execute on function\n    tax.two(core.accounts), auth.three()\n    to quantmatrix_user;\n"
        "create trigger four after insert on core.users execute function audit.four();\n"
        "alter function work.five() owner to quantmatrix_keeper;\n"
    )
    assert _schemas(text) == {"api", "sync", "tax", "auth", "work"}


def _schemas(text: str) -> set[str]:
    """The schemas whose objects a file makes, comments on, gives rights on or hands over."""
    found = set()
    for names in ABOUT.findall(text):
        plain = names
        while plain != (shorter := INNERMOST.sub("", plain)):
            plain = shorter
        found |= set(re.findall(r"([a-z_]+)\.[a-z_.]+", NAMES_END.split(plain)[0]))
    return found
