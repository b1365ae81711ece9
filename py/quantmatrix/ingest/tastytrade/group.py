"""Rows of one moment that may be parts of one event: decided together, given back line by line."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.exercise import Removal, StockLeg, pair
from quantmatrix.ingest.model import Instrument, InstrumentType, Record, TransactionType, Warning
from quantmatrix.ingest.tastytrade import corporate, events
from quantmatrix.ingest.tastytrade.events import Values
from quantmatrix.ingest.tastytrade.kinds import CASH_SETTLED, CORPORATE, REMOVALS, Kind
from quantmatrix.ingest.tastytrade.row import Row

Member = tuple[Row, Kind, Instrument | None]
Outcome = tuple[Values | None, list[Record]]
"""Fields of the row's transaction (None if it is part of another row's), and what else is to be said."""


def decide(members: list[Member]) -> tuple[dict[int, Outcome], list[Record]]:
    """The outcome of each line of a group, and links and warnings about the whole."""
    outcomes: dict[int, Outcome] = {}
    after: list[Record] = []
    _corporate(members, outcomes)
    _cash_settled(members, outcomes)
    _reinvested(members, outcomes)
    for row, kind, instrument in members:
        if row.line not in outcomes:
            outcomes[row.line] = single(row, kind, instrument)
    _deliveries(members, outcomes, after)
    _negative_dividends(members, outcomes, after)
    return outcomes, after


def single(row: Row, kind: Kind, instrument: Instrument | None) -> Outcome:
    """A row that is an event of its own."""
    try:
        fields, notes = _single(row, kind, instrument)
    except RowError as error:
        return None, [error.refusal(row.line)]
    return fields, [*notes]


def _single(row: Row, kind: Kind, instrument: Instrument | None) -> tuple[Values, list[Warning]]:
    if kind is Kind.MONEY:
        return events.money(row, instrument)
    if kind is Kind.UNKNOWN:
        return events.unknown(row, instrument)
    if instrument is None:
        raise RowError("missing_value", "this kind of row needs a symbol", column="Symbol")
    if kind in (Kind.TRADE, Kind.DELIVERY):
        return events.trade(row, instrument)
    if kind in REMOVALS or kind in CASH_SETTLED:
        return events.removal(row, kind, instrument), []
    if kind is Kind.REINVEST:
        reason = "the money of this reinvestment is not beside it; compare the dividends of this day"
        note = Warning(line=row.line, column="Value", text=f"{row.value:f}", reason=reason)
        return events.reinvestment(row, instrument), [] if row.value else [note]
    if kind is Kind.TRANSFER:
        return events.transfer(row, instrument)
    return events.award(row, instrument), []


def _corporate(members: list[Member], outcomes: dict[int, Outcome]) -> None:
    whole: list[tuple[Row, Kind, Instrument]] = []
    for row, kind, instrument in members:
        if kind in CORPORATE:
            try:
                if instrument is None:
                    raise RowError("missing_value", "this kind of row needs a symbol", column="Symbol")
                corporate.check(row)
                whole.append((row, kind, instrument))
            except RowError as error:
                outcomes[row.line] = None, [error.refusal(row.line)]
    found, lonely = corporate.events(whole)
    for event in found:
        fields, notes = corporate.values(event)
        outcomes[fields["line"]] = fields, [*notes]
        outcomes.update({line: (None, []) for line in fields["also_lines"]})
    for row in lonely:
        reason = "the other half of this corporate action is not beside it; export whole days"
        half = RowError("incomplete_pair", reason, column="Sub Type", text=row.text)
        outcomes[row.line] = None, [half.refusal(row.line)]


def _cash_settled(members: list[Member], outcomes: dict[int, Outcome]) -> None:
    """Cash for an option, and the rows of the same moment that remove it: one event, not two."""
    paid: defaultdict[str, list[Member]] = defaultdict(list)
    removed: defaultdict[str, list[Row]] = defaultdict(list)
    for member in members:
        row, kind, instrument = member
        if instrument is not None and kind in CASH_SETTLED and row.value:
            paid[instrument.key].append(member)
        elif instrument is not None and (kind in REMOVALS or kind in CASH_SETTLED) and not row.value:
            removed[instrument.key].append(row)
    for key, settled in paid.items():
        twins = removed[key]
        rest: list[Member] = []
        for member in settled:
            same = next((t for t in twins if member[0].quantity in (None, t.quantity)), None)
            if same is None:
                rest.append(member)
            else:
                twins.remove(same)
                _fold(member, [same], outcomes)
        if rest and _quantity(twins) == _quantity([row for row, _, _ in rest]):
            _fold(rest[0], twins, outcomes)


def _fold(member: Member, twins: list[Row], outcomes: dict[int, Outcome]) -> None:
    row, kind, instrument = member
    whole = replace(row, quantity=row.quantity or twins[0].quantity, side=row.side or twins[0].side)
    fields, notes = single(whole, kind, instrument)
    if fields is not None:
        fields["also_lines"] = tuple(twin.line for twin in twins)
        outcomes.update({twin.line: (None, []) for twin in twins})
    outcomes[row.line] = fields, notes


def _quantity(rows: list[Row]) -> Decimal:
    return sum((row.quantity or Decimal(0) for row in rows), Decimal(0))


def _reinvested(members: list[Member], outcomes: dict[int, Outcome]) -> None:
    """The money that a reinvestment costs, where it stands in a row of its own."""
    for row, kind, instrument in members:
        if kind is not Kind.REINVEST or row.value:
            continue
        dividends = [m[0] for m in members if m[2] == instrument and _is_dividend(m)]
        received = sum((d.value for d in dividends if d.value > 0), Decimal(0))
        paid = [d for d in dividends if d.value < 0 and d.line not in outcomes and -2 * d.value >= received]
        if not paid:
            continue
        cost = min(paid, key=lambda dividend: dividend.value)
        whole = replace(
            row,
            value=cost.value,
            commission=EXACT.add(row.commission, cost.commission),
            fees=EXACT.add(row.fees, cost.fees),
        )
        fields, notes = single(whole, kind, instrument)
        if fields is not None:
            fields["also_lines"] = (cost.line,)
            outcomes[cost.line] = None, []
        outcomes[row.line] = fields, notes


def _deliveries(members: list[Member], outcomes: dict[int, Outcome], after: list[Record]) -> None:
    """Tie each exercise and assignment to the stock rows of the same second."""
    moments: defaultdict[datetime, tuple[list[Removal], list[StockLeg]]] = defaultdict(lambda: ([], []))
    futures = {row.line for row, _, traded in members if traded and traded.type is InstrumentType.FUTURE}
    for row, kind, instrument in members:
        fields, _ = outcomes[row.line]
        if fields is None or instrument is None:
            continue
        if kind in (Kind.ASSIGNMENT, Kind.EXERCISE):
            moments[row.when][0].append(_removal(row, fields, instrument))
        elif kind is Kind.DELIVERY and fields["price"] is not None:
            leg = StockLeg(row.line, instrument.symbol, fields["price"], fields["quantity"])
            moments[row.when][1].append(leg)
    for removals, legs in moments.values():
        pairing = pair(removals, legs)
        after += pairing.links
        for line in pairing.lonely_removals:
            reason = "no delivery at the strike in the same second for all of its shares"
            after.append(Warning(line=line, text="", reason=reason))
        for line in pairing.lonely_legs:
            if line in futures:
                continue  # a contract that ends is booked like a delivery
            reason = "a delivery without an exercised or assigned option in the same second; a plain trade"
            after.append(Warning(line=line, text="", reason=reason))


def _removal(row: Row, fields: Values, instrument: Instrument) -> Removal:
    contracts = row.quantity or Decimal(0)
    is_on_future = instrument.type is InstrumentType.FUTURE_OPTION  # which delivers one, whatever its size
    shares = contracts if is_on_future else EXACT.multiply(contracts, instrument.multiplier or Decimal(1))
    underlying, strike = instrument.underlying or "", instrument.strike or Decimal(0)
    return Removal(row.line, fields["type"], underlying, instrument.option_type or "call", strike, shares)


def _negative_dividends(members: list[Member], outcomes: dict[int, Outcome], after: list[Record]) -> None:
    received = {m[2].key for m in members if m[2] and _is_dividend(m) and m[0].value > 0}
    for member in members:
        row, _, instrument = member
        fields = outcomes[row.line][0]
        if not _is_dividend(member) or fields is None or fields["type"] is not TransactionType.TAX_WITHHELD:
            continue
        if instrument is None or instrument.key not in received:
            reason = "read as tax withheld; on a short position it would be a dividend paid in lieu"
            after.append(Warning(line=row.line, column="Value", text=f"{row.value:f}", reason=reason))


def _is_dividend(member: Member) -> bool:
    row, kind, _ = member
    return kind is Kind.MONEY and row.sub == "dividend"
