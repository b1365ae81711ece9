"""What the broker itself states: positions, their lots, balances, and what it knows of instruments."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from quantmatrix.ingest.cells import EXACT
from quantmatrix.ingest.futures import priced
from quantmatrix.ingest.ibkr_flex.element import Element
from quantmatrix.ingest.ibkr_flex.instruments import FlexContext, identifiers_of, name_of
from quantmatrix.ingest.ibkr_flex.levels import level_of
from quantmatrix.ingest.ibkr_flex.survey import Survey, is_unvested, position_key
from quantmatrix.ingest.model import (
    CashEvidence,
    InstrumentType,
    LotEvidence,
    PositionEvidence,
    Statement,
)

_FUTURE = f"{InstrumentType.FUTURE.value}|"
BASE_SUMMARY = "BASE_SUMMARY"
"""What stands for the currency of a sum over all currencies."""


def open_position(
    element: Element, account: str | None, until: date | None, context: FlexContext, facts: Survey
) -> None:
    """A position or one of its lots, at the end of its day, but for what has not vested.

    Raises ``RowError``.
    """
    if is_unvested(element.attributes):
        return
    as_of = element.day("reportDate") or until
    if as_of is None:
        reason = "the statement names no period; not compared with the books"
        context.warn_once("period", element.number, "reportDate", element.name, reason)
        return
    currency = element.currency()
    quantity = element.amount("position", "quantity")
    key = context.key_of(element, currency)
    cost = element.number_of("costBasisMoney")
    if cost is None and (price := element.number_of("costBasisPrice")) is not None:
        multiplier = element.number_of("multiplier") or Decimal(1)
        cost = EXACT.multiply(EXACT.multiply(quantity, price), multiplier)
    if level_of(element.attributes) == "LOT":
        opened = element.moment("openDateTime")
        context.out.append(
            LotEvidence(
                line=element.number,
                account=account,
                instrument=key,
                as_of=as_of,
                acquired_on=opened[1] if opened else None,
                acquired_at=opened[0] if opened else None,
                quantity=quantity,
                cost_basis=cost,
                currency=currency,
            )
        )
        return
    if promised := facts.unvested.get(position_key(element.attributes)):
        quantity = EXACT.subtract(quantity, promised[0])
        cost = None if cost is None else EXACT.subtract(cost, promised[1])
    context.out.append(
        PositionEvidence(
            line=element.number,
            account=account,
            instrument=key,
            as_of=as_of,
            quantity=quantity,
            cost_basis=cost,
            currency=currency,
        )
    )
    price = element.number_of("markPrice")
    if key.startswith(_FUTURE) and price is not None and price >= 0:
        context.out.append(priced(element.number, account, key, as_of, price, currency))


def balances(
    element: Element, account: str | None, period: tuple[date | None, date | None], context: FlexContext
) -> None:
    """Starting and ending cash of one currency; the summary in the base currency adds up others."""
    level = level_of(element.attributes)
    if element.text("currency") in (BASE_SUMMARY, "") or level in (BASE_SUMMARY, "BASECURRENCY"):
        return
    currency = element.currency()
    days = element.day("fromDate") or period[0], element.day("toDate") or period[1]
    for name, as_of, is_start in (("startingCash", days[0], True), ("endingCash", days[1], False)):
        amount = element.number_of(name)
        if amount is not None and as_of is not None:
            context.out.append(
                CashEvidence(
                    line=element.number,
                    account=account,
                    currency=currency,
                    as_of=as_of,
                    moment="start" if is_start else "end",
                    amount=amount,
                )
            )


def security(element: Element, context: FlexContext) -> None:
    """A row of the list of instruments: names and ids for those that the file uses."""
    conid = element.text("conid")
    if conid and (key := context.known_as(f"conid:{conid}")):
        context.identify(key, name_of(element), identifiers_of(element))


def account_facts(element: Element, account: str | None) -> Statement | None:
    """What the file says of the account; names and addresses are left where they are."""
    currency = element.text("currency").upper()
    words = f"{element.text('accountType')} {element.text('customerType')}".upper()
    is_ira = "IRA" in words.replace("-", " ").split()
    kind = ("roth_ira" if "ROTH" in words else "ira") if is_ira else None
    base = currency if len(currency) == 3 and currency.isalpha() else None
    if kind is None and base is None:
        return None
    return Statement(account=account, account_type=kind, base_currency=base)
