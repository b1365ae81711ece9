"""Numbers of accounts that the broker prints with asterisks."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MASK = re.compile(r"([A-Z]{0,2})\*+([A-Z0-9]{3,20})")


def unmasked(mask: str, accounts: Iterable[str]) -> str | None:
    """The only one of these accounts that ``U***5678`` can mean; None for none, several, few digits."""
    found = _MASK.fullmatch(mask)
    if not found:
        return None
    fitting = [account for account in accounts if account.startswith(found[1]) and account.endswith(found[2])]
    return fitting[0] if len(fitting) == 1 else None
