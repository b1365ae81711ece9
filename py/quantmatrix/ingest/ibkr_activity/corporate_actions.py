"""The section Corporate Actions: the rows of one action become one transaction."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from quantmatrix.ingest.action_text import Action, Security, read_action
from quantmatrix.ingest.dates import NEW_YORK
from quantmatrix.ingest.ibkr_activity.action_events import Event, Leg, meaning, remark
from quantmatrix.ingest.ibkr_activity.checks import ClosedLots
from quantmatrix.ingest.ibkr_activity.codes import read_codes
from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.identifiers import OLD, identifier
from quantmatrix.ingest.ibkr_activity.row import Row
from quantmatrix.ingest.ibkr_activity.section import Section, Verdict
from quantmatrix.ingest.model import Link, LinkKind, Transaction, TransactionType

_CLOSE = time(16, 0)
_NEAR = timedelta(days=4)
_SATURDAY = 5
_HELD_AT_MOST = 4096
_ZERO = Decimal(0)

_EventKey = tuple[str | None, str, str, str, str, bool]


class CorporateActions(Section):
    """Rows wait until the section ends: the second row of a pair may stand anywhere in it.

    At most ``_HELD_AT_MOST`` actions wait.
    """

    columns = frozenset(
        {
            "Asset Category",
            "Currency",
            "Account",
            "Report Date",
            "Date/Time",
            "Description",
            "Quantity",
            "Proceeds",
            "Value",
            "Realized P/L",
            "Code",
        }
    )

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._events: dict[_EventKey, Event] = {}
        self._done: dict[_EventKey, int] = {}
        self._closed_lots = ClosedLots(context)

    def data(self, row: Row) -> Verdict:
        """Hold the row until its action is whole."""
        context = self.context
        category = row.required("Asset Category")
        currency = row.currency()
        account = context.account_of(row)
        executed_at, printed = row.moment("Date/Time")
        reported = row.day("Report Date") if row.text("Report Date") else None
        description = " ".join(row.required("Description").split())
        quantity = row.number("Quantity") or _ZERO
        proceeds = row.number("Proceeds") or _ZERO
        value = row.number("Value") or _ZERO
        codes = read_codes(row.text("Code"))
        for code in codes.unknown:
            context.warn_once("code", row.line, "Code", code, "a code that nobody knows")
        text = read_action(description)
        subject = text.subject or Security(description[:64].strip(), None, None)
        key = self._named(row.line, category, subject, currency)

        when = row.text("Date/Time"), row.text("Report Date")
        event_key = (account, category, *when, text.head, codes.is_cancel)
        event = self._events.get(event_key)
        if event is None:
            if len(self._events) >= _HELD_AT_MOST:
                self.close()
            effective = effective_day(executed_at, printed, reported)
            event = self._events[event_key] = Event(
                text=text,
                description=description,
                category=category,
                currency=currency,
                account=account,
                executed_at=executed_at if abs(effective - printed) < _NEAR else None,
                effective=effective,
                metadata=codes.metadata,
                is_cancel=codes.is_cancel,
            )
        event.legs.append(Leg(row.line, key, quantity, proceeds, value))
        self._closed_lots.order(row.line, quantity, closes=bool(quantity))
        return "row"

    def closed_lot(self, row: Row) -> None:
        """Compare it with the action above."""
        self._closed_lots.lot(row)

    def close(self) -> None:
        """Emit the actions read so far, in the order of their first rows, then what cancels what."""
        self._closed_lots.finish()
        for event_key, event in self._events.items():
            self._emit(event)
            if not event.is_cancel and len(self._done) < _HELD_AT_MOST:
                self._done[event_key] = event.legs[0].line
        for event_key, event in self._events.items():
            if not event.is_cancel:
                continue
            line = event.legs[0].line
            original = self._done.get((*event_key[:5], False))
            if original is None:
                self.context.warn(
                    line, "Code", "Ca", "cancels a corporate action that is not in this section"
                )
            else:
                self.context.out.append(Link(kind=LinkKind.CORRECTION, from_line=line, to_line=original))
        self._events.clear()

    def _emit(self, event: Event) -> None:
        source = self._source(event)
        currency = source.rpartition("|")[2]
        first = event.legs[0]
        meant = meaning(event, source)
        if reason := remark(meant, event):
            self.context.warn(first.line, "Description", event.description, reason)
        if any(leg.proceeds and leg.key.rpartition("|")[2] != currency for leg in event.legs):
            self.context.warn(first.line, "Proceeds", "", "cash in more than one currency was added up")
        is_cash_merger = meant.type is TransactionType.MERGER_CASH and meant.terms is not None
        self.context.out.append(
            Transaction(
                line=first.line,
                also_lines=tuple(leg.line for leg in event.legs[1:]),
                account=event.account,
                instrument=source,
                type=meant.type,
                fingerprint=event.text.head,
                executed_at=event.executed_at,
                trade_date=event.effective,
                quantity=meant.quantity,
                price=meant.terms.cash_per_share if is_cash_merger and meant.terms else None,
                gross_amount=event.proceeds,
                net_amount=event.proceeds,
                currency=currency,
                description=event.description,
                metadata=event.metadata,
                terms=meant.terms,
            )
        )

    def _named(self, line: int, category: str, security: Security, currency: str) -> str:
        """Key of what a text names: by its id, because a ticker may be handed on."""
        ids = identifier(security.id or "")
        named = ids | {"id": security.id} if security.id else {}
        key = self.context.instrument(line, category, security.symbol, currency, named)
        is_old = security.symbol.upper().endswith(OLD) and self.context.facts_of(key).contradicts(ids)
        self.context.identify(key, security.name, {} if is_old else ids)
        return key

    def _source(self, event: Event) -> str:
        """Key of the instrument to which the action happens: the head of the text names it.

        It may have no row of its own (the parent of a spin-off), and a split names the symbol of that time.
        """
        first = event.legs[0]
        named = event.text.source
        is_alone = all(leg.key == first.key for leg in event.legs)
        if named is None or (event.text.action is Action.SPLIT and is_alone):
            return first.key
        key = self._named(first.line, event.category, Security(named.symbol, None, named.id), event.currency)
        if event.text.action is not Action.SPINOFF and all(leg.key != key for leg in event.legs):
            return next((leg.key for leg in event.legs if leg.quantity < 0), key)
        return key


def effective_day(executed_at: datetime | None, printed: date, reported: date | None) -> date:
    """The first day on which the action counts: after the close, the next, which the report date names."""
    if executed_at is None or executed_at.astimezone(ZoneInfo(NEW_YORK)).time() < _CLOSE:
        return printed
    if reported is not None and reported >= printed:
        return reported
    following = printed + timedelta(days=1)
    while following.weekday() >= _SATURDAY:
        following += timedelta(days=1)
    return following
