"""``export``: all transactions as one file that imports again, here or elsewhere, row by row."""

from __future__ import annotations

import json
import os
from datetime import UTC
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import click

from quantmatrix.cli.rows import account_id, stream
from quantmatrix.cli.session import signed_in
from quantmatrix.cli.settings import Settings
from quantmatrix.database.connect import Row
from quantmatrix.terminal import data_stream

# An object column for each group of the file's columns. References number the rows of this file, so that
# equal books make equal files.
QUERY = """
    with numbered as materialized (
        select
            t.user_id, t.id,
            row_number() over (
                order by a.broker, a.account_number, t.trade_date, t.sequence, t.source, t.dedupe_key
            ) as number
        from core.transactions t
        join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
        where %(account)s::bigint is null or t.account_id = %(account)s
    ),
    links as materialized (
        select
            l.from_id,
            array_agg(l.kind::text order by n.number, l.kind) as kinds,
            array_agg(n.number::text order by n.number, l.kind) as references
        from tax.transaction_links l
        join numbered n on n.user_id = l.user_id and n.id = l.to_id
        group by l.from_id
    )
    select
        n.number::text as reference,
        jsonb_build_object(
            'account', a.account_number, 'broker', a.broker, 'account_type', a.account_type,
            'account_name', a.name, 'base_currency', a.base_currency
        ) as account,
        t.transaction_type::text, t.position_effect::text, t.external_id, t.source as original_source,
        t.dedupe_key as original_key, t.order_id, t.executed_at, t.trade_date, t.settlement_date,
        t.quantity, t.price, t.gross_amount, t.commission, t.fees, t.net_amount, t.currency,
        t.metadata ->> 'description' as description, t.sequence, t.metadata - 'description' as metadata,
        to_jsonb(k) - 'user_id' - 'transaction_id' - 'new_instrument_id' as terms,
        case when i.id is not null then
            to_jsonb(i) || jsonb_build_object(
                'name', coalesce(f.name, i.name), 'exchange', coalesce(f.exchange, i.exchange),
                'expiration', coalesce(i.expiration, f.expiration), 'underlying', u.symbol,
                'identifiers', f.identifiers
            )
        end as instrument,
        case when c.id is not null then
            to_jsonb(c) || jsonb_build_object(
                'name', coalesce(cf.name, c.name), 'exchange', coalesce(cf.exchange, c.exchange),
                'expiration', coalesce(c.expiration, cf.expiration), 'underlying', cu.symbol,
                'identifiers', cf.identifiers
            )
        end as new_instrument,
        l.kinds as link_kind,
        l.references as linked_reference
    from numbered n
    join core.transactions t on t.user_id = n.user_id and t.id = n.id
    join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
    left join links l on l.from_id = t.id
    left join tax.transaction_terms k on k.user_id = t.user_id and k.transaction_id = t.id
    left join core.instruments i on i.id = t.instrument_id
    left join tax.instrument_facts f on f.user_id = t.user_id and f.instrument_id = i.id
    left join core.instruments u on u.id = f.underlying_instrument_id
    left join core.instruments c on c.id = k.new_instrument_id
    left join tax.instrument_facts cf on cf.user_id = t.user_id and cf.instrument_id = c.id
    left join core.instruments cu on cu.id = cf.underlying_instrument_id
    order by n.number
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
@click.argument("file", required=False, type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--account", help="Only this account: number or name.")
@click.pass_obj
def export(settings: Settings, file: Path | None, account: str | None) -> None:
    """Write all transactions, with terms, links and instruments, as quantmatrix_csv to FILE (-: stdout).

    Imported where it came from, every row is known; imported elsewhere, the same rows are made. So texts
    stand as they are, also those that a spreadsheet would take for formulas: look at other lists instead.

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
        if file is None or file == Path("-"):
            write(rows, data_stream())
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
    if values["executed_at"] is not None:
        values["executed_at"] = values["executed_at"].astimezone(UTC)
    told = {
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
