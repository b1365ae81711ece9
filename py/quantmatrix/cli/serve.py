"""``serve``: the sign-in page for providers such as Google and GitHub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from quantmatrix.cli.settings import Settings
from quantmatrix.services.credentials import PAGE


def address(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """An option that is the address of a page: nothing in it may be left to whoever asks."""
    del context, parameter
    if value is not None and not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?", value):
        raise click.BadParameter(f"{value!r} is not an address such as https://portfolio.example.org")
    return value


@click.command(short_help="Serve the page for signing in with Google, GitHub and others.")
@click.option(
    "--providers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Providers and clients, as JSON.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="Where to listen."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--public-url", callback=address, help="How people reach it (default: the address it listens on)."
)
@click.pass_obj
def serve(settings: Settings, providers: Path, port: int, host: str, public_url: str | None) -> None:
    """Serve /oauth/PROVIDER/start and /oauth/PROVIDER/callback until interrupted.

    'quantmatrix up --providers FILE' does it in the background, behind the proxy. Where you run it yourself,
    put a proxy with TLS and limits before it (services/nginx.conf.template is ours).

    \b
      quantmatrix serve --providers providers.json --public-url https://portfolio.example.org
      quantmatrix login --api https://portfolio.example.org --provider google

    providers.json: {"google": {"client_id": "…", "client_secret_file": "…"}, "github": {…}}; another OpenID
    provider has its "issuer"; "email_domains": ["example.org"] limits the addresses for which one vouches. At
    the provider, allow PUBLIC_URL/oauth/PROVIDER/callback.
    """
    from quantmatrix.door.login import helper
    from quantmatrix.oauth.page import SignInPage
    from quantmatrix.oauth.providers import configured

    found = configured(providers)
    settings.environment.ensure_running()

    def ask(function: str, arguments: Mapping[str, Any]) -> Any:
        with helper(settings.environment, PAGE) as session:
            return session.call(function, arguments)

    with SignInPage((host, port), public_url or "", found, ask) as server:
        server.public_url = server.public_url or f"http://{host}:{server.server_port}"
        settings.narrate(f"serving {', '.join(found) or 'no provider'} at {server.public_url}")
        server.serve_forever()
