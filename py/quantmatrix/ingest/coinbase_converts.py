"""Coinbase: coin against coin, which stands in one row with its notes, or in two rows without."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.crypto import FIAT, CryptoReading, Values
from quantmatrix.ingest.model import Options
from quantmatrix.ingest.numbers import parse_decimal
from quantmatrix.ingest.references import Side
from quantmatrix.ingest.table import Row, Verdict

CENT = Decimal("0.01")
_ZERO = Decimal(0)
CONVERTED = re.compile(
    r"Converted (?P<out>[0-9.,]+) (?P<from>[A-Z0-9]{1,12}) to (?P<into>[0-9.,]+) (?P<to>[A-Z0-9]{1,12})"
)
SPOT = ("price at transaction", "spot price at transaction")
SUBTOTAL = ("subtotal",)
TOTAL = (
    "total (inclusive of fees and/or spread)", "total (inclusive of fees)", "total",
    "amount transacted (inclusive of coinbase fees)", "amount transferred (inclusive of coinbase fees)",
)  # fmt: skip
FEES = ("fees and/or spread", "fees")
PREFIX = re.compile(r"(?P<code>[a-z]{3}) (?=(?:spot price|subtotal|total|amount|fees))")


@dataclass(slots=True)
class Half:
    """One of two rows of a conversion."""

    row: Row
    key: str
    code: str
    change: Decimal
    values: Values


class ConvertReading(CryptoReading):
    """What a history of Coinbase says of conversions."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.halves: dict[str, Half] = {}
        self.seen: set[int] = set()

    def meaning(self, row: Row, kind: str, code: str, quantity: Decimal, values: Values) -> Iterable[Values]:
        """What a row means by itself."""
        raise NotImplementedError

    def other(self, row: Row, code: str, quantity: Decimal, values: Values) -> Values:
        """A row that nobody understands."""
        raise NotImplementedError

    def finish(self) -> None:
        """Conversions whose other row is not in the file."""
        for half in self.halves.values():
            self._alone(half)

    def half(self, half: Half) -> Verdict:
        """One row of a conversion of which another of the same id, or of the same second, is the other."""
        digest = hash((half.key, *half.row.fields))
        if digest in self.seen:
            reason = "the same row as one before; counted once"
            self.warn_once("repeated", half.row.line, None, half.key, reason)
            return "skipped"
        self.seen.add(digest)
        other = self.halves.pop(half.key, None)
        if other is None or other.code == half.code or (other.change > 0) == (half.change > 0):
            if other is not None:
                self._alone(other)
            self.halves[half.key] = half
            return "row"
        out, into = (half, other) if half.change < 0 else (other, half)
        try:
            made = self._exchange(out, into)
            for values in made:
                self.emit(values)
        except RowError as error:
            self.out += [error.refusal(row.line) for row in sorted((out.row, into.row), key=lambda r: r.line)]
        return "row"

    def _exchange(self, out: Half, into: Half) -> list[Values]:
        """Both rows together: the cost is taken once, from what was given up."""
        fees = [self.amounts(half.row)[2] for half in (out, into)]
        received = next((value for half in (into, out) if (value := self._received(half.row))), None)
        first, second = sorted((out.row.line, into.row.line))
        values = out.values | {"line": first, "also_lines": (second,)}
        if values["external_id"] is not None:
            values["external_id"] = self.own_id(out.row, values["external_id"])
        given, got = (out.code, abs(out.change)), (into.code, into.change)
        return self.given_for(values, given, got, received, max(fees))

    def _alone(self, half: Half) -> None:
        """A conversion that has to be told by its own row."""
        if half.values["external_id"] is not None:
            half.values["external_id"] = self.own_id(half.row, half.values["external_id"])
        try:
            for values in self.meaning(half.row, "convert", half.code, half.change, half.values):
                self.emit(values)
        except RowError as error:
            self.out.append(error.refusal(half.row.line))

    def converted(
        self,
        row: Row,
        found: re.Match[str],
        fee: Decimal,
        values: Values,
    ) -> list[Values]:
        """The bought side stands only in the notes."""
        try:
            out, into = parse_decimal(found["out"].rstrip(".")), parse_decimal(found["into"].rstrip("."))
        except ValueError as error:
            text = row.text("notes")
            raise RowError("bad_number", str(error), column=row.printed("notes"), text=text) from None
        if not out or not into or (found["from"] in FIAT and found["to"] in FIAT):
            return [self.other(row, found["from"], (out or _ZERO).copy_negate(), values)]
        given, got = (found["from"], out), (found["to"], into)
        if money := next((code for code, _ in (given, got) if code in FIAT), None):
            fee = fee if money == values["currency"] else _ZERO
        return self.given_for(values, given, got, self._received(row), fee)

    def given_for(
        self,
        values: Values,
        given: tuple[str, Decimal],
        got: tuple[str, Decimal],
        received: Decimal | None,
        fee: Decimal,
    ) -> list[Values]:
        """``given`` left and ``got``, worth ``received``, came in all; ``fee`` is borne by what left."""
        out, into = Side(*given, is_given=True), Side(*got)
        if given[0] in FIAT and got[0] not in FIAT:
            out.units, out.fee = EXACT.subtract(given[1], fee), fee
        elif got[0] in FIAT and given[0] not in FIAT:
            into.units, into.fee = EXACT.add(got[1], fee), fee
        made = list(self.exchanged(values, out, into, received))
        if fee and received is not None and len(made) == 2:
            made[0] |= {"gross_amount": EXACT.add(received, fee), "commission": fee.copy_negate()}
        return made

    def _received(self, row: Row) -> Decimal | None:
        """What came in was worth: subtotal or total, whichever is less by the fee."""
        subtotal, total, fee = self.amounts(row)
        if subtotal is None or total is None:
            return subtotal if total is None else EXACT.subtract(total, fee)
        if abs(EXACT.subtract(abs(EXACT.subtract(total, subtotal)), fee)) > CENT:
            reason = "does not lead from the subtotal to the total; the subtotal counts"
            self.warn(row.line, row.printed(*FEES), row.text(*FEES), reason)
            return subtotal
        return min(subtotal, total)

    def amounts(self, row: Row) -> tuple[Decimal | None, Decimal | None, Decimal]:
        """Subtotal, total and fee, unsigned."""
        subtotal, total, fee = row.number(*SUBTOTAL), row.number(*TOTAL), row.number(*FEES)
        subtotal = abs(subtotal) if subtotal is not None else None
        total = abs(total) if total is not None else None
        return subtotal, total, abs(fee or _ZERO)
