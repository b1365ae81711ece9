"""Which pages are made, and what must stand in each."""

from __future__ import annotations

from pathlib import Path

from quantmatrix import resources
from quantmatrix.testing.cluster import Database
from tools.pages import command_line, database, transcript


def pages(made_in: Database) -> dict[Path, str]:
    """Each page and its text; the demonstration is played in ``made_in``."""
    root = resources.root()
    reference = root / "docs" / "reference"
    readme = root / "README.md"
    with made_in.connect() as connection:
        tables, api = database.tables_page(connection), database.api_page(connection)
    return {
        reference / "cli.md": command_line.page(),
        reference / "database.md": tables,
        reference / "api.md": api,
        readme: transcript.page(readme.read_text(encoding="utf-8"), made_in),
    }
