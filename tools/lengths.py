"""``python -m tools.lengths``: no function over 150 lines, no file over 400, but those with a reason.

Counted are functions of SQL and of Python with all that belongs to them, and the files of ``db``, ``py``,
``tools`` and ``bench``. Tests are lists of cases, read one at a time, and a migration is never changed again:
neither is counted. ``lengths_excepted.txt`` names what may be longer and why; what is there without need is
named too.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from quantmatrix import resources

ROOT = resources.root()
EXCEPTED = Path(__file__).with_name("lengths_excepted.txt")
FOLDERS = ("db", "py", "tools", "bench")
TESTS = ROOT / "db" / "tests"
FUNCTION_LINES = 150
FILE_LINES = 400

_FUNCTION = re.compile(
    r"^create (?:or replace )?(?:function|procedure) (?P<name>[\w.]+)\(.*?"
    r"\bas (?P<quote>\$\w*\$).*?(?P=quote);?$",
    re.S | re.M,
)


class Long(NamedTuple):
    """What is longer than it may be; a function is named ``file:function``."""

    name: str
    lines: int
    most: int


def functions_of_sql(text: str) -> Iterator[tuple[str, int]]:
    """Name and number of lines of each function that a file of SQL makes."""
    for function in _FUNCTION.finditer(text):
        yield function["name"], function[0].count("\n") + 1


def functions_of_python(text: str) -> Iterator[tuple[str, int]]:
    """Name and number of lines of each function of a module, those inside others too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def long_in(name: str, text: str) -> Iterator[Long]:
    """The file, if it is too long, and its functions that are."""
    lines = text.count("\n")
    if lines > FILE_LINES:
        yield Long(name, lines, FILE_LINES)
    functions = functions_of_python(text) if name.endswith(".py") else functions_of_sql(text)
    for function, count in functions:
        if count > FUNCTION_LINES:
            yield Long(f"{name}:{function}", count, FUNCTION_LINES)


def exceptions(text: str) -> dict[str, str]:
    """The lines ``name | reason`` of ``lengths_excepted.txt``, no reason empty."""
    reasons = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, reason = (part.strip() for part in line.partition("|"))
            if not reason:
                raise ValueError(f"{EXCEPTED.name}: {name} has no reason")
            reasons[name] = reason
    return reasons


def main() -> int:
    """Print what is too long without a reason, and reasons that nothing needs; 1 if there is either."""
    paths = sorted(
        path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sql")
    )
    counted = [path for path in paths if TESTS not in path.parents]
    found = [
        long
        for path in counted
        for long in long_in(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]
    reasons = exceptions(EXCEPTED.read_text(encoding="utf-8"))
    without = [long for long in found if long.name not in reasons]
    idle = sorted(reasons.keys() - {long.name for long in found})
    for long in without:
        print(
            f"{long.name}: {long.lines} lines, at most {long.most}: cut it, or give {EXCEPTED.name} a reason"
        )
    for name in idle:
        print(f"{EXCEPTED.name}: nothing needs: {name}")
    if not without and not idle:
        print(f"None of {len(counted)} files is longer than it may be, and none of their functions.")
    return 1 if without or idle else 0


if __name__ == "__main__":
    sys.exit(main())
