"""Books that were derived from a poisoned catalogue: carried over, corrected, and their figures listed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from quantmatrix.database import migrate
from quantmatrix.services.credentials import MIGRATOR
from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.first_release import first_release

# The victim sold MSFT at a loss and bought a call on it four days later; mallory had stated that call first,
# as a put on TSLA, and so the loss was claimed.
BOOKS = """
insert into core.users (id, email) values
    ('00000000-0000-4000-8000-00000000000a', 'victim@example.test'),
    ('00000000-0000-4000-8000-00000000000b', 'mallory@example.test');
insert into core.instruments (id, symbol, instrument_type, currency, name) values
    (1, 'TSLA', 'stock', 'USD', null), (2, 'MSFT', 'stock', 'USD', 'Microsoft');
insert into core.instruments (
    id, symbol, instrument_type, currency, multiplier, underlying_id, option_type, strike, expiration, name,
    exchange
) values
    (3, 'MSFT  270115C00200000', 'option', 'USD', 100, 1, 'put', 1, '2024-02-02', '=HYPERLINK()',
        e'\\u001b]0;x'),
    (4, 'EW4N5 P6200', 'future_option', 'USD', 50, 1, 'put', 6200, '2025-07-25', 'E-mini', 'CME'),
    (5, 'JUNK', 'option', 'USD', 100, 1, 'call', 1e100000, 'infinity', null, null),
    (6, 'SPXW  270115C05000000', 'option', 'USD', 100, 7, 'call', 5000, '2027-01-15', 'SPX call', 'CBOE'),
    (7, 'SPX', 'other', 'USD', 1, null, null, null, null, null, null);
insert into core.accounts (user_id, id, broker, account_number, name)
values ('00000000-0000-4000-8000-00000000000a', 1, 'ibkr', 'U1', 'mine');
insert into core.transactions (
    user_id, id, account_id, instrument_id, transaction_type, source, dedupe_key, trade_date, quantity, price,
    currency
)
select '00000000-0000-4000-8000-00000000000a', t.id, 1, t.instrument_id, t.kind::core.transaction_type,
    'test', t.id::text, t.day::date, t.quantity, t.price, 'USD'
from (values
    (1, 2, 'buy', '2026-01-05', 100, 150), (2, 2, 'sell', '2026-02-02', -100, 100),
    (3, 3, 'buy', '2026-02-06', 1, 5)
) t (id, instrument_id, kind, day, quantity, price);
insert into tax.instrument_facts (user_id, instrument_id)
select '00000000-0000-4000-8000-00000000000a', i from generate_series(1, 7) i where i <> 5;
insert into tax.instrument_groups (user_id, instrument_id, group_id)
values
    ('00000000-0000-4000-8000-00000000000a', 2, 2), ('00000000-0000-4000-8000-00000000000a', 3, 1),
    ('00000000-0000-4000-8000-00000000000a', 1, 1);
insert into tax.closings (
    user_id, closing_transaction_id, ordinal, group_id, account_id, instrument_id, side, kind, quantity,
    opening_transaction_id, piece, opened_on, holding_start, closed_on, proceeds, basis, term, taxable,
    tax_year
)
values (
    '00000000-0000-4000-8000-00000000000a', 2, 1, 2, 1, 2, 'long', 'sale', 100, 1, 1, '2026-01-05',
    '2026-01-05', '2026-02-02',
    10000, 15000, 'short', true, 2026
);
"""


@pytest.fixture
def before(cluster: Cluster, tmp_path: Path) -> Iterator[Database]:
    """A database of the first migration alone, with two persons."""
    with first_release(cluster, tmp_path, BOOKS) as database:
        yield database


def test_poisoned_rows_are_corrected_and_changed_figures_listed(before: Database) -> None:
    said: list[str] = []
    outcome = migrate.up(before.dsn(MIGRATOR), said.append)
    changed = {
        (f.email, f.part, f.figure): (Decimal(f.before or 0), Decimal(f.after or 0))
        for f in outcome.corrected
    }
    assert changed["victim@example.test", "2026", "disallowed"] == (Decimal(0), Decimal(5000))
    assert changed["victim@example.test", "2026", "short_term"] == (Decimal(-5000), Decimal(0))
    assert {email for email, _, _ in changed} == {"victim@example.test"}
    assert "victim@example.test: 2026 disallowed: 0 before, 5000.00 now" in said
    with before.connect() as connection:
        assert shared(connection) == [
            (1, "TSLA", "stock", None, None, None),
            (2, "MSFT", "stock", None, None, None),
            (3, "MSFT  270115C00200000", "option", "call", Decimal(200), "2027-01-15"),
            (4, "EW4N5 P6200 250725P6200", "future_option", "put", Decimal(6200), "2025-07-25"),
            (5, "JUNK", "other", None, None, None),
            (6, "SPXW  270115C05000000", "option", "call", Decimal(5000), "2027-01-15"),
            (7, "SPX", "other", None, None, None),
        ]
        assert connection.execute(
            "select instrument_id, name, exchange, underlying_instrument_id"
            " from tax.instrument_facts order by 1"
        ).fetchall() == [
            (1, None, None, None),
            (2, "Microsoft", None, None),
            (3, None, None, 2),
            (4, "E-mini", "CME", 1),
            (6, "SPX call", "CBOE", 7),
            (7, None, None, None),
        ]
        kept = connection.execute(
            "select cause, instrument_ids, after -> '2026' ->> 'disallowed' from tax.corrected_books"
        ).fetchall()
        assert kept == [("0002_identities", [3], "5000.00")]
        assert connection.execute(
            "select count(*) from core.users u cross join lateral tax.verify(u.id)"
        ).fetchone() == (0,)
    again = migrate.up(before.dsn(MIGRATOR), said.append)
    assert (again.applied, again.corrected) == ([], [])


def shared(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    found = connection.execute(
        "select id, symbol, instrument_type::text, option_type::text, strike, expiration::text,"
        " name, exchange, underlying_id"
        " from core.instruments order by id"
    ).fetchall()
    assert all(row[6:] == (None, None, None) for row in found)
    return [row[:6] for row in found]
