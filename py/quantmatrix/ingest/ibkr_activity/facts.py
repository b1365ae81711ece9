"""What a file says about one instrument beyond its symbol."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from quantmatrix.ingest.symbols import OptionTerms


class Facts:
    """What the file says about one instrument beyond its symbol."""

    __slots__ = ("exchange", "identifiers", "multiplier", "name", "terms", "underlying")

    def __init__(self) -> None:
        self.name: str | None = None
        self.exchange: str | None = None
        self.underlying: str | None = None
        self.multiplier: Decimal | None = None
        self.terms: OptionTerms | None = None
        self.identifiers: dict[str, str] = {}

    def learn(
        self,
        *,
        name: str | None = None,
        exchange: str | None = None,
        underlying: str | None = None,
        multiplier: Decimal | None = None,
        terms: OptionTerms | None = None,
        identifiers: dict[str, str] | None = None,
    ) -> bool:
        """Fill gaps, replace identifiers; whether anything is new."""
        before = (
            self.name,
            self.exchange,
            self.underlying,
            self.multiplier,
            self.terms,
            dict(self.identifiers),
        )
        self.name = self.name or name
        self.exchange = self.exchange or exchange
        self.underlying = self.underlying or underlying
        self.multiplier = multiplier if self.multiplier is None else self.multiplier
        self.terms = self.terms or terms
        self.identifiers.update(identifiers or {})
        return before != (
            self.name,
            self.exchange,
            self.underlying,
            self.multiplier,
            self.terms,
            self.identifiers,
        )

    def contradicts(self, identifiers: Mapping[str, str]) -> bool:
        """Whether one of these ids is another than the one that is known."""
        return any(self.identifiers.get(name, value) != value for name, value in identifiers.items())
