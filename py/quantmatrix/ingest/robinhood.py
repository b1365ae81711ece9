"""Robinhood: account activity as CSV. Options are described in words, fees only show in the amount."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from quantmatrix.ingest.cells import EXACT, RowError, number
from quantmatrix.ingest.day_book import Piece
from quantmatrix.ingest.exercise import settlement
from quantmatrix.ingest.model import Instrument, InstrumentType, PositionEffect, Terms
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.numbers import parse_decimal
from quantmatrix.ingest.symbols import OptionTerms, ticker
from quantmatrix.ingest.table import Row, TableParser, TableReading, Verdict

_ZERO = Decimal(0)
_HALF_CENT = Decimal("0.005")
_CENT = Decimal("0.01")
_THOUSANDTH = Decimal("0.001")
_FEE_AT_MOST = Decimal("0.05")
_FORMATS = ("%m/%d/%Y", "%m/%d/%y")
_OPTION = re.compile(
    r"(?:option (?:expiration|assigned|exercised) for )?(?P<root>[A-Z0-9.]{1,7}) "
    r"(?P<date>[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{4}|[0-9]{2})) (?P<right>call|put) "
    r"\$(?P<strike>[0-9,]+(?:\.[0-9]+)?)",
    re.IGNORECASE,
)
_CUSIP = re.compile(r"CUSIP:\s*([A-Z0-9]{9})")
_OPEN, _CLOSE, _AUTO = PositionEffect.OPEN, PositionEffect.CLOSE, PositionEffect.AUTO

_TRADES: dict[str, tuple[T, int, PositionEffect]] = {
    "BUY": (T.BUY, 1, _AUTO),
    "SELL": (T.SELL, -1, _AUTO),
    "BTO": (T.BUY, 1, _OPEN),
    "STO": (T.SELL, -1, _OPEN),
    "BTC": (T.BUY, 1, _CLOSE),
    "STC": (T.SELL, -1, _CLOSE),
    "REINV": (T.REINVEST, 1, _OPEN),
}
_EVENTS = {"OEXP": T.OPTION_EXPIRATION, "OASGN": T.OPTION_ASSIGNMENT, "OEXCS": T.OPTION_EXERCISE}
_PAIRS = {
    "SPR": T.SPLIT,
    "MRGS": T.MERGER_STOCK,
    "SXCH": T.MERGER_STOCK,
    "LIQ": T.MERGER_STOCK,
    "SC": T.SYMBOL_CHANGE,
    "OCA": T.SYMBOL_CHANGE,
    "OCC": T.SYMBOL_CHANGE,
}
_CASH = {
    "CDIV": T.DIVIDEND,
    "MDIV": T.PAYMENT_IN_LIEU,
    "SCAP": T.CAPITAL_GAIN_DISTRIBUTION,
    "LCAP": T.CAPITAL_GAIN_DISTRIBUTION,
    "INT": T.INTEREST,
    "MINT": T.INTEREST,
    "SLIP": T.STOCK_LENDING_INCOME,
    "DTAX": T.TAX_WITHHELD,
    "NRAT": T.TAX_WITHHELD,
    "DIVNRA": T.TAX_WITHHELD,
    "DFEE": T.FEE,
    "AFEE": T.FEE,
    "GOLD": T.FEE,
    "ROC": T.RETURN_OF_CAPITAL,
    "CIL": T.CASH_IN_LIEU,
    "MISC": T.OTHER,
    "MTCH": T.OTHER,
    "GDBP": T.OTHER,
    "CRRD": T.OTHER,
}
_MOVES = frozenset(
    {
        "ACH",
        "RTP",
        "ITRF",
        "FUTSWP",
        "CFIR",
        "DRFRO",
        "WIRE",
        "DCF",
        "XENT",
        "XENT_CC",
        "ACATI",
        "ACATO",
        "EVNT",
    }
)


class _Reading(TableReading):
    needed = frozenset({"activity date", "trans code", "amount"})
    known = frozenset({"process date", "settle date", "instrument", "description", "quantity", "price"})
    what = "an account activity report of Robinhood"
    newest_first = True

    def is_row(self, fields: list[str], /) -> bool:
        """Rows begin with a date; below them stands a disclaimer."""
        return fields[0].strip()[:1].isdigit()

    def row(self, row: Row) -> Verdict:
        """One transaction, or a part of one."""
        day = row.day(row.text("activity date"), _FORMATS, "activity date")
        self.at(day)
        text = " ".join(row.text("description").split())
        printed = row.text("trans code")
        code = printed.upper()
        amount = row.number("amount") or _ZERO
        values: dict[str, Any] = {
            "line": row.line,
            "fingerprint": f"{code} {text}".strip(),
            "trade_date": day,
            "settlement_date": self._settled(row, day),
            "gross_amount": amount,
            "net_amount": amount,
            "currency": self.options.currency,
            "description": text or None,
            "metadata": {"code": printed},
        }
        quantity, is_marked = _quantity(row)
        thing = self._instrument(row, text, code)
        self._meaning(row, code, text, thing, quantity, is_marked, values)
        return "row"

    def _meaning(
        self,
        row: Row,
        code: str,
        text: str,
        thing: Instrument | None,
        quantity: Decimal | None,
        is_marked: bool,
        values: dict[str, Any],
    ) -> None:
        if code in _TRADES and thing is not None and quantity:
            self._trade(row, code, text, thing, quantity, values)
        elif code in _EVENTS and thing is not None and thing.type is InstrumentType.OPTION and quantity:
            kind = _EVENTS[code]
            settled = settlement(kind, values["net_amount"])
            terms = Terms(stated_quantity=quantity, exercise_settlement=settled)
            more = {"type": kind, "position_effect": _CLOSE, "instrument": thing.key, "terms": terms}
            self.day_book.removal(self.emit(values | more), thing, quantity)
        elif code in _PAIRS and thing is not None and (quantity or values["net_amount"]):
            signed = (quantity or _ZERO) * (-1 if is_marked else 1)
            if code in ("MRGS", "LIQ") and values["net_amount"] and signed > 0:
                signed = -signed
            kind = _PAIRS[code]
            piece = Piece(row.line, thing, signed, values["net_amount"], values | {"kind_of_exchange": kind})
            self.day_book.piece(f"{code} {thing.type is InstrumentType.OPTION}", piece)
            self._moved(values["trade_date"])
        elif code == "SPL" and thing is not None and quantity:
            terms = Terms(stated_quantity=quantity)
            self.emit(values | {"type": T.SPLIT, "instrument": thing.key, "terms": terms})
        elif code == "SOFF" and thing is not None and quantity:
            terms = Terms(new_instrument=thing.key, stated_new_quantity=quantity)
            self.emit(values | {"type": T.SPINOFF, "instrument": thing.key, "terms": terms})
            reason = "the row does not say of which shares; supply it with quantmatrix transactions correct"
            self.warn(row.line, row.printed("instrument"), row.text("instrument"), reason)
        elif code in ("ACATI", "ACATO") and thing is not None and quantity:
            kind, sign = (T.TRANSFER_IN, 1) if code == "ACATI" else (T.TRANSFER_OUT, -1)
            self.emit(values | {"type": kind, "instrument": thing.key, "quantity": quantity * sign})
        elif code == "REC" and thing is not None and quantity:
            self.emit(values | {"type": T.PROMOTION, "instrument": thing.key, "quantity": quantity})
        else:
            self._cash(row, code, thing, quantity, values)

    def _trade(
        self, row: Row, code: str, text: str, thing: Instrument, quantity: Decimal, values: dict[str, Any]
    ) -> None:
        kind, sign, effect = _TRADES[code]
        if code == "BUY" and "dividend reinvestment" in text.lower():
            kind, effect = T.REINVEST, _OPEN
        price = row.number("price")
        amount = values["net_amount"]
        reverts = text.upper().startswith(("REVERT", "CORRECTION"))
        if reverts and amount and (amount > 0) == (sign > 0):
            kind, sign, effect = (T.SELL if sign > 0 else T.BUY), -sign, _AUTO
        if price is not None and price >= 0:
            product = EXACT.multiply(quantity if sign < 0 else quantity.copy_negate(), price)
            if thing.multiplier is not None:
                product = EXACT.multiply(product, thing.multiplier)
            off = EXACT.subtract(amount, product)
            if off < -_HALF_CENT and abs(off) <= EXACT.multiply(abs(product), _FEE_AT_MOST):
                values |= {"gross_amount": product, "fees": off}
            elif abs(off) > _CENT and abs(off) > EXACT.add(EXACT.multiply(abs(product), _THOUSANDTH), _CENT):
                reason = f"the amount is not quantity times price (off by {off:f}); the amount counts"
                self.warn(row.line, row.printed("amount"), row.text("amount"), reason)
        made = self.emit(
            values
            | {
                "type": kind,
                "position_effect": effect,
                "instrument": thing.key,
                "quantity": quantity * sign,
                "price": price if price is None or price >= 0 else None,
            }
        )
        if thing.type is InstrumentType.STOCK:
            self.day_book.stock(made, thing)

    def _cash(
        self, row: Row, code: str, thing: Instrument | None, quantity: Decimal | None, values: dict[str, Any]
    ) -> None:
        kind = _CASH.get(code)
        if code in _MOVES:
            kind = T.DEPOSIT if values["net_amount"] >= 0 else T.WITHDRAWAL
        if kind in (T.RETURN_OF_CAPITAL, T.CASH_IN_LIEU) and thing is None:
            kind = None
        if kind is None:
            if quantity:
                values["metadata"]["stated_quantity"] = f"{quantity:f}"
            self.emit(values | {"type": T.OTHER, "instrument": thing.key if thing else None})
            self.warn_unknown(row, ("trans code",), values["net_amount"], quantity, thing)
            return
        key = thing.key if thing is not None and kind not in (T.DEPOSIT, T.WITHDRAWAL) else None
        self.emit(values | {"type": kind, "instrument": key})

    def _instrument(self, row: Row, text: str, code: str) -> Instrument | None:
        currency = self.options.currency
        found = _OPTION.search(text) if code in _EVENTS or code[:3] in _OPTION_CODES else None
        if found:
            strike = number(found["strike"], row.printed("description")) or _ZERO
            expiration = row.day(found["date"], _FORMATS, "description")
            root = found["root"].upper()
            return self.option(
                OptionTerms(
                    root=root.replace(".", ""),
                    underlying=ticker(root).rstrip("0123456789") or root,
                    expiration=expiration,
                    option_type="call" if found["right"].lower() == "call" else "put",
                    strike=strike,
                ),
                currency,
            )
        if code in _OPTION_TRADES:
            reason = "a trade in options whose description names no contract"
            raise RowError("bad_symbol", reason, column=row.printed("description"), text=text)
        symbol = row.text("instrument")
        if not symbol:
            return None
        more: dict[str, Any] = {}
        if cusip := _CUSIP.search(text):
            more["identifiers"] = {"cusip": cusip[1]}
        return self.security(InstrumentType.STOCK, symbol, currency, **more)

    def _settled(self, row: Row, day: date) -> date | None:
        text = row.text("settle date")
        if not text:
            return None
        settled = row.day(text, _FORMATS, "settle date")
        return settled if abs((settled - day).days) <= 366 else None


_OPTION_TRADES = frozenset({"BTO", "STO", "BTC", "STC"})
_OPTION_CODES = _OPTION_TRADES | {"OCA", "OCC"}


def _quantity(row: Row) -> tuple[Decimal | None, bool]:
    """The unsigned quantity, and whether it carries the S of shares that leave by a corporate action."""
    text = row.text("quantity")
    is_marked = text.upper().endswith("S")
    try:
        value = parse_decimal(text[:-1] if is_marked else text)
    except ValueError as error:
        raise RowError("bad_number", str(error), column=row.printed("quantity"), text=text) from None
    return (abs(value) if value is not None else None), is_marked or (value is not None and value < 0)


class RobinhoodParser(TableParser):
    """Reads ``robinhood_csv``."""

    source: ClassVar[str] = "robinhood_csv"
    broker: ClassVar[str] = "robinhood"
    title: ClassVar[str] = "account activity of Robinhood, as CSV"
    reading = _Reading
