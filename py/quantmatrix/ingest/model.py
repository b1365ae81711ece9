"""What a parser says about a file: a stream of small records, in file order.

A parser yields one ``Line`` for every record of the file (a CSV record may span physical lines) and, next
to it, what the line means: transactions, evidence, instruments, links, warnings or a refusal. Nothing is
collected: memory does not grow with the file. Money, prices and quantities are ``Decimal`` as the source
prints them, never rounded, never a float.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class TransactionType(StrEnum):
    """The one vocabulary of transactions, the same words as the database's enum ``core.transaction_type``."""

    BUY = "buy"
    SELL = "sell"
    REINVEST = "reinvest"
    OPTION_EXERCISE = "option_exercise"
    OPTION_ASSIGNMENT = "option_assignment"
    OPTION_EXPIRATION = "option_expiration"
    DELIVERY = "delivery"
    MARK_TO_MARKET = "mark_to_market"
    SPLIT = "split"
    STOCK_DIVIDEND = "stock_dividend"
    SPINOFF = "spinoff"
    SYMBOL_CHANGE = "symbol_change"
    MERGER_CASH = "merger_cash"
    MERGER_STOCK = "merger_stock"
    MERGER_MIXED = "merger_mixed"
    RETURN_OF_CAPITAL = "return_of_capital"
    CASH_IN_LIEU = "cash_in_lieu"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    SET_BASIS = "set_basis"
    GIFT_IN = "gift_in"
    GIFT_OUT = "gift_out"
    INHERITANCE = "inheritance"
    DIVIDEND = "dividend"
    PAYMENT_IN_LIEU = "payment_in_lieu"
    CAPITAL_GAIN_DISTRIBUTION = "capital_gain_distribution"
    INTEREST = "interest"
    STOCK_LENDING_INCOME = "stock_lending_income"
    FEE = "fee"
    TAX_WITHHELD = "tax_withheld"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    FX_CONVERSION = "fx_conversion"
    PROMOTION = "promotion"
    OTHER = "other"


class PositionEffect(StrEnum):
    """Whether a trade opens, closes, or whichever fits the position."""

    AUTO = "auto"
    OPEN = "open"
    CLOSE = "close"


class InstrumentType(StrEnum):
    """What kind of thing is traded."""

    STOCK = "stock"
    FUND = "fund"
    BOND = "bond"
    OPTION = "option"
    FUTURE = "future"
    FUTURE_OPTION = "future_option"
    WARRANT = "warrant"
    DIGITAL = "digital"
    CURRENCY = "currency"
    OTHER = "other"


class LinkKind(StrEnum):
    """How two rows belong together."""

    EXERCISE = "exercise"
    TRANSFER = "transfer"
    CORRECTION = "correction"
    BASIS = "basis"
    CASH_IN_LIEU = "cash_in_lieu"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Instrument(_Record):
    """An identity as the file gives it; ``key`` is how the file's own rows refer to it.

    ``symbol`` is canonical: a ticker with a dot for class shares (``BRK.B``), the 21-character OSI form for
    options. ``multiplier`` None means that the file does not state one: 100 for an equity option, 1 for
    anything else. ``identifiers`` holds what the file gives of ``conid isin cusip figi``.
    """

    type: InstrumentType
    symbol: str = Field(min_length=1, max_length=64)
    currency: str = Field(pattern="^[A-Z]{3,5}$")
    name: str | None = None
    exchange: str | None = None
    underlying: str | None = None
    option_type: Literal["call", "put"] | None = None
    strike: Decimal | None = None
    expiration: date | None = None
    multiplier: Decimal | None = None
    identifiers: dict[str, str] = {}

    @property
    def key(self) -> str:
        """``type|symbol|currency``: one identity within one file."""
        return f"{self.type.value}|{self.symbol}|{self.currency}"


class Statement(_Record):
    """What the file says about itself; may be said more than once, later values fill earlier gaps.

    One with ``account`` describes that account; a file with several accounts says one for each.
    """

    account: str | None = None
    broker: str | None = None
    account_name: str | None = None
    account_type: str | None = None
    base_currency: str | None = None
    period_start: date | None = None
    period_end: date | None = None
    generated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One record of the file as it stands there; made plainly, since there is one for every line.

    ``verdict``: ``row`` carries or attests a transaction (or a refused one), ``evidence`` is the broker's
    own position, lot, balance or instrument, ``skipped`` is understood and holds nothing to import
    (headers, totals), ``unknown`` is a section or kind of row that nobody knows: kept and reported.
    ``number`` counts physical lines from 1 and is that of the first.
    """

    number: int
    raw: str
    verdict: Literal["row", "evidence", "skipped", "unknown"]
    section: str | None = None


class Terms(_Record):
    """What only some transactions need, column for column ``tax.transaction_terms``; instruments by their
    ``key``.

    ``stated_quantity`` is the broker's own figure where the engine computes the quantity: the signed change
    of the position of the row's instrument for a corporate action, the printed magnitude (unsigned) for an
    option event without a direction. ``stated_new_quantity`` is the signed change of ``new_instrument``.
    ``ratio_numerator`` new units for ``ratio_denominator`` old ones (split, merger, symbol change); child
    units per parent units for a spin-off; rate over 1 for a stock dividend.
    """

    fx_rate: Decimal | None = None
    fee_currency: str | None = None
    fee_fx_rate: Decimal | None = None
    ratio_numerator: Decimal | None = None
    ratio_denominator: Decimal | None = None
    fraction_handling: Literal["keep", "cash", "round_up"] | None = None
    cash_in_lieu: Decimal | None = None
    new_instrument: str | None = None
    basis_fraction: Decimal | None = None
    cash_per_share: Decimal | None = None
    value_per_new_share: Decimal | None = None
    amount_per_share: Decimal | None = None
    taxable: bool | None = None
    supplied_basis: Decimal | None = None
    supplied_acquired_on: date | None = None
    donor_basis: Decimal | None = None
    donor_acquired_on: date | None = None
    market_value: Decimal | None = None
    covered: bool | None = None
    accrued_interest: Decimal | None = None
    lot_method: str | None = None
    stated_quantity: Decimal | None = None
    stated_new_quantity: Decimal | None = None
    exercise_settlement: Literal["derived", "linked", "cash"] | None = None


class Transaction(_Record):
    """One economic event in the account's view.

    ``line`` is its line, ``also_lines`` further lines that are part of the same event (old out, new in).
    ``quantity`` is signed, + into the account; None where the engine computes it. ``price`` per unit,
    unsigned. ``gross_amount`` signed cash without costs; ``commission`` and ``fees`` signed cash, costs
    negative; ``net_amount`` the signed cash effect in ``currency``. ``executed_at`` is aware, or None where
    the source states only a date. ``trade_date`` is the date on the exchange. ``external_id`` is the
    broker's own row id; without one the database identifies the row by a digest of its values,
    ``fingerprint`` included: text that tells otherwise equal rows apart and that the source does not reword
    (None where it is volatile), and its ordinal among equal lines. ``sequence`` only where the source
    states the rank itself; else the database ranks the rows of an account and day by the file's time order.
    """

    line: int
    part: int = 0
    also_lines: tuple[int, ...] = ()
    account: str | None = None
    instrument: str | None = None
    type: TransactionType
    position_effect: PositionEffect = PositionEffect.AUTO
    external_id: str | None = None
    fingerprint: str | None = None
    order_id: str | None = None
    executed_at: datetime | None = None
    trade_date: date
    settlement_date: date | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    gross_amount: Decimal | None = None
    commission: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    net_amount: Decimal = Decimal(0)
    currency: str = Field(pattern="^[A-Z]{3,5}$")
    description: str | None = None
    sequence: int | None = None
    metadata: dict[str, str] = {}
    terms: Terms | None = None
    original_source: str | None = None
    original_key: str | None = None


class Link(_Record):
    """Two transactions of this file that are one event: from the option leg to the stock leg, from the
    later row to the earlier.
    """

    kind: LinkKind
    from_line: int
    from_part: int = 0
    to_line: int
    to_part: int = 0


class Pick(_Record):
    """A lot named for a closing: the acquiring transaction of this file, and how many of its units; in the
    order of use.
    """

    line: int
    part: int = 0
    leg: Literal["transaction", "stock"] = "transaction"
    order: int
    opening_line: int
    opening_part: int = 0
    quantity: Decimal


class PositionEvidence(_Record):
    """What the broker says it holds at the end of ``as_of``; short positions negative, cost in
    ``currency``.
    """

    line: int
    account: str | None = None
    instrument: str
    as_of: date
    quantity: Decimal
    cost_basis: Decimal | None = None
    currency: str


class LotEvidence(_Record):
    """A lot as the broker keeps it."""

    line: int
    account: str | None = None
    instrument: str
    as_of: date
    acquired_on: date | None = None
    acquired_at: datetime | None = None
    quantity: Decimal
    cost_basis: Decimal | None = None
    currency: str


class CashEvidence(_Record):
    """A balance that the broker states: at the start of ``as_of`` or at its end."""

    line: int
    account: str | None = None
    currency: str
    as_of: date
    moment: Literal["start", "end"]
    amount: Decimal


class Warning(_Record):
    """Something the user should know; the row is imported as it is. ``column`` is the name of the file's
    column.
    """

    line: int
    column: str | None = None
    text: str
    reason: str


class Refusal(_Record):
    """A row that cannot be read; ``code`` is a short word that counts it (``bad_number``, ``bad_date``,
    ``contradiction``, ...).
    """

    line: int
    column: str | None = None
    text: str
    code: str
    reason: str


Record = Annotated[
    Statement
    | Line
    | Instrument
    | Transaction
    | Link
    | Pick
    | PositionEvidence
    | LotEvidence
    | CashEvidence
    | Warning
    | Refusal,
    Field(),
]


class Options(_Record):
    """What the command line tells a parser.

    ``account``, ``currency``: where the file names none. ``zone``: an IANA zone for instants printed
    without one. ``day_first``: read 03/04 as 3 April. ``file_name``: the file's own name without its
    folder; a parser that takes anything from it says so.
    """

    account: str | None = None
    file_name: str | None = None
    currency: str = "USD"
    zone: str = "America/New_York"
    day_first: bool = False


class FileRefused(Exception):
    """The file as a whole cannot be read by this parser: what is wrong, where, and what to do."""

    def __init__(self, reason: str, *, line: int | None = None, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.hint = hint
