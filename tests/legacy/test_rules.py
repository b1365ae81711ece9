"""The reading rules, each on the smallest V1 that needs it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from quantmatrix.testing.v1 import Migrating, OldDatabase

KEPT = """
    select t.transaction_type::text, coalesce(i.symbol, ''), t.executed_at at time zone 'UTC', t.trade_date,
        t.quantity, t.price, t.commission, t.net_amount
    from core.transactions t
    left join core.instruments i on i.id = t.instrument_id
    order by t.trade_date, t.sequence, t.dedupe_key
"""


def carried(
    migrating: Migrating, old: OldDatabase, tmp_path: Path, *words: str
) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """The proof, whatever its holdings say, and all transactions."""
    status = 0 if old.rows["holdings"] else 3
    words = ("--dry-run", *words) if "--dry-run" in words else words
    proof = migrating.migrate(old.write(tmp_path / "v1.sql"), *words, status=status)
    return proof, migrating.rows(KEPT)


def rejected(proof: dict[str, Any], source: str = "transactions") -> dict[str, list[int]]:
    found: dict[str, list[int]] = next(s["rejected_ids"] for s in proof["sources"] if s["source"] == source)
    return found


def holding(old: OldDatabase, quantity: float, symbol: str = "ABC", **cells: Any) -> None:
    old.add("holdings", quantity=quantity, symbol=symbol, **cells)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"account_id": 77}, "orphan_account"),
        ({"transaction_date": "1970-01-01 00:00:00"}, "implausible_date"),
        ({"transaction_date": "2031-01-01 00:00:00"}, "implausible_date"),
        ({"quantity": 0.0}, "zero_quantity"),
        ({"quantity": "NaN"}, "zero_quantity"),
        ({"symbol": "UNKNOWN"}, "unknown_symbol"),
        ({"source": "realistic_sample"}, "phantom_sample"),
        ({"description": "Sold TSLA stock"}, "phantom_sample"),
        ({"contract_type": "OPT"}, "ibkr_option_unresolvable"),
        ({"price": "Infinity"}, "no_price"),
        ({"transaction_type": "TRADE", "action": None}, "unknown_type"),
        ({"contract_type": "CASH", "symbol": "CASH", "net_amount": 0.0}, "zero_amount"),
        ({"contract_type": "FUT", "symbol": "ESU5"}, "unsupported_contract"),
    ],
)
def test_a_row_that_cannot_be_kept_has_one_reason(
    migrating: Migrating, old: OldDatabase, tmp_path: Path, cells: dict[str, Any], reason: str
) -> None:
    old.add("transactions", external_id="good")
    bad = old.add("transactions", external_id="bad", **cells)
    holding(old, 10.0)
    proof, kept = carried(migrating, old, tmp_path)
    assert rejected(proof) == {reason: [bad]}
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("stated_type", "action", "kept_as"),
    [("BUY", "TRADE", "buy"), ("TRADE", "BUY", "buy"), ("BUY", "BOT", "buy"), ("TRADE", "BOT", "buy")],
)
def test_the_side_is_in_the_type_or_in_the_action(
    migrating: Migrating, old: OldDatabase, tmp_path: Path, stated_type: str, action: str, kept_as: str
) -> None:
    old.add("transactions", transaction_type=stated_type, action=action)
    old.add(
        "transactions",
        transaction_type="TRADE",
        action="SLD",
        quantity=4.0,
        transaction_date="2024-06-04 15:00:00",
    )
    holding(old, 6.0)
    _, kept = carried(migrating, old, tmp_path)
    assert [(row[0], row[4]) for row in kept] == [(kept_as, Decimal(10)), ("sell", Decimal(-4))]


@pytest.mark.parametrize(("local", "utc"), [("2024-06-03 11:00:00", "15"), ("2024-12-03 11:00:00", "16")])
def test_a_statement_and_the_interface_are_one_trade_in_summer_and_winter(
    migrating: Migrating, old: OldDatabase, tmp_path: Path, local: str, utc: str
) -> None:
    instant = local.replace("11:", f"{utc}:")
    statement = old.add(
        "transactions",
        external_id="csv_exec_1",
        source="ibkr_csv_import",
        transaction_date=local,
        commission=1.0,
    )
    old.add("transactions", external_id="api-1", transaction_date=instant, source="ibkr_chunked_historical")
    holding(old, 10.0)
    proof, kept = carried(migrating, old, tmp_path)
    assert rejected(proof) == {"duplicate_cross_source": [statement]}
    assert [(str(row[2]), row[6]) for row in kept] == [(instant, Decimal(-1))]
    assert migrating.rows(
        "select t.external_id, t.metadata -> 'v1_transactions' from core.transactions t"
    ) == [("api-1", [1, 2])]


def test_equal_fills_of_one_source_all_survive(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    for number in range(3):
        old.add("transactions", external_id=f"api-{number}")
    twins = [
        old.add(
            "transactions",
            external_id=f"csv-{n}",
            source="ibkr_csv_import",
            transaction_date="2024-06-03 11:00:00",
        )
        for n in range(4)
    ]
    holding(old, 40.0)
    proof, kept = carried(migrating, old, tmp_path)
    assert rejected(proof) == {"duplicate_cross_source": twins[:3]}
    assert len(kept) == 4


def test_an_order_of_a_statement_is_its_fills(migrating: Migrating, old: OldDatabase, tmp_path: Path) -> None:
    for number, (units, price) in enumerate(((7.0, 5.0), (3.0, 5.1)), start=1):
        old.add("transactions", external_id=f"api-{number}", order_id="77", quantity=units, price=price,
                transaction_date=f"2024-06-03 15:00:0{number}", commission=0.35)  # fmt: skip
    statement = {"source": "ibkr_csv_import", "transaction_date": "2024-06-03 11:00:01", "price": 5.03}
    whole = old.add("transactions", external_id="csv-1", commission=1.0, **statement)
    old.add("transactions", external_id="csv-2", **statement | {"price": 5.04})
    holding(old, 20.0)
    proof, kept = carried(migrating, old, tmp_path)
    assert rejected(proof) == {"duplicate_cross_source": [whole]}
    assert sorted((row[4], row[5], row[6]) for row in kept) == [
        (Decimal(3), Decimal("5.1"), Decimal("-0.35")),
        (Decimal(7), Decimal(5), Decimal("-0.65")),
        (Decimal(10), Decimal("5.04"), Decimal(0)),
    ]
    assert migrating.rows(
        "select t.metadata -> 'v1_transactions' from core.transactions t where t.external_id = 'api-1'"
    ) == [([1, 3],)]


def test_copies_of_one_broker_id_leave_the_largest_commission(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    old.add("accounts", account_name="The same again")
    old.add("transactions", external_id="x", symbol="UNKNOWN")
    old.add("transactions", external_id="x", commission=0.0, source="ibkr_chunked_historical")
    old.add("transactions", external_id="x", commission=0.35, account_id=2)
    old.add("transactions", external_id=None, execution_id="x", commission=-0.2)
    holding(old, 10.0)
    proof, kept = carried(migrating, old, tmp_path)
    assert rejected(proof) == {"unknown_symbol": [1], "duplicate_broker_id": [3, 4]}
    assert [(row[6], row[7]) for row in kept] == [(Decimal("-0.35"), Decimal("-50.35"))]
    assert len(migrating.rows("select from core.accounts")) == 1


def test_rows_without_any_id_are_all_kept_and_known_again(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    old.add("transactions")
    old.add("transactions")
    holding(old, 20.0)
    _, kept = carried(migrating, old, tmp_path)
    assert len(kept) == 2
    assert carried(migrating, old, tmp_path)[0]["rows"] == {"new": 0, "known": 2, "changed": 0}


def test_a_float_is_the_decimal_it_was(migrating: Migrating, old: OldDatabase, tmp_path: Path) -> None:
    old.add("transactions", quantity=0.1 + 0.2, price=65.95000000000001, commission=0.35000000000000003)
    holding(old, 0.30000000000000004)
    _, kept = carried(migrating, old, tmp_path)
    assert [row[4:8] for row in kept] == [
        (Decimal("0.3"), Decimal("65.95"), Decimal("-0.35"), Decimal("-20.135"))
    ]


def test_what_v1_leaves_null_or_without_end_stops_nothing(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    tasty = old.add("accounts", broker="TASTYTRADE", account_number="5WT1")
    old.add("transactions", contract_type=None, source=None, commission=None, fees=None, currency=None)
    old.add("transactions", symbol="CASH", quantity=7.0, last_updated="infinity", synced_at="-infinity")
    old.add("transactions", symbol="CASH", contract_type=None, net_amount=3.5, quantity=0.0, account_id=tasty)
    old.add(
        "transactions",
        symbol="BTC/USD",
        contract_type="Cryptocurrency",
        quantity=0.00000012,
        account_id=tasty,
    )
    holding(old, 10.0)
    far = [old.add("transactions", transaction_date=day) for day in ("infinity", "0044-03-15 00:00:00 BC")]
    holding(old, 7.0, "CASH", last_updated="infinity")
    holding(old, 0.00000012, "BTC/USD", contract_type="Cryptocurrency", account_id=tasty)
    proof, kept = carried(migrating, old, tmp_path)
    assert rejected(proof) == {"implausible_date": far}
    assert sorted((row[0], row[1], row[4]) for row in kept if row[0] == "buy") == [
        ("buy", "ABC", Decimal(10)), ("buy", "BTC/USD", Decimal("0.00000012")), ("buy", "CASH", Decimal(7)),
    ]  # fmt: skip
    assert [row[7] for row in kept if row[0] == "deposit"] == [Decimal("3.5")]
    assert proof["v1_written_at"].startswith("2025-07-21")
    assert {row["cause"] for row in proof["holdings"]} == {"match"}


def test_spellings_of_one_instrument(migrating: Migrating, old: OldDatabase, tmp_path: Path) -> None:
    tasty = old.add("accounts", broker="TASTYTRADE", account_number="5WT1")
    old.add("transactions", symbol="BRK B")
    old.add(
        "transactions", symbol="BRK/B", account_id=tasty, contract_type="Equity", source="tastytrade_enhanced"
    )
    old.add("transactions", symbol="ABC250620C00120000", account_id=tasty, contract_type="Equity Option",
            quantity=2.0, source="tastytrade_enhanced", description="Buy to Open",
            commission=-2.0)  # fmt: skip
    holding(old, 10.0, "BRK B")
    holding(old, 10.0, "BRK/B", account_id=tasty, contract_type="Equity")
    holding(old, 2.0, "ABC   250620C00120000", account_id=tasty, contract_type="Equity Option")
    _, kept = carried(migrating, old, tmp_path)
    assert sorted({row[1] for row in kept}) == ["ABC   250620C00120000", "BRK.B"]
    option = next(row for row in kept if row[1].startswith("ABC"))
    assert option[6:8] == (Decimal(-2), Decimal(-1002))
    assert migrating.rows(
        "select i.option_type::text, i.strike, i.expiration::text, i.multiplier, u.symbol "
        "from core.instruments i join tax.instrument_facts f on f.instrument_id = i.id"
        " join core.instruments u on u.id = f.underlying_instrument_id"
    ) == [("call", Decimal(120), "2025-06-20", Decimal(100), "ABC")]


def test_an_expiration_closes_what_the_history_opened(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    tasty = old.add("accounts", broker="TASTYTRADE", account_number="5WT1")
    option = {
        "account_id": tasty,
        "contract_type": "Equity Option",
        "source": "tastytrade_enhanced",
        "quantity": 2.0,
    }
    short, long = "ABC250620P00090000", "ABC250620C00120000"
    old.add("transactions", symbol=short, transaction_type="SELL", description="Sell to Open", **option)
    old.add("transactions", symbol=long, description="Buy to Open", **option)
    for symbol in (short, long):
        old.add("transactions", symbol=symbol, transaction_type="SELL", price=0.0, description="Expiration",
                transaction_date="2025-06-20 20:30:00", **option)  # fmt: skip
    holding(old, 0.0)
    proof, kept = carried(migrating, old, tmp_path)
    expired = {row[1]: row[4] for row in kept if row[0] == "option_expiration"}
    assert expired == {"ABC   250620P00090000": Decimal(2), "ABC   250620C00120000": Decimal(-2)}
    assert proof["discrepancies"]["after"]["holdings"] == 0


def test_an_option_closed_for_nothing_is_a_trade(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    tasty = old.add("accounts", broker="TASTYTRADE", account_number="5WT1")
    option = {
        "account_id": tasty, "symbol": "ABC250620C00120000", "contract_type": "Equity Option",
        "quantity": 2.0, "source": "tastytrade_enhanced",
    }  # fmt: skip
    old.add("transactions", description="Buy to Open", **option)
    closed = {"transaction_type": "SELL", "price": 0.0, "transaction_date": "2025-06-19 15:00:00"}
    old.add("transactions", description="Sell to Close", **(option | closed))
    holding(old, 0.0)
    _, kept = carried(migrating, old, tmp_path)
    assert [(row[0], row[4]) for row in kept] == [("buy", Decimal(2)), ("sell", Decimal(-2))]


def test_short_positions_are_compared_without_a_sign(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    tasty = old.add("accounts", broker="TASTYTRADE", account_number="5WT1")
    old.add("transactions", symbol="ABC260116P00090000", account_id=tasty, contract_type="Equity Option",
            quantity=3.0, transaction_type="SELL", description="Sell to Open",
            source="tastytrade_enhanced")  # fmt: skip
    holding(old, 3.0, "ABC   260116P00090000", account_id=tasty, contract_type="Equity Option")
    proof, _ = carried(migrating, old, tmp_path)
    assert [(row["holding"], row["position"], row["cause"]) for row in proof["holdings"]] == [
        ("-3", "-3", "match")
    ]


def test_cash_is_told_by_the_sign_of_its_net_amount(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    cash = {"contract_type": "CASH", "symbol": "CASH", "quantity": 0.0, "price": 0.0}
    old.add("transactions", transaction_type="SELL", net_amount=31.17, **cash)
    old.add(
        "transactions",
        transaction_type="BUY",
        net_amount=-2.5,
        transaction_date="2024-06-04 15:00:00",
        **cash,
    )
    holding(old, 0.0)
    _, kept = carried(migrating, old, tmp_path)
    assert [(row[0], row[1], row[4], row[7]) for row in kept] == [
        ("deposit", "", None, Decimal("31.17")),
        ("withdrawal", "", None, Decimal("-2.5")),
    ]


def test_dividends_come_from_two_places_once(migrating: Migrating, old: OldDatabase, tmp_path: Path) -> None:
    old.add("transactions")
    both = old.add("dividends", tax_withheld=0.75)
    again = old.add("dividends", external_id="again")
    mock = old.add(
        "dividends", ex_date="2024-11-15 00:00:00", pay_date="2024-11-28 00:00:00", dividend_per_share=0.25
    )
    guess = old.add("dividends", ex_date="2024-09-01 00:00:00", source="ibkr_estimated")
    orphan = old.add("dividends", ex_date="2024-09-02 00:00:00", account_id=9)
    alone = old.add(
        "dividends", ex_date="2025-01-02 00:00:00", pay_date="2025-01-15 00:00:00", tax_withheld=0.75
    )
    old.add("transactions", transaction_type="DIVIDEND", action=None, amount=5.0, net_amount=4.25, price=0.5,
            transaction_date="2024-08-15 00:00:00", external_id="div_1")  # fmt: skip
    holding(old, 10.0)
    proof, kept = carried(migrating, old, tmp_path)
    assert rejected(proof, "dividends") == {
        "dividend_also_in_transactions": [both],
        "duplicate_dividend": [again],
        "dividend_estimated": [mock, guess],
        "orphan_account": [orphan],
    }
    dividends = [(str(row[3]), row[4], row[7]) for row in kept if row[0] == "dividend"]
    assert dividends == [("2024-08-15", None, Decimal("4.25")), ("2025-01-15", None, Decimal("4.25"))]
    ids = migrating.rows(
        "select t.metadata -> 'v1_transactions', t.metadata -> 'v1_dividends' from core.transactions t "
        "where t.transaction_type = 'dividend' order by t.trade_date"
    )
    assert ids == [([2], [both, again]), (None, [alone])]


def test_holdings_count_once_and_the_newest_decides(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    old.add("accounts", account_name="Its second row")
    old.add("transactions")
    holding(old, 99.0, account_id=2, last_updated="2025-07-02 22:00:00")
    holding(old, 10.00000000000369)
    holding(old, 0.0, "GONE")
    holding(old, 5.0, "XYZ", contract_type="OPT")
    holding(old, 5.0, "LOST", account_id=44)
    proof, _ = carried(migrating, old, tmp_path)
    assert rejected(proof, "holdings") == {
        "stale_duplicate_account": [1],
        "zero_quantity": [3],
        "ibkr_option_unresolvable": [4],
        "orphan_account": [5],
    }
    assert [(row["symbol"], row["holding"], row["cause"]) for row in proof["holdings"]] == [
        ("ABC", "10", "match")
    ]


def test_a_trade_of_the_file_is_known_as_often_as_v1_has_it(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    old.add("transactions", external_id="a", transaction_date="2024-06-04 01:00:00")
    own = tmp_path / "own.csv"
    own.write_text(
        "Date,Symbol,Quantity,Price,Commission,Type\n2024-06-03,ABC,10,5,0,BUY\n2024-06-03,ABC,10,5,0,BUY\n"
        "2024-05-01,ABC,7,2,0,TRANSFER_IN\n"
    )
    holding(old, 27.0)
    proof, kept = carried(migrating, old, tmp_path, "--csv", str(own), "--csv-account", "U1")
    assert rejected(proof, "file own.csv") == {"already_in_v1": [2]}
    assert [(row[0], row[4]) for row in kept] == [("transfer_in", 7), ("buy", 10), ("buy", 10)]
    assert migrating.rows("select sum(l.native_cost_remaining) from core.tax_lots l") == [
        (Decimal("114.00"),)
    ]
    imported = migrating.run("import", "--account", "U1", str(own), "--format", "json")
    assert '"new": 1' in imported.stdout


def test_two_files_do_not_bring_one_trade_twice(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "own.csv"
        path.write_text("Date,Symbol,Quantity,Price,Commission,Type\n2024-06-03,ABC,10,5,0,BUY\n")
        files += ["--csv", str(path), "--csv-account", "U1"]
    holding(old, 10.0)
    proof, kept = carried(migrating, old, tmp_path, *files)
    assert rejected(proof, "file own.csv (2)") == {"already_in_a_file": [2]}
    assert len(kept) == 1


def test_names_and_kinds_of_accounts(migrating: Migrating, old: OldDatabase, tmp_path: Path) -> None:
    for number, kind in enumerate(("traditional_ira", "Roth IRA", "401(k)", "HSA", "individual"), start=2):
        old.add("accounts", account_number=f"U{number}", account_type=kind)
    holding(old, 0.0)
    carried(migrating, old, tmp_path)
    assert migrating.rows(
        "select a.account_type::text, a.name from core.accounts a order by a.account_number"
    ) == [
        ("taxable", "Account"),
        ("ira", "Account (ibkr U2)"),
        ("roth_ira", "Account (ibkr U3)"),
        ("401k", "Account (ibkr U4)"),
        ("hsa", "Account (ibkr U5)"),
        ("taxable", "Account (ibkr U6)"),
    ]


def test_what_differs_has_a_cause(migrating: Migrating, old: OldDatabase, tmp_path: Path) -> None:
    tasty = old.add("accounts", broker="TASTYTRADE", account_number="5WT1")
    old.add("transactions", symbol="SOLD", transaction_type="SELL")
    old.add("transactions", symbol="KEPT")
    old.add("transactions", symbol="ABC250117C00120000", account_id=tasty, contract_type="Equity Option",
            description="Buy to Open", source="tastytrade_enhanced")  # fmt: skip
    holding(old, 3.0, "MORE")
    proof = migrating.migrate(old.write(tmp_path / "v1.sql"), status=3)
    assert {row["symbol"]: row["cause"] for row in proof["holdings"]} == {
        "MORE": "missing_history",
        "KEPT": "no_holding_in_v1",
        "SOLD": "no_holding_in_v1",
        "ABC   250117C00120000": "expiration_not_recorded",
    }


def test_what_somebody_else_has_is_neither_seen_nor_touched(
    migrating: Migrating, old: OldDatabase, tmp_path: Path
) -> None:
    old.add("transactions")
    holding(old, 10.0)
    dump = old.write(tmp_path / "v1.sql")
    migrating.migrate(dump, user="ann@example.org")
    mine = (
        "select t.* from core.transactions t join core.users u on u.id = t.user_id "
        "where u.email = 'ann@example.org'"
    )
    before = migrating.rows(mine)
    proof = migrating.migrate(dump, user="bob@example.org")
    assert proof["user_created"] is True
    assert proof["rows"] == {"new": 1, "known": 0, "changed": 0}
    assert migrating.rows(mine) == before
    assert len(before) == 1
