"""Passwords and signing keys of an embedded environment: made once, kept in private files."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path

from quantmatrix.services.files import read_if_there, write_whole

SUPERUSER = "postgres"
AUTHENTICATOR = "authenticator"
MIGRATOR = "quantmatrix_migrator"
ENTRANCE = "quantmatrix_entrance"
PAGE = "quantmatrix_page"
MAILER = "quantmatrix_mailer"
LOGINS = (AUTHENTICATOR, MIGRATOR, ENTRANCE, PAGE, MAILER)
"""All that log in with a password of ours, but the superuser."""
KEY_BYTES = 48


def password(folder: Path, role: str) -> str:
    """The password of ``role``, made at its first use."""
    return _made_once(folder / f"{role}.password", lambda: secrets.token_urlsafe(32))


def key_set(folder: Path) -> Path:
    """The file with the keys that sign tokens (a JSON Web Key Set), made at its first use."""
    path = folder / "jwks.json"
    _made_once(path, lambda: json.dumps({"keys": [new_key()]}))
    return path


def new_key() -> dict[str, str]:
    """A key for HMAC-SHA256, as a set holds it."""
    material = base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).rstrip(b"=").decode()
    return {"kty": "oct", "alg": "HS256", "use": "sig", "kid": secrets.token_hex(8), "k": material}


def _made_once(path: Path, make: Callable[[], str]) -> str:
    existing = read_if_there(path)
    if existing:
        return existing.strip()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    made = make()
    write_whole(path, made + "\n")
    return made
