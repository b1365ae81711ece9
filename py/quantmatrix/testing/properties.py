"""What property tests over histories share: how much is tried, a person for each, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings

from quantmatrix.testing.histories import CALL, OTHER, PUT, STOCK, Row
from quantmatrix.testing.taxpayer import Connection, Taxpayer

lawful = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)


@contextmanager
def rolled_back(connection: Connection) -> Iterator[None]:
    """Undo whatever is done within."""
    try:
        yield
    finally:
        connection.rollback()


def person_with(connection: Connection, history: list[Row], **user: Any) -> tuple[Taxpayer, list[Row]]:
    """A fresh person, and the rows of ``history`` with the numbers of real instruments."""
    taxpayer = Taxpayer(connection, **user)
    stock = taxpayer.instrument("ABC", "fund")
    other = taxpayer.instrument("XYZ", "fund")
    call, put = (
        taxpayer.instrument(
            f"ABC   240621{kind[0].upper()}00020000",
            "option",
            multiplier=100,
            option_type=kind,
            strike=20,
            expiration="2024-06-21",
            underlying_id=stock,
        )
        for kind in ("call", "put")
    )
    numbers = {STOCK: stock, OTHER: other, CALL: call, PUT: put}
    rows = []
    for row in history:
        terms = row.get("terms")
        if terms and "new_instrument_id" in terms:
            terms = terms | {"new_instrument_id": other}
        rows.append(row | {"instrument": numbers[row["instrument"]], "terms": terms})
    return taxpayer, rows
