"""What can be said of the embedded servers without touching them."""

from __future__ import annotations

from typing import Any

from quantmatrix.services import ports
from quantmatrix.services.bootstrap import DATABASE
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.layout import State, orphans, read_state

Row = dict[str, Any]


def addresses(environment: EmbeddedEnvironment) -> Row:
    """Where the servers are, for programs that connect to them; no secrets, but the folder they are in."""
    state = environment.known_state()
    return {
        "api": environment.api_url,
        "proxy": environment.proxy_url,
        "sign_in_page": sign_in_address(environment, state),
        "database": f"postgresql://{ports.LOOPBACK}:{state.database_port}/{DATABASE}",
        "data_dir": str(environment.data_dir),
        "secrets": str(environment.layout(state).secrets),
        "logs": str(environment.layout(state).logs),
    }


def sign_in_address(environment: EmbeddedEnvironment, state: State) -> str | None:
    """How people reach the sign-in page; None where none runs."""
    if not environment.sign_in_page(state).running():
        return None
    return state.public_url or environment.proxy_url or f"http://{ports.LOOPBACK}:{state.sign_in_port}"


def servers(environment: EmbeddedEnvironment) -> list[Row]:
    """A row for each server, those that were never chosen left out: state, pid, address, files."""
    state = read_state(environment.data_dir)
    if state is None:
        return [
            _row(name, "never started", files=str(environment.data_dir))
            for name in ("PostgreSQL", "PostgREST")
        ]
    postgres = environment.postgres(state)
    postgrest = environment.postgrest(state)
    database, api = postgres.running(), postgrest.running()
    serving = api is not None and postgrest.is_ready(state.admin_port)
    api_state = "running" if serving else "not ready" if api else "stopped"
    nginx = environment.nginx(state)
    proxy = nginx.running()
    proxies = [
        _row(
            "nginx",
            "running" if proxy else "stopped",
            pid=proxy.pid if proxy else None,
            address=f"http://{ports.LOOPBACK}:{state.proxy_port}",
            files=str(nginx.log),
        )
    ]
    entrance = environment.entrance(state)
    entering = entrance.running()
    entrances = [
        _row(
            "PostgREST for signing in",
            "running" if entering else "stopped",
            pid=entering.pid if entering else None,
            address=f"http://{ports.LOOPBACK}:{state.entrance_port}",
            files=str(entrance.log),
        )
    ]
    page = environment.sign_in_page(state)
    serving_sign_ins = page.running()
    pages = [
        _row(
            "sign-in page",
            "running" if serving_sign_ins else "stopped",
            pid=serving_sign_ins.pid if serving_sign_ins else None,
            address=sign_in_address(environment, state),
            files=str(page.log),
        )
    ]
    worker = environment.worker(state)
    working = worker.running()
    workers = [
        _row(
            "worker",
            "running" if working else "stopped",
            pid=working.pid if working else None,
            files=str(worker.log),
        )
    ]
    return [
        _row(
            "PostgreSQL",
            "running" if database else "stopped",
            pid=database.pid if database else None,
            address=f"{ports.LOOPBACK}:{state.database_port}/{DATABASE}" if state.database_port else None,
            files=str(postgres.data),
        ),
        _row(
            "PostgREST",
            api_state,
            pid=api.pid if api else None,
            address=environment.api_url if state.api_port else None,
            files=str(postgrest.log),
        ),
        *(entrances if state.entrance_port else []),
        *(proxies if state.proxy_port else []),
        *(pages if state.providers else []),
        *(workers if worker.folder.exists() else []),
    ]


def forgotten() -> list[str]:
    """Folders of servers that root made, and whose data directory is gone."""
    return [str(path) for path in orphans()]


def _row(
    server: str, state: str, *, pid: int | None = None, address: str | None = None, files: str | None = None
) -> Row:
    return {"server": server, "state": state, "pid": pid, "address": address, "files": files}
