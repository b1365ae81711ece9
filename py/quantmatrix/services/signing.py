"""The keys that sign tokens: PostgREST reads them from a file, the functions that sign from a table."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psycopg

from quantmatrix.database.connection import open_connection
from quantmatrix.database.repeatable import OWNER
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.credentials import new_key
from quantmatrix.services.files import write_whole
from quantmatrix.services.postgrest import AUDIENCE
from quantmatrix.services.tokens import sign, signing_key

KEPT = 2


def load(migrator_dsn: str, key_set: Path) -> int:
    """Put the keys of the file into the database, which signs with the first; the number of keys."""
    text = key_set.read_text(encoding="utf-8").strip()
    with open_connection(migrator_dsn) as connection, connection.transaction():
        connection.execute(f"set local role {OWNER}")
        row = connection.execute("select auth.load_signing_keys(%s)", [json.dumps(_set_of(text))]).fetchone()
    assert row is not None
    return int(row[0])


def in_file(key_set: Path) -> list[tuple[str, str]]:
    """The name of each key of the file, in order, and the digest of the key."""
    keys = _set_of(key_set.read_text(encoding="utf-8").strip())["keys"]
    return [
        (key.get("kid") or f"key-{place}", sha256(_bytes(key["k"])).hexdigest())
        for place, key in enumerate(keys, 1)
        if key.get("kty") == "oct"
    ]


def loaded(migrator_dsn: str) -> list[tuple[str, str]]:
    """The name of each key that the database has, in order, and the digest of the key."""
    with open_connection(migrator_dsn) as connection, connection.transaction():
        try:
            connection.execute("set local role quantmatrix_keeper")
        except psycopg.errors.InsufficientPrivilege:
            raise Problem(
                "this login may not see which keys the database has",
                where=connection.info.user,
                next_step="name the login that migrates in QUANTMATRIX_DATABASE_URL",
                exit_code=ExitCode.PERMISSION,
            ) from None
        return connection.execute(
            "select k.key_id, encode(sha256(k.secret), 'hex') from auth.signing_keys k order by k.place"
        ).fetchall()


def require_same(migrator_dsn: str, key_set: Path) -> str:
    """What the first key is called. Raises ``Problem`` unless the database has the keys of the file."""
    there, wanted = loaded(migrator_dsn), in_file(key_set)
    if there != wanted:
        had, has = (", ".join(name for name, _ in keys) or "none" for keys in (there, wanted))
        raise Problem(
            "the database signs with other keys than PostgREST's file has",
            where=str(key_set),
            why=f"the database has {had}, the file {has}",
            unchanged="nothing was done",
            next_step="quantmatrix migrate keys loads those of the file (quantmatrix up does too)",
        )
    return wanted[0][0]


def require_known(api_url: str, key_set: Path) -> None:
    """Raise ``Problem`` where the API refuses the signature of a token by the first key of the file."""
    token = sign({"role": "anon", "aud": AUDIENCE, "exp": int(time.time()) + 60}, signing_key(key_set))
    try:
        answer = httpx.get(
            f"{api_url}/rpc/schema_version", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
    except httpx.HTTPError as error:
        raise Problem(
            "the API cannot be asked which keys it knows",
            where=api_url,
            why=str(error) or type(error).__name__,
            next_step="start it, or correct QUANTMATRIX_API_URL",
        ) from None
    if answer.status_code == HTTPStatus.UNAUTHORIZED and "JW" in answer.text:
        raise Problem(
            "PostgREST does not know the keys of its file",
            where=api_url,
            why="it refuses the signature of a token by the first key",
            next_step="let it read its keys again: restart it (embedded: quantmatrix down, quantmatrix up)",
        )


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


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _set_of(text: str) -> Any:
    if text.startswith("{"):
        return json.loads(text)
    return {"keys": [{"kty": "oct", "k": urlsafe_b64encode(text.encode()).rstrip(b"=").decode()}]}
