"""The element CorporateAction: the rows of one action (old out, new in, cash) become one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from quantmatrix.ingest.action_text import Action, ActionText, read_action
from quantmatrix.ingest.cells import RowError, transaction
from quantmatrix.ingest.ibkr_activity.action_events import Event, Leg, Meaning, meaning, remark
from quantmatrix.ingest.ibkr_activity.codes import CodeSet, read_codes
from quantmatrix.ingest.ibkr_activity.corporate_actions import effective_day
from quantmatrix.ingest.ibkr_activity.identifiers import identifier
from quantmatrix.ingest.ibkr_flex.element import Element
from quantmatrix.ingest.ibkr_flex.instruments import FlexContext
from quantmatrix.ingest.model import Link, LinkKind, Refusal, Terms, TransactionType

_ZERO = Decimal(0)
_NEAR_DAYS = 4
_HELD_AT_MOST = 4096
_CODES = {
    "FS": Action.SPLIT,
    "RS": Action.SPLIT,
    "FI": Action.SPLIT,
    "SD": Action.STOCK_DIVIDEND,
    "HI": Action.STOCK_DIVIDEND,
    "SO": Action.SPINOFF,
    "TC": Action.MERGER,
    "TO": Action.TENDER,
    "TI": Action.TENDER,
    "IC": Action.CHANGE,
    "DW": Action.DELISTED,
}
_REDEMPTIONS = frozenset({"BM", "TM"})
_WORDS_OF_REDEMPTION = ("MATURITY", "FULL CALL", "REDEMPTION", "EARLY REDEMPTION")

_Key = tuple[str | None, str, str, bool]


@dataclass(slots=True)
class _Held:
    """An action of which more rows may come."""

    event: Event
    type_code: str
    ids: list[str] = field(default_factory=list)
    fx_rate: Decimal | None = None


class CorporateActions:
    """Holds the rows until the file ends, at most ``_HELD_AT_MOST`` actions: a pair may stand far apart."""

    def __init__(self, context: FlexContext) -> None:
        self._context = context
        self._events: dict[_Key, _Held] = {}
        self._lines: dict[_Key, int] = {}

    def take(self, element: Element, account: str | None) -> None:
        """Hold one row. Raises ``RowError``."""
        context = self._context
        currency = element.currency()
        description = " ".join(element.needed("actionDescription", "description").split())
        quantity = element.number_of("quantity") or _ZERO
        proceeds = element.number_of("proceeds")
        if proceeds is None:
            amount = element.number_of("amount") or _ZERO
            proceeds = amount.copy_negate() if amount else amount
        value = element.number_of("value") or _ZERO
        codes = read_codes(element.text("code"))
        printed = element.moment("dateTime")
        reported = element.day("reportDate")
        if printed is None:
            if reported is None:
                raise RowError("missing_value", "the corporate action has no date", column="dateTime")
            printed = None, reported
        type_code = element.text("type").upper()
        text = _text(description, type_code)
        key = context.key_of(element, currency)
        action_id = element.text("actionID") or f"{printed[1]} {reported} {text.head}"
        event_key: _Key = (account, action_id, element.text("assetCategory"), codes.is_cancel)
        held = self._events.get(event_key)
        if held is None:
            if len(self._events) >= _HELD_AT_MOST:
                self.finish()
            held = _Held(_event(element, account, text, printed, reported, codes), type_code)
            self._events[event_key] = held
        elif not held.event.text.ratios and text.ratios:
            held.event.text = text
        held.event.legs.append(Leg(element.number, key, quantity, proceeds, value))
        if currency == held.event.currency:
            held.fx_rate = held.fx_rate or context.rate_of(element, account, currency)
        if transaction_id := element.text("transactionID"):
            held.ids.append(transaction_id)

    def finish(self) -> None:
        """Emit the actions read so far, and what cancels what."""
        cancelled: list[tuple[_Key, int]] = []
        for key, held in self._events.items():
            event = held.event
            try:
                self._emit(held)
            except RowError as error:
                self._context.out += [_refusal(error, leg.line) for leg in event.legs]
                continue
            if event.is_cancel:
                cancelled.append((key, event.legs[0].line))
            else:
                self._lines[key] = event.legs[0].line
        for key, line in cancelled:
            original = self._lines.get((*key[:3], False))
            if original is None:
                reason = "cancels a corporate action that is not in this file"
                self._context.warn(line, "code", "Ca", reason)
            else:
                self._context.out.append(Link(kind=LinkKind.CORRECTION, from_line=line, to_line=original))
        self._events.clear()

    def _emit(self, held: _Held) -> None:
        event, ids = held.event, held.ids
        source = self._source(event)
        first = event.legs[0]
        meant = _redeemed(event, source, held.type_code) or meaning(event, source)
        if reason := remark(meant, event):
            self._context.warn(first.line, "description", event.description, reason)
        currency = source.rpartition("|")[2]
        terms, paid_in = meant.terms, event.currency if event.proceeds else currency
        if held.fx_rate is not None and paid_in == event.currency:
            terms = (terms or Terms()).model_copy(update={"fx_rate": held.fx_rate})
        is_cash_merger = meant.type is TransactionType.MERGER_CASH and meant.terms is not None
        row = transaction(
            {
                "line": first.line,
                "also_lines": tuple(leg.line for leg in event.legs[1:]),
                "account": event.account,
                "instrument": source,
                "type": meant.type,
                "external_id": min(ids, key=lambda text: (len(text), text)) if ids else None,
                "fingerprint": event.text.head,
                "executed_at": event.executed_at,
                "trade_date": event.effective,
                "quantity": meant.quantity,
                "price": meant.terms.cash_per_share if is_cash_merger and meant.terms else None,
                "gross_amount": event.proceeds,
                "net_amount": event.proceeds,
                "currency": paid_in,
                "description": event.description,
                "metadata": event.metadata,
                "terms": terms,
            }
        )
        self._context.out.append(row)

    def _source(self, event: Event) -> str:
        """Key of the instrument to which the action happens: the head of the text names it by an id."""
        first = event.legs[0]
        named = event.text.source
        keys = {leg.key for leg in event.legs}
        if named is None or (event.text.action is Action.SPLIT and len(keys) == 1):
            return first.key
        for name, value in identifier(named.id or "").items():
            known = self._context.known_as(f"{name}:{value}")
            if known and (known in keys or event.text.action is Action.SPINOFF):
                return known
        leaving = next((leg.key for leg in event.legs if leg.quantity < 0), None)
        if leaving is not None:
            return leaving
        if event.text.action in (Action.SPINOFF, Action.MERGER) and named.symbol:
            kind, currency = self._context.traded_as(named.symbol, event.currency)
            return self._context.named(kind, named.symbol, currency, identifiers=identifier(named.id or ""))
        return first.key


def _text(description: str, type_code: str) -> ActionText:
    text = read_action(description)
    if text.action is Action.UNKNOWN and type_code in _CODES:
        return replace(text, action=_CODES[type_code])
    return text


def _event(
    element: Element,
    account: str | None,
    text: ActionText,
    printed: tuple[datetime | None, date],
    reported: date | None,
    codes: CodeSet,
) -> Event:
    effective = effective_day(printed[0], printed[1], reported)
    near = abs((effective - printed[1]).days) < _NEAR_DAYS
    metadata = codes.metadata
    if action_id := element.text("actionID"):
        metadata = {**metadata, "action_id": action_id}
    return Event(
        text=text,
        description=" ".join(element.text("actionDescription", "description").split()),
        category=element.text("assetCategory"),
        currency=element.currency(),
        account=account,
        executed_at=printed[0] if near else None,
        effective=effective,
        metadata=metadata,
        is_cancel=codes.is_cancel,
    )


def _redeemed(event: Event, source: str, type_code: str) -> Meaning | None:
    """A bond or bill that is paid back: sold for its face."""
    is_debt = source.startswith("bond|")
    words = event.description.upper()
    if type_code not in _REDEMPTIONS and not (is_debt and any(w in words for w in _WORDS_OF_REDEMPTION)):
        return None
    quantity = event.changes().get(source)
    if not quantity or quantity > 0:
        return None
    return Meaning(TransactionType.SELL, None, quantity)


def _refusal(error: RowError, line: int) -> Refusal:
    return error.refusal(line)
