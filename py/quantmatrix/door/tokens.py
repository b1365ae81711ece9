"""Who is signed in at which API: tokens in the person's configuration folder, readable by nobody else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from quantmatrix.door.ask import ask
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.local import config_dir
from quantmatrix.services.files import exclusive_lock, read_if_there, write_whole

# An access token that ends sooner is renewed first.
SPARE_SECONDS = 30


def access_token(api: str) -> str:
    """A token that is good now: of ``QUANTMATRIX_KEY``, ``QUANTMATRIX_TOKEN``, or the stored login.

    The stored login is renewed under a lock: of two programs at once, the second finds the first one's token.
    """
    key = os.environ.get("QUANTMATRIX_KEY")
    if key:
        return str(ask(api, "key_exchange", {"key": key}).json()["access_token"])
    token = os.environ.get("QUANTMATRIX_TOKEN")
    if token:
        return token
    _make_folder()
    with exclusive_lock(config_dir() / "lock"):
        login = _logins().get(api)
        if login is None:
            raise _not_signed_in(api)
        if login["expires_at"] - time.time() < SPARE_SECONDS:
            try:
                renewed = ask(api, "refresh", {"refresh_token": str(login["refresh_token"])}).json()
            except Problem as problem:
                if problem.exit_code is ExitCode.PERMISSION:
                    _keep(api, None)
                raise
            login = login | _tokens(
                renewed["access_token"], renewed["refresh_token"], int(renewed["expires_in"])
            )
            _keep(api, login)
    return str(login["access_token"])


def sign_in(api: str, email: str, password: str, code: str | None, label: str) -> None:
    """Sign in and keep the tokens."""
    arguments = {"email": email, "password": password, "code": code, "label": label}
    answer = ask(api, "sign_in", {name: value for name, value in arguments.items() if value is not None})
    headers = answer.headers
    remember(api, email, headers["access-token"], headers["refresh-token"], int(headers["expires-in"]))


def remember(api: str, email: str, access: str, refresh: str, seconds: int) -> None:
    """Keep the tokens of a session."""
    _make_folder()
    with exclusive_lock(config_dir() / "lock"):
        _keep(api, {"email": email, **_tokens(access, refresh, seconds)})


def forget(api: str) -> bool:
    """Drop the tokens of this API; whether there were any."""
    _make_folder()
    with exclusive_lock(config_dir() / "lock"):
        known = api in _logins()
        _keep(api, None)
    return known


def _tokens(access: str, refresh: str, seconds: int) -> dict[str, Any]:
    return {"access_token": access, "refresh_token": refresh, "expires_at": int(time.time()) + seconds}


def _make_folder() -> None:
    config_dir().mkdir(mode=0o700, parents=True, exist_ok=True)


def _logins() -> dict[str, dict[str, Any]]:
    text = read_if_there(config_dir() / "logins.json")
    return dict(json.loads(text)) if text else {}


def _keep(api: str, login: Mapping[str, Any] | None) -> None:
    logins = {name: kept for name, kept in _logins().items() if name != api}
    if login is not None:
        logins[api] = dict(login)
    write_whole(config_dir() / "logins.json", json.dumps(logins, indent=2) + "\n")


def _not_signed_in(api: str) -> Problem:
    return Problem(
        "nobody is signed in",
        where=api,
        unchanged="nothing was read or written",
        next_step=f"quantmatrix login --api {api}, or set QUANTMATRIX_KEY to a key",
        exit_code=ExitCode.PERMISSION,
    )
