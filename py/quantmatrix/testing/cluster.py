"""A PostgreSQL of the tests' own, with databases cloned from a migrated template."""

from __future__ import annotations

import secrets
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pytest_postgresql.janitor import DatabaseJanitor

from quantmatrix import resources
from quantmatrix.database.repeatable import run_file
from quantmatrix.services import bootstrap, ports
from quantmatrix.services.credentials import AUTHENTICATOR, MIGRATOR, SUPERUSER, key_set
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.layout import read_state
from quantmatrix.services.postgrest import PostgrestConfig, PostgrestServer
from quantmatrix.services.tokens import SigningKey

# Nothing here must survive a crash.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
    "shared_buffers": "256MB",
    "max_connections": "100",
}
PGTAP_ARCHIVE = Path("node_modules/@electric-sql/pglite-pgtap/dist/pgtap.tar.gz")
PGTAP_SQL = "share/postgresql/extension/pgtap.sql"
TAP_TEMPLATE = "quantmatrix_tap"
# Whoever a test becomes, it must be able to go on asserting.
TAP_ROLES = (
    "public",
    AUTHENTICATOR,
    "anon",
    "quantmatrix_user",
    "quantmatrix_readonly",
    "quantmatrix_admin",
)


class _Copier(DatabaseJanitor):
    """Clones a database by its files, without the log: a third of the time."""

    def _build_create_database_sql(self) -> sql.Composed:
        return super()._build_create_database_sql() + sql.SQL(" STRATEGY file_copy")


class Cluster:
    """An embedded PostgreSQL in a temporary folder; ``quantmatrix`` is the template of its clones."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="qmtest-"))
        self.settings = FAST | dict(settings or {})
        self.template = bootstrap.DATABASE
        self.environment = EmbeddedEnvironment(self.directory / "data", self.settings)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Make the cluster and migrate its template; clones are open to logins as the one database is."""
        self.environment.ensure_running()
        access = self.environment.postgres(self.environment.known_state()).data / "pg_hba.conf"
        with access.open("a", encoding="utf-8") as text:
            text.write(f"host all all {ports.LOOPBACK}/32 scram-sha-256\n")
        with psycopg.connect(self.environment.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute("select pg_reload_conf()")

    def destroy(self) -> None:
        """Stop the server and remove all its files."""
        state = read_state(self.environment.data_dir)
        if state is not None:
            self.environment.stop()
            shutil.rmtree(self.environment.layout(state).home, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[Database]:
        """A database cloned from ``template`` (the cluster's own by default), dropped at the end."""
        name = f"test_{secrets.token_hex(6)}"
        with self._janitor(name, template or self.template):
            self._secure(name)
            yield Database(self, name)

    @contextmanager
    def empty_database(self) -> Iterator[Database]:
        """A prepared database in which nothing was migrated."""
        name = f"test_{secrets.token_hex(6)}"
        administrator = self.environment.dsn(SUPERUSER, "postgres")
        bootstrap.prepare(administrator, {}, name)
        try:
            yield Database(self, name)
        finally:
            self._janitor(name, None).drop()

    @cached_property
    def tap_template(self) -> str:
        """Name of a template that has pgTAP in the schema ``tap`` and the tests' helpers in ``tests``."""
        janitor = self._janitor(TAP_TEMPLATE, bootstrap.DATABASE)
        with self._lock:
            janitor.init()
            self._secure(TAP_TEMPLATE)
            with psycopg.connect(
                self.environment.dsn(SUPERUSER, TAP_TEMPLATE), autocommit=True
            ) as connection:
                load_tap(connection)
        return TAP_TEMPLATE

    def _janitor(self, name: str, template: str | None) -> DatabaseJanitor:
        parts = conninfo_to_dict(self.environment.dsn(SUPERUSER, "postgres"))
        return _Copier(
            user=SUPERUSER,
            password=str(parts["password"]),
            host=str(parts["host"]),
            port=str(parts["port"]),
            dbname=name,
            template_dbname=template,
        )

    def _secure(self, name: str) -> None:
        with psycopg.connect(self.environment.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
            bootstrap.secure_database(connection, name)


@dataclass(frozen=True)
class Database:
    """One database of the cluster."""

    cluster: Cluster
    name: str

    @cached_property
    def environment(self) -> EmbeddedEnvironment:
        """An environment whose database is this one; its API is not running."""
        directory = self.cluster.environment.data_dir
        return EmbeddedEnvironment(directory, self.cluster.settings, database=self.name)

    def dsn(self, role: str = SUPERUSER) -> str:
        """Connection string of ``role`` (``postgres``, ``authenticator``, ``quantmatrix_migrator``)."""
        return self.cluster.environment.dsn(role, self.name)

    def connect(self, role: str = SUPERUSER) -> psycopg.Connection[Any]:
        """A connection of ``role`` that commits each statement."""
        return psycopg.connect(self.dsn(role), autocommit=True)

    def variables(self, api_url: str | None = None) -> dict[str, str]:
        """Environment variables that make the command line work with this database."""
        secrets_folder = self.cluster.environment.layout(self.cluster.environment.known_state()).secrets
        return {
            "QUANTMATRIX_DATABASE_URL": self.dsn(MIGRATOR),
            "QUANTMATRIX_AUTHENTICATOR_URL": self.dsn(AUTHENTICATOR),
            "QUANTMATRIX_ADMINISTRATOR_URL": self.dsn(),
            "QUANTMATRIX_JWT_SECRET_FILE": str(key_set(secrets_folder)),
            "QUANTMATRIX_DATA_DIR": str(self.cluster.directory / f"files-{self.name}"),
        } | ({"QUANTMATRIX_API_URL": api_url} if api_url else {})

    @contextmanager
    def postgrest(self, changed: Mapping[str, str] | None = None) -> Iterator[Api]:
        """A PostgREST that serves this database on free ports; ``changed`` settings by PostgREST's names."""
        with self._serving(
            "api", replace(self.environment.postgrest_config(), changed=dict(changed or {}))
        ) as api:
            yield api

    @contextmanager
    def entrance(self) -> Iterator[Api]:
        """A PostgREST as the one for signing in."""
        with self._serving("entrance", self.environment.entrance_config()) as api:
            yield api

    @contextmanager
    def _serving(self, kind: str, config: PostgrestConfig) -> Iterator[Api]:
        environment = self.environment
        account = environment.account
        home = environment.layout(environment.known_state()).home
        folder = account.make_directory(home / f"{kind}-{self.name}")
        server = PostgrestServer(folder, folder, account)
        config = _with_free_ports(config, server)
        try:
            yield Api(f"http://{ports.LOOPBACK}:{config.port}", config, environment.jwt_secret, server)
        finally:
            server.stop()


@dataclass(frozen=True)
class Api:
    """A PostgREST that runs: its address, configuration, and the key that its tokens are signed with."""

    url: str
    config: PostgrestConfig
    key: SigningKey
    server: PostgrestServer


def load_tap(connection: psycopg.Connection[Any]) -> None:
    """Load pgTAP into the schema ``tap``, then ``db/tests/helpers``, which make ``tests``."""
    with connection.transaction():
        connection.execute("create schema tap")
        connection.execute("set local search_path = tap, public")
        connection.execute(pgtap_sql())
    helpers = sorted((resources.root() / "db" / "tests" / "helpers").glob("*.sql"))
    with connection.transaction():
        connection.execute("set local search_path = tap, public")
        for helper in helpers:
            run_file(connection, helper)
    roles = ", ".join(TAP_ROLES)
    for schema in ("tap", *(["tests"] if helpers else [])):
        connection.execute(f"grant usage on schema {schema} to {roles}".encode())
        connection.execute(f"grant execute on all functions in schema {schema} to {roles}".encode())


def pgtap_sql() -> bytes:
    """pgTAP as plain SQL, which needs no extension on the server's disk."""
    archive = resources.root() / PGTAP_ARCHIVE
    with tarfile.open(archive) as files:
        member = files.extractfile(PGTAP_SQL)
        if member is None:
            raise FileNotFoundError(f"{PGTAP_SQL} in {archive}")
        return member.read()


def _with_free_ports(config: PostgrestConfig, server: PostgrestServer) -> PostgrestConfig:
    for tries_left in range(5, 0, -1):
        port, admin_port = ports.choose(2)
        chosen = replace(config, port=port, admin_port=admin_port)
        try:
            server.start(chosen)
        except ports.PortTaken:
            if tries_left == 1:
                raise
        else:
            return chosen
    raise AssertionError("the last try raises")
