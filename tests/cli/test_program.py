"""The program as a whole: help, options, statuses, and the commands for servers and migrations."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from quantmatrix import __version__
from quantmatrix.cli import COMMANDS, cli
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.testing.cluster import Database


def run(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    return CliRunner(env=environment).invoke(cli, arguments)


def test_help_lists_every_command_with_the_line_of_its_own() -> None:
    shown = run("--help")
    assert shown.exit_code == 0
    for name, entry in COMMANDS.items():
        module, attribute = entry.target.split(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        assert command.name == name
        assert entry.line in shown.output


def test_every_command_explains_itself_with_an_example() -> None:
    for name in COMMANDS:
        shown = run(name, "--help")
        assert shown.exit_code == 0
        assert f"  quantmatrix {name}" in shown.output


def test_starting_imports_neither_the_driver_nor_the_commands() -> None:
    code = (
        "import sys; from quantmatrix.cli import cli; cli(['--help'], standalone_mode=False);"
        "heavy = {'psycopg', 'pydantic', 'yoyo', 'rich', 'postgrest', 'quantmatrix.services.embedded'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_version() -> None:
    assert run("--version").output == f"quantmatrix {__version__}\n"
    done = subprocess.run(
        [sys.executable, "-m", "quantmatrix", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"quantmatrix {__version__}\n"


def test_usage_errors_end_with_status_2() -> None:
    for arguments in (
        ["nonsense"],
        ["up", "--nonsense"],
        ["status", "--format", "nonsense"],
        ["migrate", "no"],
    ):
        assert run(*arguments).exit_code == ExitCode.USAGE


def test_common_options_stand_before_or_after_the_command(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for arguments in (
        ["--format", "json", "--data-dir", str(first), "status"],
        ["status", "--format", "json", "--data-dir", str(first)],
        [
            "--format",
            "csv",
            "--data-dir",
            str(second),
            "status",
            "--format",
            "json",
            "--data-dir",
            str(first),
        ],
    ):
        shown = run(*arguments, environment={"QUANTMATRIX_DATABASE_URL": ""})
        assert shown.exit_code == ExitCode.UNREACHABLE
        assert {row["files"] for row in json.loads(shown.stdout)} == {str(first)}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Problem("x", exit_code=ExitCode.REFUSED), ExitCode.REFUSED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (click.Abort(), ExitCode.INTERRUPTED),
        (click.UsageError("x"), ExitCode.USAGE),
        (ValueError("x"), ExitCode.FAILED),
    ],
)
def test_statuses(error: BaseException, status: ExitCode, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("fails")
    def fails() -> None:
        raise error

    monkeypatch.setitem(cli.commands, "fails", fails)
    assert run("fails").exit_code == status


def test_a_command_may_end_with_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("differs")
    def differs() -> ExitCode:
        return ExitCode.DIFFERENCES

    monkeypatch.setitem(cli.commands, "differs", differs)
    assert run("differs").exit_code == ExitCode.DIFFERENCES
    assert cli.main(["differs"], standalone_mode=False) is ExitCode.DIFFERENCES


def test_narration_goes_to_stderr_and_can_be_silenced(capsys: pytest.CaptureFixture[str]) -> None:
    Settings().narrate("working")
    Settings(quiet=True).narrate("silent")
    Settings().detail("silent")
    Settings(verbose=True).detail("detail")
    assert capsys.readouterr() == ("", "working\ndetail\n")


def test_progress_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with Settings().progress("loading", 10) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_servers_from_up_to_down(data_dir: Path) -> None:
    alone = {"QUANTMATRIX_DATABASE_URL": "", "QUANTMATRIX_DATA_DIR": str(data_dir)}
    assert run("status", environment=alone).exit_code == ExitCode.UNREACHABLE
    started = run("up", "--no-proxy", "--format", "json", environment=alone)
    assert started.exit_code == 0, started.output
    addresses = json.loads(started.stdout)
    assert addresses["api"].startswith("http://127.0.0.1:")
    assert "starting PostgreSQL" in started.stderr
    shown = run("status", "--format", "json", environment=alone)
    assert shown.exit_code == 0
    assert {row["state"] for row in json.loads(shown.stdout)} == {"running"}
    assert {"PostgreSQL", "PostgREST"} <= {row["server"] for row in json.loads(shown.stdout)}
    assert run("up", "--no-proxy", "--quiet", "--format", "json", environment=alone).stdout == started.stdout
    healthy = run("doctor", "--format", "json", environment=alone)
    assert [row for row in json.loads(healthy.stdout) if row["result"] != "ok"] == []
    assert healthy.exit_code == 0
    (Path(addresses["secrets"]) / "jwks.json").chmod(0o644)
    unhealthy = run("doctor", "--format", "json", environment=alone)
    assert [row["check"] for row in json.loads(unhealthy.stdout) if row["result"] != "ok"] == ["secrets"]
    assert unhealthy.exit_code == ExitCode.FAILED
    moved = run("up", "--no-proxy", "--api-port", "0", "--format", "json", environment=alone)
    assert json.loads(moved.stdout)["database"] == addresses["database"]
    assert json.loads(moved.stdout)["api"] != addresses["api"]
    down = run("down", environment=alone)
    assert (down.exit_code, down.stdout) == (0, "")
    assert down.stderr.startswith("stopped ")
    assert down.stderr.rstrip().endswith(" and PostgreSQL")
    assert "nothing was running" in run("down", environment=alone).stderr


def test_migrate_from_behind_to_verified(database: Database) -> None:
    variables = database.variables()
    with database.connect() as connection:
        connection.execute("update migrations.repeatable set digest = %s", ("0" * 64,))
    behind = run("migrate", "status", "--format", "json", environment=variables)
    assert behind.exit_code == ExitCode.MIGRATION_NEEDED
    assert [step["state"] for step in json.loads(behind.stdout)][-1] == "changed"
    refused = run("migrate", "verify", environment=variables)
    assert refused.exit_code == ExitCode.MIGRATION_NEEDED
    assert "next: quantmatrix migrate up" in refused.stderr
    assert run("doctor", environment=variables).exit_code == ExitCode.FAILED
    migrated = run("migrate", "up", environment=variables)
    assert migrated.exit_code == 0, migrated.stderr
    assert "no migration was pending" in migrated.stderr
    assert run("migrate", "status", environment=variables).exit_code == 0
    verified = run("migrate", "verify", environment=variables)
    assert (verified.exit_code, verified.stdout) == (0, "")
    assert "is what the files say" in verified.stderr
    examined = json.loads(run("doctor", "--format", "json", environment=variables).stdout)
    # Nobody started a worker beside this database.
    assert [row["check"] for row in examined if row["result"] != "ok"] == ["worker"]


def test_servers_of_others_are_looked_at_and_left_alone(module_database: Database) -> None:
    variables = module_database.variables()
    shown = run("status", "--format", "json", environment=variables)
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)[0]["state"] == "running"
    for command in ("up", "down"):
        refused = run(command, environment=variables)
        assert refused.exit_code == ExitCode.USAGE
        assert "nothing of ours to start or stop" in refused.stderr
    absent = run("status", "--database-url", "postgresql://me@127.0.0.1:1/x", "--format", "json")
    assert absent.exit_code == ExitCode.UNREACHABLE
    assert json.loads(absent.stdout)[0]["state"] == "not reachable"
