"""``prices``: load daily prices from files and statements; decide about those that jump."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from quantmatrix.cli.output import to_json, write_rows
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.door.protocol import Door, Staged
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.ingest.model import FileRefused
from quantmatrix.prices.bars import Options, read_bars
from quantmatrix.terminal import data, say

_TYPES = ("stock", "fund", "bond", "option", "future", "digital", "currency", "other")


@click.group(short_help="Load prices; decide about those that jump.")
def prices() -> None:
    """Daily prices: shared by everybody, so they are loaded by whoever administers the database.

    \b
      quantmatrix prices load aapl_us_d.csv
      quantmatrix prices load --symbol VOD --currency GBX --source stooq vod.csv
      quantmatrix prices load eurofxref-hist.csv flex-2025.xml
      quantmatrix prices held
      quantmatrix prices accept NVDA
    """


@prices.command("load", short_help="From CSV files, the ECB's reference rates, and statements' marks.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=False))
@click.option("--symbol", help="Symbol, for files that name none (else their name: aapl_us_d.csv).")
@click.option("--type", "kind", type=click.Choice(_TYPES), help="Kind of instrument, where a symbol is two.")
@click.option("--currency", help="Currency of the prices; GBX for pence.")
@click.option("--source", help="Where the prices come from; kept with each of them.")
@click.option(
    "--adjusted-for",
    type=click.Choice(("none", "splits", "splits+dividends")),
    default="none",
    show_default=True,
    help="What the closes are adjusted for.",
)
@click.option("--dry-run", is_flag=True, help="Do everything, then roll it back.")
@click.pass_obj
def prices_load(
    settings: Settings,
    files: tuple[Path, ...],
    symbol: str | None,
    kind: str | None,
    currency: str | None,
    source: str | None,
    adjusted_for: str,
    dry_run: bool,
) -> None:
    """Load FILES, each whole or not at all. A jump without a corporate action is held for review.

    \b
      quantmatrix prices load --source stooq --adjusted-for splits aapl_us_d.csv
    """
    reports = []
    with door(settings, as_administrator=True) as session:
        for path in files:
            options = Options(
                symbol=symbol,
                type=kind,
                currency=currency.upper() if currency else None,
                source=source,
                adjusted_for=adjusted_for,
                file_name=path.name,
            )
            try:
                reports.append(_load(session, path, options, dry_run=dry_run))
            except FileRefused as refused:
                raise Problem(
                    refused.reason,
                    where=str(path) if refused.line is None else f"{path}:{refused.line}",
                    unchanged="nothing of this file was written",
                    next_step=refused.hint,
                    exit_code=ExitCode.REFUSED,
                ) from None
    if settings.format == "json":
        data(to_json(reports[0] if len(reports) == 1 else reports))
        return
    left_out = ("unknown", "ambiguous")
    write_rows([{**r, **{name: len(r[name]) for name in left_out}} for r in reports], settings.format)
    for report in reports:
        if report["unknown"]:
            names = ", ".join(sorted(report["unknown"])[:10])
            settings.narrate(f"{report['file']}: nobody holds {names}: their prices were left out")
        for name, keys in sorted(report["ambiguous"].items())[:10]:
            settings.narrate(
                f"{report['file']}: {name} is {', '.join(keys)}: left out; say --type, --currency"
            )
        if report["held"]:
            settings.narrate(f"{report['held']:,} prices jump and are held: quantmatrix prices held")


@prices.command("held", short_help="Prices that jump without a corporate action.")
@click.pass_obj
def prices_held(settings: Settings) -> None:
    """Prices that jump without a corporate action, and what follows them at the new level.

    \b
      quantmatrix prices held
    """
    with door(settings, as_administrator=True) as session:
        held = session.call("prices_held")
    write_rows(held, settings.format, empty="no price is held")


@prices.command("accept", short_help="Take the held prices of a symbol over.")
@click.argument("symbol")
@click.pass_obj
def prices_accept(settings: Settings, symbol: str) -> None:
    """Believe the held prices of SYMBOL.

    \b
      quantmatrix prices accept NVDA
    """
    _decide(settings, symbol, accept=True)


@prices.command("reject", short_help="Throw the held prices of a symbol away.")
@click.argument("symbol")
@click.pass_obj
def prices_reject(settings: Settings, symbol: str) -> None:
    """Throw the held prices of SYMBOL away.

    \b
      quantmatrix prices reject NVDA
    """
    _decide(settings, symbol, accept=False)


@prices.command("explain", short_help="Say that a corporate action is why a price jumps.")
@click.argument("symbol")
@click.argument("day", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--reason", required=True, help="What happened.")
@click.pass_obj
def prices_explain(settings: Settings, symbol: str, day: datetime, reason: str) -> None:
    """Say that the price of SYMBOL (or TYPE|SYMBOL|CURRENCY) is at a new level from DAY on.

    Load the prices again afterwards: bars around that day are not held. It changes nobody's book.

    \b
      quantmatrix prices explain NVDA 2024-06-10 --reason "ten for one"
    """
    with door(settings, as_administrator=True) as session:
        told = session.call("price_action_add", {"symbol": symbol, "day": day.date(), "reason": reason})
    say(f"{told['instrument']}: a jump on {told['day']} is explained")


def _decide(settings: Settings, symbol: str, *, accept: bool) -> None:
    with door(settings, as_administrator=True) as session:
        bars = session.call("prices_decide", {"symbol": symbol, "accept": accept})
    word = "taken over" if accept else "thrown away"
    say(f"{bars:,} prices of {symbol} were {word}")


def _load(session: Door, path: Path, options: Options, *, dry_run: bool) -> dict[str, Any]:
    from quantmatrix.ingest.detect import choose_parser
    from quantmatrix.ingest.reader import open_source
    from quantmatrix.loading.files import staged_anew
    from quantmatrix.prices.marks import SOURCES, marks

    def attempt() -> dict[str, Any]:
        load_id = uuid.uuid4()
        with open_source(path) as file:
            try:
                source = choose_parser(file)[0].source
            except FileRefused:
                source = ""
            found = marks(file.text, source, options) if source in SOURCES else read_bars(file.text, options)
            staged = session.stage(load_id, (_staged(load_id, bar.as_row()) for bar in found))
        given = {"load_id": str(load_id), "records": staged} if staged else {"prices": []}
        return {"bars": staged, **session.call("prices_load", given, dry_run=dry_run)}

    return {"file": path.name, **staged_anew(attempt)}


def _staged(load_id: uuid.UUID, bar: dict[str, Any]) -> Staged:
    return str(load_id), "line", 0, 0, json.dumps(bar), None
