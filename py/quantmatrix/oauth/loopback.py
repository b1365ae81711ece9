"""Signing in elsewhere from the command line: a browser, and a page on loopback to which it comes back."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from quantmatrix.errors import ExitCode, Problem

WAIT_SECONDS = 300.0


def ticket_from_browser(
    page: str, provider: str, visit: Callable[[str], Any], seconds: float = WAIT_SECONDS
) -> tuple[str, str]:
    """The ticket of a sign-in at ``provider`` and its verifier; ``visit`` opens an address in a browser."""
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    with _Loopback() as server:
        query = {
            "challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "return_to": f"http://127.0.0.1:{server.server_port}/",
        }
        visit(f"{page.rstrip('/')}/oauth/{provider}/start?{urlencode(query)}")
        server.timeout = 0.5
        deadline = time.monotonic() + seconds
        while server.ticket is None:
            if time.monotonic() > deadline:
                raise Problem(
                    "nobody came back from the sign-in page",
                    where=page,
                    why=f"it was waited for {seconds:.0f} seconds",
                    unchanged="nobody was signed in",
                    next_step="run the command again and sign in in the browser",
                    exit_code=ExitCode.PERMISSION,
                )
            server.handle_request()
        return server.ticket, verifier


class _Loopback(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Back)
        self.ticket: str | None = None


class _Back(BaseHTTPRequestHandler):
    server: _Loopback

    def do_GET(self) -> None:
        found = parse_qs(urlsplit(self.path).query).get("ticket")
        self.server.ticket = found[0] if found else self.server.ticket
        body = b"Signed in. You can close this page." if found else b"No ticket came with this address."
        self.send_response(200 if found else 400)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: the address carries the ticket."""
