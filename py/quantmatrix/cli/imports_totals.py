"""An import against the file's own totals: what its rows add up to, beside what it states itself."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import click

from quantmatrix.database.connect import PersonSession

_CASH = """
    select
        a.account_number as account, c.currency,
        min(c.as_of) filter (where c.moment = 'start') as start_day,
        max(c.as_of) filter (where c.moment = 'end') as end_day,
        (array_agg(c.amount order by c.as_of) filter (where c.moment = 'start'))[1] as start_amount,
        (array_agg(c.amount order by c.as_of desc) filter (where c.moment = 'end'))[1] as end_amount
    from ingest.broker_cash c
    join core.accounts a on a.user_id = c.user_id and a.id = c.account_id
    where c.sync_id = %s
    group by a.account_number, c.currency
    order by 1, 2
"""
_POSITIONS = """
    with stated as (
        select b.account_id, b.instrument_id, sum(b.quantity) as quantity
        from ingest.broker_positions b
        where b.sync_id = %s
        and b.as_of = (
            select max(n.as_of)
            from ingest.broker_positions n
            where n.sync_id = b.sync_id
            and n.account_id = b.account_id
        )
        group by b.account_id, b.instrument_id
    )
    select a.account_number as account, i.symbol, s.quantity as stated, coalesce(p.quantity, 0) as booked
    from stated s
    join core.accounts a on a.id = s.account_id
    join core.instruments i on i.id = s.instrument_id
    left join core.positions p on p.account_id = s.account_id and p.instrument_id = s.instrument_id
    order by 1, 2
"""
_SHOWN = 10
_CENT = Decimal("0.01")


def totals(session: PersonSession, report: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Cash and positions that the file states, each with what its rows and the books say; amounts as text."""
    if report["sync_id"] is None:
        return {"cash": [], "positions": []}
    moved = {(row["account"], row["currency"]): Decimal(row["amount"]) for row in report["cash"]}
    changed = {(row["account"], row["symbol"]): Decimal(row["quantity"]) for row in report["positions"]}
    cash = []
    for row in session.rows(_CASH, [report["sync_id"]]):
        movement = moved.get((row["account"], row["currency"]), Decimal(0))
        start, end = row["start_amount"], row["end_amount"]
        cash.append(
            {
                "account": row["account"],
                "currency": row["currency"],
                "start": None if start is None else f"{start:f}",
                "moved": f"{movement:f}",
                "stated_end": None if end is None else f"{end:f}",
                "difference": None if start is None or end is None else f"{end - start - movement:f}",
            }
        )
    positions = [
        {
            "account": row["account"],
            "symbol": row["symbol"],
            "moved": f"{changed.get((row['account'], row['symbol']), Decimal(0)):f}",
            "booked": f"{row['booked']:f}",
            "stated": f"{row['stated']:f}",
        }
        for row in session.rows(_POSITIONS, [report["sync_id"]])
    ]
    return {"cash": cash, "positions": positions}


def print_totals(found: Mapping[str, list[dict[str, Any]]]) -> None:
    """A line for cash in each currency, one for the positions, one for each that differs."""
    for row in found["cash"]:
        if row["difference"] is None:
            continue
        off = Decimal(row["difference"])
        if abs(off) <= _CENT:
            words = click.style("as the file states", fg="green")
        else:
            lacking = f"the file states {_money(row['stated_end'])}: {off:+,.2f} is not in it"
            words = click.style(lacking, fg="yellow")
        moved = Decimal(row["moved"])
        sums = f"{_money(row['start'])} and {moved:+,.2f} make {_money(Decimal(row['start']) + moved)}"
        click.echo(f"  cash {row['account']} {row['currency']}: {sums}, {words}")
    positions = found["positions"]
    if not positions:
        return
    differing = [
        row
        for row in positions
        if Decimal(row["stated"]) not in (Decimal(row["moved"]), Decimal(row["booked"]))
    ]
    click.echo(f"  positions: {len(positions) - len(differing)} of {len(positions)} as the file states")
    for row in differing[:_SHOWN]:
        click.echo(
            f"    {click.style(row['symbol'], fg='yellow')}: {row['booked']} in the books, the file states "
            f"{row['stated']} (its own rows make {row['moved']})"
        )
    if len(differing) > _SHOWN:
        click.echo(f"    ... and {len(differing) - _SHOWN:,} more: quantmatrix reconcile")


def _money(value: str | Decimal) -> str:
    return f"{Decimal(value):,.2f}"
