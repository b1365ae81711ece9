"""Statements in pieces, read whole."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from quantmatrix.ingest.ibkr_activity import IbkrActivity
from quantmatrix.ingest.model import Options, Record

_IBKR_HEAD = """\
Statement,Header,Field Name,Field Value
Statement,Data,Period,"January 1, 2024 - December 31, 2024"
Account Information,Header,Field Name,Field Value
Account Information,Data,Account,U5550001
Account Information,Data,Base Currency,USD
"""


@pytest.fixture(scope="session")
def read_ibkr() -> Callable[[str], list[Record]]:
    """Records of an activity statement of U5550001 for 2024 with these sections, which begin on line 6."""

    def read(body: str) -> list[Record]:
        return list(IbkrActivity().parse(io.StringIO(_IBKR_HEAD + body, newline=""), Options()))

    return read
