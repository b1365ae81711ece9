"""``lots rebuild``: derive lots anew, or prove them, for one person or for everybody, several at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import click

from quantmatrix.cli.output import to_json, write_object, write_rows
from quantmatrix.cli.rows import asked
from quantmatrix.cli.session import administrator
from quantmatrix.cli.settings import Settings
from quantmatrix.door.login import person
from quantmatrix.door.protocol import Row
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.terminal import data

COLUMNS = ("email", "groups", "lots", "closings", "changed", "differences", "seconds", "error")


@click.command(short_help="Derive all lots anew; --verify only compares.")
@click.option(
    "--verify", is_flag=True, help="Write nothing; list each row that differs. Ends with 3 if any does."
)
@click.option("--everyone", is_flag=True, help="All users, not only one: for administrators.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    help="Work on so many users side by side; with --everyone, which it implies.",
)
@click.pass_obj
def rebuild(settings: Settings, verify: bool, everyone: bool, jobs: int | None) -> ExitCode:
    """Derive all lots, closings and positions anew and write the rows that differ.

    \b
      quantmatrix lots rebuild
      quantmatrix lots rebuild --verify
      quantmatrix lots rebuild --everyone --verify
      quantmatrix lots rebuild --jobs 4
    """
    if everyone or jobs is not None:
        return _of_everyone(settings, verify, jobs or 1)
    report = asked(settings, "lots_rebuild", {"verify": verify})
    if settings.format == "json":
        data(to_json(report))
    else:
        counts = report | {"differences": len(report["differences"])}
        write_object(counts, settings.format)
        _print_differences(report["differences"])
    return ExitCode.DIFFERENCES if report["differences"] else ExitCode.DONE


def _of_everyone(settings: Settings, verify: bool, jobs: int) -> ExitCode:
    with administrator(settings) as admin:
        users = sorted(admin.table("user_list"), key=lambda user: str(user["email"]))
    rows = []
    with settings.progress("users", len(users)) as advance:
        for row in _side_by_side(settings, users, verify, jobs):
            rows.append(row)
            advance(1)
    rows.sort(key=lambda row: str(row["email"]))
    if settings.format == "json":
        data(to_json(rows))
    else:
        counted = [row | {"differences": len(row["differences"])} for row in rows]
        names = COLUMNS if any(row["error"] for row in rows) else COLUMNS[:-1]
        write_rows(counted, settings.format, columns=names, empty="there are no users")
        for row in rows:
            _print_differences([{"email": row["email"]} | found for found in row["differences"]])
    if any(row["error"] for row in rows):
        return ExitCode.FAILED
    return ExitCode.DIFFERENCES if any(row["differences"] for row in rows) else ExitCode.DONE


def _side_by_side(settings: Settings, users: list[Row], verify: bool, jobs: int) -> Iterator[dict[str, Any]]:
    """One row for each user as it is done. A user's failure is told in its row and stops no other."""

    def work(user: Row) -> dict[str, Any]:
        start = time.monotonic()
        nothing = dict.fromkeys(("groups", "lots", "closings", "changed"), 0)
        row: dict[str, Any] = {"email": user["email"], **nothing, "differences": [], "error": None}
        try:
            with person(settings.environment, user["id"]) as session:
                row |= session.call("lots_rebuild", {"verify": verify})
        except Problem as problem:
            row["error"] = problem.what
        row["seconds"] = f"{time.monotonic() - start:.1f}"
        return row

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        for done in as_completed([pool.submit(work, user) for user in users]):
            yield done.result()


def _print_differences(differences: list[dict[str, Any]]) -> None:
    for difference in differences:
        data(to_json(difference, indent=None), err=True)
