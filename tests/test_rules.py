"""The rulebook: each id that is cited is a rule, each rule names what proves it and where it is done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quantmatrix.testing.rulebook import (
    Reference,
    Rulebook,
    citations,
    cited_in,
    cited_otherwise,
    is_rulebook,
    sources,
)

ROOT = Path(__file__).resolve().parents[1]
BOOK = Rulebook(ROOT)
# The ids here are examples.
SOURCES = {name: text for name, text in sources(ROOT) if name != "tests/test_rules.py"}


def unknown_citations(book: Rulebook, files: dict[str, str]) -> list[str]:
    """Citations of what is no rule. The rulebook alone may name what is not implemented."""
    return [
        f"{citation.place}: {citation.cited}"
        for name, text in files.items()
        for citation in cited_in(name, text)
        if citation.cited not in book.rules
        and citation.cited not in book.sections
        and not (is_rulebook(name) and citation.cited in book.absent)
    ]


def test_every_rule_that_is_cited_exists() -> None:
    assert unknown_citations(BOOK, SOURCES) == []


def test_no_rule_is_cited_in_a_form_that_is_not_found() -> None:
    assert [
        place
        for name, text in SOURCES.items()
        if not is_rulebook(name)
        for place in cited_otherwise(name, text)
    ] == []


def test_no_rule_stands_twice_and_none_is_both_there_and_not() -> None:
    ids = [rule.id for rule in BOOK.all_rules]
    assert len(ids) == len(set(ids))
    assert not set(ids) & BOOK.absent


def test_rules_of_a_section_stand_on_one_page_in_order() -> None:
    def number(rule_id: str) -> list[int]:
        return [int(part) for part in rule_id.split(".")[1:]]

    for section in sorted(BOOK.sections):
        rules = [rule for rule in BOOK.all_rules if rule.id.startswith(section)]
        assert len({rule.place.split(":")[0] for rule in rules}) == 1, section
        assert [number(rule.id) for rule in rules] == sorted(number(rule.id) for rule in rules), section


@pytest.mark.parametrize("item", ["Why", "Cases", "Where"])
def test_every_rule_says_why_what_proves_it_and_where_it_is(item: str) -> None:
    assert [rule.place for rule in BOOK.all_rules if not rule.items.get(item)] == []


def test_every_rule_names_a_case_that_exists() -> None:
    assert [rule.place for rule in BOOK.all_rules if not rule.cases] == []
    assert {
        rule.place: list(BOOK.missing(rule.cases)) for rule in BOOK.all_rules if any(BOOK.missing(rule.cases))
    } == {}


def test_every_place_that_a_rule_names_exists() -> None:
    assert [rule.place for rule in BOOK.all_rules if not rule.where] == []
    assert {
        rule.place: list(BOOK.missing(rule.where)) for rule in BOOK.all_rules if any(BOOK.missing(rule.where))
    } == {}


def test_a_rule_that_no_code_cites_says_why_and_no_other_does() -> None:
    code = {
        citation.cited
        for name, text in SOURCES.items()
        if name.endswith((".sql", ".py"))
        for citation in cited_in(name, text)
    }
    says = {rule.id for rule in BOOK.all_rules if rule.items.get("Cited by no code")}
    assert sorted(says ^ (set(BOOK.rules) - code)) == []


def test_items_have_the_names_that_are_read() -> None:
    known = {"Why", "Cases", "Where", "Not implemented", "Cited by no code"}
    assert {rule.place: set(rule.items) - known for rule in BOOK.all_rules if set(rule.items) - known} == {}


def test_every_worked_case_proves_a_rule() -> None:
    named = {reference.name for rule in BOOK.all_rules for reference in rule.cases}
    text = "\n".join(page.read_text(encoding="utf-8") for page in BOOK.pages)
    cases = {path.stem for path in (ROOT / "tests" / "cases" / "files").glob("*.json")}
    assert sorted(name for name in cases - named if name not in text) == []


@pytest.mark.parametrize("kind", ["tax.notice_code", "tax.closing_kind", "ingest.finding_cause"])
def test_every_word_that_the_engine_says_is_in_the_rulebook(kind: str) -> None:
    types = (ROOT / "db" / "schema" / "types.sql").read_text(encoding="utf-8")
    declared = re.search(rf"create type {re.escape(kind)} as enum \((.*?)\);", types, re.DOTALL)
    assert declared
    text = "\n".join(page.read_text(encoding="utf-8") for page in BOOK.pages)
    assert [word for word in re.findall(r"'(\w+)'", declared[1]) if f"`{word}`" not in text] == []


def test_every_page_is_in_the_index_and_its_lines_are_short() -> None:
    index = ROOT / "docs" / "tax-rules.md"
    assert [
        page.name for page in BOOK.pages if f"tax-rules/{page.name}" not in index.read_text(encoding="utf-8")
    ] == []
    assert [
        f"{page}:{number}"
        for page in [index, *BOOK.pages]
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120
    ] == []


def test_parts_and_cases_that_the_lot_engine_names_exist() -> None:
    text = (ROOT / "docs" / "lot-engine.md").read_text(encoding="utf-8")
    folders = "|".join(path.name for path in (ROOT / "db/functions/tax/derive").iterdir() if path.is_dir())
    parts = {f"tax/derive/{name}.part.sql" for name in re.findall(rf"\b(?:{folders})/[a-z_]+", text)}
    cases = set(re.findall(r"`([A-Z]\d\d-[a-z0-9-]+)`", text))
    assert len(parts) > 5
    assert cases
    assert list(BOOK.missing([Reference(name, ()) for name in sorted(parts | cases)])) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-- Losses are judged after the last fill (F.6).", ["F.6"]),
        ("-- B.6.", ["B.6"]),
        ("'N.4: the share of'", ["N.4"]),
        ("(N.3.1, N.3.2, B.4)", ["N.3.1", "N.3.2", "B.4"]),
        ("C.5 and\nE.8, F.4/F.6", ["C.5", "E.8", "F.4", "F.6"]),
        ("which pieces (A.1 to A.4).", ["A.1", "A.4", "A.2", "A.3"]),
        ("A.10–A.12", ["A.10", "A.12", "A.11"]),
        ("from A.1 to B.2", ["A.1", "B.2"]),
        ("v.id, e.at, l.place", []),
        ("section 1256, Reg. 1.1091-1(g), IRC 1223(3), Rev. Rul. 2008-5", []),
        ("PostgreSQL 17.2, version 1.2.3, F.1.2.3, v1.2, V.0", []),
        ("ENG.A, BRK.B 12, U.S.1, ABC.1, t.F.1, A.1b, 3.A.1", []),
    ],
)
def test_what_a_citation_is(text: str, found: list[str]) -> None:
    assert [cited for _, cited in citations(text)] == found


def test_a_section_is_cited_by_its_letter_in_brackets() -> None:
    assert [cited for _, cited in citations("-- Wash sales (F): losses", sections=True)] == ["F"]
    assert [cited for _, cited in citations("A(1234) Reverse Split 1 for 10 (A)")] == []


@pytest.mark.parametrize(
    "text",
    ["(tax-rules F.11)", "section 0.5", "Section K", "tax rules 0.2", "rule F11", "see F.07", "(F. 6)"],
)
def test_a_citation_in_another_form_is_told(text: str) -> None:
    assert next(cited_otherwise("x.sql", f"line\n-- {text}\n")).startswith("x.sql:2: ")


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    (tmp_path / "docs" / "tax-rules").mkdir(parents=True)
    (tmp_path / "docs" / "tax-rules" / "page.md").write_text(
        "# Page\n\n### A.1 A rule\n\nIt demands.\n\n- **Why**: choice.\n- **Cases**: `A01-no-such-case`,\n"
        "  `tests/test_x.py` (`test_gone`)\n- **Where**: `tax/x.sql` (`tax.there`, `tax.gone`),\n"
        "  `tax/gone.sql`\n\n## Not implemented\n\n- **A.2** Another.\n"
    )
    (tmp_path / "db" / "functions" / "tax").mkdir(parents=True)
    (tmp_path / "db" / "functions" / "tax" / "x.sql").write_text(
        "-- It is done (A.1), and this is not (A.2).\ncreate function tax.there()\n-- Nor this (Z.99).\n"
    )
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text("def test_there() -> None: ...\n")
    (tmp_path / "README.md").write_text("Read me.\n")
    book = Rulebook(tmp_path)
    files = dict(sources(tmp_path))
    assert unknown_citations(book, files) == [
        "db/functions/tax/x.sql:1: A.2",
        "db/functions/tax/x.sql:3: Z.99",
    ]
    rule = book.rules["A.1"]
    assert rule.where == [Reference("tax/x.sql", ("tax.there", "tax.gone")), Reference("tax/gone.sql", ())]
    assert list(book.missing(rule.cases)) == ["A01-no-such-case", "test_gone in tests/test_x.py"]
    assert list(book.missing(rule.where)) == ["tax.gone in tax/x.sql", "tax/gone.sql"]
