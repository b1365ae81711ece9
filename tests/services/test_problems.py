"""What goes wrong around the servers, and what people are told."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services import binaries
from quantmatrix.services.account import service_account
from quantmatrix.services.binaries import find_postgres, find_postgrest
from quantmatrix.services.choice import open_environment
from quantmatrix.services.credentials import key_set
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.external import ExternalEnvironment
from quantmatrix.services.files import exclusive_lock
from quantmatrix.services.layout import (
    SOCKET_NAME,
    SOCKET_PATH_BYTES,
    STATE_FORMAT,
    State,
    default_data_dir,
    layout,
    read_state,
    write_state,
)
from quantmatrix.services.postgres_failures import explain_failure
from quantmatrix.services.tokens import signing_key


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def assert_complete(problem: Problem) -> None:
    assert problem.what
    assert problem.why
    assert problem.unchanged
    assert problem.next_step


def test_a_missing_postgres_is_told_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTMATRIX_POSTGRES", str(tmp_path))
    with pytest.raises(Problem, match="no PostgreSQL 15 or newer") as missing:
        EmbeddedEnvironment(tmp_path / "data").ensure_running()
    assert_complete(missing.value)
    assert str(tmp_path) in (missing.value.why or "")
    assert read_state(tmp_path / "data") is None


def test_an_old_postgres_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("initdb", "pg_ctl", "postgres"):
        script(tmp_path / name, 'echo "postgres (PostgreSQL) 14.9"')
    monkeypatch.setenv("QUANTMATRIX_POSTGRES", str(tmp_path))
    with pytest.raises(Problem, match="no PostgreSQL 15") as old:
        find_postgres()
    assert "PostgreSQL 14.9, older than 15" in (old.value.why or "")


def test_data_of_another_major_version_are_left_alone(
    environment: EmbeddedEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.ensure_running()
    environment.stop()
    version = environment.postgres(environment.known_state()).data / "PG_VERSION"
    made_by = version.read_text()
    version.write_text("16\n")
    monkeypatch.setenv("QUANTMATRIX_POSTGRES", str(find_postgres().bin))
    with pytest.raises(Problem, match="no PostgreSQL 16") as other:
        environment.ensure_running()
    assert "the data were made by 16" in (other.value.why or "")
    version.write_text(made_by)
    environment.ensure_running()


def test_a_missing_postgrest_leaves_the_database_running(
    environment: EmbeddedEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTMATRIX_POSTGREST", str(tmp_path / "nowhere"))
    with pytest.raises(Problem, match="no PostgREST") as missing:
        environment.ensure_running(api=True)
    assert_complete(missing.value)
    assert environment.postgres(environment.known_state()).running()


def test_a_postgrest_that_ends_at_once_is_told_with_its_last_words(
    environment: EmbeddedEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = script(
        tmp_path / "postgrest", '[ "$1" = --version ] && echo "PostgREST 12.0.2" || echo "no such luck" >&2'
    )
    monkeypatch.setenv("QUANTMATRIX_POSTGREST", str(fake))
    with pytest.raises(Problem, match="PostgREST did not start") as ended:
        environment.ensure_running(api=True)
    assert ended.value.why == "no such luck"
    assert_complete(ended.value)


def test_an_old_postgrest_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "QUANTMATRIX_POSTGREST", str(script(tmp_path / "postgrest", 'echo "PostgREST 11.2.2"'))
    )
    with pytest.raises(Problem, match="no PostgREST 12"):
        find_postgrest()


def test_a_data_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Problem, match="data directory cannot be used") as refused:
        EmbeddedEnvironment(tmp_path / "file" / "data").ensure_running()
    assert_complete(refused.value)
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize(
    ("said", "what", "code"),
    [
        ("FATAL:  could not write lock file: No space left on device", "the disk is full", ExitCode.FAILED),
        (
            'LOG: could not bind IPv4 address "127.0.0.1": Address already in use',
            "port 5, which PostgreSQL uses, is taken by another program",
            ExitCode.FAILED,
        ),
        (
            'FATAL:  could not open file "x": Permission denied',
            "PostgreSQL could not be started: it may not write",
            ExitCode.PERMISSION,
        ),
        ("waiting\nFATAL:  invalid value", "PostgreSQL could not be started", ExitCode.UNREACHABLE),
        ("", "PostgreSQL could not be started", ExitCode.UNREACHABLE),
    ],
)
def test_what_postgres_says_is_explained(said: str, what: str, code: ExitCode) -> None:
    problem = explain_failure("started", said, Path("/logs"), Path("/data"), 5)
    assert_complete(problem)
    assert (problem.what, problem.exit_code) == (what, code)


def test_a_lock_that_stays_is_told(tmp_path: Path) -> None:
    with (
        exclusive_lock(tmp_path / "lock"),
        pytest.raises(Problem, match="another program") as held,
        exclusive_lock(tmp_path / "lock", seconds=0.1),
    ):
        raise AssertionError("both hold it")
    assert_complete(held.value)


def test_a_state_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"format": 99}', f'{{"format": {STATE_FORMAT}}}'):
        (tmp_path / "state.json").write_text(text)
        with pytest.raises(Problem, match="state cannot be read"):
            read_state(tmp_path)
    state = State("abc", "", 1, 2, 3)
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    later = json.loads((tmp_path / "state.json").read_text()) | {"known_to_a_later_version": 1}
    (tmp_path / "state.json").write_text(json.dumps(later))
    assert read_state(tmp_path) == state


def test_the_socket_fits_the_kernel_however_deep_the_data_are(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    for data_dir in (tmp_path, deep):
        found = layout(data_dir, State("0123456789ab", ""))
        assert len(os.fsencode(found.socket_directory / SOCKET_NAME)) <= SOCKET_PATH_BYTES
    assert deep not in layout(deep, State("0123456789ab", "")).socket_directory.parents


def test_the_data_directory_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUANTMATRIX_DATA_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_data_dir() == tmp_path / ".local" / "share" / "quantmatrix"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert default_data_dir() == tmp_path / "xdg" / "quantmatrix"
    monkeypatch.setenv("QUANTMATRIX_DATA_DIR", str(tmp_path / "named"))
    assert default_data_dir() == tmp_path / "named"
    monkeypatch.delenv("QUANTMATRIX_DATABASE_URL", raising=False)
    assert open_environment().data_dir == tmp_path / "named"
    assert open_environment(tmp_path / "option").data_dir == tmp_path / "option"


def test_an_external_database_takes_passwords_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("s'e\\cret \n")
    monkeypatch.setenv("QUANTMATRIX_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("QUANTMATRIX_AUTHENTICATOR_URL", "postgresql://authenticator:own@db:5433/quantmatrix")
    monkeypatch.setenv("QUANTMATRIX_API_URL", "https://api.example.test/")
    monkeypatch.setenv("QUANTMATRIX_JWT_SECRET_FILE", str(key_set(tmp_path)))
    environment = open_environment(tmp_path, "postgresql://quantmatrix_migrator@db:5433/quantmatrix")
    assert isinstance(environment, ExternalEnvironment)
    environment.ensure_running(api=True)
    assert environment.stop() == []
    assert "password='s\\'e\\\\cret '" in environment.migrator_dsn
    assert "password=own" in environment.authenticator_dsn
    assert environment.api_url == "https://api.example.test"
    assert len(environment.jwt_secret.material) == 48
    with pytest.raises(Problem, match="superuser"):
        _ = environment.superuser_dsn


def test_an_external_database_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTHENTICATOR_URL", "API_URL", "JWT_SECRET_FILE"):
        monkeypatch.delenv(f"QUANTMATRIX_{name}", raising=False)
    environment = ExternalEnvironment("postgresql://migrator@db/quantmatrix", tmp_path)
    for attribute, variable in (
        ("authenticator_dsn", "QUANTMATRIX_AUTHENTICATOR_URL"),
        ("api_url", "QUANTMATRIX_API_URL"),
        ("jwt_secret", "QUANTMATRIX_JWT_SECRET_FILE"),
    ):
        with pytest.raises(Problem) as missing:
            getattr(environment, attribute)
        assert variable in (missing.value.next_step or "")
    with pytest.raises(Problem, match="address of the database") as unreadable:
        _ = ExternalEnvironment("http://:secret@nowhere", tmp_path).migrator_dsn
    assert "secret" not in str(unreadable.value)
    monkeypatch.setenv("QUANTMATRIX_DATABASE_PASSWORD_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(Problem, match="password file"):
        _ = environment.migrator_dsn


@pytest.mark.parametrize("content", ["short", '{"keys": []}', '{"keys": [{"k": "YWJj"}]}', "{"])
def test_a_key_that_is_no_key_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "jwks.json").write_text(content)
    with pytest.raises(Problem, match="key that signs tokens"):
        signing_key(tmp_path / "jwks.json")
    with pytest.raises(Problem, match="key that signs tokens"):
        signing_key(tmp_path / "nowhere.json")


def test_programs_are_copied_once_by_their_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "SYSTEM_DIRECTORY", tmp_path)
    source = tmp_path / "closed"
    program = script(source / "bin" / "postgres", "exit 0")
    (source / "include").mkdir()
    (source / "include" / "header.h").write_text("left behind")
    (source / "lib").mkdir()
    (source / "lib" / "real.so").write_text("library")
    (source / "lib" / "link.so").symlink_to("real.so")
    program.chmod(0o700)
    source.chmod(0o700)
    copy = binaries.copied_once(source)
    assert (copy / "bin" / "postgres").read_bytes() == program.read_bytes()
    assert stat.S_IMODE((copy / "bin" / "postgres").stat().st_mode) == 0o755
    assert stat.S_IMODE((copy / "lib" / "real.so").stat().st_mode) == 0o644
    assert (copy / "lib" / "link.so").read_text() == "library"
    assert not (copy / "include").exists()
    assert binaries.copied_once(source) == copy
    program.write_text("#!/bin/sh\nexit 1\n")
    assert binaries.copied_once(source) != copy
    single = binaries.copied_once(program)
    assert [path.name for path in single.iterdir()] == ["postgres"]
    assert {path.name[0] for path in (tmp_path / "bin").iterdir()} != {"."}


def test_an_account_for_the_servers_is_named_and_never_root() -> None:
    account = service_account()
    assert account.uid != 0
    assert account.name
    if os.geteuid() == 0:
        assert account.switched
        assert account.popen_arguments() == {"user": account.uid, "group": account.gid, "extra_groups": []}
    else:
        assert account.popen_arguments() == {}
