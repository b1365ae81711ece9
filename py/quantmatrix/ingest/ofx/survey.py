"""What a first pass over the file learns: securities, repeated ids, and which rows are one event."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from quantmatrix.ingest.cells import RowError, number
from quantmatrix.ingest.model import TransactionType
from quantmatrix.ingest.ofx import tree
from quantmatrix.ingest.ofx.securities import Securities, day
from quantmatrix.ingest.pairs import AT_MOST, Move, returning, turning
from quantmatrix.ingest.repeats import Repeats

_BANKS = frozenset({"BANKACCTFROM", "CCACCTFROM"})
_OPTION_TRADES = frozenset({"BUYOPT", "SELLOPT"})
_STOCK_TRADES = frozenset({"BUYSTOCK", "SELLSTOCK", "BUYOTHER", "SELLOTHER", "BUYMF", "SELLMF"})
_ZERO = Decimal(0)
_REORGANISED = (
    (re.compile(r"\bSPLIT|\bR/S\b"), TransactionType.SPLIT),
    (
        re.compile(r"\b(?:NAME|SYMBOL|TICKER|CUSIP) CHANGE|\bCONVERSION|\bEXCHANGE"),
        TransactionType.SYMBOL_CHANGE,
    ),
    (re.compile(r"\bMERGER|\bREORG|\bACQUISITION"), TransactionType.MERGER_STOCK),
)
_SETTLED_WITHIN = 4
"""Days after its last day on which the shares of an option that was assigned are booked."""

_ISSUER = 6
"""Characters of a CUSIP that all securities of an issuer share."""

_Key = tuple[str | None, str]
"""An account, and the id of a security."""

_Written = tuple[str | None, str, str, Decimal, Decimal]
"""Account, ticker, day, units and price of a trade in stock."""


@dataclass(slots=True)
class _Held:
    """An option: a record that is about it, and day, number and units of its rows."""

    record: tree.Record
    rows: list[tuple[str, int, Decimal]] = field(default_factory=list)


def reorganised(record: tree.Record) -> TransactionType | None:
    """What the text of a transfer says of its shares: that they were split, renamed or exchanged."""
    memo = f"{record.text('MEMO')} {record.text('NAME')}".upper()
    return next((kind for pattern, kind in _REORGANISED if pattern.search(memo)), None)


def units_moved(record: tree.Record) -> Decimal:
    """The signed units of a transfer. Raises ``RowError``."""
    units = number(record.text("UNITS"), "UNITS") or _ZERO
    return units.copy_negate() if units > 0 and record.text("TFERACTION").upper() == "OUT" else units


class Survey:
    """The first pass over a file; ``finish`` when it is over."""

    def __init__(self) -> None:
        self.securities = Securities()
        self.ids = Repeats()
        self.has_exercises = self.is_investment = self.is_bank = False
        self.within: dict[int, int] = {}
        """Rows that take each other back within the account, by their numbers."""
        self.halves: dict[int, int] = {}
        """Rows of one corporate action, each by the other's number."""
        self.renamed: dict[int, str] = {}
        """The id under which the units of a row are held, where the row states another."""
        self.assigned: dict[_Key, int] = {}
        """Options that were written, and the row of stock by which they were assigned."""
        self._account: str | None = None
        self._moves: list[Move] = []
        self._turned: list[Move] = []
        self._options: dict[_Key, _Held] = {}
        self._stated: set[_Key] = set()

    def look(self, row: int, record: tree.Record) -> None:
        """Take in one record."""
        kind = record.kind
        if record.within == "SECLIST":
            self.securities.learn(record)
            return
        self.securities.see(record)
        self.ids.look(record.text("FITID"))
        if kind == "INVACCTFROM":
            self.is_investment = True
            self._account = record.text("ACCTID")[:64] or self._account
        elif record.within == "INVPOSLIST":
            self.is_investment = True
            self._stated.add((self._account, record.text("UNIQUEID")))
        elif record.within == "INVTRANLIST":
            self.is_investment = True
            self.has_exercises = self.has_exercises or kind in ("CLOSUREOPT", "TRANSFER")
            if kind == "TRANSFER" or kind in _OPTION_TRADES:
                self._remember(row, record)
        self.is_bank = self.is_bank or kind in _BANKS

    def finish(self, again: Callable[[], Iterator[tuple[int, tree.Record]]]) -> None:
        """Find what belongs together; ``again`` reads the file once more, which few files need."""
        self.within = returning(self._moves)
        one_name: list[Move] = []
        for left, came in turning(move for move in self._turned if move.line not in self.within):
            self.halves[left.line], self.halves[came.line] = came.line, left.line
            if left.thing == came.thing:
                one_name.append(left)
        written = self._written()
        if one_name or written:
            self._count(again(), one_name, written)

    def held(self, row: int, account: str | None, identity: str, traded: str, *, buys: bool) -> Decimal:
        """What the rows before that of an option leave of it; a sale follows its day's purchases."""
        held = self._options.get((account, identity))
        return sum(
            (
                units
                for day_of, other, units in (held.rows if held else ())
                if other != row and (day_of < traded or (day_of == traded and not buys and units > 0))
            ),
            _ZERO,
        )

    def _remember(self, row: int, record: tree.Record) -> None:
        identity, traded = record.text("UNIQUEID"), record.text("DTTRADE")
        try:
            if record.kind == "TRANSFER":
                units = units_moved(record)
                meant = reorganised(record)
                words = meant.value if meant else " ".join(record.text("MEMO").upper().split())
                move = Move(row, self._account, identity, units, day(traded, "DTTRADE"), words)
                if len(self._moves) < AT_MOST:
                    self._moves.append(move)
                    if meant is not None:
                        self._turned.append(move)
                        return
            else:
                units = number(record.text("UNITS"), "UNITS") or _ZERO
                units = abs(units) if record.kind == "BUYOPT" else -abs(units)
        except RowError:
            return  # the second pass says it
        held = self._options.setdefault((self._account, identity), _Held(record))
        if len(held.rows) < AT_MOST:
            held.rows.append((traded[:8], row, units))

    def _written(self) -> dict[_Written, _Key]:
        """What stock rows would assign options that are gone at the end though more were sold than bought."""
        found: dict[_Written, _Key] = {}
        for key, held in self._options.items():
            left = sum((units for _, _, units in held.rows), _ZERO)
            if left >= 0 or key in self._stated or not self._stated:
                continue
            try:
                option = self.securities.describe(held.record, "USD") or {}
            except RowError:
                continue
            if option.get("option_type") is None or not option.get("underlying"):
                continue
            units = abs(left) * option["multiplier"] * (1 if option["option_type"] == "put" else -1)
            for days in range(_SETTLED_WITHIN + 1):
                traded = (option["expiration"] + timedelta(days=days)).strftime("%Y%m%d")
                found[key[0], option["underlying"], traded, units, option["strike"]] = key
        return found

    def _count(
        self,
        records: Iterator[tuple[int, tree.Record]],
        one_name: list[Move],
        written: dict[_Written, _Key],
    ) -> None:
        issuers = {move.thing[:_ISSUER] for move in one_name}
        held: defaultdict[_Key, Decimal] = defaultdict(Decimal)
        account: str | None = None
        for row, record in records:
            identity = record.text("UNIQUEID")
            if record.kind == "INVACCTFROM":
                account = record.text("ACCTID")[:64] or account
            if record.kind not in _STOCK_TRADES:
                continue
            try:
                units = abs(number(record.text("UNITS"), "UNITS") or _ZERO)
                units = units if record.kind.startswith("BUY") else -units
                price = number(record.text("UNITPRICE"), "UNITPRICE") or _ZERO
            except RowError:
                continue
            if identity[:_ISSUER] in issuers:
                held[account, identity] += units
            if written:
                symbol = self.securities.ticker_of(identity)
                if key := written.get((account, symbol, record.text("DTTRADE")[:8], units, price)):
                    self.assigned.setdefault(key, row)
        for left in one_name:
            if held[left.account, left.thing] >= abs(left.quantity):
                continue
            others = [
                identity
                for (of, identity), units in held.items()
                if of == left.account
                and identity[:_ISSUER] == left.thing[:_ISSUER]
                and units == -left.quantity
            ]
            if len(others) == 1:
                self.renamed[left.line] = others[0]
