"""Pages that are made tell what is there now."""

from __future__ import annotations

from quantmatrix.testing.cluster import Database
from tools.pages.all import pages


def test_every_page_is_fresh(database: Database) -> None:
    stale = [
        str(path)
        for path, text in pages(database).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "make pages writes them"
