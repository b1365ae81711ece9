"""Which package imports which: downwards only, so that each can be read without those above it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from quantmatrix import resources

ROOT = resources.root() / "py" / "quantmatrix"
OF_PARSERS = {"errors", "ingest", "quantmatrix"}
"""What a parser may know: no database, no server, no command."""


class Import(NamedTuple):
    """One import: of which package, which package, where, and whether for the type checker alone."""

    importer: str
    imported: str
    place: str
    for_types: bool


def package_of(module: str) -> str:
    """The package right below ``quantmatrix``; a module that stands there by itself is one."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def imports(path: Path) -> Iterator[Import]:
    """All imports of ours in a file, also those inside functions."""
    importer = path.relative_to(ROOT).parts[0].removesuffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            if node.module == "quantmatrix":
                modules = [f"quantmatrix.{name.name}" for name in node.names if _is_ours(name.name)]
            else:
                modules = [node.module or ""]
        elif isinstance(node, ast.Import):
            modules = [name.name for name in node.names]
        else:
            continue
        for module in modules:
            if module.split(".")[0] == "quantmatrix":
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield Import(importer, package_of(module), place, id(node) in for_types)


def _is_ours(name: str) -> bool:
    return (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()


ALL = [found for path in sorted(ROOT.rglob("*.py")) for found in imports(path)]


def circle(edges: dict[str, set[str]]) -> list[str]:
    """The packages of one circle, in order; none where there is none."""
    done: set[str] = set()

    def walk(package: str, way: list[str]) -> list[str]:
        if package in way:
            return [*way[way.index(package) :], package]
        if package in done:
            return []
        for imported in sorted(edges.get(package, ())):
            if found := walk(imported, [*way, package]):
                return found
        done.add(package)
        return []

    return next((found for package in sorted(edges) if (found := walk(package, []))), [])


@pytest.mark.parametrize("for_types_too", [False, True], ids=["when it runs", "for the type checker too"])
def test_packages_import_in_no_circle(for_types_too: bool) -> None:
    edges: dict[str, set[str]] = {}
    for found in ALL:
        if found.imported != found.importer and (for_types_too or not found.for_types):
            edges.setdefault(found.importer, set()).add(found.imported)
    ring = circle(edges)
    places = [found.place for step in pairwise(ring) for found in ALL if found[:2] == step]
    assert ring == [], places


def test_a_circle_would_be_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []


def test_parsers_know_nothing_of_databases_and_commands() -> None:
    assert [found for found in ALL if found.importer == "ingest" and found.imported not in OF_PARSERS] == []


def test_only_commands_know_commands() -> None:
    above = {"__main__", "cli", "testing"}
    assert [found for found in ALL if found.imported == "cli" and found.importer not in above] == []
