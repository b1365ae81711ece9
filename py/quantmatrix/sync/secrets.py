"""Credentials of feeds: sealed here with a key that never leaves this machine, kept sealed in the database.

The key is ``sync.key`` in the person's configuration folder, for its owner alone. Of several keys in it, one
a line, the first seals and all open, so that a key can be replaced.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.local import config_dir
from quantmatrix.services.files import exclusive_lock, write_whole

KEY_FILE = "sync.key"
_LARGEST = 4096


def seal(secrets: dict[str, str], user_id: UUID, feed_id: int) -> str:
    """The secrets of one feed of one person, as the database keeps them; makes the key at its first use."""
    folder = config_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / KEY_FILE
    with exclusive_lock(folder / "lock"):
        if not path.exists() and not path.is_symlink():
            write_whole(path, Fernet.generate_key().decode() + "\n")
    owned = {"user": str(user_id), "feed": feed_id, "secrets": secrets}
    return _keys(path).encrypt(json.dumps(owned).encode()).decode()


def unseal(sealed: str, user_id: UUID, feed_id: int) -> dict[str, str]:
    """What was sealed for exactly this feed; a ``Problem`` where the key is not there or another one."""
    path = config_dir() / KEY_FILE
    try:
        owned = json.loads(_keys(path).decrypt(sealed.encode()))
    except InvalidToken:
        raise _unusable(path, "the credentials were sealed with another key") from None
    if owned["user"] != str(user_id) or owned["feed"] != feed_id:
        raise _unusable(path, "the credentials were sealed for another feed")
    return dict(owned["secrets"])


def _keys(path: Path) -> MultiFernet:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise _unusable(path, "there is no key on this machine") from None
    except OSError as error:
        raise _unusable(path, (error.strerror or "it cannot be read").lower()) from None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) & 0o077:
            raise _unusable(path, "others may read it: chmod 600")
        if status.st_uid != os.geteuid():
            raise _unusable(path, "it belongs to somebody else")
        lines = file.read(_LARGEST).decode("ascii", "replace").split()
    try:
        return MultiFernet([Fernet(line) for line in lines])
    except ValueError:
        raise _unusable(path, "it holds no key") from None


def _unusable(path: Path, why: str) -> Problem:
    return Problem(
        "the credentials of the feed cannot be opened",
        where=str(path),
        why=why,
        unchanged="nothing was fetched or written",
        next_step="bring the key from the machine that sealed them, or: quantmatrix sync credentials NAME",
        exit_code=ExitCode.PERMISSION,
    )
