"""The rulebook as its tests read it: ``docs/tax-rules``, and where the repository cites a rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

RULE_ID = re.compile(r"(?<![\w.])(?P<section>[A-Z])\.(?P<number>[1-9]\d?)(?P<part>\.[1-9])?(?![\w]|\.\d)")
"""An id as it is cited. A capital letter alone before the dot: ``v.id``, ``1.1091-1``, ``U.S.1`` are none."""
SECTION = re.compile(r"\((?P<section>[A-Z])\)")
"""A whole section, as ``(F)``: only in the engine and in documents, for elsewhere brackets hold anything."""
OTHER_FORM = re.compile(
    r"tax-rules? (?!\d)|\btax rules? [A-Z\d]|\b[Ss]ections? (?:0\.\d|[A-Z]\b)|\b[Rr]ules? [A-Z]\d{1,2}\b"
    r"|(?<![\w.])[A-Z]\.(?:0\d| \d{1,2}[,;:)])"
)
"""How a rule might be cited otherwise, which the other patterns would not see."""
UP_TO = re.compile(r" to |-|–")
SUFFIXES = frozenset({".sql", ".py", ".md", ".json"})
FOLDERS = ("db", "py", "tests", "docs", "bench", "examples", "migrations")
BUILT = frozenset({"node_modules", "__pycache__", ".venv"})

_HEADING = re.compile(r"### (?P<id>[A-Z]\.\d+(?:\.\d)?) (?P<title>\S.*)")
_ABSENT = re.compile(r"\*\*(?P<id>[A-Z]\.\d+)\*\*")
_ITEM = re.compile(r"- \*\*(?P<name>[^*]+)\*\*: (?P<text>\S.*)", re.DOTALL)
_NAMED = re.compile(r"`(?P<name>[^`\s]+)`(?:\s\((?P<parts>`[^)]*)\))?")


class Reference(NamedTuple):
    """A file that a rule names, and what in it: functions, views, types, tests."""

    name: str
    parts: tuple[str, ...]


class Citation(NamedTuple):
    """Where a rule or a section (a letter alone) is cited."""

    place: str
    cited: str


@dataclass
class Rule:
    """A rule of the rulebook: its items by their names (Why, Cases, Where …)."""

    id: str
    place: str
    items: dict[str, str] = field(default_factory=dict)

    @property
    def cases(self) -> list[Reference]:
        """What proves it."""
        return list(references(self.items.get("Cases", "")))

    @property
    def where(self) -> list[Reference]:
        """Where the code does it."""
        return list(references(self.items.get("Where", "")))


@dataclass
class Rulebook:
    """All rules, and what the pages list as not implemented."""

    root: Path

    @property
    def pages(self) -> list[Path]:
        """The pages with rules; the index beside their folder has none."""
        return sorted((self.root / "docs" / "tax-rules").glob("*.md"))

    @cached_property
    def all_rules(self) -> list[Rule]:
        """Every rule, in the order of the pages; an id that stands twice is there twice."""
        found = []
        for page in self.pages:
            for number, block in paragraphs(page.read_text(encoding="utf-8")):
                if heading := _HEADING.match(block):
                    found.append(Rule(heading["id"], f"{page.relative_to(self.root)}:{number}"))
                elif block.startswith("## "):
                    found.append(Rule("", ""))
                elif found and (item := _ITEM.match(block)):
                    found[-1].items[item["name"]] = " ".join(item["text"].split())
        return [rule for rule in found if rule.id]

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """Rules by their ids."""
        return {rule.id: rule for rule in self.all_rules}

    @cached_property
    def absent(self) -> set[str]:
        """Ids that the pages list as not implemented."""
        return {id_ for page in self.pages for id_ in _ABSENT.findall(page.read_text(encoding="utf-8"))}

    @property
    def sections(self) -> set[str]:
        """Letters of the sections that have rules."""
        return {id_[0] for id_ in self.rules}

    def file(self, name: str) -> Path:
        """The file that a rule means: a worked case, one under ``db/functions``, or a path from the root."""
        if "/" not in name:
            return self.root / "tests" / "cases" / "files" / f"{name}.json"
        engine = self.root / "db" / "functions" / name
        return engine if engine.is_file() else self.root / name

    def missing(self, named: Iterable[Reference]) -> Iterator[str]:
        """What of these is not there."""
        for name, parts in named:
            path = self.file(name)
            if not path.is_file():
                yield name
                continue
            text = path.read_text(encoding="utf-8")
            for part in parts:
                if not _defines(text, part, path.suffix):
                    yield f"{part} in {name}"


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Headings, bullets with their continuations, and other lines of a page, each with its line's number."""
    block: list[str] = []
    start = 1
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if not line.strip() or line.startswith(("#", "- ")):
            if block:
                yield start, "\n".join(block)
            block = []
            start = number
        if line.strip():
            block.append(line)


def references(text: str) -> Iterator[Reference]:
    """Names in backquotes, each with the names in brackets behind it."""
    for found in _NAMED.finditer(text):
        yield Reference(found["name"], tuple(re.findall(r"`([^`]+)`", found["parts"] or "")))


def citations(text: str, *, sections: bool = False) -> Iterator[tuple[int, str]]:
    """Line and id of each rule cited in ``text``; "A.1 to A.8" cites all of them."""
    for number, line in enumerate(text.splitlines(), 1):
        found = list(RULE_ID.finditer(line))
        for place, match in enumerate(found):
            yield number, match[0]
            before = found[place - 1] if place else None
            if (
                before
                and before["section"] == match["section"]
                and UP_TO.fullmatch(line[before.end() : match.start()])
            ):
                for between in range(int(before["number"]) + 1, int(match["number"])):
                    yield number, f"{match['section']}.{between}"
        if sections:
            for match in SECTION.finditer(line):
                yield number, match["section"]


def sources(root: Path) -> Iterator[tuple[str, str]]:
    """Path and text of every file that may cite a rule; data of tests cite nothing."""
    files = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.suffix in SUFFIXES]
    for path in sorted([*files, root / "README.md"]):
        name = path.relative_to(root).as_posix()
        is_data = path.suffix == ".json" and not name.startswith("tests/cases/files/")
        if path.is_file() and not is_data and not BUILT & set(name.split("/")):
            yield name, path.read_text(encoding="utf-8")


def is_rulebook(name: str) -> bool:
    """Whether a path is the rulebook's own."""
    return name == "docs/tax-rules.md" or name.startswith("docs/tax-rules/")


def cited_in(name: str, text: str) -> Iterator[Citation]:
    """Rules and sections that a file cites."""
    sections = name.startswith(("db/functions/tax/", "docs/"))
    for number, cited in citations(text, sections=sections and not is_rulebook(name)):
        yield Citation(f"{name}:{number}", cited)


def cited_otherwise(name: str, text: str) -> Iterator[str]:
    """Places that seem to cite a rule in a form that nobody would find."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := OTHER_FORM.search(line):
            yield f"{name}:{number}: {found[0]!r}"


def _defines(text: str, part: str, suffix: str) -> bool:
    name = re.escape(part)
    if suffix == ".sql":
        return (
            re.search(rf"create (?:or replace )?(?:function|view|type|aggregate) {name}(?![\w.])", text)
            is not None
        )
    return re.search(rf"^\s*(?:def|class) {name}\b", text, re.MULTILINE) is not None
