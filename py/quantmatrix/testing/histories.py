"""Random histories: a fund, a second one and options on the first, in two accounts, and what befalls them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

Row = dict[str, Any]
Draw = Callable[[Any], Any]

STOCK, OTHER, CALL, PUT = 1, 2, 3, 4
NEW_YORK = ZoneInfo("America/New_York")

quantities = st.one_of(
    st.integers(1, 40).map(Decimal),
    st.decimals("0.0001", 30, places=4, allow_nan=False, allow_infinity=False),
)
prices = st.decimals("0.5", 60, places=3, allow_nan=False, allow_infinity=False)
fees = st.sampled_from([Decimal(0), Decimal("0.35"), Decimal("1.005"), Decimal("4.98")])
trades = st.sampled_from(["buy", "buy", "buy", "sell", "sell", "sell_short", "reinvest"])
events = st.sampled_from(
    [
        "split",
        "reverse_split",
        "stock_dividend",
        "spinoff",
        "symbol_change",
        "merger_stock",
        "merger_cash",
        "merger_mixed",
        "merger_taxable",
        "return_of_capital",
        "transfer",
        "transfer_in",
        "transfer_out",
        "gift_in",
        "gift_below_basis",
        "gift_out",
        "inheritance",
        "promotion",
        "set_basis",
        "fraction_in_cash",
        "expire",
        "exercise",
        "assign",
        "exercise_for_cash",
        "mark_to_market",
        "deliver",
    ]
)
methods = st.sampled_from([None, None, None, "lifo", "hifo", "lofo", "average", "mintax"])
options = st.sampled_from([CALL, CALL, PUT])
# Tax currency for one unit of the currency in which a trade is made.
rates = st.sampled_from([None, None, None, None, "1.0851", "0.9177"])


class _History:
    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.rows: list[Row] = []
        self.day = date(2023, 1, 3)

    def add(self, kind: str, account: int, instrument: int, **more: Any) -> Row:
        row = {
            "id": len(self.rows) + 1,
            "type": kind,
            "account": account,
            "instrument": instrument,
            "day": self.day,
        } | {name: value for name, value in more.items() if value is not None}
        self.rows.append(row)
        return row

    def trade(self, kind: str) -> None:
        instrument = self.draw(st.sampled_from([STOCK, STOCK, STOCK, STOCK, OTHER, CALL, PUT]))
        is_option = instrument in (CALL, PUT)
        quantity = self.draw(st.integers(1, 3).map(Decimal) if is_option else quantities)
        effect = "open" if kind == "sell_short" else None
        kind = "sell" if kind == "sell_short" else kind
        at = None
        if self.draw(st.booleans()):
            minute = self.draw(st.integers(0, 300))
            start = datetime(self.day.year, self.day.month, self.day.day, 9, 30, tzinfo=NEW_YORK)
            at = start + timedelta(minutes=minute)
        rate = self.draw(rates)
        method = self.draw(methods) if kind == "sell" else None
        if method == "average" and is_option:
            method = None
        self.add(
            kind,
            self.draw(st.integers(1, 2)),
            instrument,
            quantity=-quantity if kind == "sell" else quantity,
            price=self.draw(prices),
            commission=-self.draw(fees),
            effect=effect,
            order_id=self.draw(st.sampled_from([None, None, "o1", "o2"])),
            currency="EUR" if rate else None,
            terms=_given(lot_method=method, fx_rate=rate),
            at=at,
        )

    def happen(self, kind: str) -> None:
        account = self.draw(st.integers(1, 2))
        units = self.draw(quantities)
        if kind in {"split", "reverse_split", "stock_dividend"}:
            ratio = {"split": (3, 2), "reverse_split": (1, 7), "stock_dividend": ("0.05", 1)}[kind]
            fraction = self.draw(st.sampled_from([None, "cash", "round_up"]))
            for number in (1, 2):
                terms = _given(
                    ratio_numerator=ratio[0],
                    ratio_denominator=ratio[1],
                    fraction_handling=fraction,
                    cash_in_lieu="1.23" if fraction == "cash" else None,
                    stated_quantity=self.draw(st.sampled_from([None, None, None, "12"])),
                )
                self.add(
                    "stock_dividend" if kind == "stock_dividend" else "split", number, STOCK, terms=terms
                )
        elif kind in {"spinoff", "symbol_change", "merger_stock", "merger_mixed", "merger_taxable"}:
            terms = _given(
                new_instrument_id=OTHER,
                ratio_numerator=3,
                ratio_denominator=4,
                basis_fraction=self.draw(st.sampled_from(["0.215", None])) if kind == "spinoff" else None,
                stated_quantity=None
                if kind == "spinoff"
                else self.draw(st.sampled_from([None, None, "-40"])),
                stated_new_quantity=self.draw(st.sampled_from([None, None, "35"])),
                cash_per_share="2.335" if kind.startswith("merger_") and kind != "merger_stock" else None,
                value_per_new_share="21.005" if kind in {"merger_mixed", "merger_taxable"} else None,
                taxable=True if kind == "merger_taxable" else None,
            )
            self.add("merger_mixed" if kind == "merger_taxable" else kind, account, STOCK, terms=terms)
        elif kind == "merger_cash":
            self.add(kind, account, STOCK, price=self.draw(prices))
        elif kind == "return_of_capital":
            self.add(kind, account, STOCK, terms=_given(amount_per_share="3.3333"))
        elif kind == "transfer":
            out = self.add(
                "transfer_out", account, STOCK, quantity=-units, partner=len(self.rows) + 2, link="transfer"
            )
            self.add("transfer_in", 3 - account, STOCK, quantity=units, sequence=out["id"])
        elif kind == "transfer_in":
            known = self.draw(st.booleans())
            terms = _given(
                supplied_basis="123.45" if known else None,
                supplied_acquired_on=self.draw(st.sampled_from([None, "2021-05-05", "2022-12-30"])),
            )
            self.add(kind, account, STOCK, quantity=units, terms=terms)
        elif kind in {"transfer_out", "gift_out"}:
            self.add(kind, account, STOCK, quantity=-units)
        elif kind == "gift_below_basis":
            terms = _given(donor_basis="400.00", donor_acquired_on="2020-02-29", market_value="99.99")
            self.add("gift_in", account, STOCK, quantity=units, terms=terms)
        elif kind == "promotion":
            self.add(kind, account, STOCK, quantity=units)
        elif kind == "set_basis":
            self.supply_basis()
        elif kind == "fraction_in_cash":
            self.add("cash_in_lieu", account, STOCK, gross="1.77", net="1.77")
        elif kind == "mark_to_market":
            self.add(kind, account, self.draw(options), price=self.draw(prices))
        elif kind == "gift_in":
            terms = _given(donor_basis="200.00", donor_acquired_on="2020-02-29", market_value="250.00")
            self.add(kind, account, STOCK, quantity=units, terms=terms)
        elif kind == "inheritance":
            self.add(kind, account, STOCK, quantity=units, terms=_given(market_value="333.33"))
        elif kind == "expire":
            self.add("option_expiration", account, self.draw(options))
        elif kind in {"exercise", "assign", "exercise_for_cash"}:
            in_cash = kind == "exercise_for_cash"
            contracts = self.draw(st.sampled_from([None, None, 1]))
            fee = self.draw(fees)
            self.add(
                "option_assignment" if kind == "assign" else "option_exercise",
                account,
                self.draw(options),
                quantity=contracts if contracts is None or kind == "assign" else -contracts,
                commission=-fee,
                gross="12.34" if in_cash else None,
                net=Decimal("12.34") - fee if in_cash else None,
                terms=_given(exercise_settlement="cash" if in_cash else "derived"),
            )
        else:
            self.add("delivery", account, STOCK, terms=_given(stated_quantity=str(units)))

    def supply_basis(self) -> None:
        """A basis for something that arrived, as its owner states it later; nothing where nothing did."""
        arrived = [
            row
            for row in self.rows
            if row["type"] in {"transfer_in", "promotion"} and not self.is_own(row["id"])
        ]
        if arrived:
            of = self.draw(st.sampled_from(arrived))
            self.add(
                "set_basis",
                of["account"],
                of["instrument"],
                terms=_given(supplied_basis="222.22", supplied_acquired_on="2022-03-04"),
                partner=of["id"],
                link="basis",
            )

    def is_own(self, number: int) -> bool:
        """Whether this row is the arriving leg of an own transfer, which brings its basis along."""
        return any(row.get("partner") == number and row.get("link") == "transfer" for row in self.rows)


def _given(**terms: Any) -> Row | None:
    stated = {
        name: str(value) if not isinstance(value, bool) else value
        for name, value in terms.items()
        if value is not None
    }
    return stated or None


@st.composite
def histories(draw: Draw, *, only_trades: bool = False, departures: bool = True, most: int = 25) -> list[Row]:
    """Rows for ``Taxpayer.load``; instruments 1 to 4 are a fund, another, a call and a put on the first.

    Without ``departures`` nothing leaves the person's accounts in kind.
    """
    history = _History(draw)
    for _ in range(draw(st.integers(1, most))):
        history.day += timedelta(days=draw(st.integers(0, 25)))
        if only_trades or draw(st.integers(0, 3)):
            history.trade(draw(trades))
        else:
            kind = draw(events)
            if departures or kind not in {"transfer_out", "gift_out"}:
                history.happen(kind)
    return history.rows
