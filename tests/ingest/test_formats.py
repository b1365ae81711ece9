"""Formats of installed packages: the example of docs/importers.md, and packages that cannot be loaded."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from quantmatrix.ingest import formats
from quantmatrix.ingest.detect import choose_parser
from quantmatrix.ingest.model import Options, Transaction
from quantmatrix.ingest.reader import SourceFile
from quantmatrix.testing.conformance import Conformance, hold_together
from quantmatrix.testing.parsing import these

DOCS = Path(__file__).parents[2] / "docs" / "importers.md"
HISTORY = """\
Day,What,Ticker,Units,Money
2025-01-02,Buy,KO,10,-600
2025-01-03,Gift card,,0,5
2025-01-06,Sell,KO,4,250
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example as an installed package."""
    code = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[0]
    (tmp_path / "examplebroker.py").write_text(code)
    info = tmp_path / "examplebroker-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: examplebroker\nVersion: 1.0\n")
    points = re.search(r"^examplebroker_csv = .*$", DOCS.read_text(), re.MULTILINE)
    assert points is not None
    line = points[0].replace('"', "")
    (info / "entry_points.txt").write_text(
        f"[quantmatrix.importers]\n{line}\nbroken_csv = nowhere:Nothing\n"
        "schwab_csv = examplebroker:Examplebroker\nmisnamed_csv = examplebroker:Examplebroker\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_the_example_is_found_listed_and_reads(package: Path) -> None:
    with SourceFile(io.BytesIO(HISTORY.encode()), "history.csv") as file:
        parser, layout = choose_parser(file)
        assert (parser.source, layout) == ("examplebroker_csv", "5col")
        records = list(parser.parse(file.text, Options()))
    hold_together(records)
    rows = [record for record in records if isinstance(record, Transaction)]
    assert [these(row.type, row.net_amount, row.quantity) for row in rows] == [
        ("buy", -600, 10), ("other", 5, None), ("sell", 250, -4),
    ]  # fmt: skip
    assert formats.find("examplebroker_csv") is type(parser)


def test_the_example_conforms(package: Path) -> None:
    found = formats.find("examplebroker_csv")
    assert found is not None

    kit = type("Example", (Conformance,), {"parser": found, "samples": {"history.csv": HISTORY}})()
    for name in dir(kit):
        if name.startswith("test_"):
            getattr(kit, name)()


def test_a_package_that_cannot_be_loaded_is_listed_and_disturbs_nobody(package: Path) -> None:
    listed = {known.source: known for known in formats.formats()}
    assert "ModuleNotFoundError" in (listed["broken_csv"].problem or "")
    assert "calls itself examplebroker_csv" in (listed["misnamed_csv"].problem or "")
    assert listed["examplebroker_csv"].package == "examplebroker"
    assert listed["schwab_csv"].package == "quantmatrix"
    assert "broken_csv" not in formats.parsers()


def test_every_own_format_loads_by_its_name() -> None:
    for name in formats.OWN:
        parser = formats.find(name)
        assert parser is not None
        assert parser.source == name
    assert formats.find("moon_csv") is None
