"""Whose session a command works in: the user who is named, else the local one, made at first use."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import click

from quantmatrix.cli.settings import Settings
from quantmatrix.door.login import NOBODY, ROLES, PersonSession, person
from quantmatrix.door.protocol import Door, Row
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.local import DEMO_EMAIL, LOCAL_EMAIL, default_user, whose


@contextmanager
def administrator(settings: Settings) -> Iterator[PersonSession]:
    """A session as the platform's administrator: whoever holds the authenticator's password may be one."""
    settings.environment.ensure_running()
    with person(settings.environment, NOBODY, "quantmatrix_admin") as session:
        yield session


def find_user(settings: Settings) -> Row:
    """The user to act as, a row of ``api.user_list()``; a ``Problem`` where it is unknown or not clear."""
    with administrator(settings) as admin:
        users = admin.table("user_list")
        named, by = named_user(settings)
        wanted = named or whose([user["email"] for user in users])
        if wanted is None:
            raise Problem(
                "there are several users: which one?",
                unchanged="nothing was read or written",
                next_step="add --user EMAIL, or choose for good: quantmatrix user default EMAIL; "
                "quantmatrix user list shows them",
                exit_code=ExitCode.USAGE,
            )
        for user in users:
            if user["email"] == wanted:
                return _active(user)
        if named is not None:
            raise Problem(
                f"there is no user {named}",
                why=by,
                unchanged="nothing was read or written",
                next_step="quantmatrix demo" if settings.demo else f"quantmatrix user add {named}",
                exit_code=ExitCode.PERMISSION,
            )
        admin.table("user_add", {"email": LOCAL_EMAIL, "display_name": "Me"})
    return find_user(settings)


def named_user(settings: Settings) -> tuple[str | None, str | None]:
    """Who is named for this command, and by what, where it was not typed with it."""
    source = settings.named.get("user", "--user")
    if settings.user is not None:
        return settings.user.lower(), None if source.startswith("--") else f"{source} names that one"
    if settings.demo:
        return DEMO_EMAIL, None
    chosen = default_user()
    return chosen, "quantmatrix user default chose that one" if chosen else None


def argument_or_user(settings: Settings, email: str | None) -> Row:
    """The person of an argument, else of ``--user``; two that differ are refused."""
    if email is not None:
        if settings.named.get("user") == "--user" and settings.user != email:
            raise click.UsageError("EMAIL or --user, not both")
        settings.user, settings.named["user"] = email, "--user"
    return find_user(settings)


@contextmanager
def door(settings: Settings, *, as_administrator: bool = False) -> Iterator[Door]:
    """The user's session with the API of ``--api``, else with the database.

    ``as_administrator``: for what is about no book. With the database whoever may log in is one; over the API
    the person must be.
    """
    if settings.api is None:
        with administrator(settings) if as_administrator else signed_in(settings) as session:
            yield session
        return
    from quantmatrix.door.http import ApiSession
    from quantmatrix.door.tokens import access_token

    api = settings.api

    def token() -> str:
        own_token = access_token(api)
        if settings.user is not None:
            with ApiSession(api, own_token) as own:
                _require_user(own, settings)
        if settings.book is None:
            return own_token
        with ApiSession(api, own_token) as own:
            return _book_token(own, settings.book)

    with ApiSession(api, token(), settings.narrate, token) as session_over_http:
        yield session_over_http


@contextmanager
def signed_in(settings: Settings) -> Iterator[PersonSession]:
    """A session as the user that the options choose, in that user's role; starts the servers when needed."""
    user = find_user(settings)
    role, book = ROLES[user["role"]], None
    if settings.book is not None:
        with person(settings.environment, user["id"], role) as own:
            payload = _book_token(own, settings.book).split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        role, book = claims["role"], UUID(claims["book"])
    with person(settings.environment, user["id"], role, book) as session:
        yield session


def _require_user(own: Door, settings: Settings) -> None:
    """Over an API whoever signed in acts; whoever is named must be that person."""
    is_signed_in = str(own.call("whoami")["email"])
    if settings.user is not None and is_signed_in != settings.user.lower():
        raise Problem(
            f"{is_signed_in} is signed in there, not {settings.user.lower()}",
            where=settings.api,
            unchanged="nothing was read or written",
            next_step=f"quantmatrix login --api {settings.api} {settings.user.lower()}",
            exit_code=ExitCode.PERMISSION,
        )


def _book_token(own: Door, email: str) -> str:
    """The token that opens the book of ``email``: to write where that is granted, else to read."""
    received = own.call("grant_list")["received"]
    may_write = own.call("whoami")["role"] != "readonly" and any(
        grant["owner"] == email.lower() and grant["access"] == "write" and grant["revoked_at"] is None
        for grant in received
    )
    opened = own.call("book_open", {"email": email, "access": "write" if may_write else "read"})
    return str(opened["access_token"])


def _active(user: Row) -> Row:
    if user["status"] != "active":
        raise Problem(
            f"{user['email']} is disabled",
            unchanged="nothing was read or written",
            next_step=f"quantmatrix user disable --undo {user['email']}",
            exit_code=ExitCode.PERMISSION,
        )
    return user
