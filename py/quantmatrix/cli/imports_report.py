"""What an import did, told to a person."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from quantmatrix.cli.not_known import not_known
from quantmatrix.cli.output import write_rows
from quantmatrix.cli.settings import Settings
from quantmatrix.terminal import Styled, say

SHOWN = 20
"""So many refusals and warnings are told on the terminal; ``import show`` and ``--format json`` have all."""

_STATUS = {
    "imported": ("imported", "green"),
    "known": ("known already, nothing written", "yellow"),
    "refused": ("refused, nothing written", "red"),
}


def print_report(settings: Settings, report: Mapping[str, Any]) -> None:
    """A short page for one file: verdict and counts on stdout, what needs attention on stderr."""
    rows = report["rows"]
    words, color = _STATUS[report["status"]]
    if report.get("dry_run"):
        words += " (dry run: rolled back)"
    name = Styled(report["file"], bold=True)
    number = (
        f"  import {report['import_id']}"
        if report["import_id"] is not None and not report.get("dry_run")
        else ""
    )
    # A refusal may come before the format is settled, or not bring it along: its reason says what is wrong.
    format_name = f"  {report['source']}" if report["source"] else ""
    say(name, f"{format_name}{number}  ", Styled(words, fg=color))
    counts = ", ".join(
        f"{rows[key]:,} {key}" for key in ("new", "known", "changed", "refused") if rows[key] or key == "new"
    )
    say(f"  {rows['read']:,} rows: {counts}")
    if report.get("edited"):
        _print_edited(report)
    if report["types"]:
        kinds = sorted(report["types"].items(), key=lambda item: (-item[1], item[0]))
        say("  " + ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in kinds))
    if report.get("matched"):
        say(f"  {report['matched']:,} rows are told by another source too, and count once")
    if report.get("conflicts"):
        settings.narrate(
            f"  {report['conflicts']:,} conflicts with another source; all of it counts until you decide: "
            "quantmatrix import conflicts"
        )
    unknown = not_known(report.get("unknown", {}))
    if unknown:
        settings.narrate(f"  {unknown}: quantmatrix reconcile")
    for account in report["accounts_created"]:
        settings.narrate(
            f"  new account {account}: taken to be taxable; "
            f"if it is not: quantmatrix account set {shlex.quote(account)} --type ira"
        )
    _print_remarks("refused", report["file"], report["refusals"], "red")
    if settings.verbose or report["status"] != "known":
        _print_remarks("warning", report["file"], report["warnings"], "yellow")


def _print_edited(report: Mapping[str, Any]) -> None:
    """How an edited file differs from the one it was made from, and what to do."""
    edited = report["edited"]
    rows = edited["rows"]
    counts = ", ".join(f"{rows[key]:,} {key}" for key in ("same", "changed", "gone", "new"))
    is_refused = report["status"] == "refused"
    verb = "was edited from" if is_refused else "takes the place of"
    say(f"  {verb} import {edited['import']} ({edited['file']}): {counts}", err=is_refused)
    for change in edited["changes"][:SHOWN]:
        say(f"    line {change['line']}: {change['was'][:80]}  →  {change['becomes'][:80]}", err=is_refused)
    if rows["of_other_days"]:
        say(
            f"    {rows['of_other_days']:,} rows of the earlier file are of days that this one lacks",
            err=is_refused,
        )
    if is_refused:
        say(
            f"  next: --replace {edited['import']} takes its place; --anyway keeps both, and both count",
            err=True,
        )


def print_undo(undone: Mapping[str, Any]) -> None:
    """What taking an import back changed."""
    counts = undone["transactions"]
    tense = "would be" if undone["dry_run"] else "were"
    say(
        f"import {undone['import_id']}: {counts['removed']:,} transactions {tense} removed, "
        f"{counts['changed']:,} changed, {counts['kept']:,} kept because other imports attest them"
    )
    if undone["positions"]:
        write_rows(
            [
                {**row, "before": Decimal(row["before"]), "after": Decimal(row["after"])}
                for row in undone["positions"]
            ],
            "table",
        )


def _print_remarks(kind: str, file: str, remarks: list[Mapping[str, Any]], color: str) -> None:
    for remark in remarks[:SHOWN]:
        place = ":".join(str(part) for part in (file, remark["line"], remark["column"]) if part is not None)
        text = f" [{remark['text'][:80]}]" if remark["text"] else ""
        say("  ", Styled(kind, fg=color), f" {place}: {remark['reason']}{text}", err=True)
    if len(remarks) > SHOWN:
        say(f"  ... and {len(remarks) - SHOWN:,} more: --format json lists all", err=True)
