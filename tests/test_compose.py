"""Production: docker-compose.yml says what it must, and its exact settings work with our PostgREST."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from quantmatrix import __version__, resources
from quantmatrix.services import ports
from quantmatrix.services.binaries import executable_postgrest, find_postgrest
from quantmatrix.services.credentials import SUPERUSER
from quantmatrix.services.postgres_settings import SETTINGS
from quantmatrix.services.postgrest import PostgrestConfig, PostgrestServer
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


# As docker/pin-images writes it, where Docker is.
DIGEST = "(?:@sha256:[0-9a-f]{64})?"


def test_images_are_pinned() -> None:
    assert re.fullmatch(r"postgres:18\.\d+" + DIGEST, SERVICES["database"]["image"])
    postgrest = re.fullmatch(r"postgrest/postgrest:v(\d+)\.(\d+)" + DIGEST, SERVICES["api"]["image"])
    assert postgrest
    assert tuple(map(int, postgrest.groups())) >= (14, 17)
    assert re.fullmatch(r"nginx:1\.\d+\.\d+" + DIGEST, SERVICES["proxy"]["image"])
    for name in ("migrate", "sign-in", "mail"):
        assert SERVICES[name]["image"] == f"quantmatrix:{__version__}"


def test_the_image_saves_with_the_programs_of_the_server_that_it_runs_beside() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    version = SERVICES["database"]["image"].removeprefix("postgres:")
    assert f"FROM postgres:{version}-bookworm AS postgres" in dockerfile
    assert re.search(r"^FROM python:\S+-bookworm$", dockerfile, re.MULTILINE)
    major = version.split(".")[0]
    for name in ("pg_dump", "pg_restore"):
        assert f"/usr/lib/postgresql/{major}/bin/{name} " in dockerfile


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
    assert SERVICES["api"]["networks"] == SERVICES["entrance"]["networks"] == ["inside"]


def test_nothing_starts_before_what_it_needs() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert SERVICES["api"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["sign-in"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    healthy = {"condition": "service_healthy"}
    assert SERVICES["proxy"]["depends_on"] == {"api": healthy, "entrance": healthy, "sign-in": healthy}
    for service in SERVICES.values():
        for name, needed in service.get("depends_on", {}).items():
            assert needed["condition"] != "service_healthy" or "healthcheck" in SERVICES[name]
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
    assert json.loads((secrets / "sign_in_providers").read_text()) == {}
    assert all(len(value) >= 40 for value in values if value != "{}\n")
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


KEYS = {
    "image", "build", "restart", "shm_size", "command", "entrypoint", "environment", "secrets", "volumes",
    "networks", "healthcheck", "depends_on", "read_only", "cap_drop", "cap_add", "security_opt", "tmpfs",
    "ports", "profiles", "mem_limit", "pids_limit", "stop_grace_period", "logging",
}  # fmt: skip
# The image of PostgreSQL reads these itself.
OF_THE_DATABASE = {"POSTGRES_PASSWORD_FILE", "POSTGRES_INITDB_ARGS"}


def test_the_file_says_nothing_that_compose_would_not_understand() -> None:
    assert set(COMPOSE) == {"name", "x-logging", "services", "networks", "volumes", "secrets"}
    for name, service in SERVICES.items():
        assert set(service) <= KEYS, name
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        for check in ("test", "interval", "timeout", "retries"):
            assert check in service.get("healthcheck", {check: ""})
        assert all(isinstance(value, str) for value in service.get("environment", {}).values()), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists(), volume
        assert service["restart"] in ("no", "unless-stopped")
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        # One that is made to grow ends and begins again, and nothing else suffers.
        assert service["mem_limit"]
        assert service["pids_limit"] <= 256
        assert service["logging"] == {"driver": "local", "options": {"max-size": "10m", "max-file": "5"}}
        for place in service.get("tmpfs", []):
            assert re.search(r":size=\d+m(,|$)", place), place
    # Whatever an operator may set has a default.
    assert set(re.findall(r"\$\{\w+(.)", (ROOT / "docker-compose.yml").read_text())) == {":"}


def test_the_database_ends_cleanly_and_says_nothing_of_people() -> None:
    database = SERVICES["database"]
    assert database["stop_grace_period"] == "2m"
    for setting in ("log_min_error_statement=panic", "log_error_verbosity=terse"):
        assert f"--{setting}" in database["command"]
        name, value = setting.split("=")
        assert SETTINGS[name] == value
    assert SERVICES["api"]["environment"]["PGRST_LOG_LEVEL"] == "crit"
    # Added to what is dropped: what the images' own first steps need, and no more.
    added = {name: service["cap_add"] for name, service in SERVICES.items() if "cap_add" in service}
    assert added == {
        "database": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"],
        "proxy": ["CHOWN", "SETGID", "SETUID"],
    }


REGISTRY = """#!/bin/sh
# Stands for docker: tells a digest of its last argument, or fails for what it does not know.
for image; do :; done
echo "$*" >>"$ASKED"
case $image in $UNKNOWN) echo "no such image" >&2; exit 1 ;; esac
printf 'sha256:%s\\n' "$(printf '%s %s' "$image" "$ASKED" | sha256sum | cut -d' ' -f1)"
"""


def test_images_are_pinned_by_the_digests_that_the_registry_tells(tmp_path: Path) -> None:
    checkout, bin_folder = tmp_path / "checkout", tmp_path / "bin"
    (checkout / "docker").mkdir(parents=True)
    bin_folder.mkdir()
    for name in ("docker-compose.yml", "docker/Dockerfile"):
        shutil.copy(ROOT / name, checkout / name)
    (bin_folder / "docker").write_text(REGISTRY)
    (bin_folder / "docker").chmod(0o755)
    before = (checkout / "docker-compose.yml").read_text()

    def pin(asked: str, unknown: str = "none", path: str = f"{bin_folder}:{os.environ['PATH']}") -> Any:
        return subprocess.run(
            ["/bin/sh", ROOT / "docker" / "pin-images", checkout],
            env={"PATH": path, "ASKED": str(tmp_path / asked), "UNKNOWN": unknown},
            capture_output=True,
            text=True,
            check=False,
        )

    failed = pin("first", unknown="nginx:*")
    assert failed.returncode == 1
    assert "nothing was changed" in failed.stderr
    assert (checkout / "docker-compose.yml").read_text() == before

    assert pin("second").returncode == 0
    pinned = yaml.safe_load((checkout / "docker-compose.yml").read_text())
    images = {name: service["image"] for name, service in pinned["services"].items()}
    for name, service in SERVICES.items():
        tag = service["image"].split("@")[0]
        if tag.startswith("quantmatrix:"):
            assert images[name] == tag
        else:
            assert re.fullmatch(re.escape(tag) + r"@sha256:[0-9a-f]{64}", images[name])
            assert f"imagetools inspect --format {{{{.Manifest.Digest}}}} {tag}\n" in (
                (tmp_path / "second").read_text()
            )
    assert pinned | {"services": None} == COMPOSE | {"services": None}
    base = re.search(r"^FROM (\S+)$", (checkout / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    assert base
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base[1])

    assert pin("third").returncode == 0
    again = yaml.safe_load((checkout / "docker-compose.yml").read_text())["services"]
    assert again["proxy"]["image"] != images["proxy"]
    assert again["proxy"]["image"].count("@") == 1


def test_images_are_pinned_only_where_docker_is(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", ROOT / "docker" / "pin-images", tmp_path],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "there is no docker" in done.stderr


def test_the_api_is_set_as_where_it_was_tested() -> None:
    embedded = PostgrestConfig("", "", 0, 0).settings(Path("/"))
    production = {
        name.removeprefix("PGRST_").lower().replace("_", "-"): value
        for name, value in SERVICES["api"]["environment"].items()
    }
    assert set(production) == {*embedded, "openapi-server-proxy-uri"}
    for name in (
        "db-schemas",
        "db-extra-search-path",
        "db-anon-role",
        "db-pre-request",
        "db-max-rows",
        "jwt-aud",
    ):
        assert production[name] == embedded[name]
    assert production["openapi-mode"] == embedded["openapi-mode"]


def test_signing_in_has_connections_and_a_login_of_its_own() -> None:
    api, entrance = SERVICES["api"], SERVICES["entrance"]
    assert entrance["image"] == api["image"]
    differs = {
        name: value for name, value in entrance["environment"].items() if api["environment"][name] != value
    }
    assert differs == {"PGRST_DB_URI": "@/run/secrets/entrance_database_url", "PGRST_DB_POOL": "5"}
    assert set(entrance["environment"]) == set(api["environment"])
    logins = {name: SERVICES[name]["environment"]["QUANTMATRIX_DATABASE_URL"] for name in ("sign-in", "mail")}
    assert logins == {
        "sign-in": "postgresql://quantmatrix_page@database:5432/quantmatrix",
        "mail": "postgresql://quantmatrix_mailer@database:5432/quantmatrix",
    }
    for name in ("entrance", "sign-in", "mail", "proxy"):
        assert "authenticator_password" not in SERVICES[name].get("secrets", []), name
        assert "api_database_url" not in SERVICES[name].get("secrets", []), name


def test_every_variable_is_read_by_something() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "py" / "quantmatrix").rglob("*.py"))
    template = (ROOT / SERVICES["proxy"]["volumes"][0].split(":")[0]).read_text()
    example = subprocess.run(
        [find_postgrest().path, "--example"], check=True, capture_output=True, text=True
    ).stdout
    for name, service in SERVICES.items():
        for variable in service.get("environment", {}):
            if variable.startswith("PGRST_"):
                setting = variable.removeprefix("PGRST_").lower().replace("_", "-")
                assert re.search(rf"^#? ?{setting} ?=", example, re.MULTILINE), variable
            elif name == "proxy":
                assert f"${{{variable}}}" in template or variable == "NGINX_ENVSUBST_FILTER"
            else:
                assert f'"{variable}"' in sources or variable in OF_THE_DATABASE, variable


def copied_by_the_dockerfile() -> list[str]:
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    found = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from=" not in line]
    return [source for sources in found for source in sources]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables under which 'quantmatrix' is what the Dockerfile installs, out of what it copies alone."""
    folder = tmp_path_factory.mktemp("image")
    for source in copied_by_the_dockerfile():
        target = folder / "src" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target)
    command = [
        str(Path(sys.executable).parent / "uv"),
        "pip",
        "install",
        "--quiet",
        "--no-config",
        "--no-deps",
    ]
    command += ["--no-build-isolation", "--python", sys.executable, "--target", str(folder / "site"), "."]
    subprocess.run(command, check=True, cwd=folder / "src")
    # Without coverage, which would count the copy as files of its own.
    return {
        "PATH": f"{folder / 'site' / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "site"),
        "QUANTMATRIX_DATA_DIR": str(folder / "data"),
    }


def test_the_image_is_made_of_what_is_there() -> None:
    allowed = (ROOT / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    for source in copied_by_the_dockerfile():
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in allowed, source
    locked = (ROOT / "requirements" / "runtime.txt").read_text()
    built_with = re.findall(r'requires = \["(\w+)', (ROOT / "pyproject.toml").read_text())
    for name in (*built_with, "click", "httpx", "joserfc", "psycopg"):
        assert re.search(rf"^{name}(\[\w+\])?==", locked, re.MULTILINE), name
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    python = re.search(r"^FROM python:(\d+)\.(\d+)", dockerfile, re.MULTILINE)
    assert python
    assert tuple(map(int, python.groups())) >= (3, 11)


def test_the_migration_step_and_the_exact_settings_of_the_api_work(
    production: Cluster, secrets: Path, image: dict[str, str]
) -> None:
    environment = production.environment
    port = environment.known_state().database_port
    migrate(production, secrets, port, image)
    migrate(production, secrets, port, image)
    the_page_serves(secrets, port, image)
    the_mails_wait_for_a_server(secrets, port, image)
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
        assert description["host"] == "quantmatrix.localhost:443"
    finally:
        terminate(pid, lambda: not is_alive(pid), patience=5)


def the_page_serves(secrets: Path, port: int, image: dict[str, str]) -> None:
    """The command of the service ``sign-in`` runs, and knows no provider yet."""
    service = SERVICES["sign-in"]
    page = ports.choose(1)[0]
    here = {"--port=8081": f"--port={page}", "--host=0.0.0.0": f"--host={ports.LOOPBACK}"}
    words = [here.get(word, inside(word, secrets, port)) for word in service["command"]]
    variables = {name: inside(str(value), secrets, port) for name, value in service["environment"].items()}
    process = subprocess.Popen(["quantmatrix", *words], env=image | variables, cwd="/")
    try:
        probe = [part.replace("8081", str(page)) for part in service["healthcheck"]["test"][1:]]
        assert wait_until(lambda: not ports.is_free(page), 20)
        assert subprocess.run(probe, env=image, check=False).returncode == 0
        assert httpx.get(f"http://{ports.LOOPBACK}:{page}/oauth/google/start").status_code == 404
    finally:
        process.terminate()
        process.wait(10)


def the_mails_wait_for_a_server(secrets: Path, port: int, image: dict[str, str]) -> None:
    """The command of the service ``mail`` reaches the database; what it lacks without settings is named."""
    service = SERVICES["mail"]
    variables = {name: inside(str(value), secrets, port) for name, value in service["environment"].items()}
    assert variables["QUANTMATRIX_SMTP_URL"] == ""
    assert service["command"] == ["mail", "run"]
    done = subprocess.run(
        ["quantmatrix", "mail", "send"],
        env=image | variables,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "QUANTMATRIX_SMTP_URL" in done.stderr


def migrate(production: Cluster, secrets: Path, port: int, image: dict[str, str]) -> None:
    """Run the command of the service ``migrate`` here, its addresses and paths replaced by ours."""
    service = SERVICES["migrate"]
    socket = production.environment.layout(production.environment.known_state()).socket_directory
    variables = {name: inside(str(value), secrets, port) for name, value in service["environment"].items()}
    variables["QUANTMATRIX_ADMINISTRATOR_URL"] = f"postgresql://{SUPERUSER}@:{port}/postgres?host={socket}"
    own = (
        production.environment.layout(production.environment.known_state()).secrets / f"{SUPERUSER}.password"
    )
    variables["QUANTMATRIX_ADMINISTRATOR_PASSWORD_FILE"] = str(own)
    done = subprocess.run(
        [*service["entrypoint"], *(inside(part, secrets, port) for part in service["command"])],
        env=image | variables,
        cwd="/",
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
