"""The persons of a machine of one's own: who is meant where a command names nobody."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.files import read_if_there, write_whole

LOCAL_EMAIL = "me@localhost"
"""Made at first use, and erased by nobody but its owner."""

DEMO_EMAIL = "demo@localhost"
"""Made anew by each demonstration, with all that the one before left: never meant unless it is named."""


def whose(emails: Collection[str]) -> str | None:
    """Who is meant among the persons of these addresses: the local one, or the only one; None: not clear."""
    people = [email for email in emails if email != DEMO_EMAIL]
    if not people or LOCAL_EMAIL in people:
        return LOCAL_EMAIL
    return people[0] if len(people) == 1 else None


def config_dir() -> Path:
    """``QUANTMATRIX_CONFIG_DIR``, else ``quantmatrix`` in the person's XDG configuration directory."""
    named = os.environ.get("QUANTMATRIX_CONFIG_DIR")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "quantmatrix"


def default_user() -> str | None:
    """Whom ``user default`` chose for commands that name nobody."""
    chosen = _settings().get("user")
    return chosen if isinstance(chosen, str) else None


def choose_default_user(email: str | None) -> None:
    """Remember the person for commands that name nobody; None: forget."""
    kept = {name: value for name, value in _settings().items() if name != "user"}
    config_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(_settings_file(), json.dumps(kept | ({"user": email} if email else {}), indent=2) + "\n")


def _settings_file() -> Path:
    return config_dir() / "settings.json"


def _settings() -> dict[str, Any]:
    text = read_if_there(_settings_file())
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    raise Problem(
        "the settings cannot be read",
        where=str(_settings_file()),
        why="the file is no JSON object",
        unchanged="nothing was read or written",
        next_step="mend it or delete it: it says who acts where a command names nobody",
        exit_code=ExitCode.USAGE,
    )
