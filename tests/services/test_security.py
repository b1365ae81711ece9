"""Who can reach the embedded servers, with what, and what lies open on the disk."""

from __future__ import annotations

import os
import stat
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from quantmatrix.services.credentials import SUPERUSER
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.tokens import SigningKey, sign


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(dsn: str) -> str:
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect(dsn)
    return str(refused.value)


def test_passwords_are_asked_over_tcp_and_the_superuser_is_refused_there(
    started: EmbeddedEnvironment,
) -> None:
    dsn = started.authenticator_dsn
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select session_user").fetchone() == ("authenticator",)
    assert "authentication failed" in refusal(make_conninfo(dsn, password="wrong"))
    by_socket = conninfo_to_dict(started.superuser_dsn)
    with psycopg.connect(started.superuser_dsn) as connection:
        assert connection.execute("show is_superuser").fetchone() == ("on",)
    assert "pg_hba.conf rejects" in refusal(make_conninfo(started.superuser_dsn, host="127.0.0.1"))
    assert "authentication failed" in refusal(make_conninfo(started.superuser_dsn, password="wrong"))
    assert mode(Path(str(by_socket["host"]))) == 0o700


def test_passwords_are_stored_as_scram_and_never_in_the_log(started: EmbeddedEnvironment) -> None:
    state = started.known_state()
    with psycopg.connect(started.superuser_dsn) as connection:
        stored: dict[str, str | None] = dict(
            connection.execute("select rolname, rolpassword from pg_authid").fetchall()
        )
    logs = "".join(path.read_text() for path in started.layout(state).logs.iterdir())
    for role in (SUPERUSER, "authenticator", "quantmatrix_migrator"):
        assert (stored[role] or "").startswith("SCRAM-SHA-256$")
        assert (started.layout(state).secrets / f"{role}.password").read_text().strip() not in logs
    assert all(stored[role] is None for role in ("anon", "quantmatrix_owner", "quantmatrix_user"))


def test_secrets_are_private_files(started: EmbeddedEnvironment) -> None:
    found = started.layout(started.known_state())
    private = [*found.secrets.iterdir(), found.postgrest / "postgrest.conf", found.postgrest / "jwks.json"]
    assert len(private) == 9
    assert {mode(path) for path in private} == {0o600}
    assert {mode(path) for path in (found.secrets, found.home, found.postgrest, found.postgres_data)} == {
        0o700
    }
    assert len(started.jwt_secret.material) >= 32


def test_no_server_runs_as_root(started: EmbeddedEnvironment) -> None:
    state = started.known_state()
    database, api = started.postgres(state).running(), started.postgrest(state).running()
    assert database
    assert api
    users = {psutil.Process(server.pid).uids().effective for server in (database, api)}
    assert users == {started.account.uid}
    assert 0 not in users
    assert started.account.switched == (os.geteuid() == 0)


def test_the_cluster_speaks_utf8_and_utc(started: EmbeddedEnvironment) -> None:
    with psycopg.connect(started.authenticator_dsn) as connection:
        shown = {
            name: connection.execute(f"show {name}".encode()).fetchone()
            for name in (
                "server_encoding",
                "timezone",
                "jit",
                "listen_addresses",
                "password_encryption",
                "data_checksums",
            )
        }
        collation = connection.execute(
            "select datcollate from pg_database where datname = current_database()"
        ).fetchone()
    assert shown == {
        "server_encoding": ("UTF8",),
        "timezone": ("UTC",),
        "jit": ("off",),
        "listen_addresses": ("127.0.0.1",),
        "password_encryption": ("scram-sha-256",),
        "data_checksums": ("on",),
    }
    assert collation == ("C.UTF-8",)


def test_only_our_roles_may_enter_and_the_migrator_owns_nothing(started: EmbeddedEnvironment) -> None:
    with psycopg.connect(started.superuser_dsn, autocommit=True) as connection:
        connection.execute("create role stranger login password 'secret'")
        owned = connection.execute(
            "select count(*) from pg_shdepend where deptype = 'o'"
            " and refobjid = 'quantmatrix_migrator'::regrole"
        ).fetchone()
        extension = connection.execute(
            "select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace"
            " where e.extname = 'pgcrypto'"
        ).fetchone()
    stranger = make_conninfo(started.authenticator_dsn, user="stranger", password="secret")
    assert "does not have CONNECT privilege" in refusal(stranger)
    assert owned == (0,)
    assert extension == ("extensions",)


def claims(**changed: object) -> dict[str, object]:
    now = int(time.time())
    return {"role": "anon", "aud": "quantmatrix", "iat": now, "exp": now + 60, "jti": "test"} | changed


def status(environment: EmbeddedEnvironment, token: str) -> int:
    asked = urllib.request.Request(f"{environment.api_url}/", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_api_takes_our_tokens_and_no_others(started: EmbeddedEnvironment) -> None:
    key = started.jwt_secret
    assert status(started, sign(claims(), key)) == HTTPStatus.OK
    refused = {
        "another key": sign(claims(), SigningKey(b"x" * 48)),
        "another audience": sign(claims(aud="somebody"), key),
        "expired": sign(claims(exp=int(time.time()) - 3600), key),
        "a role that is no request's": sign(claims(role="postgres"), key),
        "unsigned": sign(claims(), key).rsplit(".", 1)[0] + ".",
    }
    for why, token in refused.items():
        assert status(started, token) in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN), why
