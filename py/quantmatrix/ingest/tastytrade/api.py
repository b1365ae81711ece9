"""``tastytrade_api``: transactions and positions as the interface of tastytrade tells them.

A row means what the same row of the CSV means; here it has the broker's own id and its costs one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, TextIO

from quantmatrix.ingest.cells import EXACT, RowError, number
from quantmatrix.ingest.dates import exchange_date
from quantmatrix.ingest.documents import Identities, is_such, read_rows, statement_of, text_of
from quantmatrix.ingest.model import (
    FileRefused,
    InstrumentType,
    Line,
    Link,
    LinkKind,
    Options,
    PositionEffect,
    PositionEvidence,
    Record,
    Transaction,
    Warning,
)
from quantmatrix.ingest.tastytrade.group import Member, Outcome
from quantmatrix.ingest.tastytrade.kinds import Kind, kind_of
from quantmatrix.ingest.tastytrade.parser import Reading
from quantmatrix.ingest.tastytrade.row import Row, moment_of, move_of

SOURCE = "tastytrade_api"
_COSTS = ("clearing-fees", "regulatory-fees", "proprietary-index-option-fees", "other-charge")
_NOTHING = Decimal(0)


class TastytradeApi:
    """Reads what ``quantmatrix sync tastytrade`` fetched."""

    source: ClassVar[str] = SOURCE
    broker: ClassVar[str] = "tastytrade"
    title: ClassVar[str] = "transactions of tastytrade's interface, as sync fetches them"
    newest_first: ClassVar[bool] = False

    @staticmethod
    def detect(head: str, _name: str, /) -> str | None:
        """``jsonl``."""
        return "jsonl" if is_such(head, SOURCE) else None

    def parse(self, text: TextIO, options: Options, /) -> Iterator[Record]:
        """Records in file order, but for those that wait for the other rows of their moment."""
        yield from _ApiReading(options, Identities(text, SOURCE, "reverses-id")).run(text)


class _ApiReading(Reading):
    """One pass over one file."""

    def __init__(self, options: Options, identities: Identities) -> None:
        super().__init__(options)
        self.identities = identities
        self.lines: dict[str, int] = {}
        self.reversing: dict[int, str] = {}
        self.made: set[int] = set()
        self.account = ""

    def run(self, text: TextIO) -> Iterator[Record]:
        head: Mapping[str, Any] = {}
        for line, raw, kind, row in read_rows(text, SOURCE):
            if kind == "head":
                head = row
                self.account = str(row.get("account") or self.options.account or "")
                if not self.account:
                    raise FileRefused("the first line names no account", line=1)
                yield Line(number=line, raw=raw, verdict="skipped")
            elif kind == "transaction":
                yield from self._transaction(Line(number=line, raw=raw, verdict="row"), row)
            elif kind == "position":
                yield from self._position(Line(number=line, raw=raw, verdict="evidence"), row, head)
            elif kind == "broken":
                yield from self._pass(
                    Line(number=line, raw=raw, verdict="row"), RowError("bad_json", row).refusal(line)
                )
            else:
                yield from self._pass(
                    Line(number=line, raw=raw, verdict="unknown" if kind else "skipped"), None
                )
        yield from self._flush()
        yield from self._tell_late()
        for line, identity in self.reversing.items():
            if line not in self.made:
                continue
            if (earlier := self.lines.get(identity)) not in (None, line):
                yield Link(kind=LinkKind.CORRECTION, from_line=line, to_line=earlier or 0)
            else:
                reason = "takes back a transaction that is not in this file; imported as its opposite"
                yield Warning(line=line, column="reverses-id", text=identity, reason=reason)
        yield statement_of(head, self.account)

    def _transaction(self, line: Line, told: Mapping[str, Any]) -> Iterator[Record]:
        try:
            row = self._row(line.number, told)
            own = self.identities.own(told, row.identity, line.raw)
            if own is None:
                yield from self._pass(replace(line, verdict="skipped"), None)
                return
            row.identity = own
            member = (row, kind_of(row), self._instrument(row))
        except RowError as error:
            yield from self._pass(line, error.refusal(line.number))
            return
        if reversed_id := text_of(told, "reverses-id"):
            self.reversing[line.number] = reversed_id
        yield from self._take(line, member)

    def _finish(self, member: Member, outcome: Outcome) -> Iterator[Record]:
        for record in super()._finish(member, outcome):
            if isinstance(record, Transaction) and record.external_id:
                if record.external_id in self.identities.named:
                    self.lines[record.external_id] = record.line
                if record.line in self.reversing:
                    self.made.add(record.line)
            yield record

    def _row(self, line: int, told: Mapping[str, Any]) -> Row:
        account = text_of(told, "account-number")
        if account and account != self.account:
            raise RowError("contradiction", "of another account", column="account-number", text=account)
        identity = text_of(told, "id")
        if not identity:
            raise RowError("missing_value", "a row needs its id", column="id")
        when = moment_of(text_of(told, "executed-at"), "executed-at")
        sub = text_of(told, "transaction-sub-type").lower()
        side, effect = move_of(text_of(told, "action"), sub, "action")
        fees = _NOTHING
        for name in _COSTS:
            fees = EXACT.add(fees, _signed(told, name))
        quantity = number(text_of(told, "quantity"), "quantity")
        if quantity is not None and quantity < 0:
            raise RowError("contradiction", "quantities have no sign here", column="quantity")
        return Row(
            line=line,
            when=when,
            day=exchange_date(when),
            kind=text_of(told, "transaction-type").lower(),
            sub=sub,
            side=side,
            effect=effect,
            symbol=text_of(told, "symbol"),
            asset=text_of(told, "instrument-type").lower(),
            description=text_of(told, "description"),
            value=_signed(told, "value"),
            quantity=quantity,
            price=number(text_of(told, "price"), "price"),
            commission=_signed(told, "commission"),
            fees=fees,
            total=_signed(told, "net-value") if told.get("net-value") is not None else None,
            multiplier=None,
            underlying=text_of(told, "underlying-symbol"),
            expiration="",
            strike="",
            right="",
            order_id=text_of(told, "order-id"),
            currency=text_of(told, "currency") or self.options.currency,
            identity=identity,
        )

    def _position(self, line: Line, told: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[Record]:
        yield from self._flush()
        yield line
        try:
            yield from list(self._held(line.number, told, head))
        except (RowError, ValueError) as error:
            reason = f"{getattr(error, 'reason', error)}; not compared with the books"
            yield Warning(line=line.number, text=str(told.get("symbol"))[:80], reason=reason)

    def _held(self, line: int, told: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[Record]:
        direction = text_of(told, "quantity-direction").lower()
        quantity = number(text_of(told, "quantity"), "quantity") or _NOTHING
        if direction == "zero" or not quantity:
            return
        moment = moment_of(str(head.get("generated_at") or ""), "generated_at")
        row = _of_position(line, moment, told, self.options.currency)
        instrument = self._instrument(row)
        if instrument is None:
            raise RowError("missing_value", "a position needs a symbol", column="symbol")
        if instrument.type is InstrumentType.FUTURE:
            yield from self._tell(row, Kind.UNKNOWN, instrument)
        elif instrument.key not in self.told:
            self.told.add(instrument.key)
            self.untold.pop(instrument.key, None)
            yield instrument
        yield PositionEvidence(
            line=line,
            instrument=instrument.key,
            as_of=exchange_date(moment),
            quantity=quantity.copy_negate() if direction == "short" else quantity,
            currency=instrument.currency,
        )


def _of_position(line: int, moment: datetime, told: Mapping[str, Any], currency: str) -> Row:
    """A row that is nothing but its instrument."""
    asset, underlying = text_of(told, "instrument-type").lower(), text_of(told, "underlying-symbol")
    return Row(
        line=line, when=moment, day=exchange_date(moment), kind="", sub="", side=0,
        effect=PositionEffect.AUTO, symbol=text_of(told, "symbol"), asset=asset, description="",
        value=_NOTHING, quantity=None, price=None, commission=_NOTHING, fees=_NOTHING, total=None,
        multiplier=None, underlying=underlying, expiration="", strike="", right="",
        order_id="", currency=text_of(told, "currency") or currency,
    )  # fmt: skip


def _signed(told: Mapping[str, Any], field: str) -> Decimal:
    """An amount with the sign that its effect gives; nothing where there is none. Raises ``RowError``."""
    amount = number(text_of(told, field), field) or _NOTHING
    effect = text_of(told, f"{field}-effect").lower()
    if not amount:
        return _NOTHING
    if effect not in ("credit", "debit"):
        reason = "an amount that neither came in nor went out"
        raise RowError("contradiction", reason, column=f"{field}-effect", text=effect)
    return abs(amount).copy_negate() if effect == "debit" else abs(amount)
