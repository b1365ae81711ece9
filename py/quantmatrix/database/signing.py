"""The keys that sign tokens: PostgREST reads them from a file, the functions that sign from a table."""

from __future__ import annotations

import json
from pathlib import Path

from quantmatrix.database.connection import open_connection
from quantmatrix.database.repeatable import OWNER
from quantmatrix.errors import Problem
from quantmatrix.services.credentials import new_key
from quantmatrix.services.files import write_whole

KEPT = 2


def load(migrator_dsn: str, key_set: Path) -> int:
    """Put the keys of the file into the database, which signs with the first; the number of keys."""
    text = key_set.read_text(encoding="utf-8").strip()
    with open_connection(migrator_dsn) as connection, connection.transaction():
        connection.execute(f"set local role {OWNER}")
        row = connection.execute("select auth.load_signing_keys(%s)", [json.dumps(_set_of(text))]).fetchone()
    assert row is not None
    return int(row[0])


def add_key(key_set: Path) -> None:
    """Put a new key in front of the file's; the one before stays for as long as its tokens live."""
    text = key_set.read_text(encoding="utf-8").strip()
    if not text.startswith("{"):
        raise Problem(
            "the file holds a bare secret, not a set of keys",
            where=str(key_set),
            unchanged="the file is as it was",
            next_step="make it a JSON Web Key Set, as docker/make-secrets writes it",
        )
    keys = json.loads(text)["keys"]
    mode = key_set.stat().st_mode & 0o777
    write_whole(key_set, json.dumps({"keys": [new_key(), *keys][:KEPT]}) + "\n", mode)


def _set_of(text: str) -> object:
    from base64 import urlsafe_b64encode

    if text.startswith("{"):
        return json.loads(text)
    return {"keys": [{"kty": "oct", "k": urlsafe_b64encode(text.encode()).rstrip(b"=").decode()}]}
