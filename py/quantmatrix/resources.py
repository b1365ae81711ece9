"""Where the database's sources are: in a checkout, or inside the installed package."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from quantmatrix.errors import Problem

PACKAGE = Path(__file__).resolve().parent


@cache
def checkout() -> Path | None:
    """Root of the checkout this package runs from, or None when it is installed."""
    root = PACKAGE.parent.parent
    return root if (root / "db" / "schema").is_dir() and (root / "pyproject.toml").is_file() else None


@cache
def root() -> Path:
    """The folder that holds ``db`` and ``migrations``."""
    found = checkout() or PACKAGE / "_resources"
    if not (found / "db").is_dir():
        raise Problem(
            "the database's sources are missing from this installation",
            where=str(found),
            why="the package was installed without its db and migrations folders",
            unchanged="nothing was done",
            next_step="install quantmatrix again from a wheel or a checkout",
        )
    return found


def roles_file() -> Path:
    """``roles.sql``: the roles of the cluster, run by an administrator."""
    return root() / "db" / "policies" / "roles.sql"


def schema_files() -> list[Path]:
    """The tables as they are now, in the order in which they are made."""
    return _listed("schema")


def repeatable_files() -> list[Path]:
    """What is made anew after each migration, in order: functions, then policies without the roles."""
    return [*_listed("functions"), *_listed("policies")]


def _listed(folder: str) -> list[Path]:
    """The files of a folder of ``db`` in the manifest's order; a ``#`` begins a remark."""
    db = root() / "db"
    named = (
        line.partition("#")[0].strip()
        for line in (db / "manifest.txt").read_text(encoding="utf-8").splitlines()
    )
    return [db / name for name in named if name.startswith(f"{folder}/")]


def examples_directory() -> Path:
    """The made-up statements of the demonstration."""
    return root() / "examples"


def migrations_directory() -> Path:
    """The folder of numbered migrations and their checksums."""
    return root() / "migrations"
