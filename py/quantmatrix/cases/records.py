"""A case as records of an import: the same stream that a parser yields for a broker's file.

Every number of a case is a string; it becomes a ``Decimal`` as it stands. Ids of the case are the broker's
row ids, the place in the list is the sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from quantmatrix.cases.contracts import Contracts
from quantmatrix.cases.given import (
    INCOMING,
    OPTION_EVENTS,
    OUTGOING,
    Case,
    Row,
    accounts,
    day,
    may_short,
    moves_a_short,
    number,
)
from quantmatrix.cases.names import stored
from quantmatrix.ingest.model import (
    Instrument,
    InstrumentType,
    Line,
    Link,
    LinkKind,
    LotEvidence,
    Pick,
    PositionEffect,
    PositionEvidence,
    Record,
    Terms,
    Transaction,
    TransactionType,
)

TYPES = {
    "deliver": TransactionType.DELIVERY,
    "exercise": TransactionType.OPTION_EXERCISE,
    "assign": TransactionType.OPTION_ASSIGNMENT,
    "expire": TransactionType.OPTION_EXPIRATION,
    "mtm": TransactionType.MARK_TO_MARKET,
    "inherit": TransactionType.INHERITANCE,
    "transfer": TransactionType.TRANSFER_OUT,
}
USUAL_MULTIPLIERS = {"option": "100", "bond": "0.01"}
NEW_YORK = "America/New_York"
BASE_CURRENCY = "USD"
FOREIGN_CURRENCY = "EUR"


class CaseRecords:
    """The records of one case. Symbols are put into a namespace, so that no catalogue entry is met."""

    def __init__(self, case: Case, namespace: str) -> None:
        self._case = case
        self._namespace = namespace
        self._zone = ZoneInfo(case.get("config", {}).get("tz", NEW_YORK))
        self._accounts: list[str] = [account["id"] for account in accounts(case)]
        self._may_short = {a["id"]: may_short(a) for a in accounts(case)}
        self._described = {row["symbol"]: row for row in case.get("instruments", [])}
        self._rows: list[Row] = list(case.get("transactions", []))
        self._by_id = {row["id"]: row for row in self._rows}
        self._lines: dict[tuple[str, str | None], int] = {}
        self._written_open = self._options_written()

    def __iter__(self) -> Iterator[Record]:
        yield from self._instruments()
        transactions = list(self._transactions())
        for transaction, _ in transactions:
            yield Line(number=transaction.line, raw=str(transaction.external_id), verdict="row")
            yield transaction
        for transaction, row in transactions:
            yield from self._bonds(transaction, row)
        yield from self._evidence()

    # Instruments -----------------------------------------------------------------------------------

    def _symbols(self) -> list[str]:
        named = set(self._described)
        for row in self._rows:
            named |= {row[key] for key in ("symbol", "child", "new_symbol") if row.get(key)}
        named |= {row["underlying"] for row in self._described.values() if row.get("underlying")}
        named |= {row["symbol"] for row in self._case.get("reconcile", {}).get("positions", [])}
        return sorted(named)

    def _instruments(self) -> Iterator[Instrument]:
        for symbol in self._symbols():
            yield self._instrument(symbol)

    def _instrument(self, symbol: str) -> Instrument:
        described = self._described.get(symbol, {})
        kind = InstrumentType(described.get("kind", "stock"))
        underlying = described.get("underlying")
        return Instrument(
            type=kind,
            symbol=stored(self._namespace, symbol, described),
            currency=BASE_CURRENCY,
            underlying=self._namespace + underlying if underlying else None,
            option_type=described.get("right"),
            strike=number(described.get("strike")),
            expiration=day(described.get("expiry")),
            multiplier=number(described.get("multiplier")),
        )

    def _key(self, symbol: str | None) -> str | None:
        return self._instrument(symbol).key if symbol else None

    def _multiplier(self, symbol: str) -> Decimal:
        described = self._described.get(symbol, {})
        usual = USUAL_MULTIPLIERS.get(described.get("kind", "stock"), "1")
        return Decimal(described.get("multiplier", usual))

    # Transactions ----------------------------------------------------------------------------------

    def _transactions(self) -> Iterator[tuple[Transaction, Row]]:
        line = 0
        for place, row in enumerate(self._rows):
            if self._is_later(self._by_id[row["ref"]] if row["type"] == "set_basis" else row):
                continue
            for account in self._accounts_of(row):
                line += 1
                self._lines[row["id"], account] = line
                yield self._transaction(row, place, account, line), row
            if row["type"] == "transfer":
                line += 1
                self._lines[row["id"], None] = line
                yield self._arrival(row, place, line), row

    def has_later_rows(self, limit: date) -> bool:
        """Whether the case goes on after that day."""
        return any(self._trade_date(row) > limit for row in self._rows)

    def _is_later(self, row: Row) -> bool:
        limit = day(self._case.get("as_of"))
        return limit is not None and self._trade_date(row) > limit

    def _accounts_of(self, row: Row) -> list[str]:
        if row["type"] == "set_basis":
            return [self._by_id[row["ref"]]["account"]]
        if moves_a_short(row):
            # What is owed leaves where it is written up: by its sign a short goes the other way.
            return [row["to_account"]]
        if "account" in row:
            return [row["account"]]
        if "amounts" in row:
            return [account for account in self._accounts if account in row["amounts"]]
        return self._accounts

    def _trade_date(self, row: Row) -> date:
        if "date" in row:
            return date.fromisoformat(row["date"])
        if "ts" in row:
            return self._read_instant(row["ts"]).astimezone(self._zone).date()
        return self._trade_date(self._by_id[row["ref"]])

    def _transaction(self, row: Row, place: int, account: str, line: int) -> Transaction:
        kind = row["type"]
        symbol = row.get("symbol") or self._by_id.get(row.get("ref", ""), {}).get("symbol")
        quantity = self._quantity(row)
        gross = self._gross(row, account)
        fees = Decimal(row.get("fees", "0"))
        return Transaction(
            line=line,
            account=account,
            instrument=self._key(symbol),
            type=TYPES.get(kind) or TransactionType(kind),
            position_effect=self._effect(row),
            external_id=row["id"],
            order_id=row.get("order_id"),
            executed_at=self._executed_at(row),
            trade_date=self._trade_date(row),
            # What states no settlement settles at once: a market's usual cycle is no part of the format.
            settlement_date=day(row.get("settle_date")) or self._trade_date(row),
            quantity=quantity,
            price=number(row.get("price")),
            gross_amount=gross,
            commission=-fees,
            net_amount=(gross if gross is not None else self._cash(row, quantity)) - fees,
            currency=FOREIGN_CURRENCY if "fx" in row else BASE_CURRENCY,
            sequence=place,
            terms=self._terms(row, account),
        )

    def _arrival(self, row: Row, place: int, line: int) -> Transaction:
        return Transaction(
            line=line,
            account=row["account"] if moves_a_short(row) else row["to_account"],
            instrument=self._key(row["symbol"]),
            type=TransactionType.TRANSFER_IN,
            external_id=row["id"],
            executed_at=self._executed_at(row),
            trade_date=self._trade_date(row),
            quantity=Decimal(row["quantity"]),
            currency=BASE_CURRENCY,
            sequence=place,
        )

    def _quantity(self, row: Row) -> Decimal | None:
        kind, stated = row["type"], number(row.get("quantity"))
        if stated is None:
            return None
        if kind in OUTGOING:
            return -stated
        if kind in INCOMING:
            return stated
        if kind in OPTION_EVENTS and "side" in row:
            return -stated if row["side"] == "long" else stated
        return None

    def _gross(self, row: Row, account: str) -> Decimal | None:
        amount = number(row.get("amount") or row.get("amounts", {}).get(account))
        if amount is None:
            return None
        return -amount if row["type"] in {"buy", "reinvest", "fee"} else amount

    def _cash(self, row: Row, quantity: Decimal | None) -> Decimal:
        if row["type"] not in {"buy", "sell", "reinvest"} or quantity is None or "price" not in row:
            return Decimal(0)
        return -quantity * Decimal(row["price"]) * self._multiplier(row["symbol"])

    def _effect(self, row: Row) -> PositionEffect:
        if row["type"] == "transfer":
            return PositionEffect.OPEN if moves_a_short(row) else PositionEffect.CLOSE
        stated = PositionEffect(row.get("effect", "auto"))
        return PositionEffect.OPEN if row["id"] in self._written_open else stated

    def _options_written(self) -> set[str]:
        """Sales of options that open a position: allowed in every account of a case (A.13)."""
        held: dict[tuple[str, str], Contracts] = {}
        opening = set()
        ordered = sorted(
            (item for item in enumerate(self._rows) if item[1]["type"] != "set_basis"),
            key=lambda item: (
                self._trade_date(item[1]),
                item[1]["type"] in OPTION_EVENTS and "ts" not in item[1],
                self._instant(item[1]),
                item[0],
            ),
        )
        for _, row in ordered:
            symbol = row.get("symbol", "")
            if self._described.get(symbol, {}).get("kind") != "option":
                continue
            if row["type"] in {"split", "symbol_change"}:
                self._converted(held, row)
                continue
            if "account" not in row:
                continue
            pool = held.setdefault((row["account"], symbol), Contracts())
            if (
                row["type"] == "sell"
                and "effect" not in row
                and pool.bought == 0
                and not self._may_short[row["account"]]
            ):
                opening.add(row["id"])
            bought, written = pool.change(row)
            if row["type"] == "transfer":
                target = held.setdefault((row["to_account"], symbol), Contracts())
                target.bought -= bought
                target.written -= written
        return opening

    def _converted(self, held: dict[tuple[str, str], Contracts], row: Row) -> None:
        ratio = Decimal(row.get("num", "1")) / Decimal(row.get("den", "1"))
        old: str = row["symbol"]
        for account in self._accounts_of(row):
            gone = held.pop((account, old), Contracts())
            target = held.setdefault((account, row.get("new_symbol", old)), Contracts())
            target.bought += gone.bought * ratio
            target.written += gone.written * ratio

    def _instant(self, row: Row) -> datetime:
        """The time of a row; one without counts as the first moment of its day on the exchange (T.2)."""
        if "ts" in row:
            return self._read_instant(row["ts"])
        return datetime.combine(self._trade_date(row), time(), self._zone)

    def _executed_at(self, row: Row) -> datetime | None:
        """The time to import: none where none is stated, unless the exchange is elsewhere."""
        if "ts" in row or (self._zone.key != NEW_YORK and row["type"] not in OPTION_EVENTS):
            return self._instant(row)
        return None

    def _read_instant(self, text: str) -> datetime:
        """An instant of the case; one without a zone is meant in that of the exchange."""
        read = datetime.fromisoformat(text)
        return read if read.tzinfo else read.replace(tzinfo=self._zone)

    def _terms(self, row: Row, account: str) -> Terms | None:
        kind = row["type"]
        settlement: Literal["derived"] | None = "derived" if kind in {"exercise", "assign"} else None
        magnitude = None
        if "quantity" in row and self._quantity(row) is None:
            magnitude = number(row["quantity"])
        terms = Terms(
            fx_rate=number(row.get("fx")),
            ratio_numerator=number(row.get("num") or row.get("rate")),
            ratio_denominator=number(row.get("den")) if kind != "stock_dividend" else Decimal(1),
            fraction_handling=row.get("fraction"),
            cash_in_lieu=number(row.get("cash_in_lieu", {}).get(account)),
            new_instrument=self._key(row.get("new_symbol") or row.get("child")),
            basis_fraction=number(row.get("basis_fraction")),
            cash_per_share=number(row.get("cash_per_share")),
            value_per_new_share=number(row.get("fmv_per_new_share")),
            amount_per_share=number(row.get("per_share")),
            taxable=row.get("taxable"),
            supplied_basis=number(row.get("basis")),
            supplied_acquired_on=day(row.get("acquired")),
            donor_basis=number(row.get("donor_basis")),
            donor_acquired_on=day(row.get("donor_acquired")),
            market_value=number(row.get("fmv")),
            covered=row.get("covered"),
            accrued_interest=number(row.get("accrued_interest")),
            lot_method=row.get("method"),
            stated_quantity=magnitude,
            exercise_settlement=settlement,
        )
        return terms if terms.model_dump(exclude_none=True) else None

    # What belongs together, lots named, what the broker says -----------------------------------------

    def _bonds(self, transaction: Transaction, row: Row) -> Iterator[Record]:
        if transaction.type is TransactionType.TRANSFER_IN and row["type"] == "transfer":
            return
        if row["type"] == "transfer":
            arrival = self._lines[row["id"], None]
            yield Link(kind=LinkKind.TRANSFER, from_line=transaction.line, to_line=arrival)
        if row["type"] == "set_basis":
            named = self._lines[row["ref"], transaction.account]
            yield Link(kind=LinkKind.BASIS, from_line=transaction.line, to_line=named)
        for field, leg in (("lots", "transaction"), ("stock_lots", "stock")):
            for order, pick in enumerate(row.get(field, []), start=1):
                yield Pick(
                    line=transaction.line,
                    leg="stock" if leg == "stock" else "transaction",
                    order=order,
                    opening_line=self._opening_line(pick["txn"], transaction.account),
                    quantity=Decimal(pick["quantity"]),
                )

    def _opening_line(self, identifier: str, account: str | None) -> int:
        opener = self._by_id[identifier]
        return self._lines.get((identifier, account)) or self._lines[identifier, opener["account"]]

    def _evidence(self) -> Iterator[Record]:
        stated = self._case.get("reconcile")
        if stated is None:
            return
        as_of = date.fromisoformat(stated["as_of"])
        for place, row in enumerate(stated["positions"], start=1):
            line = 1_000_000 + place * 1000
            key = str(self._key(row["symbol"]))
            yield Line(number=line, raw=str(row), verdict="evidence")
            yield PositionEvidence(
                line=line,
                account=row["account"],
                instrument=key,
                as_of=as_of,
                quantity=Decimal(row["quantity"]),
                cost_basis=number(row.get("basis")),
                currency=BASE_CURRENCY,
            )
            for offset, lot in enumerate(row.get("lots", []), start=1):
                yield Line(number=line + offset, raw=str(lot), verdict="evidence")
                yield LotEvidence(
                    line=line + offset,
                    account=row["account"],
                    instrument=key,
                    as_of=as_of,
                    acquired_on=day(lot.get("acquired")),
                    quantity=Decimal(lot["quantity"]),
                    cost_basis=number(lot.get("basis")),
                    currency=BASE_CURRENCY,
                )
