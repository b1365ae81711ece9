"""Ties the two rows that book an exercise or assignment.

The option goes at nothing, the stock comes or goes at the strike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from quantmatrix.ingest.exercise import Removal, StockLeg, pair
from quantmatrix.ingest.futures import root_of
from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.facts import Facts
from quantmatrix.ingest.model import InstrumentType, Terms, Transaction

_INDEX_ROOTS = frozenset(
    {
        "BKX", "CBTX", "DJX", "HGX", "KBW", "MBTX", "MRUT", "MXACW", "MXEA", "MXEF", "MXUSA", "MXWLD",
        "NANOS", "NDX", "NDXP", "NQX", "OEX", "OSX", "RLG", "RLV", "RUI", "RUT", "RUTW", "SIXB", "SIXC",
        "SIXE", "SIXI", "SIXM", "SIXR", "SIXRE", "SIXT", "SIXU", "SIXV", "SIXY", "SOX", "SPESG", "SPIKE",
        "SPX", "SPXPM", "SPXW", "UKXM", "UTY", "VIX", "VIXW", "XAU", "XDA", "XDB", "XDC", "XDE", "XDN",
        "XDS", "XEO", "XND", "XSP",
    }
)  # fmt: skip
"""Roots whose exercise is settled in cash.

Only keeps the importer from asking for a stock leg; no tax follows from it.
"""

_HELD_AT_MOST = 50_000
_DEFAULT_MULTIPLIER = Decimal(100)
_ON_A_FUTURE = f"{InstrumentType.FUTURE_OPTION.value}|"


def is_cash_settled(facts: Facts, proceeds: Decimal | None) -> bool:
    """Whether an exercise brings cash and no stock: an index root, or the row itself carries an amount."""
    return bool(proceeds) or (facts.terms is not None and facts.terms.root in _INDEX_ROOTS)


@dataclass(slots=True)
class _Day:
    """Legs of one account, date and currency."""

    options: dict[int, tuple[Transaction, Facts]] = field(default_factory=dict)
    legs: dict[int, StockLeg] = field(default_factory=dict)


class Exercises:
    """Holds the rows until the file ends, ``_HELD_AT_MOST`` at a time.

    Multipliers stand at the end of a statement.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._days: dict[tuple[str | None, date, str], _Day] = {}
        self._held = 0

    def option_leg(self, transaction: Transaction, facts: Facts) -> None:
        """Take the option row; it is emitted when its stock row is found, or at the end."""
        self._day_of(transaction).options[transaction.line] = (transaction, facts)

    def stock_leg(self, transaction: Transaction) -> None:
        """Take the stock row; the caller emits it."""
        if transaction.price is None or transaction.quantity is None or transaction.instrument is None:
            return
        symbol = transaction.instrument.split("|")[1]
        leg = StockLeg(transaction.line, symbol, transaction.price, transaction.quantity)
        self._day_of(transaction).legs[transaction.line] = leg

    def finish(self) -> None:
        """Emit the options held, linked where their stock rows are found, and name what stays alone."""
        for day in self._days.values():
            self._settle(day)
        self._days.clear()
        self._held = 0

    def _day_of(self, transaction: Transaction) -> _Day:
        if self._held >= _HELD_AT_MOST:
            self.finish()
        self._held += 1
        return self._days.setdefault(
            (transaction.account, transaction.trade_date, transaction.currency), _Day()
        )

    def _settle(self, day: _Day) -> None:
        removals = [_removal(*option, day.legs.values()) for option in day.options.values()]
        pairing = pair((removal for removal in removals if removal is not None), day.legs.values())
        linked = {line for link in pairing.links for line in (link.from_line, link.to_line)}
        for line, (transaction, _) in day.options.items():
            if line in linked:
                terms = (transaction.terms or Terms()).model_copy(update={"exercise_settlement": "linked"})
                transaction = transaction.model_copy(update={"terms": terms})
            self._context.out.append(transaction)
        self._context.out.extend(pairing.links)
        adjusted = {
            line for line, (_, facts) in day.options.items() if facts.terms and facts.terms.is_adjusted
        }
        excused = {link.to_line for link in pairing.links if link.from_line in adjusted} | adjusted & linked
        for line in pairing.lonely_removals:
            if line not in excused:
                self._alone(line, "an exercise or assignment whose stock is not, or not wholly, in this file")
        for line in pairing.lonely_legs:
            if line not in excused:
                self._alone(line, "stock of an exercise or assignment whose option is not in this file")

    def _alone(self, line: int, reason: str) -> None:
        self._context.warn(line, "Code", "", reason)


def _removal(transaction: Transaction, facts: Facts, legs: Iterable[StockLeg]) -> Removal | None:
    terms = facts.terms
    if terms is None or transaction.quantity is None:
        return None
    shares, underlying = abs(transaction.quantity), terms.underlying
    if transaction.instrument and transaction.instrument.startswith(_ON_A_FUTURE):
        # It delivers one future; of its symbol the option may show the product alone.
        named = {leg.symbol for leg in legs if underlying in (leg.symbol, root_of(leg.symbol))}
        underlying = facts.underlying or (named.pop() if len(named) == 1 else underlying)
    else:
        shares *= facts.multiplier or _DEFAULT_MULTIPLIER
    return Removal(
        line=transaction.line,
        type=transaction.type,
        underlying=underlying,
        option_type=terms.option_type,
        strike=terms.strike,
        shares=shares,
    )
