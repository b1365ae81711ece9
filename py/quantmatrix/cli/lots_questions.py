"""Questions to the lot engine that change nothing: ``lots compare``, ``lots what-if``, ``lots explain``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import click

from quantmatrix.cli.actions import listed, told
from quantmatrix.cli.basis import Amount
from quantmatrix.cli.output import to_json, write_object, write_rows
from quantmatrix.cli.rows import asked
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.cli.transaction_fields import LOT_METHODS
from quantmatrix.door.protocol import Where
from quantmatrix.terminal import data, say

Row = Mapping[str, Any]

FIGURES = (
    "short_term",
    "long_term",
    "section_1256",
    "unknown_term",
    "disallowed",
    "permanently_disallowed",
    "unknown_basis_proceeds",
    "recognized",
)
CLOSING_COLUMNS = (
    "quantity",
    "opened_on",
    "holding_start",
    "proceeds",
    "basis",
    "gain",
    "disallowed",
    "permanently_disallowed",
    "recognized",
    "term",
)
EXACT = {*FIGURES, "quantity", "basis", "proceeds", "gain", "amount", "wash_sale_adjustment"}


@click.command("compare", short_help="The tax that each lot method would have made.")
@click.option("--year", type=click.IntRange(1900, 2200), help="Only this tax year; all years without it.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(LOT_METHODS),
    help="Only this method; give it several times for several. All without it.",
)
@click.option("--by-instrument", is_flag=True, help="One row for each instrument.")
@click.pass_obj
def compare(settings: Settings, year: int | None, methods: tuple[str, ...], by_instrument: bool) -> None:
    """Recognized gains under each method, beside what is recorded. Nothing is changed.

    \b
      quantmatrix lots compare --year 2024
      quantmatrix lots compare --year 2024 --method fifo --method hifo --by-instrument
    """
    report = asked(settings, "lots_compare", {"year": year, "methods": list(methods) or None})
    if settings.format == "json":
        data(to_json(report))
        return
    wanted: Iterable[Row] = report["rows"]
    columns: tuple[str, ...] = ("year", "method", *FIGURES)
    if by_instrument:
        wanted = (
            {"year": row["year"], "method": row["method"]} | part
            for row in report["rows"]
            for part in row["instruments"]
        )
        columns = ("year", "symbol", "method", *FIGURES)
    rows = list(map(_exact, wanted))
    if by_instrument:
        rows.sort(key=lambda row: (row["year"], row["symbol"], report["methods"].index(row["method"])))
    if settings.format == "table":
        columns = tuple(name for name in columns if name not in EXACT or _says_something(name, rows))
    write_rows(rows, settings.format, columns=columns, empty="nothing was sold: there is nothing to compare")


@click.command("what-if", short_help="A sale before it is made.")
@click.argument("symbol")
@click.argument("quantity", type=Amount())
@click.option("--account", required=True, help="Which account: number or name.")
@click.option("--price", required=True, type=Amount(), help="Of one unit, in the instrument's currency.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Trade date; today without it.")
@click.option("--method", type=click.Choice(LOT_METHODS), help="Instead of the method that holds.")
@click.option("--fees", type=Amount(), default=Decimal(0), help="Commission and fees.")
@click.option("--fx-rate", type=Amount(), help="Tax currency for one unit of the instrument's currency.")
@click.pass_obj
def what_if(
    settings: Settings,
    symbol: str,
    quantity: Decimal,
    account: str,
    price: Decimal,
    day: datetime | None,
    method: str | None,
    fees: Decimal,
    fx_rate: Decimal | None,
) -> None:
    """What selling QUANTITY of SYMBOL would close, gain and wash, and what would be left. Nothing is written.

    \b
      quantmatrix lots what-if ABC 50 --account U1000001 --price 41.20
      quantmatrix lots what-if ABC 50 --account U1000001 --price 41.20 --method hifo --date 2025-12-30
    """
    given = {
        "account": account,
        "instrument": symbol,
        "quantity": quantity,
        "price": price,
        "date": day.date() if day else None,
        "method": method,
        "fees": fees,
        "fx_rate": fx_rate,
    }
    report = asked(settings, "what_if_sale", given)
    if settings.format == "json":
        data(to_json(report))
        return
    rows = list(map(_exact, report["closings"]))
    if settings.format != "table":
        write_rows(rows, settings.format)
        return
    write_rows(rows, "table", columns=CLOSING_COLUMNS)
    say()
    write_object(dict(_summary(report)), "table")


@click.command("explain", short_help="How a lot or a closing came to its figures.")
@click.argument("lot", type=int, required=False)
@click.option("--closing", type=int, metavar="NUMBER", help="A closing instead of a lot.")
@click.pass_obj
def explain(settings: Settings, lot: int | None, closing: int | None) -> None:
    """Every step from the broker's line to the figure: amounts, splits, transfers, wash sales, file and line.

    \b
      quantmatrix lots list                     shows the numbers of lots
      quantmatrix lots explain 17
      quantmatrix lots closings --year 2024     shows those of closings
      quantmatrix lots explain --closing 4
    """
    if (lot is None) == (closing is None):
        raise click.UsageError("give the number of a lot, or --closing with that of a closing")
    report = asked(settings, "lots_explain", {"lot": lot, "closing": closing})
    report["steps"] = [_step_told(step) for step in report["steps"]]
    if settings.format == "json":
        data(to_json(report))
    elif settings.format == "table":
        for line in _told(report):
            say(line)
    else:
        write_rows(report["steps"], settings.format)


CLOSINGS_ORDER = ("closed_on", "account", "symbol", "closing_transaction_id", "ordinal")


@click.command("closings", short_help="What was closed, with gain and term.")
@click.option("--year", type=click.IntRange(1900, 2200), help="Only this tax year.")
@click.option("--symbol", help="Only this symbol.")
@click.pass_obj
def closings(settings: Settings, year: int | None, symbol: str | None) -> None:
    """Closings, one row for each piece of a lot that a transaction disposed of.

    \b
      quantmatrix lots closings --year 2024
      quantmatrix lots closings --symbol ABC --format csv
    """
    columns = ("id", "account", "symbol", "kind", "closed_on", *CLOSING_COLUMNS)
    wanted = [Where("tax_year", "eq", year), Where("symbol", "eq", symbol)]
    with door(settings) as session:
        found = session.view("closings", wanted, CLOSINGS_ORDER)
        if settings.format != "table":
            write_rows(found, settings.format, empty="nothing was closed")
            return
        rows = list(found)
        if is_foreign(rows, "proceeds", "basis"):
            write_rows(rows, "table", columns=(*columns, "native_proceeds", "native_basis", "currency"))
        else:
            write_rows(rows, "table", columns=columns, empty="nothing was closed")


def is_foreign(rows: Sequence[Row], *amounts: str) -> bool:
    """Whether an amount of these rows differs in the trading currency: the table then shows that one too."""
    return any(
        row[f"native_{name}"] is not None
        and (row[name] is None or Decimal(row[name]) != Decimal(row[f"native_{name}"]))
        for row in rows
        for name in amounts
    )


def _exact(row: Row) -> dict[str, Any]:
    """A row of a report with its exact numbers as such, so that a table aligns them."""
    return {
        name: Decimal(value) if name in EXACT and value is not None else value
        for name, value in row.items()
        if name != "instruments"
    }


def _says_something(name: str, rows: list[dict[str, Any]]) -> bool:
    return name in ("short_term", "long_term", "recognized") or any(row[name] for row in rows)


def _summary(report: Row) -> Iterator[tuple[str, Any]]:
    for name in ("proceeds", "basis", "gain", "disallowed", "permanently_disallowed", "recognized"):
        yield name, report[name]
    for term, sums in report["by_term"].items():
        yield f"{term}_term", sums["recognized"]
    for wash in report["wash_sales"]:
        lost = "lost for good to" if wash["is_permanent"] else "deferred into"
        whose = "this sale" if wash["loss_transaction_id"] is None else f"sale {wash['loss_transaction_id']}"
        yield (
            "wash_sale",
            f"{wash['amount']} of {whose} {lost} {wash['quantity']} bought {wash['replacement_date']}"
            f" in {wash['replacement_account']} (transaction {wash['replacement_transaction_id']})",
        )
    for other in report["other_closings_changed"]:
        yield (
            "changes",
            f"transaction {other['transaction_id']}: {other['recorded']} would be {other['recognized']}",
        )
    if report["window_open_until"]:
        until = report["window_open_until"]
        yield "still_exposed", f"{report['loss_still_exposed']}: a purchase until {until} would defer it"
    yield "remaining", f"{report['remaining']['quantity']} in {len(report['remaining']['lots'])} lots"


def _step_told(step: Row) -> Row:
    lines: list[str] = step["arithmetic"]
    return {
        **step,
        "arithmetic": list(map(told, lines)),
        "actions": [a for line in lines for a in listed(line)],
    }


def _told(report: Row) -> Iterator[str]:
    yield report["title"]
    for number, step in enumerate(report["steps"], start=1):
        yield ""
        yield f"{number}. {step['date']}  {step['what']}"
        for line in step["arithmetic"]:
            yield f"   {line}"
        if step["after"] is not None:
            yield f"   = {_state(step['after'])}"
        for source in step["sources"]:
            yield f"   {source['file']}:{source['line']}: {source['raw']}"
        if step["transaction_id"] is not None and not step["sources"]:
            yield f"   transaction {step['transaction_id']}, typed by hand"


def _state(after: Row) -> str:
    told = f"{after['quantity']} units, basis {after['basis'] or 'unknown'}"
    if Decimal(after["wash_sale_adjustment"]):
        told += f" with {after['wash_sale_adjustment']} of deferred loss"
    return told + (f", held from {after['holding_start']}" if after["holding_start"] else "")
