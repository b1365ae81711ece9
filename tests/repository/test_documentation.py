"""The documentation: links lead somewhere, and lines can be read beside each other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from quantmatrix import resources

ROOT = resources.root()
WIDTH = 120
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / ".github").rglob("*.md")])
# Text in its own columns is left as it is: code, tables.
CODE = re.compile(r"^( *)```.*?^\1```$|^    .*?$|^\|.*?$", re.M | re.S)


def test_the_site_is_built_without_a_dead_link(tmp_path: Path) -> None:
    mkdocs = str(Path(sys.executable).with_name("mkdocs"))
    command = [mkdocs, "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    fetched = [
        page.name
        for page in tmp_path.rglob("*.html")
        if re.search(r"<(?:script|link|img)[^>]*(?:src|href)=[\"']?(?:https?:)?//", page.read_text("utf-8"))
    ]
    assert fetched == [], "a page read offline would fetch something"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_are_not_longer_than_a_window(page: Path) -> None:
    lines = CODE.sub("", page.read_text(encoding="utf-8")).splitlines()
    assert [line for line in lines if len(line) > WIDTH] == []


def test_links_outside_of_the_site_lead_to_files() -> None:
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        if ROOT / "docs" not in page.parents
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists()
    ]
    assert dead == []
