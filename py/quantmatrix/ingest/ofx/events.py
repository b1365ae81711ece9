"""What one record of the list of transactions is."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from quantmatrix.ingest.action_text import Action, read_action
from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.exercise import leaving
from quantmatrix.ingest.model import Instrument, InstrumentType, PositionEffect, Terms
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.numbers import parse_decimal
from quantmatrix.ingest.ofx.securities import day
from quantmatrix.ingest.ofx.tree import Record

Values = dict[str, Any]

_ZERO = Decimal(0)
_AUTO, _OPEN, _CLOSE = PositionEffect.AUTO, PositionEffect.OPEN, PositionEffect.CLOSE
_EFFECTS = {
    "BUYTOCOVER": _CLOSE,
    "SELLSHORT": _OPEN,
    "BUYTOOPEN": _OPEN,
    "BUYTOCLOSE": _CLOSE,
    "SELLTOOPEN": _OPEN,
    "SELLTOCLOSE": _CLOSE,
}
_COSTS = ("FEES", "TAXES", "LOAD", "PENALTY", "STATEWITHHOLDING")
_INCOME = {
    "DIV": T.DIVIDEND,
    "INTEREST": T.INTEREST,
    "CGLONG": T.CAPITAL_GAIN_DISTRIBUTION,
    "CGSHORT": T.CAPITAL_GAIN_DISTRIBUTION,
    "MISC": T.OTHER,
}
_CLOSURES = {"EXERCISE": T.OPTION_EXERCISE, "ASSIGN": T.OPTION_ASSIGNMENT, "EXPIRE": T.OPTION_EXPIRATION}
_MEMOS = (
    (re.compile(r"\bEXPIRED?\b|\bEXPIRATION\b|\bEXPIRY\b"), T.OPTION_EXPIRATION),
    (re.compile(r"\bASSIGN(?:ED|MENT)\b"), T.OPTION_ASSIGNMENT),
    (re.compile(r"\bEXERCISED?\b"), T.OPTION_EXERCISE),
)
_BANK_TYPES = {"INT": T.INTEREST, "DIV": T.DIVIDEND, "FEE": T.FEE, "SRVCHG": T.FEE}
_BANK_WORDS = (
    (re.compile(r"\bTAX(?:ES)? (?:WITHHELD|PAID)\b|\bWITHHOLDING\b|\bFOREIGN TAX\b"), T.TAX_WITHHELD),
    (re.compile(r"\bINTEREST\b"), T.INTEREST),
    (re.compile(r"\bFEES?\b|\bSERVICE CHARGE\b"), T.FEE),
    (re.compile(r"\bDIVIDEND\b"), T.DIVIDEND),
)


def amount(record: Record, tag: str) -> Decimal | None:
    """The number in a leaf. Raises ``RowError``."""
    text = record.leaves.get(tag)
    if not text:
        return None
    if "," in text and "." not in text and len(text.rpartition(",")[2]) != 3:
        text = text.replace(",", ".")
    try:
        return parse_decimal(text)
    except ValueError as error:
        raise RowError("bad_number", str(error), column=tag, text=text) from None


def needed(record: Record, tag: str) -> Decimal:
    """The number that a leaf must hold."""
    value = amount(record, tag)
    if value is None:
        raise RowError("missing_value", f"{record.kind} has no {tag}", column=tag)
    return value


def common(record: Record, instrument: Instrument | None, currency: str) -> Values:
    """Identity, days and text."""
    traded = "DTTRADE"
    if not record.text(traded):
        traded = next((tag for tag in ("DTPOSTED", "DTUSER", "DTSETTLE") if record.text(tag)), traded)
    trade_date = day(record.text(traded), traded)
    values: Values = {
        "line": 0,
        "instrument": instrument.key if instrument else None,
        "external_id": record.text("FITID")[:150] or None,
        "trade_date": trade_date,
        "currency": currency,
        "description": (record.text("MEMO") or record.text("NAME") or None),
        "metadata": {"aggregate": record.kind},
    }
    values["fingerprint"] = None if values["external_id"] else values["description"]
    if settled := record.text("DTSETTLE"):
        settlement = day(settled, "DTSETTLE")
        if abs((settlement - trade_date).days) <= 366:
            values["settlement_date"] = settlement
    return values


def trade(record: Record, instrument: Instrument, values: Values) -> Values:
    """A purchase or sale; units are signed by the tag whatever is printed."""
    sign = 1 if record.kind.startswith("BUY") else -1
    units = needed(record, "UNITS")
    price = amount(record, "UNITPRICE")
    if not units:
        moved = amount(record, "TOTAL") or _ZERO
        return values | {"type": T.OTHER, "gross_amount": moved, "net_amount": moved}
    if not price and not amount(record, "TOTAL") and instrument.type is InstrumentType.OPTION:
        kind = _option_event(record)
        if kind is not None:
            return closure(instrument, kind, abs(units) * sign, values)
    commission = _cost(record, ("COMMISSION",))
    fees = _cost(record, (*_COSTS, "WITHHOLDING"))
    total = amount(record, "TOTAL")
    if total is None:
        if price is None:
            raise RowError("missing_value", "neither a total nor a price", column="TOTAL")
        size = instrument.multiplier or (
            Decimal("0.01") if instrument.type is InstrumentType.BOND else Decimal(1)
        )
        gross = EXACT.multiply(EXACT.multiply(abs(units), price), size) * -sign
        total = EXACT.add(EXACT.add(gross, commission), fees)
    elif total and (total > 0) == (sign > 0) and abs(total) > -EXACT.add(commission, fees):
        total = total.copy_negate()
    word = record.text("OPTBUYTYPE") or record.text("OPTSELLTYPE") or record.text("BUYTYPE")
    word = (word or record.text("SELLTYPE")).upper()
    return values | {
        "type": T.BUY if sign > 0 else T.SELL,
        "position_effect": _EFFECTS.get(word, _AUTO),
        "quantity": abs(units) * sign,
        "price": price if price is None or price >= 0 else None,
        "gross_amount": EXACT.subtract(EXACT.subtract(total, commission), fees),
        "commission": commission,
        "fees": fees,
        "net_amount": total,
    }


def income_type(record: Record) -> T | None:
    """What kind of income; None where nobody knows it."""
    return _INCOME.get(record.text("INCOMETYPE").upper())


def reinvested(record: Record, values: Values) -> tuple[Values, Values]:
    """One record for both sides: the income, and the purchase that it pays for."""
    total = abs(needed(record, "TOTAL"))
    units = abs(needed(record, "UNITS"))
    identity = values["external_id"]
    gain = values | {
        "type": income_type(record) or T.DIVIDEND,
        "external_id": f"{identity}/income" if identity else None,
        "gross_amount": total,
        "net_amount": total,
    }
    cost = EXACT.add(_cost(record, ("COMMISSION",)), _cost(record, _COSTS))
    bought = values | {
        "type": T.REINVEST,
        "part": 1,
        "position_effect": _OPEN,
        "quantity": units,
        "price": amount(record, "UNITPRICE"),
        "gross_amount": EXACT.subtract(total.copy_negate(), cost),
        "commission": cost,
        "net_amount": total.copy_negate() if total else total,
    }
    return gain, bought


def split(record: Record, values: Values) -> Values:
    """A split with its ratio, and cash for a fraction."""
    old, new = amount(record, "OLDUNITS"), amount(record, "NEWUNITS")
    numerator, denominator = amount(record, "NUMERATOR"), amount(record, "DENOMINATOR")
    terms: dict[str, Any] = {}
    if numerator and denominator and numerator > 0 and denominator > 0:
        terms |= {"ratio_numerator": numerator, "ratio_denominator": denominator}
    if old is not None and new is not None:
        terms["stated_quantity"] = EXACT.subtract(new, old)
    cash = amount(record, "FRACCASH") or _ZERO
    if cash:
        terms |= {"fraction_handling": "cash", "cash_in_lieu": cash}
    if not terms:
        raise RowError("missing_value", "a split without its ratio", column="NUMERATOR")
    return values | {"type": T.SPLIT, "terms": Terms(**terms), "gross_amount": cash, "net_amount": cash}


def transfer(record: Record, instrument: Instrument, values: Values) -> Values:
    """Shares in or out, or what a broker abuses it for: options that expire, are assigned or exercised."""
    units = needed(record, "UNITS")
    if units > 0 and record.text("TFERACTION").upper() == "OUT":
        units = units.copy_negate()
    if not units:
        return values | {"type": T.OTHER}
    memo = record.text("MEMO").upper()
    is_option = instrument.type is InstrumentType.OPTION or re.search(r"\b(?:PUT|CALL)\b", memo)
    kind = _option_event(record) if is_option else None
    if kind is not None:
        return closure(instrument, kind, units, values)
    action = read_action(memo)
    if action.action is Action.SPLIT and action.ratios:
        new, old = action.ratios[0]
        terms = Terms(ratio_numerator=new, ratio_denominator=old, stated_quantity=units)
        return values | {"type": T.SPLIT, "terms": terms}
    if acquired := record.text("DTPURCHASE"):
        values["terms"] = Terms(supplied_acquired_on=day(acquired, "DTPURCHASE"))
    for tag in ("AVGCOSTBASIS", "UNITPRICE"):
        if text := record.text(tag):
            values["metadata"] = {**values["metadata"], tag.lower(): text[:40]}
    return values | {"type": T.TRANSFER_IN if units > 0 else T.TRANSFER_OUT, "quantity": units}


def closed_option(record: Record, instrument: Instrument, values: Values) -> Values:
    """CLOSUREOPT: an option that leaves."""
    kind = _CLOSURES.get(record.text("OPTACTION").upper())
    if kind is None:
        reason = f"not one of {', '.join(_CLOSURES)}"
        raise RowError("unknown_value", reason, column="OPTACTION", text=record.text("OPTACTION"))
    return closure(instrument, kind, needed(record, "UNITS"), values)


def closure(instrument: Instrument, kind: T, units: Decimal, values: Values) -> Values:
    """An option event; of something that is no option only the units move."""
    if instrument.type is not InstrumentType.OPTION:
        return values | {"type": T.TRANSFER_IN if units > 0 else T.TRANSFER_OUT, "quantity": units}
    return values | leaving(kind, units, cash=_ZERO)


def bank(record: Record, values: Values) -> Values:
    """Money to or from the account: by its type, then by its words, then by its sign."""
    money = needed(record, "TRNAMT")
    words = f"{record.text('NAME')} {record.text('MEMO')}".upper()
    kind = _BANK_TYPES.get(record.text("TRNTYPE").upper())
    if kind is None:
        kind = next((found for pattern, found in _BANK_WORDS if pattern.search(words)), None)
    if kind is None:
        kind = T.DEPOSIT if money >= 0 else T.WITHDRAWAL
    return values | {"type": kind, "instrument": None, "gross_amount": money, "net_amount": money}


def money(record: Record, kind: T, values: Values) -> Values:
    """Income or cost: one amount."""
    total = needed(record, "TOTAL")
    return values | {"type": kind, "gross_amount": total, "net_amount": total}


def _option_event(record: Record) -> T | None:
    """What a memo says of an option that leaves."""
    memo = record.text("MEMO").upper()
    return next((kind for pattern, kind in _MEMOS if pattern.search(memo)), None)


def _cost(record: Record, tags: tuple[str, ...]) -> Decimal:
    total = _ZERO
    for tag in tags:
        if tag in record.leaves and (value := amount(record, tag)):
            total = EXACT.add(total, value)
    return total.copy_negate() if total else _ZERO
