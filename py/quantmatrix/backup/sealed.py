"""Backups that only the holder of a passphrase or a key file can read.

A sealed file is a head, which says how the key is derived, and chunks of AES-256-GCM. A chunk's nonce holds
its number and whether it is the last, and the head is authenticated with each: a chunk that was changed,
moved, left out or added, another head, and a cut file all fail. The key belongs to one file, as its salt is
random.
Chunks are opened by number, so a sealed backup is read like a file, and is never on a disk in clear.
"""

from __future__ import annotations

import hmac
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from quantmatrix.backup.manifest import refuse
from quantmatrix.errors import ExitCode, Problem

MAGIC = b"quantmatrix-sealed-backup-1\n"
PASSPHRASE = "passphrase"
KEY_FILE = "key file"
CHUNK = 1024 * 1024
KEY_FILE_VARIABLE = "QUANTMATRIX_BACKUP_KEY_FILE"
PASSPHRASE_VARIABLE = "QUANTMATRIX_BACKUP_PASSPHRASE_FILE"
SHORTEST_PASSPHRASE = 12
SHORTEST_KEY = 32
_TAG = 16
_LENGTH_DIGITS = 6
_LONGEST_HEAD = 4096
# 128 MiB and half a second for each guess.
_SCRYPT = {"n": 2**17, "r": 8, "p": 1}
_LARGEST_SCRYPT = {"n": 2**20, "r": 16, "p": 4}


@dataclass(frozen=True)
class Secret:
    """What a backup is sealed with: what ``kind`` it is, and its bytes, which nothing prints."""

    kind: str
    material: bytes

    def __repr__(self) -> str:
        return f"Secret({self.kind!r})"


@dataclass(frozen=True)
class Secrets:
    """Where secrets come from: files, or a person who is asked (``ask(twice)``). Never the command line."""

    key_file: Path | None = None
    passphrase_file: Path | None = None
    ask: Callable[[bool], str] | None = None

    @classmethod
    def of_environment(cls) -> Secrets:
        """The files that environment variables name."""
        named = [os.environ.get(name) for name in (KEY_FILE_VARIABLE, PASSPHRASE_VARIABLE)]
        key_file, passphrase_file = (Path(name) if name else None for name in named)
        return cls(key_file, passphrase_file)

    def to_seal(self, *, wanted: bool = False) -> Secret | None:
        """What new backups are sealed with; None where no file is named and it is not ``wanted``."""
        if self.key_file is not None:
            return self.of_kind(KEY_FILE)
        if self.passphrase_file is not None or wanted:
            return self.of_kind(PASSPHRASE, twice=True)
        return None

    def of_kind(self, kind: str, *, twice: bool = False) -> Secret:
        """The secret of this kind. Raises ``Problem`` where there is none or it is too short."""
        if kind == KEY_FILE:
            if self.key_file is None:
                raise _needed("a key file", f"name it with --key-file or {KEY_FILE_VARIABLE}")
            material = self.key_file.read_bytes().strip()
            return _long_enough(Secret(KEY_FILE, material), SHORTEST_KEY, str(self.key_file))
        if self.passphrase_file is not None:
            lines = self.passphrase_file.read_bytes().splitlines() or [b""]
            material, where = lines[0], str(self.passphrase_file)
        elif self.ask is not None:
            material, where = self.ask(twice).encode(), "passphrase"
        else:
            raise _needed("a passphrase", f"name its file with --passphrase-file or {PASSPHRASE_VARIABLE}")
        return _long_enough(Secret(PASSPHRASE, material), SHORTEST_PASSPHRASE, where)


class Sealing(io.RawIOBase):
    """Writes a sealed file to ``stream``. Only ``finish`` makes it whole."""

    def __init__(self, stream: BinaryIO, secret: Secret) -> None:
        said: dict[str, Any] = {"kind": secret.kind, "chunk": CHUNK, "salt": os.urandom(16).hex()}
        if secret.kind == PASSPHRASE:
            said |= _SCRYPT
        key, check = _derived(said, secret)
        text = json.dumps(said | {"check": check.hex()}).encode()
        head = MAGIC + f"{len(text):0{_LENGTH_DIGITS}d}".encode() + text
        self._stream = stream
        self._cipher, self._head = AESGCM(key), head
        self._waiting = bytearray()
        self._number = 0
        stream.write(head)

    def writable(self) -> bool:  # noqa: D102
        return True

    def write(self, content: Any) -> int:  # noqa: D102
        self._waiting += content
        while len(self._waiting) > CHUNK:
            self._emit(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(content)

    def finish(self) -> None:
        """Write the last chunk, which says that nothing follows."""
        self._emit(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _emit(self, content: bytes, *, last: bool) -> None:
        self._stream.write(self._cipher.encrypt(_nonce(self._number, last), content, self._head))
        self._number += 1


class _Opened(io.RawIOBase):
    """The content of a sealed file; each chunk is authenticated before a byte of it is given."""

    def __init__(self, stream: BinaryIO, path: Path, ask: Callable[[str], Secret]) -> None:
        size = stream.seek(0, io.SEEK_END)
        said, head = _read_head(stream, path)
        secret = ask(said["kind"])
        try:
            key, check = _derived(said, secret)
        except (ValueError, TypeError, KeyError):
            refuse(path, "the backup is damaged", "its head names no possible work")
        if not hmac.compare_digest(check, bytes.fromhex(said["check"])):
            raise Problem(
                f"this is not the {secret.kind} that the backup was sealed with",
                where=str(path),
                unchanged="the database was not touched",
                next_step=f"use the {secret.kind} of the day it was made; nobody can read it without",
                exit_code=ExitCode.PERMISSION,
            )
        self._stream, self._path, self._head, self._cipher = stream, path, head, AESGCM(key)
        body = size - len(head)
        self._last = max(0, (body - 1) // (CHUNK + _TAG))
        if body - self._last * (CHUNK + _TAG) < _TAG:
            refuse(path, "the backup is damaged", "it was cut off")
        self._size = body - (self._last + 1) * _TAG
        self._position = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, begin + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            return 0
        number, offset = divmod(self._position, CHUNK)
        part = self._chunk(number)[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _chunk(self, number: int) -> bytes:
        if self._held[0] != number:
            self._stream.seek(len(self._head) + number * (CHUNK + _TAG))
            content = self._stream.read(CHUNK + _TAG)
            try:
                opened = self._cipher.decrypt(_nonce(number, number == self._last), content, self._head)
            except InvalidTag:
                refuse(self._path, "the backup is damaged", f"part {number + 1} of it is not what was sealed")
            self._held = (number, opened)
        return self._held[1]


@contextmanager
def opened(path: Path, secrets: Secrets) -> Iterator[BinaryIO]:
    """The content of a backup, sealed or not, to read from any place."""
    with path.open("rb") as stream:
        sealed = stream.read(len(MAGIC)) == MAGIC
        yield io.BufferedReader(_Opened(stream, path, secrets.of_kind), CHUNK) if sealed else stream


def _read_head(stream: BinaryIO, path: Path) -> tuple[dict[str, Any], bytes]:
    stream.seek(len(MAGIC))
    digits = stream.read(_LENGTH_DIGITS)
    length = int(digits) if digits.isdigit() else 0
    text = stream.read(min(length, _LONGEST_HEAD))
    try:
        said = json.loads(text)
        possible = (
            said["kind"] in (PASSPHRASE, KEY_FILE)
            and said["chunk"] == CHUNK
            and len(bytes.fromhex(said["salt"])) == len(bytes.fromhex(said["check"])) == 16
            and (said["kind"] == KEY_FILE or all(1 <= said[n] <= most for n, most in _LARGEST_SCRYPT.items()))
        )
    except (ValueError, TypeError, KeyError):
        possible = False
    if not possible:
        refuse(path, "the backup is damaged", "its head cannot be read")
    return said, MAGIC + digits + text


def _derived(said: dict[str, Any], secret: Secret) -> tuple[bytes, bytes]:
    """The key of this file, and what tells that the secret is the right one."""
    salt = bytes.fromhex(said["salt"])
    material = secret.material
    if secret.kind == PASSPHRASE:
        material = Scrypt(salt=salt, length=32, n=said["n"], r=said["r"], p=said["p"]).derive(material)
    derived = HKDF(algorithm=SHA256(), length=48, salt=salt, info=MAGIC).derive(material)
    return derived[:32], derived[32:]


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _needed(what: str, next_step: str) -> Problem:
    return Problem(
        f"{what} is needed",
        why="the backup is sealed, or is to be",
        unchanged="nothing was done",
        next_step=next_step,
        exit_code=ExitCode.USAGE,
    )


def _long_enough(secret: Secret, least: int, where: str) -> Secret:
    if len(secret.material) >= least:
        return secret
    raise Problem(
        f"the {secret.kind} is too short",
        where=where,
        why=f"it has {len(secret.material)} bytes, and {least} are the least",
        unchanged="nothing was done",
        next_step="openssl rand -base64 48 > FILE makes a good one",
        exit_code=ExitCode.USAGE,
    )
