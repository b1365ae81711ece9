"""Which instrument an element is about: by the broker's contract number, then by symbol and issuer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.grants import TAX_CURRENCY
from quantmatrix.ingest.ibkr_activity.identifiers import symbol_of
from quantmatrix.ingest.ibkr_activity.listing import issuers_of
from quantmatrix.ingest.ibkr_flex.element import Element
from quantmatrix.ingest.model import InstrumentType, Options
from quantmatrix.ingest.symbols import OptionTerms, osi, parse_option, ticker

CATEGORIES = {
    "STK": InstrumentType.STOCK,
    "STOCK": InstrumentType.STOCK,
    "STOCKS": InstrumentType.STOCK,
    "ETF": InstrumentType.STOCK,
    "OPT": InstrumentType.OPTION,
    "OPTION": InstrumentType.OPTION,
    "OPTIONS": InstrumentType.OPTION,
    "FUT": InstrumentType.FUTURE,
    "FOP": InstrumentType.FUTURE_OPTION,
    "FSFOP": InstrumentType.FUTURE_OPTION,
    "FSOPT": InstrumentType.OPTION,
    "CASH": InstrumentType.CURRENCY,
    "FUND": InstrumentType.FUND,
    "BOND": InstrumentType.BOND,
    "BILL": InstrumentType.BOND,
    "WAR": InstrumentType.WARRANT,
    "IOPT": InstrumentType.WARRANT,
    "CRYPTO": InstrumentType.DIGITAL,
    "CFD": InstrumentType.OTHER,
    "FXCFD": InstrumentType.OTHER,
    "CMDTY": InstrumentType.OTHER,
    "EVENT": InstrumentType.OTHER,
}
OPTIONS = (InstrumentType.OPTION, InstrumentType.FUTURE_OPTION)
_ISSUED = (InstrumentType.STOCK, InstrumentType.FUND)
PAIR = re.compile(r"([A-Z]{3,5})\.([A-Z]{3,5})")
_IDENTIFIERS = ("conid", "isin", "cusip", "figi")
_IDENTIFIER_LONGEST = 40


class FlexContext(Context):
    """What a Flex Query has said so far; contract numbers tell instruments apart where symbols change."""

    def __init__(self, options: Options, bases: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(options)
        self._bases = bases
        self._by_conid: dict[tuple[InstrumentType, str, str], str] = {}
        self._by_identifier: dict[str, str] = {}
        self._seen: dict[tuple[str, ...], str] = {}

    def category_of(self, element: Element) -> InstrumentType:
        """The kind of instrument; guessed from what else is printed where no category is."""
        category = element.text("assetCategory").upper()
        if kind := CATEGORIES.get(category):
            return kind
        if category:
            reason = "an asset category that nobody knows"
            self.warn_once("category", element.number, "assetCategory", category, reason)
            return InstrumentType.OTHER
        symbol = element.text("symbol")
        if element.text("putCall") or parse_option(symbol):
            return InstrumentType.OPTION
        pair = PAIR.fullmatch(symbol)
        return InstrumentType.CURRENCY if pair and len(symbol) == len("EUR.USD") else InstrumentType.STOCK

    def key_of(self, element: Element, currency: str) -> str:
        """Key of the element's instrument; tells of the instrument where anything about it is new."""
        kind = self.category_of(element)
        conid = element.text("conid")
        told = (
            kind.value, currency, conid, element.text("symbol"), element.text("isin"),
            element.text("multiplier"),
        )  # fmt: skip
        known = self._seen.get(told)
        if known is None:
            known = self._seen[told] = self._key(element, kind, currency, conid)
        return known

    def rate_of(self, element: Element, account: str | None, currency: str) -> Decimal | None:
        """Tax currency for one unit of the row's, where the file says that its base is the tax currency.

        A rate of 1 between two currencies is none: the broker prints it where it has no rate.
        """
        if currency == TAX_CURRENCY or self._bases.get(account or "", self._bases.get("")) != TAX_CURRENCY:
            return None
        try:
            rate = element.number_of("fxRateToBase")
        except RowError as error:
            self.warn_once(
                "rate", element.number, error.column, error.text, f"{error.reason}; no rate is taken"
            )
            return None
        return rate if rate is not None and rate > 0 and rate != 1 else None

    def known_as(self, identifier: str) -> str | None:
        """Key of the instrument that an earlier element named by an id such as ``conid:265598``."""
        return self._by_identifier.get(identifier)

    def _key(self, element: Element, kind: InstrumentType, currency: str, conid: str) -> str:
        identifiers = identifiers_of(element)
        key = self._by_conid.get((kind, conid, currency)) if conid else None
        if key is None:
            kind, symbol, terms = self._described(element, kind)
            if kind in _ISSUED:
                symbol = self._own_symbol(kind, symbol, identifiers)
            key = self.named(
                kind, symbol, currency, terms=terms, name=name_of(element), identifiers=identifiers
            )
            if conid:
                self._by_conid[kind, conid, currency] = key
        for name, value in identifiers.items():
            self._by_identifier.setdefault(f"{name}:{value}", key)
        multiplier = element.number_of("multiplier")
        on_futures = kind in (InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION)
        if multiplier is not None and (multiplier > 1 or (on_futures and multiplier > 0)):
            self.state_multiplier(key, multiplier)
        if on_futures:
            self.state_exchange(key, element.text("listingExchange", "exchange"))
        return key

    def _described(
        self, element: Element, kind: InstrumentType
    ) -> tuple[InstrumentType, str, OptionTerms | None]:
        symbol = element.text("symbol") or element.text("description")[:64] or element.text("conid")
        symbol = symbol or element.text("isin", "cusip", "securityID")
        if not symbol:
            reason = "neither a symbol nor a contract number nor an ISIN"
            raise RowError("missing_value", reason, column="symbol")
        if kind not in OPTIONS:
            return kind, symbol_of(kind, symbol), None
        bare = symbol_of(kind, symbol)
        terms = parse_option(bare) or parse_option(element.text("description")) or _printed_terms(element)
        try:
            if terms is not None:
                return kind, osi(terms) if kind is InstrumentType.OPTION else bare, terms
            reason = "an option whose terms cannot be read; kept as another kind of instrument"
        except ValueError as error:
            reason = f"{error}; kept as another kind of instrument"
        self.warn_once("option", element.number, "symbol", symbol, reason)
        return InstrumentType.OTHER, bare, None

    def _own_symbol(self, kind: InstrumentType, symbol: str, identifiers: dict[str, str]) -> str:
        """A ticker that another company uses in the same file gets a number, as in the catalogue."""
        issuers = issuers_of(identifiers)
        candidate, number = symbol, 1
        while True:
            facts = self.facts_by_symbol(kind, candidate)
            if facts is None or not issuers:
                return candidate
            others = issuers_of(facts.identifiers)
            if not others or others & issuers:
                return candidate
            number += 1
            candidate = f"{symbol}~{number}"


def identifiers_of(element: Element) -> dict[str, str]:
    """What the element gives of the contract number and the international ids."""
    found = {name: element.text(name)[:_IDENTIFIER_LONGEST] for name in _IDENTIFIERS}
    kind = element.text("securityIDType").lower()
    if kind in found and not found[kind]:
        found[kind] = element.text("securityID")[:_IDENTIFIER_LONGEST]
    return {name: value for name, value in found.items() if value and value != "0"}


def name_of(element: Element) -> str | None:
    """The name of a security, where the description is one and not an event's text."""
    if element.name in ("Trade", "OpenPosition", "SecurityInfo", "Transfer"):
        return element.text("description") or None
    return None


def _printed_terms(element: Element) -> OptionTerms | None:
    strike, right = element.number_of("strike"), element.text("putCall").upper()[:1]
    expiry = element.day("expiry")
    root = ticker(element.text("underlyingSymbol") or element.text("symbol").split(" ")[0])
    if strike is None or strike < 0 or expiry is None or right not in ("C", "P") or not root:
        return None
    return OptionTerms(
        root=root.replace(".", "").replace(" ", "").upper(),
        underlying=root,
        expiration=expiry,
        option_type="call" if right == "C" else "put",
        strike=strike if isinstance(strike, Decimal) else Decimal(strike),
    )
