"""``export``: all transactions as one file that imports again, here or elsewhere, row by row."""

from __future__ import annotations

import json
import os
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import click

from quantmatrix.cli.rows import account_id, stream
from quantmatrix.cli.session import signed_in
from quantmatrix.cli.settings import Settings
from quantmatrix.database.connect import Row

# An object column for each group of the file's columns, so that the names stand in one place: the writer's.
QUERY = """
    select
        jsonb_build_object(
            'account', a.account_number, 'broker', a.broker, 'account_type', a.account_type,
            'account_name', a.name, 'base_currency', a.base_currency
        ) as account,
        t.id,
        t.transaction_type::text, t.position_effect::text, t.external_id, t.source as original_source,
        t.dedupe_key as original_key, t.order_id, t.executed_at, t.trade_date, t.settlement_date,
        t.quantity, t.price, t.gross_amount, t.commission, t.fees, t.net_amount, t.currency,
        t.metadata ->> 'description' as description, t.sequence, t.metadata - 'description' as metadata,
        to_jsonb(k) - 'user_id' - 'transaction_id' - 'new_instrument_id' as terms,
        case when i.id is not null then
            to_jsonb(i) || jsonb_build_object('underlying', u.symbol, 'identifiers', f.identifiers)
        end as instrument,
        case when n.id is not null then
            to_jsonb(n) || jsonb_build_object('underlying', nu.symbol, 'identifiers', nf.identifiers)
        end as new_instrument,
        array(
            select l.kind::text
            from tax.transaction_links l
            where l.user_id = t.user_id and l.from_id = t.id
            order by l.to_id, l.kind
        ) as link_kind,
        array(
            select l.to_id::text
            from tax.transaction_links l
            where l.user_id = t.user_id and l.from_id = t.id
            order by l.to_id, l.kind
        ) as linked_reference
    from core.transactions t
    join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
    left join tax.transaction_terms k on k.user_id = t.user_id and k.transaction_id = t.id
    left join core.instruments i on i.id = t.instrument_id
    left join core.instruments u on u.id = i.underlying_id
    left join tax.instrument_facts f on f.user_id = t.user_id and f.instrument_id = i.id
    left join core.instruments n on n.id = k.new_instrument_id
    left join core.instruments nu on nu.id = n.underlying_id
    left join tax.instrument_facts nf on nf.user_id = t.user_id and nf.instrument_id = n.id
    where %(account)s::bigint is null or t.account_id = %(account)s
    order by a.broker, a.account_number, t.trade_date, t.sequence, t.source, t.dedupe_key
"""

INSTRUMENT = {
    "instrument_type": "instrument_type",
    "symbol": "symbol",
    "instrument_currency": "currency",
    "instrument_name": "name",
    "exchange": "exchange",
    "underlying": "underlying",
    "option_type": "option_type",
    "strike": "strike",
    "expiration": "expiration",
    "multiplier": "multiplier",
}


@click.command(short_help="All transactions as one CSV file that imports again.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--account", help="Only this account: number or name.")
@click.pass_obj
def export(settings: Settings, file: Path | None, account: str | None) -> None:
    """Write all transactions, with terms, links and instruments, to FILE (or stdout) as quantmatrix_csv.

    Imported where it came from, every row is known; imported elsewhere, the same rows are made.

    \b
      quantmatrix export all.csv
      quantmatrix export --account U1234567 > one.csv
    """
    from psycopg.types.json import set_json_loads

    from quantmatrix.ingest.canonical import write

    with signed_in(settings) as session:
        # Numbers inside an object must not pass through floating point either.
        set_json_loads(partial(json.loads, parse_float=Decimal), session.connection)
        found = stream(session, QUERY, {"account": account_id(session, account)})
        rows = map(_canonical, found)
        if file is None:
            write(rows, sys.stdout)
            return
        beside = file.with_name(f".{file.name}.{os.getpid()}.part")
        try:
            with beside.open("x", encoding="utf-8", newline="") as target:
                number = write(rows, target)
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
    settings.narrate(f"{number:,} transactions in {file}")


def _canonical(row: Row) -> dict[str, Any]:
    values = dict(row)
    told = {
        "reference": str(values.pop("id")),
        **values.pop("account"),
        **_instrument(values.pop("instrument"), ""),
        **_instrument(values.pop("new_instrument"), "new_"),
        **{name: value for name, value in (values.pop("terms") or {}).items() if value is not None},
    }
    return told | values


def _instrument(found: dict[str, Any] | None, prefix: str) -> dict[str, Any]:
    if found is None:
        return {}
    columns = {name: found[field] for name, field in INSTRUMENT.items()}
    for identifier in found["identifiers"] or ():
        name, _, value = identifier.partition(":")
        columns.setdefault(name, value)
    return {f"{prefix}{name}": value for name, value in columns.items()}
