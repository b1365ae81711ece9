"""People who import, without a broker in between: made-up records straight into the load function."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from quantmatrix.door.login import PersonSession, person
from quantmatrix.ingest.model import (
    Instrument,
    InstrumentType,
    Line,
    Record,
    Statement,
    Transaction,
    TransactionType,
)
from quantmatrix.loading.load import File, load
from quantmatrix.testing.cluster import Database

STATE = """
    select
        a.account_number, i.symbol, t.transaction_type, t.source, t.external_id, t.dedupe_key, t.executed_at,
        t.trade_date, t.sequence, t.quantity, t.price, t.gross_amount, t.commission, t.fees, t.net_amount,
        t.currency, t.metadata
    from core.transactions t
    join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
    left join core.instruments i on i.id = t.instrument_id
    where t.user_id = %s
    order by a.account_number, t.source, t.dedupe_key
"""


class Importer:
    """A user of a database, and files made of records."""

    def __init__(self, database: Database, email: str = "someone@example.org") -> None:
        self.database = database
        with database.connect() as connection:
            row = connection.execute(
                "insert into core.users (email) values (%s) returning id", [email]
            ).fetchone()
        assert row is not None
        self.user_id: UUID = row[0]

    @contextmanager
    def session(self) -> Iterator[PersonSession]:
        """A session of this person."""
        with person(self.database.environment, self.user_id) as session:
            yield session

    def load(
        self,
        records: Sequence[Record],
        *,
        name: str = "file.csv",
        newest_first: bool = False,
        accept_refusals: bool = False,
        dry_run: bool = False,
        account: str | None = None,
        source: str = "made_up_csv",
        sha256: str | None = None,
    ) -> dict[str, Any]:
        """Import records as one file, whose digest is that of its records."""
        digest = sha256 or hashlib.sha256(repr(records).encode()).hexdigest()

        def describe() -> File:
            return File(
                name=name,
                size=len(records),
                sha256=digest,
                source=source,
                layout="test",
                newest_first=newest_first,
                broker="madeup",
                account=account,
                currency="USD",
                accept_refusals=accept_refusals,
            )

        with self.session() as session:
            return load(session, iter(records), describe, dry_run=dry_run)

    def undo(self, import_id: int) -> dict[str, Any]:
        """Undo an import."""
        with self.session() as session:
            undone: dict[str, Any] = session.call("import_undo", {"import_id": import_id})
        return undone

    def state(self) -> list[tuple[Any, ...]]:
        """All transactions of this person, without numbers that depend on when they came."""
        with self.database.connect() as connection:
            return connection.execute(STATE, [self.user_id]).fetchall()


STOCK = Instrument(type=InstrumentType.STOCK, symbol="ABC", currency="USD")


def statement(generated: int = 1, account: str = "A-1") -> Statement:
    """What a file says of itself; ``generated`` orders statements in time."""
    return Statement(
        account=account, base_currency="USD", generated_at=datetime(2025, 1, generated, tzinfo=UTC)
    )


def fill(line: int, day: int, minute: int, quantity: int, price: str = "10", **changed: Any) -> Transaction:
    """A fill of ``STOCK`` on a day of 2024."""
    when = datetime(2024, 3, day, 15, minute, tzinfo=UTC)
    gross = -Decimal(quantity) * Decimal(price)
    values: dict[str, Any] = {
        "line": line,
        "instrument": STOCK.key,
        "type": TransactionType.BUY if quantity > 0 else TransactionType.SELL,
        "executed_at": when,
        "trade_date": date(2024, 3, day),
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "gross_amount": gross,
        "commission": Decimal("-1"),
        "net_amount": gross - 1,
        "currency": "USD",
    }
    return Transaction(**(values | changed))


def file_of(*fills: Transaction, generated: int = 1, account: str = "A-1") -> list[Record]:
    """A file that holds these fills, one a line."""
    records: list[Record] = [statement(generated, account), STOCK]
    for transaction in fills:
        records.append(Line(number=transaction.line, raw=f"line {transaction.line}", verdict="row"))
        records.append(transaction)
    return records
