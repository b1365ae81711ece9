"""The transcript at the top of README.md: what the demonstration prints, shortened for a newcomer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from click.testing import CliRunner

from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.testing.cluster import Database

PROGRAM = ".venv/bin/quantmatrix"
LEFT_OUT = "…"
NOTHING = r"(?!)"
# By the beginning of the command: lines that the page shows of its answer. Other commands are left out.
SHOWN = (
    ("import examples/ibkr-2024.csv", r"ibkr-2024\.csv|  15 rows|  cash "),
    ("lots list", r"id |.* (PLTR|TTD) "),
    ("reconcile", r"id | +\d+ |1: |   → import older statements of|0 differences"),
    ("import examples/ibkr-2023.csv", NOTHING),
    ("basis set", NOTHING),
)
BLOCK = re.compile(r"(?<=```text\n)\$ \S*quantmatrix --demo import.*?(?=```)", re.S)
# Another one every day.
DAY = re.compile(r"(?<=as of )\d{4}-\d\d-\d\d")


def page(readme: str, database: Database) -> str:
    """``readme`` with the transcript of a demonstration in ``database``; a day alone changes nothing."""
    printed = CliRunner().invoke(cli, ["demo"], obj=Settings(_environment=database.environment)).stdout
    first = printed.index("\n$ ") + 1
    made = "\n".join(_shortened(printed[first:].splitlines())) + "\n"
    before = BLOCK.search(readme)
    if before is None:
        raise ValueError("README.md has no transcript: a block of text that begins with an import")
    if DAY.sub("", before[0]) == DAY.sub("", made):
        return readme
    return readme[: before.start()] + made + readme[before.end() :]


def _shortened(lines: list[str]) -> Iterator[str]:
    """Lines that are shown, with one mark for each run of others; empty lines only inside an answer."""
    wanted = re.compile(NOTHING)
    is_left_out = is_after_empty = False
    for line in lines:
        is_shown = bool(wanted.match(line))
        if line.startswith("$ "):
            command = line.removeprefix("$ quantmatrix --demo ")
            found = [pattern for begins, pattern in SHOWN if command.startswith(begins)]
            wanted, is_shown = re.compile(found[0] if found else NOTHING), bool(found)
            line = f"$ {PROGRAM} --demo {command}"
            is_after_empty = False
        if not is_shown:
            is_left_out = is_left_out or bool(line)
            is_after_empty = not line
            continue
        if is_left_out:
            yield LEFT_OUT
        elif is_after_empty:
            yield ""
        yield line
        is_left_out = is_after_empty = False
