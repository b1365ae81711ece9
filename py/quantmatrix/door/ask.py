"""A function of an API over HTTP: its answer, or why it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from quantmatrix.door.problems import UNHEARD
from quantmatrix.door.protocol import ONCE
from quantmatrix.door.retries import repeated
from quantmatrix.errors import ExitCode, Passing, Problem

TIMEOUT = httpx.Timeout(15.0, read=600.0)
# What a server says while it restarts, or another takes over from it.
PASSING = frozenset(
    {"57P01", "57P02", "57P03", "0A000", "PGRST000", "PGRST001", "PGRST003", "QM120", "QM121"}
)
# Refused before anything was begun: others were at work.
NOT_BEGUN = frozenset({"QM120", "QM121"})


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
