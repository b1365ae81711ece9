"""A failure of one attempt, by the code that the database knows."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, quote_plus

LONGEST_DETAIL = 200
_SHORTEST_SECRET = 4


class Failed(Exception):
    """The attempt failed. ``code`` is one of ``sync.failures()``.

    ``detail`` says more, without anything secret; ``retry_after`` is how many seconds the server wants.
    """

    def __init__(self, code: str, detail: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """What a server said, short and printable, with every secret in it blotted out: servers echo requests."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            for spelling in (secret, quote(secret, safe=""), quote_plus(secret)):
                text = text.replace(spelling, "***")
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:LONGEST_DETAIL]
