"""Running a file of pgTAP tests statement by statement, so that an error loses no result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import sqlparse

RESULT = re.compile(r"^(?P<failed>not )?ok\b(?P<rest>.*)$")
PLAN = re.compile(r"^1\.\.(?P<count>\d+)\s*(?:#\s*(?P<skip>skip\b.*))?$", re.IGNORECASE)
DIRECTIVE = re.compile(r"#\s*(?P<kind>todo|skip)\b\s*(?P<reason>.*)$", re.IGNORECASE)
META_COMMAND = re.compile(r"^\s*\\\w", re.MULTILINE)


@dataclass
class Outcome:
    """What a file's TAP says: the plan, the number of results, and each thing that is wrong."""

    planned: int | None = None
    run: int = 0
    problems: list[str] = field(default_factory=list)
    expected_failures: list[str] = field(default_factory=list)
    _telling: bool = False

    def read(self, line: str, place: str) -> None:
        """Take in one line of output; ``place`` is the file and line of the statement that printed it."""
        if result := RESULT.match(line):
            self._read_result(result, line, place)
        elif plan := PLAN.match(line):
            if plan["skip"]:
                self.problems.append(f"{place}: the whole file is skipped: {line}")
            self.planned = int(plan["count"])
        elif line.startswith("Bail out!"):
            self.problems.append(f"{place}: {line}")
        elif line.startswith("#") and self._telling:
            self.problems[-1] += f"\n    {line}"

    def _read_result(self, result: re.Match[str], line: str, place: str) -> None:
        self.run += 1
        self._telling = False
        directive = DIRECTIVE.search(result["rest"])
        kind = directive["kind"].lower() if directive else None
        if kind == "skip":
            # A test that lacks what it needs has proved nothing.
            self.problems.append(f"{place}: skipped: {line}")
        elif kind == "todo":
            if result["failed"]:
                self.expected_failures.append(line)
        elif result["failed"]:
            self.problems.append(f"{place}: {line}")
            self._telling = True

    def finish(self, place: str) -> None:
        """Compare what ran with the plan."""
        if self.planned is None:
            self.problems.append(f"{place}: no plan: begin with plan(n) and end with finish()")
        elif self.planned != self.run:
            self.problems.append(f"{place}: planned {self.planned} tests, ran {self.run}")


def statements(text: str) -> Iterator[tuple[int, str]]:
    """The statements of a file of SQL with the number of the line on which each begins."""
    position = 0
    for statement in sqlparse.split(text):
        if not statement.strip(" \t\r\n;"):
            continue
        found = text.index(statement, position)
        position = found + len(statement)
        lead = len(statement) - len(_without_leading_comments(statement))
        yield text.count("\n", 0, found + lead) + 1, statement


def _without_leading_comments(statement: str) -> str:
    return re.sub(r"\A(?:\s+|--[^\n]*\n|/\*.*?\*/)+", "", statement, flags=re.DOTALL)


def run_tap_file(dsn: str, path: Path) -> Outcome:
    """Run ``path`` on the database of ``dsn``, where ``tap`` and ``tests`` are in the search path."""
    outcome = Outcome()
    text = path.read_text(encoding="utf-8")
    if meta := META_COMMAND.search(text):
        line = text.count("\n", 0, meta.start()) + 1
        outcome.problems.append(f"{path}:{line}: a psql command; files are run without psql")
        return outcome
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set search_path = tap, tests, public")
        for line, statement in statements(text):
            place = f"{path}:{line}"
            try:
                for said in _said_by(connection, statement):
                    outcome.read(said, place)
            except psycopg.Error as error:
                outcome.problems.append(_statement_problem(place, statement, error))
                return outcome
    outcome.finish(str(path))
    return outcome


def _said_by(connection: psycopg.Connection[tuple[object, ...]], statement: str) -> Iterator[str]:
    cursor = connection.execute(statement.encode())
    if cursor.description:
        for row in cursor:
            for cell in row:
                if isinstance(cell, str):
                    yield from cell.splitlines()


def _statement_problem(place: str, statement: str, error: psycopg.Error) -> str:
    details = [error.diag.message_detail, error.diag.message_hint, error.diag.context]
    shown = "\n".join(f"    {line}" for line in statement.splitlines()[:12])
    said = f"{place}: {error.sqlstate}: {error.diag.message_primary or error}"
    return "\n".join([said, *(f"    {detail}" for detail in details if detail), "  in the statement", shown])
