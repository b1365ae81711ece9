"""What several commands do in a book: one call of a function, and the account that somebody names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.door.protocol import Door, Where
from quantmatrix.errors import ExitCode, Problem


def asked(
    settings: Settings, function: str, arguments: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """What a function answers, an object, as the user that the options choose."""
    with door(settings) as session:
        return dict(session.call(function, arguments, dry_run=dry_run))


def account_id(session: Door, reference: str | None) -> int | None:
    """The account of that number, else of that name; None for None."""
    if reference is None:
        return None
    best = list(session.view("accounts", [Where("account", "eq", reference)]))
    if not best:
        best = list(session.view("accounts", [Where("account_name", "eq", reference)]))
    if len(best) == 1:
        return int(best[0]["id"])
    raise Problem(
        f"there is no account {reference!r}" if not best else f"several accounts are {reference!r}",
        unchanged="nothing was read",
        next_step="quantmatrix account list shows numbers and names",
        exit_code=ExitCode.FAILED,
    )
