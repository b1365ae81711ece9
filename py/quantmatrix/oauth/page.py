"""The sign-in page: ``/oauth/PROVIDER/start`` sends people to the provider, ``callback`` takes them back."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from quantmatrix.errors import Problem
from quantmatrix.oauth.providers import Provider, SignInRefused

Ask = Callable[[str, Mapping[str, Any]], Any]
"""Calls a function with its arguments, as the platform's own helper. A refusal is a ``Problem``."""

SECONDS = 30
# Each asks the database by a connection of its own.
AT_ONCE = 8


class SignInPage(ThreadingHTTPServer):
    """Serves the page at ``address``; ``public_url`` is how people and providers reach it."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], public_url: str, providers: Mapping[str, Provider], ask: Ask
    ) -> None:
        super().__init__(address, _Request)
        self.public_url = public_url.rstrip("/")
        self.providers = providers
        self._ask = ask
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def ask(self, function: str, arguments: Mapping[str, Any]) -> Any:
        """The platform's answer; callers wait for each other where too many come at once."""
        with self._turn:
            return self._ask(function, arguments)

    def start(self, provider: Provider, query: Mapping[str, str], origin: str) -> str:
        """Where to send somebody who begins; ``origin`` is the address that the proxy states."""
        redirect_uri = self._redirect_uri(provider)
        begun = self.ask(
            "auth.oauth_begin",
            {
                "p_provider": provider.name,
                "p_redirect_uri": redirect_uri,
                "p_return_to": query.get("return_to", ""),
                "p_challenge": query.get("challenge", ""),
                "p_link_ticket": query.get("link"),
                "p_address": origin,
            },
        )
        return provider.authorize_url(redirect_uri, begun)

    def finish(self, provider: Provider, query: Mapping[str, str]) -> str:
        """Where to send somebody who comes back from the provider."""
        taken = self.ask("auth.oauth_take", {"p_state": query.get("state", ""), "p_provider": provider.name})
        if "code" not in query:
            raise SignInRefused(f"{provider.name} says: {query.get('error', 'no code')[:100]}")
        somebody = provider.somebody(query["code"], taken)
        ticket = self.ask(
            "auth.oauth_finish",
            {
                "p_provider": provider.name,
                "p_subject": somebody.subject,
                "p_email": somebody.email,
                "p_email_verified": somebody.email_verified,
                "p_name": somebody.name,
                "p_request": taken,
            },
        )
        return f"{taken['return_to']}?{urlencode({'ticket': ticket})}"

    def _redirect_uri(self, provider: Provider) -> str:
        return f"{self.public_url}/oauth/{provider.name}/callback"


class _Request(BaseHTTPRequestHandler):
    server: SignInPage
    server_version = "quantmatrix"
    sys_version = ""
    # One request and the connection ends: what came with it is never read as another.
    protocol_version = "HTTP/1.0"
    timeout = SECONDS

    def do_GET(self) -> None:
        """Start or finish a sign-in; anything else is not found."""
        split = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        parts = split.path.strip("/").split("/")
        provider = self.server.providers.get(parts[1]) if len(parts) == 3 and parts[0] == "oauth" else None
        try:
            if provider is not None and parts[2] == "start":
                origin = self.headers.get("X-Real-IP", "")
                self._send_to(self.server.start(provider, query, origin))
            elif provider is not None and parts[2] == "callback":
                self._send_to(self.server.finish(provider, query))
            else:
                self._answer(HTTPStatus.NOT_FOUND, "There is no such page.")
        except SignInRefused as refused:
            self._answer(HTTPStatus.BAD_REQUEST, str(refused))
        except Problem as problem:
            known = (problem.code or "").startswith("QM") or problem.code == "42501"
            status = HTTPStatus.BAD_REQUEST if known else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, problem.what if known else "The database does not answer.")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: addresses carry codes and tickets."""

    def _send_to(self, address: str) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", address)
        self._headers(0)

    def _answer(self, status: HTTPStatus, text: str) -> None:
        body = f"<!doctype html><title>Sign in</title><p>{html.escape(text)}</p>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self._headers(len(body))
        self.wfile.write(body)

    def _headers(self, length: int) -> None:
        self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header(
            "Content-Security-Policy",
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        )
        self.end_headers()
