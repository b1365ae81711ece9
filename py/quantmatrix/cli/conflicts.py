"""``import conflicts``: what several sources tell, what of it no rule matched, what the person says."""

from __future__ import annotations

from typing import Any

import click

from quantmatrix.cli.output import to_json, write_object, write_rows
from quantmatrix.cli.rows import asked
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.door.protocol import Door, Where
from quantmatrix.terminal import data, say


@click.group(invoke_without_command=True, short_help="What several sources tell, and nobody could match.")
@click.option("--account", help="Number or name of one account.")
@click.option("--matched", is_flag=True, help="What was matched instead, and by which rule.")
@click.pass_context
def conflicts(context: click.Context, account: str | None, matched: bool) -> None:
    """Rows of several sources that may be one event. Until you decide, all of them count.

    \b
      quantmatrix import conflicts
      quantmatrix import conflicts --account U1000001 --matched
      quantmatrix import conflicts resolve 3f2a91c07b --same --reason "the order, and its two fills"
      quantmatrix import conflicts resolve 3f2a91c07b --different --reason "two purchases"
      quantmatrix import conflicts decisions
      quantmatrix import conflicts reopen 4 --reason "asked the broker"

    What the rules can match needs no decision: it counts once, by the source that says most
    (docs/formats.md).
    """
    if context.invoked_subcommand is not None:
        return
    settings: Settings = context.find_object(Settings) or Settings()
    with door(settings) as session:
        if matched:
            _list_matched(settings, session, account)
        else:
            _list_open(settings, session, account)


def _list_open(settings: Settings, session: Door, account: str | None) -> None:
    found = session.call("import_conflicts", {"account": account})
    if settings.format == "json":
        data(to_json(found))
        return
    rows = [
        {
            **{name: conflict[name] for name in ("conflict", "account", "day", "symbol", "verdict", "why")},
            "sources": "; ".join(
                f"{told['source']}: {told['rows']} rows, {told['quantity'] or 'no'} units, {told['net']}"
                for told in conflict["sources"]
            ),
        }
        for conflict in found
    ]
    if settings.format == "table" and not rows:
        events = {
            row["conflict"] for row in session.view("import_matches", [Where("account", "eq", account)])
        }
        told = (
            f"{len(events):,} events are told by several sources, and count once (--matched)"
            if events
            else "nothing is told twice"
        )
        say(f"no conflicts: {told}")
        return
    write_rows(rows, settings.format)
    if settings.format == "table":
        settings.narrate(
            "decide: quantmatrix import conflicts resolve CONFLICT --same|--different --reason ..."
        )


def _list_matched(settings: Settings, session: Door, account: str | None) -> None:
    found = session.view(
        "import_matches", [Where("account", "eq", account)], ("day", "conflict", "transaction_id")
    )
    write_rows(found, settings.format, empty="nothing was matched: no two sources tell the same event")


@conflicts.command("resolve", short_help="Say whether the rows are one event.")
@click.argument("conflict")
@click.option(
    "--same", "verdict", flag_value="same", help="One event: one source counts, the others attest it."
)
@click.option("--different", "verdict", flag_value="different", help="Different events: all rows count.")
@click.option("--keep", metavar="SOURCE", help="Whose rows count (default: of the source that says most).")
@click.option("--reason", required=True, help="Why; the audit log keeps it.")
@click.option("--dry-run", is_flag=True, help="Do everything, then roll it back.")
@click.pass_obj
def conflicts_resolve(
    settings: Settings, conflict: str, verdict: str | None, keep: str | None, reason: str, dry_run: bool
) -> None:
    """Say what the rows of CONFLICT are; its name is in the list. Imports never undo it.

    A name of ``--matched`` parts what the rules matched wrongly (--different), or lets the other source
    count.

    \b
      quantmatrix import conflicts resolve 3f2a91c07b --same --keep ibkr_flex --reason "corrected there"
      quantmatrix import conflicts resolve m81c0de442 --different --reason "two equal purchases"
    """
    if verdict is None:
        raise click.UsageError("say --same or --different")
    given = {"conflict": conflict, "verdict": verdict, "reason": reason, "keep": keep}
    _write(settings, asked(settings, "import_conflict_resolve", given, dry_run=dry_run), dry_run)


@conflicts.command("decisions", short_help="What you decided so far.")
@click.pass_obj
def conflicts_decisions(settings: Settings) -> None:
    """Decisions, newest first, also those taken back.

    \b
      quantmatrix import conflicts decisions
    """
    with door(settings) as session:
        rows = session.view("import_decisions", order=("-id",))
        write_rows(rows, settings.format, empty="nothing was decided yet: quantmatrix import conflicts")


@conflicts.command("reopen", short_help="Take a decision back.")
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why; the audit log keeps it.")
@click.option("--dry-run", is_flag=True, help="Do everything, then roll it back.")
@click.pass_obj
def conflicts_reopen(settings: Settings, number: int, reason: str, dry_run: bool) -> None:
    """Take the decision NUMBER back: the rules alone decide again, and list what they cannot.

    \b
      quantmatrix import conflicts reopen 4 --reason "asked the broker"
    """
    answer = asked(
        settings, "import_conflict_reopen", {"decision": number, "reason": reason}, dry_run=dry_run
    )
    _write(settings, answer, dry_run)


def _write(settings: Settings, answer: dict[str, Any], dry_run: bool) -> None:
    if settings.format == "table":
        moved = answer["transactions"]
        kept = answer.get("kept_source")
        done = answer.get("status") or (f"same, {kept} counts" if kept else "different, all rows count")
        say(
            f"decision {answer['decision']}: {done}; transactions: "
            f"{moved['added']} added, {moved['changed']} changed, {moved['removed']} removed"
        )
    else:
        write_object({**answer, "dry_run": dry_run}, settings.format)
    if dry_run:
        settings.narrate("dry run: nothing was kept")
