"""What an embedded environment consists of: folders, servers, their configurations, connection strings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import make_conninfo

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services import bootstrap, ports
from quantmatrix.services.account import Account, service_account
from quantmatrix.services.credentials import (
    AUTHENTICATOR,
    ENTRANCE,
    MIGRATOR,
    SUPERUSER,
    key_set,
    password,
)
from quantmatrix.services.environment import Environment
from quantmatrix.services.layout import Layout, State, layout, read_state
from quantmatrix.services.nginx import NginxServer
from quantmatrix.services.postgres import PostgresServer
from quantmatrix.services.postgrest import PostgrestConfig, PostgrestServer
from quantmatrix.services.sign_in import SignInServer
from quantmatrix.services.tokens import SigningKey, signing_key
from quantmatrix.services.worker import WorkerServer

CONNECT_SECONDS = 10
# A password takes a quarter of a second of one core: more at once are no faster.
ENTRANCE_POOL = 5


class EmbeddedParts(Environment):
    """What an embedded environment consists of. ``settings`` are PostgreSQL's and win over ours."""

    embedded = True

    def __init__(
        self,
        data_dir: Path,
        settings: Mapping[str, str] | None = None,
        narrate: Callable[[str], None] | None = None,
        database: str = bootstrap.DATABASE,
    ) -> None:
        self.database = database
        self._data_dir = data_dir
        self._narrate = narrate or (lambda _: None)
        self._settings = dict(settings or {})
        self._account: Account | None = None

    @property
    def data_dir(self) -> Path:  # noqa: D102
        return self._data_dir

    def known_state(self) -> State:
        """What this environment remembers; a ``Problem`` before its first start."""
        state = read_state(self._data_dir)
        if state is None:
            raise Problem(
                "the embedded servers were never started here",
                where=str(self._data_dir),
                unchanged="nothing was done",
                next_step="quantmatrix up",
                exit_code=ExitCode.UNREACHABLE,
            )
        return state

    def nginx(self, state: State) -> NginxServer:
        """The proxy of this environment."""
        found = self.layout(state)
        return NginxServer(found.nginx, found.logs, self.account)

    def postgres(self, state: State) -> PostgresServer:
        """The database server of this environment."""
        return PostgresServer(self.layout(state), self.account, self._settings)

    def postgrest(self, state: State) -> PostgrestServer:
        """The API server of this environment."""
        found = self.layout(state)
        return PostgrestServer(found.postgrest, found.logs, self.account)

    def entrance(self, state: State) -> PostgrestServer:
        """The API server for signing in: behind the proxy, with connections of its own."""
        found = self.layout(state)
        name, log = "PostgREST for signing in", "postgrest-entrance.log"
        return PostgrestServer(found.entrance, found.logs, self.account, name=name, log=log)

    def layout(self, state: State) -> Layout:
        """Where this environment keeps what."""
        return layout(self._data_dir, state)

    @property
    def account(self) -> Account:
        """Who runs the servers."""
        if self._account is None:
            self._account = service_account()
        return self._account

    def dsn(self, role: str, database: str | None = None) -> str:
        """Connection string of ``role``: the superuser through the socket, others by TCP."""
        state = self.known_state()
        over_socket = role == SUPERUSER
        return make_conninfo(
            host=str(self.layout(state).socket_directory) if over_socket else ports.LOOPBACK,
            port=state.database_port,
            user=role,
            password=password(self.layout(state).secrets, role),
            dbname=database or self.database,
            connect_timeout=CONNECT_SECONDS,
            application_name="quantmatrix",
            gssencmode="disable",
        )

    @property
    def authenticator_dsn(self) -> str:  # noqa: D102
        return self.dsn(AUTHENTICATOR)

    def helper_dsn(self, login: str) -> str:  # noqa: D102
        return self.dsn(login)

    @property
    def migrator_dsn(self) -> str:  # noqa: D102
        return self.dsn(MIGRATOR)

    @property
    def superuser_dsn(self) -> str:  # noqa: D102
        return self.dsn(SUPERUSER)

    @property
    def api_url(self) -> str:  # noqa: D102
        return f"http://{ports.LOOPBACK}:{self.known_state().api_port}"

    @property
    def jwt_secret(self) -> SigningKey:  # noqa: D102
        return signing_key(self.key_set_file)

    @property
    def key_set_file(self) -> Path:  # noqa: D102
        return key_set(self.layout(self.known_state()).secrets)

    def postgrest_config(self) -> PostgrestConfig:
        """Configuration of the API, on the remembered ports."""
        state = self.known_state()
        return PostgrestConfig(
            database_uri=self._database_uri(AUTHENTICATOR),
            key_set=self.key_set_file.read_text(encoding="utf-8"),
            port=state.api_port,
            admin_port=state.admin_port,
        )

    def entrance_config(self) -> PostgrestConfig:
        """Configuration of the API for signing in: the other's, with a login that may only become anon."""
        state = self.known_state()
        api = self.postgrest_config()
        same_pages = api.settings(Path())["server-cors-allowed-origins"]
        return replace(
            api,
            database_uri=self._database_uri(ENTRANCE),
            port=state.entrance_port,
            admin_port=state.entrance_admin_port,
            changed={"db-pool": str(ENTRANCE_POOL), "server-cors-allowed-origins": same_pages},
        )

    def _database_uri(self, role: str) -> str:
        state = self.known_state()
        login = f"{role}:{quote(password(self.layout(state).secrets, role), safe='')}"
        return f"postgresql://{login}@{ports.LOOPBACK}:{state.database_port}/{quote(self.database, safe='')}"

    def worker(self, state: State) -> WorkerServer:
        """The worker of this environment."""
        return WorkerServer(self.layout(state).worker, self._data_dir)

    def sign_in_page(self, state: State) -> SignInServer:
        """The sign-in page of this environment."""
        return SignInServer(self.layout(state).sign_in, self._data_dir)
