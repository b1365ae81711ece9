"""Random histories of one future as a broker settles it: results at closings, each day's while it is held."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from quantmatrix.testing.histories import NEW_YORK, Draw, Row

SIZE = Decimal(50)
_TICK = Decimal("0.25")
_ZERO = Decimal(0)

ticks = st.integers(15_000, 15_200).map(lambda count: count * _TICK)
fees = st.sampled_from([_ZERO, Decimal("0.61"), Decimal("2.25")])


class _Contract:
    """The clearing house's side: open contracts, oldest first, each with its last price of settlement."""

    def __init__(self) -> None:
        self.open: list[tuple[Decimal, Decimal]] = []

    @property
    def held(self) -> Decimal:
        return sum((quantity for quantity, _ in self.open), _ZERO)

    def trade(self, quantity: Decimal, price: Decimal) -> Decimal:
        """The result of what a trade closes; what is left of it is open from its own price."""
        result = _ZERO
        while quantity and self.open and (self.open[0][0] > 0) != (quantity > 0):
            units, since = self.open.pop(0)
            closed = min(abs(units), abs(quantity)).copy_sign(units)
            result += (price - since) * closed * SIZE
            quantity += closed
            if units != closed:
                self.open.insert(0, (units - closed, since))
        if quantity:
            self.open.append((quantity, price))
        return result

    def settle(self, price: Decimal) -> Decimal:
        """The day's result of all that is open."""
        result = sum(((price - since) * quantity * SIZE for quantity, since in self.open), _ZERO)
        self.open = [(quantity, price) for quantity, _ in self.open]
        return result


@st.composite
def futures(draw: Draw, *, most_days: int = 8) -> list[Row]:
    """Rows of one contract over the end of a year, flat in the end; each with the cash that it moves."""
    rows: list[Row] = []
    contract = _Contract()
    day = date(2023, 12, 26)

    def add(kind: str, at: datetime, quantity: Decimal | None, price: Decimal, cash: Decimal) -> None:
        fee = draw(fees) if quantity else _ZERO
        rows.append(
            {
                "id": len(rows) + 1, "type": kind, "account": 1, "day": day, "at": at.isoformat(),
                "quantity": quantity, "price": price if quantity else None, "gross": cash,
                "commission": -fee, "net": cash - fee,
            }
        )  # fmt: skip

    def trade(at: datetime, quantity: Decimal) -> None:
        price = draw(ticks)
        add("buy" if quantity > 0 else "sell", at, quantity, price, contract.trade(quantity, price))

    for _ in range(draw(st.integers(1, most_days))):
        day += timedelta(days=draw(st.integers(1, 3)))
        opening = datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK)
        for minute in range(draw(st.integers(0, 4))):
            trade(opening + timedelta(minutes=minute), Decimal(draw(st.sampled_from([-3, -2, -1, 1, 2, 3]))))
        if contract.held:
            price = draw(ticks)
            add("other", opening.replace(hour=17), None, price, contract.settle(price))
    if contract.held:
        day += timedelta(days=1)
        trade(datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK), -contract.held)
    return rows
