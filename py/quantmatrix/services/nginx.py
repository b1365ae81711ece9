"""The reverse proxy before PostgREST, where nginx is installed: limits, and the caller's address."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from string import Template

import psutil

from quantmatrix.services import ports
from quantmatrix.services.account import Account
from quantmatrix.services.files import write_whole
from quantmatrix.services.kept import Kept, Running
from quantmatrix.services.processes import (
    is_alive,
)
from quantmatrix.services.programs import SYSTEM_FOLDERS, find_program, named_program

TEMPLATE = Path(__file__).with_name("nginx.conf.template")
START_SECONDS = 15.0
MAIN = """
# Written by quantmatrix at each start.
daemon off;
pid {folder}/nginx.pid;
error_log {log} warn;
worker_processes 2;
events {{ worker_connections 512; }}
http {{
    default_type application/json;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/quantmatrix.conf;
}}
"""


@dataclass(frozen=True)
class ProxyConfig:
    """What differs between one proxy and another."""

    port: int
    upstream_port: int
    sign_in_port: int = 0
    """Port of the sign-in page; 0: there is none."""
    entrance_port: int = 0
    """Port of the API for signing in; 0: the other one does it, too."""
    calls_per_second: int = 50
    calls_at_once: int = 200
    """Of one token."""
    origin_calls_per_second: int = 200
    origin_calls_at_once: int = 400
    """Of one address, whatever tokens it sends."""
    tls_proxy: str = "255.255.255.255"
    """Whose X-Forwarded-For is believed: nobody's."""

    def text(self, access_log: str, error_log: str) -> str:
        """The template with these values."""
        return Template(TEMPLATE.read_text(encoding="utf-8")).safe_substitute(
            QUANTMATRIX_LISTEN=f"{ports.LOOPBACK}:{self.port}",
            QUANTMATRIX_UPSTREAM=f"{ports.LOOPBACK}:{self.upstream_port}",
            QUANTMATRIX_ENTRANCE=f"{ports.LOOPBACK}:{self.entrance_port or self.upstream_port}",
            # A server that is marked as down is answered for at once.
            QUANTMATRIX_SIGN_IN=f"{ports.LOOPBACK}:{self.sign_in_port}"
            if self.sign_in_port
            else f"{ports.LOOPBACK}:1 down",
            QUANTMATRIX_TLS_PROXY=self.tls_proxy,
            QUANTMATRIX_CALLS_PER_SECOND=str(self.calls_per_second),
            QUANTMATRIX_CALLS_AT_ONCE=str(self.calls_at_once),
            QUANTMATRIX_ORIGIN_CALLS_PER_SECOND=str(self.origin_calls_per_second),
            QUANTMATRIX_ORIGIN_CALLS_AT_ONCE=str(self.origin_calls_at_once),
            QUANTMATRIX_ACCESS_LOG=access_log,
            QUANTMATRIX_ERROR_LOG=error_log,
        )


def find_nginx() -> Path | None:
    """The program that ``QUANTMATRIX_NGINX`` names, else an installed one; None where there is none."""
    found = named_program("QUANTMATRIX_NGINX") or find_program("nginx", *SYSTEM_FOLDERS)
    return found if found and found.exists() else None


class NginxServer(Kept):
    """The proxy of one folder. Callers hold the environment's lock around ``start`` and ``stop``."""

    START_SECONDS = START_SECONDS
    STOP_SECONDS = 10.0
    WITHOUT = "read the log, or use the API without the proxy: quantmatrix up --no-proxy"

    def __init__(self, folder: Path, logs: Path, account: Account) -> None:
        super().__init__("nginx", folder, logs / "nginx.log", account)
        self.config_file = folder / "nginx.conf"

    def start(self, program: Path, config: ProxyConfig) -> Running:
        """Start it with ``config`` unless it runs with that already, and wait until it listens."""
        self.account.make_directory(self.folder)
        text = config.text(str(self.log.with_name("nginx-access.log")), str(self.log))
        digest = hashlib.sha256(text.encode()).hexdigest()
        running = self.running()
        if running and running.config == digest:
            return running
        self.stop()
        if not ports.is_free(config.port):
            raise ports.taken(config.port, "nginx", "--proxy-port")
        main = MAIN.format(folder=self.folder, log=self.log)
        for name, content in (("nginx.conf", main), ("quantmatrix.conf", text)):
            write_whole(self.folder / name, content)
            self.account.own(self.folder / name)
        command = [str(program), "-p", str(self.folder), "-e", str(self.log), "-c", str(self.config_file)]
        return self.begin(command, digest, lambda: not ports.is_free(config.port))

    def is_ours(self, pid: int) -> bool:  # noqa: D102
        # The program writes its whole command into one argument.
        try:
            return is_alive(pid) and any(
                str(self.config_file) in part for part in psutil.Process(pid).cmdline()
            )
        except psutil.Error:
            return False
