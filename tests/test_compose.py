"""Production: docker-compose.yml says what it must, and its exact settings work with our PostgREST."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from quantmatrix import __version__, resources
from quantmatrix.services import ports
from quantmatrix.services.binaries import executable_postgrest, find_postgrest
from quantmatrix.services.credentials import SUPERUSER
from quantmatrix.services.postgrest import PostgrestServer
from quantmatrix.services.processes import (
    clean_environment,
    is_alive,
    run_in_background,
    terminate,
    wait_until,
)
from quantmatrix.services.tokens import sign, signing_key
from quantmatrix.testing.cluster import Cluster

ROOT = resources.root()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    subprocess.run([ROOT / "docker" / "make-secrets", folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def production() -> Iterator[Cluster]:
    """A cluster of its own: the step that is tested sets its passwords."""
    cluster = Cluster()
    try:
        cluster.start()
        with psycopg.connect(cluster.environment.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute("drop database quantmatrix")
        yield cluster
    finally:
        cluster.destroy()


def test_images_are_pinned() -> None:
    assert re.fullmatch(r"postgres:18\.\d+", SERVICES["database"]["image"])
    postgrest = re.fullmatch(r"postgrest/postgrest:v(\d+)\.(\d+)", SERVICES["api"]["image"])
    assert postgrest
    assert tuple(map(int, postgrest.groups())) >= (14, 17)
    assert re.fullmatch(r"nginx:1\.\d+\.\d+", SERVICES["proxy"]["image"])
    for name in ("migrate", "mail"):
        assert SERVICES[name]["image"] == f"quantmatrix:{__version__}"


def test_the_proxy_fills_in_the_whole_template() -> None:
    proxy = SERVICES["proxy"]
    source, target, _ = proxy["volumes"][0].split(":")
    assert target.endswith("/templates/default.conf.template")
    wanted = set(re.findall(r"\$\{(\w+)\}", (ROOT / source).read_text()))
    assert wanted == {name for name in proxy["environment"] if name.startswith("QUANTMATRIX_")}
    assert re.compile(proxy["environment"]["NGINX_ENVSUBST_FILTER"]).match("QUANTMATRIX_LISTEN")


def test_data_survive_the_container_and_only_the_proxy_reaches_the_api() -> None:
    assert SERVICES["database"]["volumes"] == ["database:/var/lib/postgresql"]
    assert "database" in COMPOSE["volumes"]
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert {name: ports for name, ports in published.items() if ports} == {"proxy": ["127.0.0.1:8080:8080"]}
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES["database"]["networks"] == ["inside"]
    assert SERVICES["api"]["networks"] == ["inside"]


def test_nothing_starts_before_what_it_needs() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert SERVICES["api"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["proxy"]["depends_on"] == {"api": {"condition": "service_healthy"}}
    assert SERVICES["api"]["healthcheck"]["test"] == ["CMD", "postgrest", "--ready"]
    assert "PGRST_ADMIN_SERVER_PORT" in SERVICES["api"]["environment"]
    assert SERVICES["database"]["healthcheck"]["test"][0] == "CMD"


def test_secrets_come_from_files_that_one_command_makes(secrets: Path) -> None:
    declared = {name: Path(secret["file"]).name for name, secret in COMPOSE["secrets"].items()}
    assert declared == {path.name: path.name for path in secrets.iterdir()}
    used = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert used == set(declared)
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    values = [path.read_text() for path in secrets.iterdir()]
    assert len(set(values)) == len(values)
    assert all(len(value) >= 40 for value in values)
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|DB_URI", name):
                assert re.fullmatch(r"@?/run/secrets/\w+", value), name
            assert not re.search(r"://\w*:[^/]", value), f"{name} holds a password"
    again = subprocess.run(
        [ROOT / "docker" / "make-secrets", secrets], capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert "nothing was changed" in again.stderr
    assert values == [path.read_text() for path in secrets.iterdir()]


def test_browsers_of_other_origins_are_kept_out() -> None:
    origins = SERVICES["api"]["environment"]["PGRST_SERVER_CORS_ALLOWED_ORIGINS"]
    default = re.fullmatch(r"\$\{QUANTMATRIX_ORIGINS:-(https://[^*,]+)\}", origins)
    assert default


def test_the_migration_step_and_the_exact_settings_of_the_api_work(
    production: Cluster, secrets: Path, tmp_path: Path
) -> None:
    environment = production.environment
    port = environment.known_state().database_port
    migrate(production, secrets, port)
    migrate(production, secrets, port)
    account = environment.account
    folder = account.make_directory(environment.layout(environment.known_state()).home / "compose")
    for path in secrets.iterdir():
        text = path.read_text().replace("@database:5432/", f"@{ports.LOOPBACK}:{port}/")
        (folder / path.name).write_text(text)
        account.own(folder / path.name)
    api_port, admin_port = ports.choose(2)
    settings = {
        name: inside(str(value), folder, port) for name, value in SERVICES["api"]["environment"].items()
    } | {"PGRST_SERVER_PORT": str(api_port), "PGRST_ADMIN_SERVER_PORT": str(admin_port)}
    pid = run_in_background(
        [str(executable_postgrest(find_postgrest(), account).path)],
        account=account,
        log=folder / "log",
        environment=clean_environment() | settings,
    )
    try:
        server = PostgrestServer(folder, folder, account)
        assert wait_until(lambda: server.is_ready(admin_port), 20), (folder / "log").read_text()
        token = sign({"role": "anon", "aud": "quantmatrix", "exp": 4102444800}, signing_key(secrets / "jwks"))
        with psycopg.connect(environment.superuser_dsn) as connection:
            keys = connection.execute("select key_id from auth.signing_keys").fetchall()
        assert keys == [(signing_key(secrets / "jwks").key_id,)], "the database signs with PostgREST's key"
        description = get(f"http://{ports.LOOPBACK}:{api_port}/", token)
        assert description["info"]["title"]
    finally:
        terminate(pid, lambda: not is_alive(pid), patience=5)


def migrate(production: Cluster, secrets: Path, port: int) -> None:
    """Run the command of the service ``migrate`` here, its addresses and paths replaced by ours."""
    service = SERVICES["migrate"]
    socket = production.environment.layout(production.environment.known_state()).socket_directory
    variables = {name: inside(str(value), secrets, port) for name, value in service["environment"].items()}
    variables["QUANTMATRIX_ADMINISTRATOR_URL"] = f"postgresql://{SUPERUSER}@:{port}/postgres?host={socket}"
    own = (
        production.environment.layout(production.environment.known_state()).secrets / f"{SUPERUSER}.password"
    )
    variables["QUANTMATRIX_ADMINISTRATOR_PASSWORD_FILE"] = str(own)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "PYTHONPATH"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [*service["entrypoint"], *(inside(part, secrets, port) for part in service["command"])],
        env={"PATH": path, **kept, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def inside(text: str, secrets: Path, port: int) -> str:
    """``text`` of the compose file as it holds on this machine."""
    default = re.sub(r"\$\{\w+:-(.*)\}", r"\1", text)
    return default.replace("/run/secrets", str(secrets)).replace(
        "@database:5432", f"@{ports.LOOPBACK}:{port}"
    )


def get(url: str, token: str) -> dict[str, Any]:
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=10) as answer:
        return dict(json.load(answer))
