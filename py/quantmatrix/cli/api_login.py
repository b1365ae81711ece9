"""Who is signed in at which API: tokens in the person's configuration folder, readable by nobody else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

import httpx

from quantmatrix.cli.errors import UNHEARD
from quantmatrix.cli.retries import repeated
from quantmatrix.errors import ExitCode, Passing, Problem
from quantmatrix.local import config_dir
from quantmatrix.services.files import exclusive_lock, read_if_there, write_whole

# An access token that ends sooner is renewed first.
SPARE_SECONDS = 30
TIMEOUT = httpx.Timeout(15.0, read=600.0)
# What a server says while it restarts, or another takes over from it.
PASSING = frozenset(
    {"57P01", "57P02", "57P03", "0A000", "PGRST000", "PGRST001", "PGRST003", "QM120", "QM121"}
)
# Refused before anything was begun: others were at work.
NOT_BEGUN = frozenset({"QM120", "QM121"})
# A second call would make a second one, or finds its secret used. Not so the token that was exchanged last.
ONCE = frozenset({"sign_in", "key_create", "oauth_collect", "second_factor_begin", "book_inspect"})


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


def ask(api: str, function: str, arguments: Mapping[str, Any], token: str | None = None) -> httpx.Response:
    """The answer of a function of the API; a refusal is a ``Problem``. Asks again while that may help."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def attempt() -> httpx.Response:
        try:
            answer = httpx.post(
                f"{api}/rpc/{function}", json=dict(arguments), headers=headers, timeout=TIMEOUT
            )
        except httpx.HTTPError as error:
            raise unreachable(api, error) from error
        if answer.is_success:
            return answer
        raise refused(api, answer.status_code, answer.text, answer.headers.get("retry-after"))

    return repeated(attempt, once=function in ONCE)


def refused(api: str, status: int, body: str, retry_after: str | None = None) -> Problem:
    """The problem behind an answer that is no success; ``Passing`` where it may be another one soon."""
    try:
        told = json.loads(body)
        message, code = str(told.get("message") or body), str(told.get("code") or "")
        detail, hint = told.get("details"), told.get("hint")
    except (ValueError, AttributeError):
        message, code, detail, hint = body[:200] or f"the API answered {status}", "", None, None
    if retry_after and not hint:
        hint = f"wait {retry_after} seconds and try again"
    passes = status in (502, 503, 504) or code in PASSING or (status == 400 and not code)
    kind = Passing if passes and code != "QM059" else Problem
    problem = kind(
        message,
        where=None if code.startswith("QM") else f"{api} ({code or status})",
        why=detail,
        unchanged=UNHEARD if kind is Passing else "nothing was written",
        next_step=hint,
        exit_code=_exit_code(status, code),
        code=code or None,
    )
    if isinstance(problem, Passing):
        problem.maybe_done = code not in NOT_BEGUN
        problem.retry_after = float(retry_after) if retry_after and retry_after.isdigit() else None
    return problem


def unreachable(api: str, error: Exception) -> Problem:
    """The problem of an API that does not answer, or whose answer was lost."""
    slow = isinstance(error, httpx.ReadTimeout)
    problem = (Problem if slow else Passing)(
        "the API cannot be reached",
        where=api,
        why=str(error) or type(error).__name__,
        unchanged=UNHEARD,
        next_step="check the address of --api, then run the command again",
        exit_code=ExitCode.UNREACHABLE,
    )
    if isinstance(problem, Passing):
        problem.maybe_done = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    return problem


def _exit_code(status: int, code: str) -> ExitCode:
    if code in ("QM010", "QM011"):
        return ExitCode.REFUSED
    if status in (401, 403):
        return ExitCode.PERMISSION
    return ExitCode.UNREACHABLE if status in (502, 503, 504) else ExitCode.FAILED


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
