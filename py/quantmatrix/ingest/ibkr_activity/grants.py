"""Shares that the broker gives away: the customer's on the day they vest, at what they are worth then."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from quantmatrix.ingest.cells import EXACT, RowError, transaction
from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.row import Row
from quantmatrix.ingest.ibkr_activity.section import Section, Verdict
from quantmatrix.ingest.model import Terms, TransactionType

TAX_CURRENCY = "USD"
"""The currency of tax figures, as far as a parser can know."""

_OWN_SHARES = "IBKR"
_REMEMBERED_AT_MOST = 10_000


@dataclass(slots=True)
class Grant:
    """One row. ``known_as``: what a grant, its vesting and its return have in common."""

    line: int
    account: str | None
    key: str
    text: str
    reported: date | None
    awarded: date
    vests: date
    quantity: Decimal
    price: Decimal | None
    value: Decimal | None
    currency: str
    external_id: str | None = None
    fx_rate: Decimal | None = None

    @property
    def known_as(self) -> tuple[str | None, str, date, date]:
        """Account, instrument, day of the award and of the vesting."""
        return self.account, self.key, self.awarded, self.vests


@dataclass(slots=True)
class _Promise:
    line: int
    quantity: Decimal
    has_vested: bool = False


@dataclass(slots=True)
class Grants:
    """Follows grants until the file ends.

    The row of the grant promises, the row of the vesting brings: a split between them changes the units, so
    only the latter says how many. A return takes back what has not vested, which was nobody's yet.
    """

    context: Context
    _promises: dict[tuple[str | None, str, date, date], _Promise] = field(default_factory=dict)

    def take(self, grant: Grant) -> Verdict:
        """Read one row. Raises ``RowError``."""
        words = grant.text.lower()
        if "vest" in words and grant.quantity > 0:
            if promise := self._promises.get(grant.known_as):
                promise.has_vested = True
            else:
                self._promise(grant, has_vested=True)
            self._emit(grant, TransactionType.PROMOTION)
            return "row"
        if grant.quantity < 0 and not self._is_unvested(grant, words):
            self._emit(grant, TransactionType.TRANSFER_OUT)
            return "row"
        promise = self._promises.get(grant.known_as)
        if promise is None:
            self._promise(grant, has_vested=False)
        else:
            promise.quantity += grant.quantity
        return "evidence"

    def finish(self) -> None:
        """Name what was promised and has no row of its vesting in this file."""
        for (_, key, _, vests), promise in self._promises.items():
            if promise.has_vested or not promise.quantity:
                continue
            units = f"{promise.quantity:f} {key.split('|')[1]}"
            reason = (
                f"{units} granted, to vest on {vests}: no row of this file brings them, they do not count yet"
            )
            if promise.quantity < 0:
                reason = f"{units} returned before they vested on {vests}: they never counted"
            self.context.warn(promise.line, "Vesting Date", vests.isoformat(), reason)
        self._promises.clear()

    def _promise(self, grant: Grant, *, has_vested: bool) -> None:
        if len(self._promises) < _REMEMBERED_AT_MOST:
            self._promises[grant.known_as] = _Promise(grant.line, grant.quantity, has_vested)

    @staticmethod
    def _is_unvested(grant: Grant, words: str) -> bool:
        return "return" in words and (grant.reported is None or grant.reported < grant.vests)

    def _emit(self, grant: Grant, kind: TransactionType) -> None:
        is_coming = kind is TransactionType.PROMOTION
        basis = _basis(grant) if is_coming else None
        if is_coming and basis is None:
            reason = "what the shares were worth is not printed: their basis is unknown until it is supplied"
            self.context.warn(grant.line, "Value", "", reason)
        self.context.out.append(
            transaction(
                {
                    "line": grant.line,
                    "account": grant.account,
                    "instrument": grant.key,
                    "type": kind,
                    "external_id": grant.external_id,
                    "fingerprint": f"grant of {grant.awarded.isoformat()}",
                    "trade_date": grant.vests if is_coming else grant.reported or grant.vests,
                    "quantity": grant.quantity,
                    "currency": grant.currency,
                    "description": grant.text or None,
                    "terms": Terms(supplied_basis=basis) if basis is not None else None,
                }
            )
        )


def _basis(grant: Grant) -> Decimal | None:
    """The value at vesting, which is income and so the basis, where it is known in the tax currency."""
    value = grant.value
    if value is None and grant.price is not None:
        value = EXACT.multiply(grant.price, grant.quantity)
    if value is None or value <= 0 or (grant.currency != TAX_CURRENCY and grant.fx_rate is None):
        return None
    return value if grant.fx_rate is None else EXACT.multiply(value, grant.fx_rate)


class GrantActivity(Section):
    """The section Grant Activity."""

    columns = frozenset(
        {
            "Account", "Currency", "Symbol", "Report Date", "Description", "Award Date", "Vesting Date",
            "Quantity", "Price", "Value",
        }
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._grants = Grants(context)

    def data(self, row: Row) -> Verdict:
        """A grant, its vesting, or its return."""
        context = self.context
        printed = row.required("Symbol")
        vests = row.day("Vesting Date")
        quantity = row.amount("Quantity")
        if not quantity:
            raise RowError(
                "zero_quantity", "a grant of nothing", column="Quantity", text=row.text("Quantity")
            )
        fallback = context.base_currency or context.options.currency
        if printed == _OWN_SHARES:
            fallback = TAX_CURRENCY  # the broker's own shares trade in dollars, whatever the account's base
        kind, symbol, currency = context.listed(printed, {}, row.text("Currency") or fallback)
        return self._grants.take(
            Grant(
                line=row.line,
                account=context.account_of(row),
                key=context.named(kind, symbol, currency),
                text=" ".join(row.text("Description").split()),
                reported=row.day("Report Date") if row.text("Report Date") else None,
                awarded=row.day("Award Date") if row.text("Award Date") else vests,
                vests=vests,
                quantity=quantity,
                price=row.number("Price"),
                value=row.number("Value"),
                currency=currency,
            )
        )

    def finish(self) -> None:
        """The file ended."""
        self._grants.finish()
