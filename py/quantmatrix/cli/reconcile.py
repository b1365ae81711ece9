"""``reconcile``: what the broker says against what we hold, and one named cause for each difference."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import click

from quantmatrix.cli.actions import row_told, told
from quantmatrix.cli.not_known import not_known
from quantmatrix.cli.output import to_json, write_object, write_rows
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode
from quantmatrix.terminal import data, say

FIELDS = ("account", "symbol", "kind", "ours", "broker", "cause", "evidence")


ACCEPTED = (
    "id",
    "account",
    "symbol",
    "kind",
    "ours",
    "broker",
    "cause",
    "reason",
    "accepted_at",
    "revoked_at",
)


@click.group(
    invoke_without_command=True, short_help="Compare with the broker: differences, each with its cause."
)
@click.option("--account", help="Only this account: number or name.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Newest statements at or before this day.")
@click.option("--accept", "finding", type=int, metavar="NUMBER", help="Accept this difference from now on.")
@click.option("--reason", help="Why it is right as it is; needed with --accept.")
@click.pass_context
def reconcile(
    context: click.Context,
    account: str | None,
    as_of: datetime | None,
    finding: int | None,
    reason: str | None,
) -> ExitCode:
    """Compare positions, lots and cash with the newest statements, and our rows with each other.

    Ends with status 3 if a difference is neither explained nor accepted.

    \b
      quantmatrix reconcile
      quantmatrix reconcile --account U1234567 --as-of 2025-12-31
      quantmatrix reconcile --format json
      quantmatrix reconcile --accept 12 --reason "shares lent out, the broker counts them apart"
      quantmatrix reconcile accepted
      quantmatrix reconcile revoke 3 --reason "they are back"

    What is accepted stays so while its figures and its cause are the same.
    """
    given = (account, as_of, finding, reason)
    if context.invoked_subcommand is not None:
        if any(value is not None for value in given):
            raise click.UsageError(f"options belong after {context.invoked_subcommand}")
        return ExitCode.DONE
    settings = context.ensure_object(Settings)
    if (finding is None) != (reason is None):
        raise click.UsageError("--accept and --reason belong together")
    with door(settings) as session:
        if finding is not None:
            session.call("difference_accept", {"finding_id": finding, "reason": reason})
        report: dict[str, Any] = session.call(
            "reconcile", {"account": account, "as_of": as_of.date() if as_of else None}
        )
    _write(settings, report)
    return ExitCode.DIFFERENCES if report["differences"] else ExitCode.DONE


@reconcile.command("accepted", short_help="What was accepted, with the reasons.")
@click.option("--all", "revoked_too", is_flag=True, help="Those that were taken back, too.")
@click.pass_obj
def reconcile_accepted(settings: Settings, revoked_too: bool) -> None:
    """Differences that were accepted, each with its number and the reason.

    \b
      quantmatrix reconcile accepted
      quantmatrix reconcile accepted --all --format json
    """
    with door(settings) as session:
        rows = [
            row for row in session.view("acceptances", order=("id",)) if revoked_too or not row["revoked_at"]
        ]
    columns = ACCEPTED[: None if revoked_too else -1] if settings.format == "table" else None
    write_rows(rows, settings.format, columns=columns, empty="nothing was accepted")


@reconcile.command("revoke", short_help="Take an acceptance back.")
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why.")
@click.pass_obj
def reconcile_revoke(settings: Settings, number: int, reason: str) -> None:
    """Take acceptance NUMBER back: the difference, if it still stands, is open again.

    \b
      quantmatrix reconcile revoke 3 --reason "the broker put it right"
    """
    with door(settings) as session:
        revoked = session.call("acceptance_revoke", {"acceptance": number, "reason": reason})
    write_object(revoked, settings.format)


def _write(settings: Settings, report: dict[str, Any]) -> None:
    output_format = settings.format
    if output_format == "json":
        lists = {name: [_ordered(row) for row in report[name]] for name in ("differences", "explained")}
        told = {name: report[name] for name in ("as_of", "checked", "unknown")}
        data(to_json({**told, **lists}))
    elif output_format == "table":
        _write_tables(settings, report)
    else:
        statuses = (("open", "differences"), ("explained", "explained"))
        rows = [{"status": status, **_ordered(row)} for status, name in statuses for row in report[name]]
        write_rows(rows, output_format, columns=("status", *FIELDS))


def _ordered(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in FIELDS} | {"evidence": row_told(row["evidence"], "hint")}


def _write_tables(settings: Settings, report: dict[str, Any]) -> None:
    differences, explained = report["differences"], report["explained"]
    if differences:
        write_rows([_told(row) for row in differences], "table")
        say()
        for row in differences:
            say(f"{row['evidence']['finding_id']}: {_story(row)}", lines=True)
        say()
    if explained:
        say("explained, nothing to do:")
        write_rows([_told(row) for row in explained], "table")
        say()
    checked = report["checked"]
    counted = ", ".join(
        f"{checked[kind]} {kind.removesuffix('s') if checked[kind] == 1 else kind}"
        for kind in ("positions", "lots", "cash")
    )
    noun = "difference" if len(differences) == 1 else "differences"
    say(f"{len(differences)} {noun} (compared: {counted}; as of {report['as_of']})")
    unknown = not_known(report["unknown"])
    if unknown:
        say(unknown)
    if not any(checked.values()):
        settings.narrate(
            "nothing was compared with a broker: no statement that says what is held or the cash is imported"
        )


def _told(row: dict[str, Any]) -> dict[str, Any]:
    evidence = row["evidence"]
    return {
        "id": evidence["finding_id"],
        "account": row["account"],
        "symbol": row["symbol"],
        "kind": row["kind"],
        "ours": _number(row["ours"]),
        "broker": _number(row["broker"]),
        "cause": row["cause"].replace("_", " "),
        "where": _place(evidence),
    }


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _place(evidence: dict[str, Any]) -> str:
    """Where the broker's figure stands, else which of our checks failed."""
    if "file" not in evidence:
        return str(evidence.get("check", "")).replace("_", " ")
    line = f":{evidence['line']}" if "line" in evidence else ""
    return f"{evidence['file']}{line} ({evidence['as_of']})"


def _story(row: dict[str, Any]) -> str:
    evidence = row["evidence"]
    facts = [f"{row['symbol']}: {row['cause'].replace('_', ' ')}"]
    for name, words in (
        ("first_shortfall", "more was sold than held on {}"),
        ("history_starts", "our rows begin on {}"),
        ("ratio", "ratio {}"),
        ("missing_opening", "{} stood there before the first statement"),
        ("balances_do_not_connect_on", "the balances do not connect on {}"),
        ("transactions", "transactions {}"),
    ):
        if name in evidence:
            facts.append(words.format(_listed(evidence[name])))
    return "; ".join(facts) + f".\n   → {told(evidence['hint'])}"


def _listed(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    flat = [str(part) for item in value for part in (item if isinstance(item, list) else [item])]
    return ", ".join(flat[:10]) + (f" and {len(flat) - 10} more" if len(flat) > 10 else "")
