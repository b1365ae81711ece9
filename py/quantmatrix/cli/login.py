"""``login``, ``logout``, ``whoami``: a session at an API."""

from __future__ import annotations

import os
import platform
import sys
from typing import IO

import click

from quantmatrix.cli.hidden import ask_hidden
from quantmatrix.cli.output import write_object
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode, Problem


@click.command(short_help="Sign in at an API with address and password.")
@click.argument("email", required=False)
@click.option("--provider", help="Sign in with this provider, in a browser: google, github.")
@click.option("--sign-in-page", metavar="URL", help="Where the sign-in page is (default: the API's address).")
@click.option("--password-file", type=click.File("r"), help="Read the password from here; - is stdin.")
@click.option("--code", help="Of the second factor, or a recovery code.")
@click.pass_obj
def login(
    settings: Settings,
    email: str | None,
    provider: str | None,
    sign_in_page: str | None,
    password_file: IO[str] | None,
    code: str | None,
) -> None:
    """Sign in as EMAIL. Tokens are kept in your configuration folder, readable by you alone.

    \b
      quantmatrix login --api https://portfolio.example.org ann@example.org
      quantmatrix login --api http://127.0.0.1:3000 ann@example.org --password-file - < password
      quantmatrix login --api https://portfolio.example.org --provider google
      export QUANTMATRIX_API=https://portfolio.example.org; quantmatrix holdings

    Programs set QUANTMATRIX_KEY to a key instead.
    """
    from quantmatrix.door.tokens import sign_in

    api = _api(settings)
    if provider is not None:
        _sign_in_elsewhere(settings, api, provider, sign_in_page, code)
        return
    if email is None:
        raise click.UsageError("say who: EMAIL, or --provider")
    if password_file is not None:
        password = password_file.read().rstrip("\r\n")
    else:
        password = ask_hidden("Password", "--password-file")
    label = f"quantmatrix on {platform.node()}"
    try:
        sign_in(api, email, password, code, label)
    except Problem as problem:
        if problem.code != "QM052" or not sys.stdin.isatty():
            raise
        sign_in(api, email, password, click.prompt("Code of the second factor", err=True), label)
    settings.narrate(f"signed in at {api} as {email.lower()}")


def _sign_in_elsewhere(
    settings: Settings, api: str, provider: str, page: str | None, code: str | None
) -> None:
    from quantmatrix.door.ask import ask
    from quantmatrix.door.tokens import remember
    from quantmatrix.oauth.loopback import ticket_from_browser

    def visit(address: str) -> None:
        settings.narrate(f"sign in in your browser: {address}")
        click.launch(address)

    ticket, verifier = ticket_from_browser(page or api, provider, visit)
    arguments = {"ticket": ticket, "verifier": verifier} | ({"code": code} if code else {})
    try:
        got = ask(api, "oauth_collect", arguments).json()
    except Problem as problem:
        if problem.code != "QM052" or not sys.stdin.isatty():
            raise
        # The ticket is good for some minutes more.
        typed = click.prompt("Code of the second factor", err=True)
        got = ask(api, "oauth_collect", arguments | {"code": typed}).json()
    email = ask(api, "whoami", {}, got["access_token"]).json()["email"]
    remember(api, email, got["access_token"], got["refresh_token"], int(got["expires_in"]))
    settings.narrate(f"signed in at {api} as {email}")


@click.command(short_help="End the session at an API.")
@click.option("--everywhere", is_flag=True, help="End all your sessions, on other machines too.")
@click.pass_obj
def logout(settings: Settings, everywhere: bool) -> None:
    """End the session there and forget its tokens.

    \b
      quantmatrix logout --api https://portfolio.example.org
      quantmatrix logout --everywhere
    """
    from quantmatrix.door.ask import ask
    from quantmatrix.door.tokens import access_token, forget

    api = _api(settings)
    try:
        ended = ask(api, "sign_out", {"everywhere": everywhere}, access_token(api)).json()
    except Problem as problem:
        # A session that has ended already is what was wanted.
        if problem.exit_code is not ExitCode.PERMISSION:
            raise
        ended = 0
    forget(api)
    settings.narrate(f"{ended} session{'' if ended == 1 else 's'} ended")


@click.command(short_help="Who this is, and what it may see.")
@click.pass_obj
def whoami(settings: Settings) -> None:
    """The person, the role, the session or key, and whose book is open.

    \b
      quantmatrix whoami
      quantmatrix whoami --api https://portfolio.example.org --format json
    """
    with door(settings) as session:
        write_object(session.call("whoami"), settings.format)


def _api(settings: Settings) -> str:
    if settings.api is None:
        raise Problem(
            "say which API",
            unchanged="nothing was done",
            next_step="add --api URL, or set QUANTMATRIX_API"
            + ("" if os.environ.get("QUANTMATRIX_DATABASE_URL") else "; quantmatrix status shows your own"),
            exit_code=ExitCode.USAGE,
        )
    return settings.api
