"""What the broker itself says it holds: positions and lots, cash balances, the list of instruments.

Never used to compute.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.dates import day
from quantmatrix.ingest.futures import priced
from quantmatrix.ingest.ibkr_activity.codes import read_codes
from quantmatrix.ingest.ibkr_activity.context import SEVERAL, Context
from quantmatrix.ingest.ibkr_activity.identifiers import identifier
from quantmatrix.ingest.ibkr_activity.row import Header, Row
from quantmatrix.ingest.ibkr_activity.section import Section, Verdict
from quantmatrix.ingest.model import CashEvidence, InstrumentType, LotEvidence, PositionEvidence

_ISO_DAY = ("%Y-%m-%d",)
_BASE_SUMMARY = "base currency summary"
_FUTURE = f"{InstrumentType.FUTURE.value}|"
_BALANCES = ("starting cash", "ending cash")


class _Evidence(Section):
    check_only = True

    def attributable(self, row: Row) -> bool:
        """Whether one account holds what the row says; a consolidated statement adds up accounts here."""
        if row.text("Account") or not self.context.is_consolidated:
            return True
        self.context.warn_once("consolidated", row.line, None, row.section, SEVERAL)
        return False


class OpenPositions(_Evidence):
    """Positions at the end of the period, with their lots where the statement has details.

    A position is emitted after its lots, because shares that have not vested are printed as lots but are not
    the customer's yet.
    """

    def __init__(self, context: Context, *, short: bool = False) -> None:
        super().__init__(context)
        self._is_short = short
        self._summary: PositionEvidence | None = None
        self._unvested = Decimal(0)
        self._unvested_cost = Decimal(0)

    def data(self, row: Row) -> Verdict:
        """A position or one of its lots."""
        if not self.attributable(row):
            return "evidence"
        context = self.context
        as_of = context.period_end
        if as_of is None:
            context.warn_once(
                "period",
                row.line,
                None,
                row.section,
                "the statement names no period; not compared with the books",
            )
            return "evidence"
        level = row.text("DataDiscriminator") if row.has("DataDiscriminator") else "Summary"
        category = row.required("Asset Category")
        currency = row.currency()
        account = context.account_of(row)
        quantity = row.amount("Quantity")
        cost = row.number("Cost Basis")
        multiplier = row.number("Mult")
        if self._is_short and quantity > 0:
            quantity = quantity.copy_negate()
            cost = None if cost is None else cost.copy_abs().copy_negate()
        if level == "Summary":
            self.close()
            key = context.instrument(row.line, category, row.required("Symbol"), currency)
            if multiplier is not None:
                context.state_multiplier(key, multiplier)
            self._summary = PositionEvidence(
                line=row.line,
                account=account,
                instrument=key,
                as_of=as_of,
                quantity=quantity,
                cost_basis=cost,
                currency=currency,
            )
            price = row.number("Close Price")
            if key.startswith(_FUTURE) and price is not None and price >= 0:
                context.out.append(priced(row.line, account, key, as_of, price, currency))
                return "row"
            return "evidence"
        if level != "Lot":
            context.warn_once(
                "level", row.line, "DataDiscriminator", level, "a kind of position row that nobody knows"
            )
            return "unknown"
        if row.text("Symbol"):
            key = context.instrument(row.line, category, row.text("Symbol"), currency)
        elif self._summary is not None:
            key = self._summary.instrument
        else:
            row.required("Symbol")
        if read_codes(row.text("Code")).is_unvested:
            self._unvested += quantity
            self._unvested_cost += cost or Decimal(0)
            return "evidence"
        acquired_at, acquired_on = _opened(row)
        context.state(
            LotEvidence(
                line=row.line,
                account=account,
                instrument=key,
                as_of=as_of,
                acquired_on=acquired_on,
                acquired_at=acquired_at,
                quantity=quantity,
                cost_basis=cost,
                currency=currency,
            )
        )
        return "evidence"

    def header(self, line: int, section: str, header: Header) -> None:
        """Another table begins."""
        super().header(line, section, header)
        self.close()

    def close(self) -> None:
        """Emit the last position, without what has not vested."""
        summary, self._summary = self._summary, None
        if summary is None:
            return
        if self._unvested:
            cost = None if summary.cost_basis is None else summary.cost_basis - self._unvested_cost
            summary = summary.model_copy(
                update={"quantity": summary.quantity - self._unvested, "cost_basis": cost}
            )
            self._unvested = self._unvested_cost = Decimal(0)
        self.context.state(summary)


def _opened(row: Row) -> tuple[datetime | None, date | None]:
    text = row.text("Open").partition("(")[0].strip()
    if text in ("", "-", "--"):
        return None, None
    if len(text) <= len("2025-01-01"):
        try:
            return None, day(text, _ISO_DAY)
        except ValueError as error:
            raise RowError("bad_date", f"{error} (YYYY-MM-DD)", column="Open", text=text) from None
    return row.moment("Open")


class CashReport(_Evidence):
    """Starting and ending cash of each currency; the lines between them sum what other sections list."""

    reads_totals = True

    def data(self, row: Row) -> Verdict:
        """A balance."""
        context = self.context
        label = row.text("Currency Summary").casefold()
        is_start = label == _BALANCES[0]
        if label not in _BALANCES or row.text("Currency").casefold() == _BASE_SUMMARY:
            return "skipped"
        if not self.attributable(row):
            return "evidence"
        as_of = context.period_start if is_start else context.period_end
        if as_of is None:
            context.warn_once(
                "period",
                row.line,
                None,
                row.section,
                "the statement names no period; not compared with the books",
            )
            return "evidence"
        context.state(
            CashEvidence(
                line=row.line,
                account=context.account_of(row),
                currency=row.currency(),
                as_of=as_of,
                moment="start" if is_start else "end",
                amount=row.amount("Total"),
            )
        )
        return "evidence"


class InstrumentList(_Evidence):
    """Ids, multipliers and names. A renamed stock is listed under both symbols, with a comma."""

    columns = frozenset(
        {
            "Asset Category",
            "Symbol",
            "Description",
            "Conid",
            "Security ID",
            "Security ID Type",
            "CUSIP",
            "ISIN",
            "FIGI",
            "Underlying",
            "Listing Exch",
            "Multiplier",
            "Expiry",
            "Delivery Month",
            "Maturity",
            "Issue Date",
            "Issuer",
            "Type",
            "Strike",
            "Code",
        }
    )

    def data(self, row: Row) -> Verdict:
        """An instrument."""
        category = row.required("Asset Category")
        identifiers = identifier(row.text("Security ID"))
        if conid := row.text("Conid"):
            identifiers["conid"] = conid
        for column, name in (("ISIN", "isin"), ("CUSIP", "cusip"), ("FIGI", "figi")):
            if value := row.text(column):
                identifiers[name] = value
        multiplier = row.number("Multiplier")
        description = row.text("Description") or None
        for symbol in row.required("Symbol").split(","):
            if symbol.strip():
                self.context.describe(
                    row.line,
                    category,
                    symbol.strip(),
                    name=description,
                    exchange=row.text("Listing Exch") or None,
                    underlying=row.text("Underlying") or None,
                    multiplier=multiplier,
                    identifiers=identifiers,
                )
        return "evidence"
