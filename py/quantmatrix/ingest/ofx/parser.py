"""Reads an OFX investment statement: two passes, each as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Literal, TextIO

from pydantic import ValidationError

from quantmatrix.ingest.amounts import DEFAULT_MULTIPLIERS, agrees
from quantmatrix.ingest.cells import EXACT, RowError, identity, transaction
from quantmatrix.ingest.day_book import Piece, exchanged
from quantmatrix.ingest.exercise import Removal, StockLeg, pair
from quantmatrix.ingest.model import (
    CashEvidence,
    FileRefused,
    Instrument,
    InstrumentType,
    Line,
    Link,
    LinkKind,
    Options,
    PositionEffect,
    PositionEvidence,
    Record,
    Statement,
    Transaction,
    Warning,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.ofx import events, tree
from quantmatrix.ingest.ofx.events import Values
from quantmatrix.ingest.ofx.securities import day
from quantmatrix.ingest.ofx.survey import Survey, reorganised, units_moved

_SGML = re.compile(r"OFXHEADER\s*[:=]", re.IGNORECASE)
_ROOT = re.compile(r"<OFX>", re.IGNORECASE)
_BROKER = re.compile(r"(?:www\.)?(?P<name>[a-z0-9-]{2,30})(?:\.[a-z.]{2,12})?", re.IGNORECASE)
_TRADE = re.compile(r"(?:BUY|SELL)(?:STOCK|MF|DEBT|OPT|OTHER)")
_POSITIONS = frozenset({"POSSTOCK", "POSMF", "POSDEBT", "POSOPT", "POSOTHER"})
_JOURNALS = frozenset({"JRNLSEC", "JRNLFUND"})
_EXERCISES = (T.OPTION_EXERCISE, T.OPTION_ASSIGNMENT)
_RAW_LONGEST = 8192
_ZERO = Decimal(0)

Verdict = Literal["row", "evidence", "skipped", "unknown"]


class OfxParser:
    """Reads ``ofx``; layouts ``sgml`` and ``xml``."""

    source: ClassVar[str] = "ofx"
    broker: ClassVar[str] = "manual"
    title: ClassVar[str] = "investment statement as OFX or QFX, in SGML or XML"
    newest_first: ClassVar[bool] = False

    @staticmethod
    def detect(head: str, _name: str, /) -> str | None:
        """Whether there is an OFX header or root."""
        if not (_SGML.search(head[:4096]) or _ROOT.search(head[:4096])):
            return None
        return "xml" if head.lstrip()[:5].lower() == "<?xml" or "<?OFX" in head[:4096] else "sgml"

    def parse(self, text: TextIO, options: Options, /) -> Iterator[Record]:
        """Records in file order; links at the end."""
        survey = Survey()
        for record in tree.records(text, keep_raw=False, briefly=True):
            if isinstance(record, tree.Record):
                survey.look(record.number, record)
        if not survey.is_investment:
            what = "a bank or credit card statement" if survey.is_bank else "not an investment statement"
            raise FileRefused(f"this is {what}", hint="download the statement of the brokerage account")

        def again() -> Iterator[tuple[int, tree.Record]]:
            text.seek(0)
            for record in tree.records(text, keep_raw=False):
                if isinstance(record, tree.Record):
                    yield record.number, record

        survey.finish(again)
        text.seek(0)
        yield from _Reading(options, survey).run(text)


class _Reading:
    """The second pass over one file; keeps its instruments, its ids, its positions."""

    def __init__(self, options: Options, survey: Survey) -> None:
        self.options = options
        self.survey = survey
        self.securities = survey.securities
        self.out: list[Record] = []
        self.account: str | None = None
        self.currency = options.currency
        self.as_of: date | None = None
        self.first: date | None = None
        self.last: date | None = None
        self.told: dict[str, Instrument] = {}
        self.known: dict[tuple[str, str, str, str], Instrument] = {}
        self.seen: dict[int, int] = {}
        self.lines: dict[str, int] = {}
        self.warned: set[str] = set()
        self.days: dict[tuple[str | None, date], tuple[list[Removal], list[StockLeg]]] = {}
        self.related: list[tuple[int, str]] = []
        self.pieces: dict[int, Piece] = {}
        self.positions: dict[tuple[str | None, str], PositionEvidence] = {}

    def run(self, text: TextIO) -> Iterator[Record]:
        for found in tree.records(text):
            if isinstance(found, tree.Leaf):
                self._leaf(found)
                yield from self._told()
                continue
            number = found.number
            verdict = self._record(number, found)
            raw = "".join(found.raw)[:_RAW_LONGEST]
            yield Line(number=number, raw=raw, verdict=verdict, section=found.within or found.kind)
            yield from self.out
            self.out.clear()
        for piece in self.pieces.values():  # whose other half was refused
            yield from exchanged([piece])
        yield from self.positions.values()
        yield from self._links()
        yield Statement(period_start=self.first, period_end=self.last)

    def _told(self) -> Iterator[Record]:
        yield from self.out
        self.out.clear()

    def _leaf(self, leaf: tree.Leaf) -> None:
        """CURDEF, DTASOF and the period rule the records that follow."""
        try:
            if leaf.tag == "CURDEF" and len(leaf.text) == 3 and leaf.text.isalpha():
                self.currency = leaf.text.upper()
            elif leaf.tag == "DTASOF" and leaf.text:
                self.as_of = day(leaf.text, leaf.tag)
                self._moved(self.as_of)
            elif leaf.tag in ("DTSTART", "DTEND") and leaf.text:
                self._moved(day(leaf.text, leaf.tag))
        except RowError:
            return

    def _record(self, number: int, record: tree.Record) -> Verdict:
        if record.kind == "INVACCTFROM":
            self._account(record)
            return "skipped"
        if record.within == "SECLIST":
            return "evidence"
        if record.kind == "INVBAL":
            return self._evidence(number, record)
        if record.within == "INVPOSLIST":
            return self._evidence(number, record)
        if record.within == "BANKTRANLIST":
            reason = "a row of a bank account, which is kept, not read"
            self._warn_once(number, record.kind, reason)
            return "unknown"
        if record.within != "INVTRANLIST":
            return "skipped"
        try:
            return self._event(number, record)
        except RowError as error:
            self.out = [kept for kept in self.out if isinstance(kept, Instrument)]
            self.out.append(error.refusal(number))
        except ValidationError as error:
            self.out = [kept for kept in self.out if isinstance(kept, Instrument)]
            reason = str(error.errors(include_url=False)[0]["msg"])
            self.out.append(RowError("bad_value", reason, text=record.kind).refusal(number))
        return "row"

    def _event(self, number: int, record: tree.Record) -> Verdict:
        kind = record.kind
        if kind in _JOURNALS:
            reason = "moves within the account, which has no effect"
            self._warn_once(number, kind, reason)
            return "skipped"
        fitid = record.text("FITID")
        if fitid and self.survey.ids.may_repeat(fitid) and not self._fresh(number, record, fitid):
            return "skipped"
        if number in self.survey.within:
            reason = "moves within the account, out and in again on one day, which has no effect"
            self._warn_once(number, kind, reason)
            return "skipped"
        currency = record.text("CURSYM").upper() or self.currency
        if not (len(currency) == 3 and currency.isalpha()):
            raise RowError("bad_currency", "not a currency code", column="CURSYM", text=currency)
        instrument = None if kind == "INVBANKTRAN" else self._instrument(record, currency)
        values = events.common(record, instrument, currency) | {"line": number, "account": self.account}
        if number in self.survey.halves and instrument is not None:
            self._half(number, record, instrument, values)
            return "row"
        for made in self._meaning(number, record, instrument, values):
            row = transaction(made)
            self._moved(row.trade_date)
            self.out.append(row)
            if row.part == 0:
                self._remember(record, row, instrument)
        return "row"

    def _half(self, number: int, record: tree.Record, instrument: Instrument, values: Values) -> None:
        """One of two rows of a split or an exchange; the second brings the transaction."""
        if held_as := self.survey.renamed.get(number):
            other = replace(record, leaves=record.leaves | {"UNIQUEID": held_as})
            reason = f"{instrument.symbol} has not these units; they are taken to be those of {held_as}"
            self._warn(number, "UNIQUEID", record.text("UNIQUEID"), reason)
            instrument = self._instrument(other, instrument.currency) or instrument
        kind = reorganised(record)
        more = values | {"kind_of_exchange": kind}
        is_reverse = "REVERSE" in f"{record.text('MEMO')} {record.text('NAME')}".upper()
        piece = Piece(number, instrument, units_moved(record), _ZERO, more, None, is_reverse)
        first = self.pieces.pop(self.survey.halves[number], None)
        if first is None:
            self.pieces[number] = piece
            return
        event = sorted((first, piece), key=lambda half: half.quantity)
        if first.instrument.key != instrument.key and kind is T.SPLIT:
            event[0].values["kind_of_exchange"] = T.SYMBOL_CHANGE
        for made in exchanged(event):
            self.out.append(made)
            if isinstance(made, Transaction):
                self._moved(made.trade_date)

    def _meaning(
        self, number: int, record: tree.Record, instrument: Instrument | None, values: Values
    ) -> Iterator[Values]:
        kind = record.kind
        if kind == "INVBANKTRAN":
            if record.text("CORRECTFITID"):
                reason = "corrects an earlier row; both are imported, void the one that is wrong"
                self._warn(number, "CORRECTFITID", record.text("CORRECTFITID"), reason)
            yield events.bank(record, values)
        elif instrument is None and (_TRADE.fullmatch(kind) or kind in ("TRANSFER", "SPLIT", "REINVEST")):
            raise RowError("missing_value", f"{kind} names no security", column="UNIQUEID")
        elif instrument is not None and _TRADE.fullmatch(kind):
            made = events.trade(record, instrument, values)
            self._check(number, instrument, made)
            if kind in ("BUYOPT", "SELLOPT"):
                made |= self._effect(number, record, made)
            yield made
        elif instrument is not None and kind == "REINVEST":
            yield from events.reinvested(record, values)
        elif instrument is not None and kind == "SPLIT":
            yield events.split(record, values)
        elif instrument is not None and kind == "TRANSFER":
            made = events.transfer(record, instrument, values)
            if reorganised(record) and made["type"] in (T.TRANSFER_IN, T.TRANSFER_OUT):
                reason = f"{made['quantity']:f} of {instrument.symbol}: no other half on this day; a transfer"
                self._warn(number, "UNITS", record.text("MEMO"), reason)
            yield made
        elif instrument is not None and kind == "CLOSUREOPT":
            yield events.closed_option(record, instrument, values)
        elif kind == "RETOFCAP" and instrument is not None:
            yield events.money(record, T.RETURN_OF_CAPITAL, values)
        elif kind == "INVEXPENSE":
            yield events.money(record, T.FEE, values)
        elif kind == "MARGININTEREST":
            yield events.money(record, T.INTEREST, values)
        elif kind == "INCOME":
            meant = events.income_type(record)
            if meant is None:
                reason = "a kind of income that nobody knows; imported as other"
                self._warn(number, "INCOMETYPE", record.text("INCOMETYPE"), reason)
            yield events.money(record, meant or T.OTHER, values)
        else:
            reason = "an aggregate that nobody knows; its cash counts, positions are not changed"
            self._warn(number, kind, record.text("MEMO"), reason)
            total = events.amount(record, "TOTAL") or events.amount(record, "TRNAMT") or _ZERO
            yield values | {"type": T.OTHER, "gross_amount": total, "net_amount": total}

    def _effect(self, number: int, record: tree.Record, values: Values) -> Values:
        """What a label of an option's trade is worth: some brokers print the same on all of them."""
        identity, effect, buys = record.text("UNIQUEID"), values["position_effect"], values["type"] is T.BUY
        held = self.survey.held(number, self.account, identity, record.text("DTTRADE")[:8], buys=buys)
        if buys:
            return (
                {"position_effect": PositionEffect.AUTO} if effect is PositionEffect.OPEN and held < 0 else {}
            )
        if effect is PositionEffect.OPEN or held > 0:
            return {}
        if (row := self.survey.assigned.get((self.account, identity))) is None:
            return {"position_effect": PositionEffect.AUTO}
        reason = (
            f"nothing was held, and line {row} trades the shares at the strike after the last day: "
            "read as written; enter the assignment of these contracts"
        )
        self._warn(number, "OPTSELLTYPE", record.text("OPTSELLTYPE"), reason)
        return {"position_effect": PositionEffect.OPEN}

    def _check(self, number: int, instrument: Instrument, values: dict[str, Any]) -> None:
        multiplier = instrument.multiplier or DEFAULT_MULTIPLIERS.get(instrument.type.value)
        price, gross = values.get("price"), values.get("gross_amount")
        if (
            price is None
            or gross is None
            or multiplier is None
            or agrees(values["quantity"], price, multiplier, gross)
        ):
            return
        reason = f"the amount is not units times price times {multiplier:f}; it counts"
        self._warn(number, "TOTAL", f"{gross:f}", reason)

    def _evidence(self, number: int, record: tree.Record) -> Verdict:
        as_of = self.as_of
        if as_of is None:
            return "evidence"
        try:
            if record.kind == "INVBAL":
                self._balance(number, record, as_of)
            elif record.kind in _POSITIONS:
                self._position(number, record, as_of)
        except RowError as error:
            reason = f"{error.reason}; not compared with the books"
            self._warn(number, error.column, error.text, reason)
        return "evidence"

    def _balance(self, number: int, record: tree.Record, as_of: date) -> None:
        """Cash, where no loan against securities makes the figure another."""
        cash = events.amount(record, "AVAILCASH")
        others = (events.amount(record, tag) or _ZERO for tag in ("MARGINBALANCE", "SHORTBALANCE"))
        if cash is not None and not any(others):
            self.out.append(
                CashEvidence(
                    line=number, account=self.account, currency=self.currency, as_of=as_of,
                    moment="end", amount=cash,
                )
            )  # fmt: skip

    def _position(self, number: int, record: tree.Record, as_of: date) -> None:
        units = events.needed(record, "UNITS")
        if record.text("POSTYPE").upper() == "SHORT" and units > 0:
            units = units.copy_negate()
        instrument = self._instrument(record, record.text("CURSYM").upper() or self.currency)
        if instrument is None:
            return
        held = self.positions.get((self.account, instrument.key))
        if held is not None:
            units = EXACT.add(held.quantity, units)
        self.positions[self.account, instrument.key] = PositionEvidence(
            line=held.line if held else number,
            account=self.account,
            instrument=instrument.key,
            as_of=as_of,
            quantity=units,
            currency=instrument.currency,
        )

    def _account(self, record: tree.Record) -> None:
        number = record.text("ACCTID")[:64]
        if not number:
            return
        self.account = number
        found = _BROKER.fullmatch(record.text("BROKERID").strip())
        broker = found["name"].lower().replace("-", "_") if found else None
        self.out.append(Statement(account=number, broker=broker, base_currency=self.currency))

    def _instrument(self, record: tree.Record, currency: str) -> Instrument | None:
        key = record.text("UNIQUEID"), record.text("UNIQUEIDTYPE"), record.kind, currency
        known = self.known.get(key)
        if known is not None:
            return known
        values = self.securities.describe(record, currency)
        if values is None:
            return None
        made = identity(values)
        known = self.told.get(made.key)
        if known is None:
            known = self.told[made.key] = made
            self.out.append(made)
        self.known[key] = known
        return known

    def _fresh(self, number: int, record: tree.Record, fitid: str) -> bool:
        """Whether a row of this id and content was not read before; another row of the id gets its own."""
        digest = hash((record.kind, frozenset(record.leaves.items())))
        count, known = 1, fitid
        while (seen := self.seen.get(hash((self.account, known)))) is not None:
            if seen == digest:
                reason = "the same row as one before; counted once"
                self._warn(number, "FITID", fitid, reason)
                return False
            count += 1
            known = f"{fitid}#{count}"
        self.seen[hash((self.account, known))] = digest
        if known != fitid:
            reason = "another row has the same FITID; both are kept"
            self._warn(number, "FITID", fitid, reason)
            record.leaves["FITID"] = known
        return True

    def _remember(self, record: tree.Record, row: Transaction, instrument: Instrument | None) -> None:
        if not self.survey.has_exercises or instrument is None:
            return
        removals, legs = self.days.setdefault((row.account, row.trade_date), ([], []))
        if row.type in _EXERCISES and row.quantity is not None and instrument.option_type is not None:
            if related := record.text("RELFITID"):
                self.related.append((row.line, related))
            shares = EXACT.multiply(abs(row.quantity), instrument.multiplier or Decimal(1))
            strike = instrument.strike or _ZERO
            underlying = instrument.underlying or ""
            removals.append(Removal(row.line, row.type, underlying, instrument.option_type, strike, shares))
        elif (
            instrument.type in (InstrumentType.STOCK, InstrumentType.FUND)
            and row.type in (T.BUY, T.SELL)
            and row.price is not None
            and row.quantity is not None
        ):
            legs.append(StockLeg(row.line, instrument.symbol, row.price, row.quantity))
            self.lines[record.text("FITID")] = row.line

    def _links(self) -> Iterator[Record]:
        stated = {line: self.lines[fitid] for line, fitid in self.related if fitid in self.lines}
        taken = set(stated.values())
        for line, leg in stated.items():
            yield Link(kind=LinkKind.EXERCISE, from_line=line, to_line=leg)
        for removals, legs in self.days.values():
            open_removals = [r for r in removals if r.line not in stated]
            if not open_removals:
                continue
            pairing = pair(open_removals, [leg for leg in legs if leg.line not in taken])
            yield from pairing.links
            for line in pairing.lonely_removals:
                reason = "no trade of the underlying at the strike on this day for all of its shares"
                yield Warning(line=line, text="", reason=reason)

    def _moved(self, moved: date) -> None:
        self.first = min(self.first or moved, moved)
        self.last = max(self.last or moved, moved)

    def _warn(self, line: int, column: str | None, text: str, reason: str) -> None:
        self.out.append(Warning(line=line, column=column, text=text[:200], reason=reason))

    def _warn_once(self, line: int, kind: str, reason: str) -> None:
        if kind not in self.warned:
            self.warned.add(kind)
            self._warn(line, kind, "", f"{reason} (first seen here)")
