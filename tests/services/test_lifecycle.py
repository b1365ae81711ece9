"""Starting, finding again, recovering and stopping the embedded servers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services import bootstrap, ports, postgres
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.processes import is_alive, wait_until
from quantmatrix.services.report import servers


def pid_of(environment: EmbeddedEnvironment) -> int:
    running = environment.postgres(environment.known_state()).running()
    assert running is not None
    return running.pid


def value(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_first_start_makes_a_migrated_database_and_a_second_start_finds_it(
    environment: EmbeddedEnvironment,
) -> None:
    environment.ensure_running()
    first = pid_of(environment)
    assert value(environment.migrator_dsn, "select count(*) > 0 from migrations.applied") is True
    environment.ensure_running()
    assert pid_of(environment) == first


def test_what_was_committed_survives_a_kill(environment: EmbeddedEnvironment) -> None:
    environment.ensure_running()
    with psycopg.connect(environment.superuser_dsn) as connection:
        connection.execute("create table public.kept as select 42 as answer")
    killed = pid_of(environment)
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(killed), 5)
    environment.ensure_running()
    assert pid_of(environment) != killed
    assert value(environment.superuser_dsn, "select answer from public.kept") == 42


def test_a_pid_file_that_names_a_stranger_is_stale(environment: EmbeddedEnvironment) -> None:
    environment.ensure_running(api=True)
    state = environment.known_state()
    server, api = environment.postgres(state), environment.postgrest(state)
    lines = (server.data / "postmaster.pid").read_text().splitlines()
    config = json.loads(api.pid_file.read_text())
    environment.stop()
    stranger = subprocess.Popen(["sleep", "60"], **environment.account.popen_arguments())
    try:
        lines[0] = config["pid"] = str(stranger.pid)
        (server.data / "postmaster.pid").write_text("\n".join(lines) + "\n")
        environment.account.own(server.data / "postmaster.pid")
        api.pid_file.write_text(json.dumps(config | {"pid": stranger.pid}))
        assert [row["state"] for row in servers(environment)] == ["stopped", "stopped"]
        environment.ensure_running(api=True)
        assert [row["state"] for row in servers(environment)] == ["running", "running"]
        assert stranger.poll() is None
        environment.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_stop_waits_for_a_clean_end(environment: EmbeddedEnvironment) -> None:
    environment.ensure_running(api=True)
    state = environment.known_state()
    pid = pid_of(environment)
    control = environment.postgres(state).programs().program("pg_controldata")
    with psycopg.connect(environment.superuser_dsn, autocommit=True) as open_session:
        assert environment.stop() == ["PostgREST", "PostgreSQL"]
        assert not is_alive(pid)
        with pytest.raises(psycopg.OperationalError):
            open_session.execute("select 1")
    data = environment.postgres(state).data
    shown = subprocess.run(
        [control, "-D", data], capture_output=True, text=True, check=True, env={"LC_ALL": "C"}
    )
    assert "shut down\n" in shown.stdout
    assert environment.stop() == []
    assert [row["state"] for row in servers(environment)] == ["stopped", "stopped"]


def test_two_programs_that_start_at_once_end_with_one_server(data_dir: Path) -> None:
    command = [sys.executable, "-m", "quantmatrix", "--data-dir", str(data_dir), "up", "--format", "json"]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    answers = [starter.communicate(timeout=120) for starter in both]
    assert [starter.returncode for starter in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert json.loads(answers[0][0])["data_dir"] == str(data_dir)
    assert sum("for the first time" in narrated for _, narrated in answers) == 1


def test_a_port_taken_by_a_stranger_is_told_and_another_can_be_chosen(
    environment: EmbeddedEnvironment,
) -> None:
    environment.ensure_running(api=True)
    environment.stop()
    state = environment.known_state()
    for port, option in ((state.database_port, "--database-port"), (state.api_port, "--api-port")):
        with socket.create_server((ports.LOOPBACK, port)), pytest.raises(Problem) as refused:
            environment.ensure_running(api=True)
        assert str(port) in refused.value.what
        assert option in (refused.value.next_step or "")
    environment.stop()
    with socket.create_server((ports.LOOPBACK, state.database_port)):
        environment.choose_ports(database=0)
        environment.ensure_running()
    assert environment.known_state().database_port not in (0, state.database_port)
    assert environment.known_state().api_port == state.api_port


def test_the_api_is_started_again_after_a_kill(environment: EmbeddedEnvironment) -> None:
    environment.ensure_running(api=True)
    killed = environment.postgrest(environment.known_state()).running()
    assert killed is not None
    os.kill(killed.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(killed.pid), 5)
    url = environment.api_url
    environment.ensure_running(api=True)
    assert environment.api_url == url
    assert servers(environment)[1]["state"] == "running"


def test_new_roles_are_made_in_an_existing_cluster(
    environment: EmbeddedEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.ensure_running()
    with psycopg.connect(environment.superuser_dsn, autocommit=True) as connection:
        connection.execute("alter role authenticator password null")
    environment.ensure_running()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(environment.authenticator_dsn)
    monkeypatch.setattr(bootstrap, "MAY_CONNECT", (*bootstrap.MAY_CONNECT, "quantmatrix_admin"))
    environment.ensure_running()
    assert value(environment.authenticator_dsn, "select session_user") == "authenticator"


def test_an_interrupted_first_start_leaves_nothing_half_made(
    environment: EmbeddedEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(postgres, "LEAST_FREE_BYTES", 2**62)
        with pytest.raises(Problem, match="disk is full"):
            environment.ensure_running()
    home = environment.layout(environment.known_state()).home
    environment.account.make_directory(home / "postgres.new")
    (home / "postgres.new" / "PG_VERSION").write_text("17\n")
    environment.ensure_running()
    assert not (home / "postgres.new").exists()
    assert value(environment.superuser_dsn, "select 1") == 1


def test_before_the_first_start_nothing_is_known(environment: EmbeddedEnvironment) -> None:
    assert [row["state"] for row in servers(environment)] == ["never started", "never started"]
    assert environment.stop() == []
    with pytest.raises(Problem) as unknown:
        _ = environment.api_url
    assert unknown.value.exit_code is ExitCode.UNREACHABLE
