"""``python -m tools.sql_style``: the house style of SQL, by sqruff and a reader of what sqruff cannot parse.

sqruff takes the body of a function for a string. So it is given every body in SQL as a file of its own, whose
lines have the numbers they have in the whole. Bodies in PL/pgSQL, which it does not know, are read word by
word: lower case outside of strings and comments. That, and the white space of lines, is held in every file.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from quantmatrix import resources

ROOT = resources.root()
SETTINGS = ROOT / ".sqruff"
FOLDERS = ("db/schema", "db/functions", "db/policies", "db/tests")
PART = ".part.sql"
# Digests of what was in style.
KNOWN = ROOT / "build" / "sql_style"
INDENTATION = 4

_FUNCTION = re.compile(
    r"^create (?:or replace )?function (?P<head>.*?)\bas (?P<quote>\$\w*\$)\n(?P<body>.*?)(?P=quote)",
    re.S | re.M,
)
_LANGUAGE = re.compile(r"^language (\w+)$", re.M)
# What is no code of ours: comments, strings, quoted names, places in a format.
_TEXT = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|%(?:\d+\$)?[ILs]", re.S)


class Finding(NamedTuple):
    """A place that is not as it must be."""

    path: Path
    line: int
    message: str


def lines_of(path: Path, text: str) -> Iterator[Finding]:
    """White space: no tab, nothing at a line's end, one newline at the file's."""
    for number, line in enumerate(text.split("\n"), start=1):
        if "\t" in line:
            yield Finding(path, number, "a tab")
        if line != line.rstrip():
            yield Finding(path, number, "white space at the end of the line")
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield Finding(path, text.count("\n"), "the file ends with one newline")


def code_of(path: Path, code: str, first: int) -> Iterator[Finding]:
    """Lower case, and lines that begin at a multiple of four; ``first`` is the number of the first line."""
    bare = _TEXT.sub(lambda text: re.sub(r"[^\n]", ".", text[0]), code)
    for number, line in enumerate(bare.split("\n"), start=first):
        begins = len(line) - len(line.lstrip())
        if found := re.search(r"\w*[A-Z]\w*", line):
            yield Finding(path, number, f"{found[0]} is not lower case")
        if begins % INDENTATION and line[begins] != ".":
            yield Finding(path, number, f"begins at column {begins}, no multiple of {INDENTATION}")


class Body(NamedTuple):
    """The text of a function: its language, and the number of its first line in the file."""

    language: str
    text: str
    first: int


def bodies(text: str) -> Iterator[Body]:
    """The bodies of the functions that a file makes."""
    for function in _FUNCTION.finditer(text):
        language = _LANGUAGE.search(function["head"])
        if language is not None:
            yield Body(language[1], function["body"], text.count("\n", 0, function.start("body")) + 1)


def read_by_us(path: Path) -> Iterator[Finding]:
    """What is wrong with the lines of a file, and with its code in PL/pgSQL."""
    text = path.read_text(encoding="utf-8")
    yield from lines_of(path, text)
    if path.name.endswith(PART):
        yield from code_of(path, text, 1)
    for body in bodies(text):
        yield from code_of(path, body.text, body.first)


def read_by_sqruff(paths: list[Path], sqruff: Path) -> Iterator[Finding]:
    """What sqruff finds in files without parts, and in each body in SQL."""
    with tempfile.TemporaryDirectory() as folder:
        excerpts: dict[str, Path] = {}
        for path in paths:
            for body in bodies(path.read_text(encoding="utf-8")):
                if body.language == "sql":
                    excerpt = Path(folder) / f"{len(excerpts)}.sql"
                    text = textwrap.dedent(body.text).strip("\n")
                    excerpt.write_text("\n" * (body.first - 1) + text + "\n", encoding="utf-8")
                    excerpts[str(excerpt)] = path
        done = subprocess.run(
            [sqruff, "lint", "--config", SETTINGS, "--format", "json", folder, *paths],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not done.stdout:
            raise ChildProcessError(f"sqruff said nothing of the files: {done.stderr}")
        for name, found in json.loads(done.stdout).items():
            for one in found:
                message = f"{one['code']}: {one['message']}"
                yield Finding(excerpts.get(name, Path(name)), one["range"]["start"]["line"], message)


def read(paths: list[Path]) -> list[Finding]:
    """What is wrong with the files; what was in style by the same rules is not read again."""
    rules = SETTINGS.read_bytes() + Path(__file__).read_bytes() + version("sqruff").encode()
    digests = {path: hashlib.sha256(rules + path.read_bytes()).hexdigest() for path in paths}
    known = set(KNOWN.read_text(encoding="utf-8").split()) if KNOWN.exists() else set()
    new = [path for path in paths if digests[path] not in known]
    found = [finding for path in new for finding in read_by_us(path)]
    whole = [path for path in new if not path.name.endswith(PART)]
    if whole:
        found += read_by_sqruff(whole, Path(sys.executable).with_name("sqruff"))
    wrong = {finding.path for finding in found}
    KNOWN.parent.mkdir(exist_ok=True)
    in_style = sorted(digest for path, digest in digests.items() if path not in wrong)
    KNOWN.write_text("\n".join(in_style) + "\n", encoding="utf-8")
    return sorted(set(found))


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.sql"))
    found = read(paths)
    for finding in found:
        print(f"{finding.path.relative_to(ROOT)}:{finding.line}: {finding.message}")
    if not found:
        print(f"All of {len(paths)} files of SQL are in style.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
