"""What the parts of a function that is put together use of its variables, for tests to compare."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from quantmatrix.database import source

_VARIABLE = re.compile(r"\b[vc]_[a-z0-9_]+\b")
_TOLD = re.compile(r"^-- (Reads|Changes): (.*?)\.$", re.DOTALL | re.MULTILINE)
_BLOCK = re.compile(r"\bdeclare\b(.*?)^\s*begin\b", re.DOTALL | re.MULTILINE)
_DECLARED = re.compile(r"^\s*([vc]_\w+) (?:constant )?[a-z]", re.MULTILINE)
_COUNTER = re.compile(r"\bfor (v_\w+) in [^;]*?\.\.")
_GIVEN = re.compile(r"\b(?:into|for|foreach) ((?:v_\w+(?:,\s*)?)+)")
_PAIRS = (
    (r"^\s*if\b", r"\bend if\b"),
    (r"(?<!end )\bloop\b", r"\bend loop\b"),
    (r"\b(?:begin|case)\b", r"\bend\b(?! if| loop)"),
)


def without_comments(text: str) -> str:
    """``text`` less its comments and less what its strings say."""
    return re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--[^\n]*", "", text))


@dataclass(frozen=True)
class Part:
    """A part of a function."""

    path: Path

    @cached_property
    def text(self) -> str:
        """The file."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def code(self) -> str:
        """Its statements, without comments and without what strings say."""
        return without_comments(self.text)

    @cached_property
    def own(self) -> frozenset[str]:
        """The variables that it declares itself: in blocks, and as counters of loops."""
        declared = {one for block in _BLOCK.findall(self.code) for one in _DECLARED.findall(block)}
        return frozenset(declared | set(_COUNTER.findall(self.code)))

    @cached_property
    def _targets(self) -> list[tuple[int, int]]:
        """Where variables stand that are given a value."""
        found = []
        for given in _GIVEN.finditer(self.code):
            found += [
                (given.start(1) + one.start(), given.start(1) + one.end())
                for one in _VARIABLE.finditer(given[1])
            ]
        for sign in re.finditer(r" :=", self.code):
            end = _start_of_subscripts(self.code, sign.start())
            target = re.search(r"\b(v_\w+)(?:\.\w+)?$", self.code[:end])
            if target is not None:
                found.append(target.span(1))
        return found

    @cached_property
    def changes(self) -> list[str]:
        """The variables of others that it gives a value, whole or in a place."""
        return sorted({self.code[start:end] for start, end in self._targets} - self.own)

    @cached_property
    def reads(self) -> list[str]:
        """The variables of others whose values it uses."""
        targets = set(self._targets)
        return sorted(
            {one[0] for one in _VARIABLE.finditer(self.code) if one.span() not in targets} - self.own
        )

    @cached_property
    def told(self) -> dict[str, list[str]]:
        """What its head says, under ``Reads`` and ``Changes``."""
        return {kind: _VARIABLE.findall(names) for kind, names in _TOLD.findall(self.text)}

    def left_open(self) -> list[str]:
        """What it opens without closing it, or the other way round."""
        return [
            opening
            for opening, closing in _PAIRS
            if len(re.findall(opening, self.code, re.MULTILINE)) != len(re.findall(closing, self.code))
        ]


def _start_of_subscripts(code: str, end: int) -> int:
    """Where the subscripts begin that end at ``end``; ``end`` if there are none."""
    depth = 0
    place = end
    while place > 0 and (code[place - 1] == "]" or depth):
        place -= 1
        depth += {"]": 1, "[": -1}.get(code[place], 0)
    return place


def parts_of(frame: Path) -> list[Part]:
    """The parts of the function that the file ``frame`` holds, in the order of their names."""
    return [Part(path) for path in sorted({line.path for line in source.read(frame).lines} - {frame})]
