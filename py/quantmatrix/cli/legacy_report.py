"""What ``legacy`` found and did, told to a person; ``--format json`` has every number and id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quantmatrix.cli.output import write_rows
from quantmatrix.terminal import Styled, say

_VERDICTS = {"go": "green", "no-go": "red", "ask": "yellow"}


def print_inspection(found: Mapping[str, Any]) -> None:
    """A page about V1."""
    _title(f"{found['name']}: V1 as it is")
    say(
        f"  {found['tables']} tables, {found['columns']} columns, {found['foreign_keys']} foreign keys, "
        f"{found['rows']:,} rows"
    )
    _title("Tables")
    write_rows(
        [
            {
                "table": table["table"],
                "rows": table["rows"],
                "use": table["use"],
                "leftover_columns": ", ".join(table["leftover_columns"]),
            }
            for table in found["by_table"]
        ],
        "table",
    )
    _title("Defects")
    write_rows(found["defects"], "table", columns=("source", "defect", "rows"), empty="none found")
    _print_discrepancy(found["discrepancy"])


def print_proof(proof: Mapping[str, Any]) -> None:
    """The proof of a migration, or of its trial."""
    words = {"migrated": "migrated", "known": "known already, nothing written"}[proof["status"]]
    if proof["dry_run"]:
        words += " (dry run: rolled back)"
    number = f", run {proof['import_id']}" if proof["import_id"] is not None and not proof["dry_run"] else ""
    _title(f"{proof['name']}: {words}{number}")
    rows = proof["rows"]
    say(f"  {rows['new']:,} transactions new, {rows['known']:,} known, {rows['changed']:,} changed")
    _title("Rows in = kept + rejected")
    write_rows(
        [
            {
                "source": source["source"],
                "rows_in": source["rows_in"],
                "kept": source["kept"],
                "rejected": ", ".join(
                    f"{count} {reason}" for reason, count in sorted(source["rejected"].items())
                ),
            }
            for source in proof["sources"]
        ],
        "table",
    )
    _title("Holdings of V1, positions and lots")
    shown = ("account", "symbol", "holding", "position", "open_lots", "open_lot_quantity", "cause")
    write_rows(proof["holdings"], "table", columns=shown, empty="none held")
    _title("Cash")
    balances = ("account", "currency", "before", "elsewhere", "after")
    write_rows(proof["cash"], "table", columns=balances, empty="none moved")
    before, after = proof["discrepancies"]["before"], proof["discrepancies"]["after"]
    _title("Discrepancies")
    for name, figures in (("before", before), ("after", after)):
        say(
            f"  {name}: {figures['holdings']} holdings, {figures['shares']} shares; "
            f"lots are {figures['ratio']} times the holdings"
        )
    _title("Discarded")
    unread = ", ".join(f"{table['table']} {table['rows']}" for table in proof["unread"])
    say(f"  tax_lots: {proof['discarded']['tax_lots']} rows, rebuilt from transactions; not read: {unread}")
    _title("Go or no-go")
    for criterion in proof["criteria"]:
        verdict = Styled(f"{criterion['verdict']:<6}", fg=_VERDICTS[criterion["verdict"]])
        say("  ", verdict, f" {criterion['criterion']}: {criterion['evidence']}")


def _print_discrepancy(discrepancy: Mapping[str, Any]) -> None:
    _title("Lots against holdings")
    shown = ("account", "symbol", "v1_holding_id", "holding", "lots", "difference")
    write_rows(discrepancy["symbols"], "table", columns=shown, empty="they agree")
    say(
        f"  {discrepancy['holdings']} holdings differ by {discrepancy['shares']} shares; "
        f"lots are {discrepancy['ratio']} times these holdings"
    )


def _title(text: str) -> None:
    say(Styled(text, bold=True))
