"""Requests to servers that are not trusted: one address, no redirects, bounded size and time.

Addresses carry tokens, so nothing here ever tells an address or an error of the HTTP library.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import IO, Any
from urllib.parse import SplitResult, urlsplit

import httpx

from quantmatrix import __version__
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.sync.failure import Failed

USER_AGENT = f"quantmatrix/{__version__}"
SILENCE_SECONDS = 30.0
"""A server that sends nothing for so long is not waited for."""
IN_MEMORY = 1024 * 1024
_LONGEST_RETRY = 1_000_000.0

# Its lines hold addresses, and these hold tokens.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Service:
    """Where a service is: its address, and the domain whose hosts it may send us on to.

    ``domain`` empty: this very host and port alone. ``folder``: every path begins so.
    """

    base: str
    domain: str = ""
    folder: str = "/"

    @staticmethod
    def at(named: str | None, official: Service, variable: str) -> Service:
        """The official service, or the one that the environment variable names on this machine."""
        if not named:
            return official
        try:
            parts = urlsplit(named)
            usable = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
            usable = usable and bool(parts.hostname) and not (parts.username or parts.query or parts.fragment)
        except ValueError:
            usable = False
        if not usable:
            raise Problem(
                f"{variable} is no address to send credentials to",
                why="only https is, or http to this very machine",
                unchanged="nothing was sent",
                next_step=f"correct or unset {variable}",
                exit_code=ExitCode.USAGE,
            )
        base = named.rstrip("/")
        return Service(base, folder=(urlsplit(base).path or "") + "/")

    def allows(self, address: str) -> bool:
        """Whether credentials may be sent there: our scheme and port, our host or domain, our paths."""
        own = urlsplit(self.base)
        try:
            parts = urlsplit(address)
            same = (parts.scheme, _port(parts)) == (own.scheme, _port(own))
        except ValueError:
            return False
        host = (parts.hostname or "").lower()
        plain = not (parts.username or parts.password or parts.fragment or "\\" in address)
        known = host == own.hostname or bool(self.domain and host.endswith("." + self.domain))
        inside = parts.path.startswith(self.folder) and ".." not in parts.path and "%" not in parts.path
        return same and plain and known and inside and address.isascii()


@dataclass
class Answer:
    """A successful answer. ``body`` stands at its beginning and is the caller's to close."""

    body: IO[bytes]
    size: int
    content_type: str
    served_at: datetime | None


class Web:
    """Requests of one attempt, paced; a context manager."""

    def __init__(self, service: Service, *, seconds: float, largest: int, between: float = 0) -> None:
        self.service = service
        self._seconds = seconds
        self._largest = largest
        self._between = between
        self._last = float("-inf")
        self._client = httpx.Client(
            follow_redirects=False,
            verify=_certificates(),
            timeout=httpx.Timeout(min(SILENCE_SECONDS, seconds)),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(
        self, address: str, parameters: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to a GET. Raises ``Failed``; an address that is not the service's is never asked."""
        if not self.service.allows(address):
            raise Failed("untrusted_address")
        wait = self._last + self._between - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._last = time.monotonic()
        try:
            with self._client.stream("GET", address, params=dict(parameters), headers=headers) as response:
                if failed := failure_of(response.status_code, response.headers.get("retry-after")):
                    raise failed
                return self._read(response)
        except httpx.TimeoutException:
            raise Failed("too_slow", f"nothing for {min(SILENCE_SECONDS, self._seconds):g} seconds") from None
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.DecodingError):
            raise Failed("cut_off") from None
        except httpx.HTTPError as error:
            raise Failed("unreachable", type(error).__name__) from None

    def _read(self, response: httpx.Response) -> Answer:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise Failed("content_type", "compressed, which was not asked for")
        deadline = self._last + self._seconds
        body: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller's
        size = 0
        try:
            for chunk in response.iter_raw():
                size += len(chunk)
                if size > self._largest:
                    raise Failed("too_large", f"more than {self._largest} bytes")
                if time.monotonic() > deadline:
                    raise Failed("too_slow", f"not whole after {self._seconds:g} seconds")
                body.write(chunk)
        except BaseException:
            body.close()
            raise
        body.seek(0)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Answer(body, size, kind, instant_of(response.headers.get("date")))


@cache
def _certificates() -> ssl.SSLContext:
    """The authorities that are believed; to read them takes longer than many an answer."""
    return httpx.create_ssl_context()


def failure_of(status: int, retry_after: str | None) -> Failed | None:
    """What an HTTP status means; None for success."""
    if 200 <= status < 300:
        return None
    code = {401: "not_allowed", 403: "not_allowed", 404: "not_found", 408: "too_slow", 429: "throttled"}.get(
        status, "redirected" if status < 400 else "refused" if status < 500 else "server_error"
    )
    return Failed(code, f"HTTP {status}", retry_after=_seconds(retry_after))


def _seconds(told: str | None) -> float | None:
    """Seconds of ``Retry-After``: a number or a date."""
    if not told:
        return None
    if told.strip().isdecimal():
        return min(float(told), _LONGEST_RETRY)
    moment = instant_of(told)
    if moment is None:
        return None
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), _LONGEST_RETRY)


def instant_of(told: str | None) -> datetime | None:
    """The instant that a header states; None where it states none."""
    try:
        moment = parsedate_to_datetime(told or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
