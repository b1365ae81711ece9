"""Somebody else's words cannot steer a terminal: not a cell, a header, a name of a file, nor an error."""

from __future__ import annotations

import ast
import io
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from quantmatrix import resources
from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.terminal import LONGEST, Styled, data, say, visible
from quantmatrix.testing.cluster import Database

TITLE = "\x1b]0;owned\x07"
HOSTILE = f"{TITLE}\x1b[2J\x9b2J\x1b]52;c;aGk=\x07\x7f\x08\u202egnp\u2066\u200f"
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def clean(shown: str) -> bool:
    """Whether nothing is there but what is printed, line breaks, and colours of ours."""
    return all(mark.isprintable() or mark == "\n" for mark in STYLE.sub("", shown))


def run(database: Database, *arguments: str) -> Result:
    settings = Settings(_environment=database.environment)
    return CliRunner().invoke(cli, arguments, obj=settings, color=True)


def test_characters_without_a_shape_are_shown_as_escapes() -> None:
    assert visible("a\x1b[31mb") == "a\\x1b[31mb"
    assert visible("a\u202eb\u2028c\U000e0041") == "a\\u202eb\\u2028c\\U000e0041"
    assert visible("12\u00a0345,6\u2009€ Ünïcode 日本") == "12 345,6 € Ünïcode 日本"
    long = visible("x" * 1_000_000)
    assert long.startswith("x" * LONGEST)
    assert long.endswith("… (1,000,000 characters)")


def test_a_line_cannot_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    say("  refused ", Styled("x\n  imported", fg="red"))
    assert capsys.readouterr().out == "  refused x\\x0a  imported\n"


def test_data_are_whole_for_a_program_and_visible_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data(HOSTILE)
    assert capsys.readouterr().out == f"{HOSTILE}\n"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    data(f"a\t{HOSTILE}")
    assert clean(terminal.getvalue().replace("\t", ""))


@pytest.mark.parametrize(
    "text",
    [
        f"Date,Symbol,Quantity,Price,Commission,Type\n2024-05-01,{HOSTILE},10,5.00,1.00,buy\n",
        f"Date,Symbol,Quantity,Price,Commission,Type\n{HOSTILE},A,{HOSTILE},5.00,1.00,{HOSTILE}\n",
        f"Date,Symbol,Quantity,Price,{HOSTILE}\n2024-05-01,A,10,5.00,1.00\n",
        HOSTILE,
    ],
)
def test_reports_of_a_hostile_file(database: Database, tmp_path: Path, text: str) -> None:
    path = tmp_path / f"a{HOSTILE}\n  imported.csv".replace("/", "")
    path.write_text(text, encoding="utf-8")
    for arguments in (
        ("import", str(path)),
        ("import", "--account", f"M{HOSTILE}", str(path)),
        ("--verbose", "import", "--account", "M", "--accept-refusals", str(path)),
        ("import", "--source", HOSTILE, str(path)),
        ("import", f"{path}.absent"),
        ("prices", "load", str(path)),
        ("import", "list"),
        ("import", "show", "1"),
        ("reconcile",),
        ("holdings", "--account", HOSTILE),
        ("--user", f"x{HOSTILE}@localhost", "holdings"),
        ("sql", "-c", f'select {HOSTILE!r} as "{TITLE}"'),
        ("sql", "-c", f"select {HOSTILE}"),
        (HOSTILE,),
    ):
        done = run(database, *arguments)
        assert clean(done.output), (arguments, done.output)


def test_nobody_goes_around_it() -> None:
    """Nothing but this one module writes to stdout or stderr, styles text, or prints a traceback."""
    found = []
    for path in sorted(resources.PACKAGE.rglob("*.py")):
        place = path.relative_to(resources.PACKAGE)
        if place.parts[0] == "testing" or place == Path("terminal.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""
            if name in WRITES or (
                isinstance(node, ast.ImportFrom)
                and node.module in ("click", "sys", "traceback")
                and any(f"{node.module}.{alias.name}" in WRITES for alias in node.names)
            ):
                found.append(f"{place}:{getattr(node, 'lineno', 0)}: {name or ast.unparse(node)}")
    allowed = re.compile(r"(cli/(table|settings)\.py):\d+: sys\.std(out|err)$")
    assert [place for place in found if not allowed.match(place)] == []


WRITES = {
    "print",
    "sys.stdout",
    "sys.stderr",
    "sys.__stdout__",
    "sys.__stderr__",
    "click.echo",
    "click.secho",
    "click.style",
    "click.echo_via_pager",
    "click.get_text_stream",
    "click.get_binary_stream",
    "traceback.print_exc",
    "traceback.print_exception",
    "traceback.print_stack",
    "warnings.warn",
    "logging.basicConfig",
    "logging.StreamHandler",
}
