"""The references of the database: tables with their keys and how they refer, and what ``api`` offers."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row

HERE = Path(__file__).parent
WIDTH = 110
SCHEMAS = ["core", "tax", "ingest", "auth", "audit", "work"]
PERSON = "core.users"
TABLES_INTRODUCTION = """\
# Tables

Made from the catalogue of a migrated database by `make pages`; edit the comments in `db/schema`.
`?` behind a type: the value may be null. Each schema begins with how its tables refer to each other and to
those of other schemas; left out is that nearly every table belongs to a person (`user_id` → `core.users`).
"""
API_INTRODUCTION = """\
# Views and functions

Everything that `api` offers, made from the catalogue by `make pages`; edit the comments in `db/functions`.
How they are called over HTTP is told in [the API](../api.md), with examples in the document that the API
gives of itself.
"""


@dataclass(frozen=True)
class Table:
    """A table of the catalogue: columns as name, type, whether it must have a value, meaning."""

    schema: str
    name: str
    comment: str | None
    columns: list[tuple[str, str, bool, str]]
    keys: list[tuple[str, list[str], str]]

    @property
    def full_name(self) -> str:
        """With its schema."""
        return f"{self.schema}.{self.name}"

    def references(self) -> Iterator[tuple[list[str], str]]:
        """Its columns that name rows of another table, and that table."""
        for kind, columns, target in self.keys:
            if kind == "f":
                yield columns, target


@dataclass(frozen=True)
class Offer:
    """A view or a function of ``api``; a function's name is what it takes and gives."""

    kind: str
    name: str
    comment: str | None
    columns: list[tuple[str, str, bool, str]] | None


def tables_page(connection: psycopg.Connection[Any]) -> str:
    """The page of tables."""
    with connection.cursor(row_factory=class_row(Table)) as cursor:
        query = (HERE / "tables.sql").read_bytes()
        tables = cursor.execute(query, {"schemas": SCHEMAS}).fetchall()
    text = TABLES_INTRODUCTION
    for schema in SCHEMAS:
        own = [table for table in tables if table.schema == schema]
        text += f"\n## {schema}\n\n" + _diagram(own)
        for table in own:
            text += f"\n### {table.full_name}\n\n{_wrapped(table.comment or '')}.\n\n"
            text += _columns(table.columns) + _keys(table)
    return text


def api_page(connection: psycopg.Connection[Any]) -> str:
    """The page of ``api``."""
    with connection.cursor(row_factory=class_row(Offer)) as cursor:
        offers = cursor.execute((HERE / "api.sql").read_bytes()).fetchall()
    text = API_INTRODUCTION
    for title, kind in (("Views", "view"), ("Functions", "function")):
        text += f"\n## {title}\n"
        for offer in offers:
            if offer.kind == kind:
                text += _offer(offer)
    return text


def _offer(offer: Offer) -> str:
    """A comment is a title, a line on its own, what there is to say, and an example."""
    name, bracket, _ = offer.name.partition("(")
    told, _, example = (offer.comment or "").partition("\n\nExample: ")
    title, _, description = told.partition("\n")
    text = f"\n### {name}\n\n"
    if bracket or not description:
        text += f"{_wrapped(title)}.\n\n"
    if bracket:
        text += f"```sql\n{textwrap.fill(offer.name, WIDTH, subsequent_indent='    ')}\n```\n\n"
    if description:
        text += f"{_wrapped(description)}.\n\n"
    if example:
        text += f"Example:\n\n```text\n{textwrap.fill(example, WIDTH, break_on_hyphens=False)}\n```\n\n"
    return text + _columns(offer.columns) if offer.columns else text.removesuffix("\n")


def _wrapped(text: str) -> str:
    return textwrap.fill(text.strip().rstrip(".").replace("<", "&lt;"), WIDTH, break_on_hyphens=False)


def _columns(columns: list[tuple[str, str, bool, str]]) -> str:
    rows = [
        f"| `{name}` | {kind}{'' if must else ' ?'} | {_cell(meaning)} |"
        for name, kind, must, meaning in columns
    ]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _keys(table: Table) -> str:
    words = {"p": "Key", "u": "Unique", "f": "Refers by"}
    lines = []
    for kind, columns, target in table.keys:
        named = ", ".join(f"`{column}`" for column in columns)
        lines.append(f"- {words[kind]} {named}" + (f" to `{target}`" if kind == "f" else ""))
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def _diagram(tables: list[Table]) -> str:
    """Which tables refer to which, without the person, to whom nearly all belong."""
    arrows = sorted(
        f'    "{target}" ||--o{{ "{table.full_name}" : "{", ".join(c for c in columns if c != "user_id")}"'
        for table in tables
        for columns, target in table.references()
        if target != PERSON or columns != ["user_id"]
    )
    if not arrows:
        return "No table here refers to another than the person.\n"
    return "```mermaid\nerDiagram\n" + "\n".join(arrows) + "\n```\n"
