"""What a statement has said so far: its account and period, the instruments named, and where records go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.ibkr_activity.accounts import unmasked
from quantmatrix.ingest.ibkr_activity.facts import Facts
from quantmatrix.ingest.ibkr_activity.identifiers import OLD, symbol_of
from quantmatrix.ingest.ibkr_activity.kinds import TYPES
from quantmatrix.ingest.ibkr_activity.listing import Listing
from quantmatrix.ingest.ibkr_activity.row import Row
from quantmatrix.ingest.model import (
    CashEvidence,
    Instrument,
    InstrumentType,
    LotEvidence,
    Options,
    PositionEvidence,
    Record,
    Statement,
    Warning,
)
from quantmatrix.ingest.symbols import OptionTerms, exchange_option, osi, parse_option

_HELD = (InstrumentType.STOCK, InstrumentType.FUND, InstrumentType.BOND, InstrumentType.WARRANT)
_OPTIONS = (InstrumentType.OPTION, InstrumentType.FUTURE_OPTION)
_WARNED_AT_MOST = 1000
_SHOWN = 200
ACCOUNT_LONGEST = 64
_ACCOUNTS_NAMED = 5
SEVERAL = "the statement adds up several accounts here; the section is not compared with the books"


class Context:
    """State of one file.

    ``out`` takes the records of the row being read; the parser empties it after each line.

    Grows with the number of different instruments only.
    """

    def __init__(self, options: Options, listing: Listing | None = None) -> None:
        self.options = options
        self._listing = listing or Listing()
        self.out: list[Record] = []
        self.account: str | None = None
        self.accounts: frozenset[str] = frozenset()
        self.is_open = True
        self._named_accounts: set[str] = set()
        self._held: list[PositionEvidence | LotEvidence | CashEvidence] = []
        self.base_currency: str | None = None
        self.period_start: date | None = None
        self.period_end: date | None = None
        self._keys: dict[tuple[str, str, str], str] = {}
        self._by_key: dict[str, Facts] = {}
        self._facts: dict[tuple[InstrumentType, str], Facts] = {}
        self._currencies: dict[tuple[InstrumentType, str], dict[str, None]] = {}
        self._warned: set[tuple[str, str]] = set()

    @property
    def is_consolidated(self) -> bool:
        """Whether the statement covers several accounts, so that a row without an account is nobody's."""
        return len(self.accounts) > 1

    def account_of(self, row: Row, mask: str = "") -> str | None:
        """The account of a row: its column, else the statement's, else the one that ``mask`` can only mean.

        ``mask`` is an account number with asterisks (``U***5678``). What a statement of several accounts
        leaves open belongs to the account that the person named. Refuses the row otherwise: never guessed.
        """
        printed = row.text("Account")
        if printed:
            if len(printed) > ACCOUNT_LONGEST:
                reason = f"longer than {ACCOUNT_LONGEST} characters"
                raise RowError("bad_account", reason, column="Account", text=printed)
            if self.accounts and printed not in self.accounts:
                reason = "an account that the head of the statement does not name"
                self.warn_once("account", row.line, "Account", printed, reason)
            self._named_accounts.add(printed)
            return printed
        if not self.is_consolidated:
            return self.account
        if account := unmasked(mask, self.accounts):
            return account
        if account := self.options.account:
            reason = f"the row names no account of the statement; {account} is taken, as you said"
            self.warn_once("account", row.line, "Account", row.section, reason)
            return account
        covered = ", ".join(sorted(self.accounts)[:_ACCOUNTS_NAMED])
        raise RowError(
            "missing_account",
            f"the statement covers several accounts ({covered}), the row names none: "
            "say whose such rows are (--account), or download a statement of each account",
            column="Account",
        )

    def state(self, evidence: PositionEvidence | LotEvidence | CashEvidence) -> None:
        """Emit what the broker holds; where the head leaves the account open, once the file is read."""
        if evidence.account is None and self.is_open:
            self._held.append(evidence)
        else:
            self.out.append(evidence)

    def finish(self) -> None:
        """The file ended: rows that named one account alone say whose the file is."""
        if not self.is_open:
            return
        known = self._named_accounts | self.accounts
        if len(known) == 1:
            self.out.append(Statement(account=next(iter(known))))
        if len(known) < 2:
            self.out.extend(self._held)
        elif self._held:
            self.warn(self._held[0].line, None, "", SEVERAL)
        self._held.clear()

    def warn(self, line: int, column: str | None, text: str, reason: str) -> None:
        """Say something about a row that is imported as it is."""
        self.out.append(Warning(line=line, column=column, text=text[:_SHOWN], reason=reason))

    def warn_once(self, kind: str, line: int, column: str | None, text: str, reason: str) -> None:
        """Say it where ``text`` is first seen, not on each row."""
        text = text[:_SHOWN]
        if (kind, text) not in self._warned and len(self._warned) < _WARNED_AT_MOST:
            self._warned.add((kind, text))
            self.warn(line, column, text, f"{reason} (first seen here)")

    def instrument(
        self, line: int, category: str, symbol: str, currency: str, ids: Mapping[str, str] | None = None
    ) -> str:
        """Key of the instrument of a row, by its ids where it has some; emits it where it is new."""
        if ids:
            kind, canonical, terms = self._identity(line, category, symbol, ids)
            return self.named(kind, canonical, currency, terms=terms)
        key = self._keys.get((category, symbol, currency))
        if key is None:
            kind, canonical, terms = self._identity(line, category, symbol)
            key = self.named(kind, canonical, currency, terms=terms)
            self._keys[category, symbol, currency] = key
        return key

    def named(
        self,
        kind: InstrumentType,
        symbol: str,
        currency: str,
        *,
        terms: OptionTerms | None = None,
        name: str | None = None,
        identifiers: dict[str, str] | None = None,
    ) -> str:
        """Key of an instrument by type and canonical symbol; emits it where anything about it is new."""
        facts = self._facts.setdefault((kind, symbol), Facts())
        is_news = facts.learn(terms=terms, name=name, identifiers=identifiers)
        currencies = self._currencies.setdefault((kind, symbol), {})
        if is_news or currency not in currencies:
            currencies[currency] = None
            self._emit(kind, symbol, currency, facts)
        key = f"{kind.value}|{symbol}|{currency}"
        self._by_key[key] = facts
        return key

    def identify(self, key: str, name: str | None, identifiers: dict[str, str]) -> None:
        """Add a name or an id to an instrument that the file uses; emits it again where that is new."""
        facts = self._by_key[key]
        if facts.learn(name=name, identifiers=identifiers):
            kind, symbol, currency = key.split("|")
            self._emit(InstrumentType(kind), symbol, currency, facts)

    def state_multiplier(self, key: str, multiplier: Decimal) -> None:
        """Take in a multiplier that a position row prints; emits the instrument again where that is new."""
        facts = self._by_key[key]
        kind, symbol, currency = key.split("|")
        if facts.learn(multiplier=_multiplier(InstrumentType(kind), multiplier)):
            self._emit(InstrumentType(kind), symbol, currency, facts)

    def state_exchange(self, key: str, exchange: str) -> None:
        """Take in the exchange of a contract; emits the instrument again where that is new."""
        kind, symbol, currency = key.split("|")
        if exchange and self._by_key[key].learn(exchange=exchange):
            self._emit(InstrumentType(kind), symbol, currency, self._by_key[key])

    def listed(self, symbol: str, ids: Mapping[str, str], currency: str) -> tuple[InstrumentType, str, str]:
        """Type, own symbol and trading currency of what a text names: by its ids, else by its symbol."""
        for kind in _HELD:
            if own := self._listing.own_symbol(kind, symbol, ids):
                has_traded = (kind, own) in self._currencies
                return kind, own, self._trading_currency(kind, own, currency) if has_traded else currency
        canonical = symbol_of(InstrumentType.STOCK, symbol)
        kind, traded_in = self.traded_as(canonical, currency)
        return kind, canonical, traded_in

    def traded_as(self, symbol: str, fallback: str) -> tuple[InstrumentType, str]:
        """Type and currency in which the file trades a symbol; dividends may be paid in another."""
        for kind in _HELD:
            if (kind, symbol) in self._currencies:
                return kind, self._trading_currency(kind, symbol, fallback)
        return InstrumentType.STOCK, fallback

    def _trading_currency(self, kind: InstrumentType, symbol: str, fallback: str) -> str:
        currencies = self._currencies[kind, symbol]
        return next(iter(currencies)) if len(currencies) == 1 else fallback

    def facts_of(self, key: str) -> Facts:
        """What is known of the instrument with this key."""
        return self._by_key[key]

    def facts_by_symbol(self, kind: InstrumentType, symbol: str) -> Facts | None:
        """What is known of a symbol; None where the file has not named it."""
        return self._facts.get((kind, symbol))

    def describe(
        self,
        line: int,
        category: str,
        symbol: str,
        *,
        name: str | None,
        exchange: str | None,
        underlying: str | None,
        multiplier: Decimal | None,
        identifiers: dict[str, str],
    ) -> None:
        """Take in a row of the instrument list; emits the instrument again for each of its currencies."""
        kind, canonical, terms = self._identity(line, category, symbol)
        facts = self._facts.setdefault((kind, canonical), Facts())
        if symbol.upper().endswith(OLD) and facts.contradicts(identifiers):
            identifiers = {}  # the contract that has the ticker now says more
        if facts.learn(
            name=name,
            exchange=exchange,
            underlying=_underlying(kind, underlying),
            multiplier=_multiplier(kind, multiplier),
            terms=terms,
            identifiers=identifiers,
        ):
            for currency in self._currencies.get((kind, canonical), {}):
                self._emit(kind, canonical, currency, facts)

    def kind_of(self, line: int, category: str) -> InstrumentType:
        """Instrument type of an asset category; what stands after `` - `` names the custodian."""
        kind = TYPES.get(category.partition(" - ")[0].strip().casefold())
        if kind is None:
            self.warn_once(
                "category", line, "Asset Category", category, "an asset category that nobody knows"
            )
            return InstrumentType.OTHER
        return kind

    def _identity(
        self, line: int, category: str, symbol: str, ids: Mapping[str, str] | None = None
    ) -> tuple[InstrumentType, str, OptionTerms | None]:
        kind = self.kind_of(line, category)
        bare = symbol_of(kind, symbol)
        if kind not in _OPTIONS:
            return kind, self._listing.own_symbol(kind, symbol, ids) or bare, None
        terms = parse_option(bare) or parse_option(self._listing.description(symbol)) or exchange_option(bare)
        try:
            if terms is not None:
                return kind, osi(terms) if kind is InstrumentType.OPTION else bare, terms
            reason = "an option symbol that cannot be read; kept as another kind of instrument"
        except ValueError as error:
            reason = f"{error}; kept as another kind of instrument"
        self.warn_once("option", line, "Symbol", symbol, reason)
        return InstrumentType.OTHER, bare, None

    def _emit(self, kind: InstrumentType, symbol: str, currency: str, facts: Facts) -> None:
        terms = facts.terms
        self.out.append(
            Instrument(
                type=kind,
                symbol=symbol,
                currency=currency,
                name=facts.name,
                exchange=facts.exchange,
                underlying=facts.underlying or (terms.underlying if terms else None),
                option_type=terms.option_type if terms else None,
                strike=terms.strike if terms else None,
                expiration=terms.expiration if terms else None,
                multiplier=facts.multiplier,
                identifiers=dict(facts.identifiers),
            )
        )


def _underlying(kind: InstrumentType, text: str | None) -> str | None:
    return symbol_of(InstrumentType.STOCK, text) if text and kind in _OPTIONS else None


def _multiplier(kind: InstrumentType, printed: Decimal | None) -> Decimal | None:
    """A printed multiplier that says something: bonds are quoted in percent, whatever is printed."""
    return None if printed is None or printed <= 0 or kind is InstrumentType.BOND else printed
