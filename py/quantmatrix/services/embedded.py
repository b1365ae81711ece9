"""A PostgreSQL and a PostgREST of our own in a data directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from quantmatrix.database import migrate
from quantmatrix.services import bootstrap, ports, signing
from quantmatrix.services.binaries import find_postgres
from quantmatrix.services.credentials import (
    LOGINS,
    SUPERUSER,
    password,
)
from quantmatrix.services.embedded_parts import EmbeddedParts
from quantmatrix.services.files import exclusive_lock
from quantmatrix.services.kept import Server
from quantmatrix.services.layout import (
    State,
    first_state,
    make_data_dir,
    make_home,
    read_state,
    write_state,
)
from quantmatrix.services.logs import keep_bounded
from quantmatrix.services.nginx import ProxyConfig, find_nginx
from quantmatrix.services.postgres import PostgresServer, Running
from quantmatrix.services.sign_in import SignInConfig


class EmbeddedEnvironment(EmbeddedParts):
    """Both servers in a data directory. ``settings`` are PostgreSQL's and win over ours."""

    def ensure_running(self, *, api: bool = False) -> None:
        """Start what does not run. A database that is new is made, prepared and migrated first."""
        state = read_state(self._data_dir)
        self.keep_logs()
        if state and self._is_up(state, api=api):
            return
        make_data_dir(self._data_dir)
        with self._locked():
            state = self._start_database(read_state(self._data_dir))
            self._prepare(state)
        if api:
            with self._locked():
                self._start_api(self.known_state())

    def keep_logs(self) -> None:
        """Cut logs that have become long; before the first start there are none."""
        state = read_state(self._data_dir)
        if state:
            found = self.layout(state)
            keep_bounded(found.logs, found.sign_in)

    def load_keys(self) -> None:
        """Let the database sign with the keys that PostgREST reads, whatever it signed with before."""
        if migrate.was_ever_migrated(self.migrator_dsn):
            signing.load(self.migrator_dsn, self.key_set_file)

    def choose_ports(
        self,
        database: int | None = None,
        api: int | None = None,
        admin: int | None = None,
        proxy: int | None = None,
        sign_in: int | None = None,
    ) -> None:
        """Remember other ports for the next start; 0 stands for any free one, None for the one it has."""
        make_data_dir(self._data_dir)
        with self._locked():
            state = read_state(self._data_dir) or first_state(self.account)
            ports_now = (
                state.database_port,
                state.api_port,
                state.admin_port,
                state.proxy_port,
                state.sign_in_port,
            )
            wanted = [
                now if new is None else new
                for now, new in zip(ports_now, (database, api, admin, proxy, sign_in), strict=True)
            ]
            state = replace(
                state,
                database_port=wanted[0],
                api_port=wanted[1],
                admin_port=wanted[2],
                proxy_port=wanted[3],
                sign_in_port=wanted[4],
            )
            write_state(self._data_dir, state)

    def stop(self) -> list[str]:
        """Stop all servers and wait for a clean end; the names of those that ran."""
        state = read_state(self._data_dir)
        if state is None:
            return []
        with self._locked():
            api = self._connected(state)
            proxy: list[Server] = [self.sign_in_page(state), self.nginx(state)]
            return _stopped([*api[:1], *proxy, *api[1:], self.postgres(state)])

    def stop_api(self) -> None:
        """Stop PostgREST and the worker if they run; the database goes on."""
        with self._locked():
            _stopped(self._connected(self.known_state()))

    def _connected(self, state: State) -> list[Server]:
        """What is connected to the database all the time, in the order in which it is stopped."""
        return [self.worker(state), self.entrance(state), self.postgrest(state)]

    def reload_api(self) -> None:
        """Let a running API read the schema again."""
        self.postgrest(self.known_state()).reload()

    def restart_api(self) -> None:
        """Let a running API read its configuration and keys again; one that does not run stays so."""
        state = self.known_state()
        if self.postgrest(state).running():
            with self._locked():
                self._start_api(state)
        if self.entrance(state).running():
            with self._locked():
                self._start_entrance(self.known_state())

    def start_worker(self) -> None:
        """Start the worker beside the API, where it does not run from this program already."""
        with self._locked():
            server = self.worker(self.known_state())
            if not server.running():
                self._narrate("starting the worker")
            server.start()

    def start_proxy(self) -> bool:
        """Start nginx before the API, which must run, where nginx is installed; whether it is."""
        program = find_nginx()
        if program is None:
            return False
        with self._locked():
            self._start_entrance(self.known_state())
            state = self.known_state()
            server = self.nginx(state)
            if not server.running():
                self._narrate("starting nginx")

            def start(found: list[int]) -> None:
                write_state(self._data_dir, replace(state, proxy_port=found[0]))
                page = state.sign_in_port if state.providers else 0
                server.start(
                    program, ProxyConfig(found[0], state.api_port, page, entrance_port=state.entrance_port)
                )

            ports.on_a_free_port(start, [state.proxy_port])
        return True

    def choose_providers(self, providers: Path | None, public_url: str | None) -> None:
        """Remember the providers of sign-ins, none for no page, and how people reach it (None: the proxy)."""
        with self._locked():
            state = self.known_state()
            if providers is None:
                self.sign_in_page(state).stop()
            state = replace(state, providers=str(providers or ""), public_url=public_url or "")
            write_state(self._data_dir, state)

    def start_sign_in_page(self) -> bool:
        """Start the page for signing in elsewhere, where its providers are configured; whether they are.

        The proxy is started before, as people reach the page through it, and told the page's port after.
        """
        state = self.known_state()
        if not state.providers:
            return False
        with self._locked():
            server = self.sign_in_page(state)
            if not server.running():
                self._narrate("starting the sign-in page")

            def start(found: list[int]) -> None:
                write_state(self._data_dir, replace(state, sign_in_port=found[0]))
                url = state.public_url or self.proxy_url or f"http://{ports.LOOPBACK}:{found[0]}"
                server.start(SignInConfig(found[0], Path(state.providers), url))

            ports.on_a_free_port(start, [state.sign_in_port])
        return True

    @property
    def proxy_url(self) -> str | None:
        """Address of the proxy before the API; None where none runs."""
        state = self.known_state()
        return f"http://{ports.LOOPBACK}:{state.proxy_port}" if self.nginx(state).running() else None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with exclusive_lock(self._data_dir / "lock"):
            yield

    def _is_up(self, state: State, *, api: bool) -> bool:
        if state.roles_digest != bootstrap.digest() or not self.postgres(state).running():
            return False
        server = self.postgrest(state)
        return not api or (server.running() is not None and server.is_ready(state.admin_port))

    def _start_database(self, state: State | None) -> State:
        if state is None:
            find_postgres()
            state = first_state(self.account)
            write_state(self._data_dir, state)
        make_home(self.layout(state), self.account)
        server = self.postgres(state)
        if not server.exists():
            self._narrate("making a database for the first time")
            server.create(password(self.layout(state).secrets, SUPERUSER))
        running = server.running() or self._start_on_a_port(server, state.database_port)
        if running.port != state.database_port:
            state = replace(state, database_port=running.port)
            write_state(self._data_dir, state)
        return state

    def _start_on_a_port(self, server: PostgresServer, remembered: int) -> Running:
        self._narrate("starting PostgreSQL")
        return ports.on_a_free_port(lambda found: server.start(found[0]), [remembered])

    def _prepare(self, state: State) -> None:
        if state.roles_digest == bootstrap.digest():
            return
        secrets = self.layout(state).secrets
        bootstrap.prepare(
            self.dsn(SUPERUSER, "postgres"),
            {role: password(secrets, role) for role in LOGINS},
        )
        if not migrate.was_ever_migrated(self.migrator_dsn):
            self._narrate("making the tables")
            migrate.up(self.migrator_dsn)
            signing.load(self.migrator_dsn, self.key_set_file)
        write_state(self._data_dir, replace(state, roles_digest=bootstrap.digest()))

    def _start_api(self, state: State) -> None:
        self.load_keys()
        server = self.postgrest(state)
        if not server.running():
            self._narrate("starting PostgREST")

        def start(found: list[int]) -> None:
            write_state(self._data_dir, replace(state, api_port=found[0], admin_port=found[1]))
            server.start(self.postgrest_config())

        ports.on_a_free_port(start, [state.api_port, state.admin_port])

    def _start_entrance(self, state: State) -> None:
        server = self.entrance(state)
        self.account.make_directory(server.folder)

        def start(found: list[int]) -> None:
            write_state(self._data_dir, replace(state, entrance_port=found[0], entrance_admin_port=found[1]))
            server.start(self.entrance_config())

        # Nobody but the proxy knows its ports: each start may have others.
        kept = [state.entrance_port, state.entrance_admin_port] if server.running() else [0, 0]
        ports.on_a_free_port(start, kept)


def _stopped(servers: Sequence[Server]) -> list[str]:
    """Stop these one after the other; the names of those that ran."""
    return [server.name for server in servers if server.stop()]
