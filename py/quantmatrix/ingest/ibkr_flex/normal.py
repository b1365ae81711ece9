"""Small repairs before a row is read: pence are pounds, and one id means one row."""

from __future__ import annotations

from decimal import Decimal

from quantmatrix.ingest.cells import EXACT
from quantmatrix.ingest.ibkr_flex.element import Element
from quantmatrix.ingest.ibkr_flex.instruments import FlexContext
from quantmatrix.ingest.model import Options
from quantmatrix.ingest.numbers import parse_decimal
from quantmatrix.ingest.repeats import Repeats

_PENCE = "GBX"
_IN_PENCE = (
    *("tradePrice", "tradeMoney", "proceeds", "amount", "value", "markPrice", "costBasisPrice"),
    *("costBasisMoney", "openPrice", "positionAmount", "cashTransfer", "netCash", "taxes", "closePrice"),
)
_HUNDRED = Decimal(100)


class Normalizer:
    """Remembers a number for each id that may come again, to tell a repeated row from two rows of one id."""

    def __init__(self, context: FlexContext, options: Options, ids: Repeats) -> None:
        self._ids = ids
        self._context = context
        self._currency = options.currency
        self._seen: dict[int, int] = {}

    def repair(self, element: Element) -> None:
        """Give the element a currency that is one; amounts in pence become pounds."""
        attributes = element.attributes
        currency = element.text("currency").upper()
        if not currency:
            attributes["currency"] = self._currency
            reason = f"the rows name no currency; {self._currency} is taken"
            self._context.warn_once("currency", element.number, "currency", "", reason)
        elif currency == _PENCE:
            self._pounds(attributes)
            reason = "amounts in pence are read as pounds"
            self._context.warn_once("pence", element.number, "currency", _PENCE, reason)

    def is_repeated(self, element: Element, account: str | None) -> bool:
        """Whether the very same row was read before; two different rows of one id get different ids."""
        identity = element.text("transactionID")
        if not identity or not self._ids.may_repeat(identity):
            return False
        digest = hash(frozenset(element.attributes.items()))
        number, known = 1, identity
        while (seen := self._seen.get(hash((account, known)))) is not None:
            if seen == digest:
                reason = "the same row as one before; counted once"
                self._context.warn_once("repeated", element.number, "transactionID", identity, reason)
                return True
            number += 1
            known = f"{identity}#{number}"
        self._seen[hash((account, known))] = digest
        if known != identity:
            element.attributes["transactionID"] = known
            reason = "another row has the same id; both are kept"
            self._context.warn(element.number, "transactionID", identity, reason)
        return False

    @staticmethod
    def _pounds(attributes: dict[str, str]) -> None:
        attributes["currency"] = "GBP"
        attributes.pop("fxRateToBase", None)  # of a penny or of a pound: the file does not say
        for name in _IN_PENCE:
            try:
                value = parse_decimal(attributes.get(name, ""))
            except ValueError:
                continue
            if value is not None:
                attributes[name] = f"{EXACT.divide(value, _HUNDRED):f}"
        if attributes.get("ibCommissionCurrency") == _PENCE:
            attributes["ibCommissionCurrency"] = "GBP"
            try:
                value = parse_decimal(attributes.get("ibCommission", ""))
            except ValueError:
                return
            if value is not None:
                attributes["ibCommission"] = f"{EXACT.divide(value, _HUNDRED):f}"
