"""Tokens for PostgREST: JSON Web Tokens (RFC 7519), HMAC-SHA256 by the first key of a set (RFC 7517)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantmatrix.errors import Problem

SHORTEST_KEY_BYTES = 32


@dataclass(frozen=True)
class SigningKey:
    """The key that signs; ``key_id`` goes into the header so that keys can be rotated."""

    material: bytes
    key_id: str | None = None


def signing_key(path: Path) -> SigningKey:
    """The first key of the set in ``path``; a file with a bare secret is taken as that secret."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    key = _first_of_set(path, text) if text.startswith("{") else SigningKey(text.encode())
    if len(key.material) < SHORTEST_KEY_BYTES:
        raise _unusable(
            path, f"the key has {len(key.material)} bytes, and {SHORTEST_KEY_BYTES} are the least"
        )
    return key


def _first_of_set(path: Path, text: str) -> SigningKey:
    try:
        first = json.loads(text)["keys"][0]
        return SigningKey(_decoded(first["k"]), first.get("kid"))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise _unusable(path, f"it is no set of symmetric keys ({error})") from error


def sign(claims: Mapping[str, Any], key: SigningKey) -> str:
    """A compact token that carries ``claims`` (times in whole seconds since 1970)."""
    header = {"alg": "HS256", "typ": "JWT"} | ({"kid": key.key_id} if key.key_id else {})
    body = b".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return b".".join((body, _encoded(hmac.digest(key.material, body, hashlib.sha256)))).decode()


def _encoded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _unusable(path: Path, why: str) -> Problem:
    return Problem(
        "the key that signs tokens cannot be used",
        where=str(path),
        why=why,
        unchanged="no token was made",
        next_step="restore the file, or name another with QUANTMATRIX_JWT_SECRET_FILE",
    )
