"""Files as people reported them, rebuilt small: each becomes the right book, or is refused with its reason.

``files/NAME`` holds the inputs and ``expected.json``: the commands, and the book that they should leave.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from quantmatrix.cli import cli
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.outcome import Outcome, stored, wrong

FILES = Path(__file__).parent / "files"


def run(database: Database, folder: Path, imports: list[list[str]]) -> Outcome:
    """Carry out the imports of a folder, then reconcile."""
    runner = CliRunner(env=database.variables())
    answers = [
        runner.invoke(cli, [str(folder / word) if (folder / word).is_file() else word for word in words])
        for words in imports
    ]
    compared = runner.invoke(cli, ["reconcile", "--format", "json"])
    return Outcome(
        exits=[answer.exit_code for answer in answers],
        printed=[answer.output for answer in answers],
        differences=len(json.loads(compared.stdout)["differences"]) if compared.stdout else 0,
        stored=stored(database),
    )


@pytest.mark.parametrize("name", sorted(folder.name for folder in FILES.iterdir()))
def test_a_reported_file_becomes_the_right_book(database: Database, name: str) -> None:
    told: dict[str, Any] = json.loads((FILES / name / "expected.json").read_text())
    outcome = run(database, FILES / name, told["imports"])
    expected = told["expect"]
    if not {"exit", "refused", "either"} & expected.keys():
        expected["exit"] = [[0]] * len(told["imports"])
    assert "\n".join(wrong(outcome, expected)) == ""
