"""Sealed backups: nobody reads them without the secret, and nothing of them can be changed unseen."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantmatrix.backup import keep, sealed
from quantmatrix.backup.sealed import KEY_FILE, Sealing, Secret, Secrets, opened
from quantmatrix.errors import ExitCode, Problem

# Small enough that a test has many chunks.
CHUNK = 64


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "CHUNK", CHUNK)
    monkeypatch.setattr(sealed, "_SCRYPT", {"n": 2**10, "r": 8, "p": 1})


@pytest.fixture
def key(tmp_path: Path) -> Secrets:
    path = tmp_path / "key"
    path.write_bytes(os.urandom(48).hex().encode())
    return Secrets(key_file=path)


def seal(path: Path, content: bytes, secret: Secret | None) -> Path:
    assert secret is not None
    with path.open("wb") as stream:
        sealing = Sealing(stream, secret)
        sealing.write(content[:70])
        sealing.write(content[70:])
        sealing.finish()
    return path


def refuse(path: Path, secrets: Secrets) -> Problem:
    with pytest.raises(Problem) as refused, opened(path, secrets) as stream:
        stream.read()
    assert refused.value.unchanged == "the database was not touched"
    return refused.value


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1000])
def test_what_is_sealed_is_read_again_from_any_place(tmp_path: Path, key: Secrets, length: int) -> None:
    content = os.urandom(length)
    path = seal(tmp_path / "b", content, key.to_seal())
    assert length < 16 or content[:16] not in path.read_bytes()
    with opened(path, key) as stream:
        assert stream.read() == content
        assert stream.seek(0, io.SEEK_END) == length
        stream.seek(length // 2)
        assert stream.read(100) == content[length // 2 :][:100]


def test_every_changed_cut_moved_or_added_part_is_seen(tmp_path: Path, key: Secrets) -> None:
    whole = seal(tmp_path / "b", os.urandom(5 * CHUNK), key.to_seal()).read_bytes()
    head = len(whole) - 5 * (CHUNK + 16)
    parts = [whole[head + at * (CHUNK + 16) :][: CHUNK + 16] for at in range(5)]
    spoiled = [whole[:end] for end in range(len(sealed.MAGIC), len(whole), 13)]
    spoiled += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(28, len(whole), 7)]
    spoiled += [
        whole[:head] + b"".join(parts[at] for at in order) for order in ((1, 0, 2, 3, 4), (0, 1, 2, 4))
    ]
    spoiled += [whole + parts[4], whole[:head] + b"".join(parts[:4])]
    for content in spoiled:
        path = tmp_path / "spoiled"
        path.write_bytes(content)
        refuse(path, key)


def test_a_chunk_of_another_file_does_not_fit(tmp_path: Path, key: Secrets) -> None:
    one, other = (seal(tmp_path / name, b"x" * 200, key.to_seal()).read_bytes() for name in "ab")
    path = tmp_path / "c"
    path.write_bytes(one[:-80] + other[-80:])
    assert refuse(path, key).exit_code is ExitCode.REFUSED


def test_another_passphrase_is_told_from_damage(tmp_path: Path) -> None:
    path = seal(tmp_path / "b", b"x" * 200, Secret("passphrase", b"correct horse battery"))
    asked: list[bool] = []

    def answer(twice: bool) -> str:
        asked.append(twice)
        return "wrong horse battery"

    said = refuse(path, Secrets(ask=answer))
    assert said.what == "this is not the passphrase that the backup was sealed with"
    assert said.exit_code is ExitCode.PERMISSION
    assert asked == [False]
    with opened(path, Secrets(ask=lambda _: "correct horse battery")) as stream:
        assert stream.read() == b"x" * 200


def test_secrets_come_from_files_and_are_long_enough(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("hunter2\n")
    for secrets in (Secrets(key_file=short), Secrets(passphrase_file=short)):
        with pytest.raises(Problem, match="too short"):
            secrets.to_seal()
    with pytest.raises(Problem, match="is needed"):
        Secrets().to_seal(wanted=True)
    assert Secrets().to_seal() is None
    assert "hunter2" not in repr(Secret(KEY_FILE, b"hunter2"))


@settings(deadline=None, max_examples=200)
@given(
    hours=st.lists(st.integers(0, 24 * 800), min_size=1, max_size=60, unique=True),
    kept=st.fixed_dictionaries({"daily": st.integers(1, 9), "weekly": st.integers(1, 6)}),
)
def test_the_newest_backup_and_the_newest_of_each_period_stay(hours: list[int], kept: dict[str, int]) -> None:
    taken = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in hours]
    gone = keep.superseded(taken, kept)
    left = sorted(set(taken) - set(gone), reverse=True)
    assert left[0] == max(taken)
    days = sorted({instant.date() for instant in taken}, reverse=True)[: kept["daily"]]
    assert set(days) <= {instant.date() for instant in left}
    assert len(left) <= kept["daily"] + kept["weekly"]
    # What a thinned folder keeps, it keeps when it is thinned again.
    assert keep.superseded(left, kept) == []


@pytest.mark.parametrize("text", ["", "daily", "daily=0", "daily=x", "often=3", "daily=1,daily=2"])
def test_a_wish_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not one of"):
        keep.parse_keep(text)
