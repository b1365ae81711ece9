"""docs/sync.md tells every failure that the database knows."""

from __future__ import annotations

import re

from quantmatrix import resources
from quantmatrix.testing.cluster import Database

DOCUMENT = (resources.root() / "docs" / "sync.md").read_text(encoding="utf-8")


def test_every_failure_is_told(sync_database: Database) -> None:
    table = DOCUMENT.partition("| code | means |")[2]
    told = set(re.findall(r"`([a-z_0-9]+)`", table))
    numbers = {int(number) for number in re.findall(r"`(?:flex_)?(1\d{3})`", table)}
    for first, last in re.findall(r"`(\d{4})` to `(\d{4})`", table):
        numbers |= set(range(int(first), int(last) + 1))
    told |= {f"flex_{number}" for number in numbers} | {"flex_unknown"}
    with sync_database.connect() as connection:
        known = {code for (code,) in connection.execute("select code from sync.failures()").fetchall()}
    assert known - told == set()
