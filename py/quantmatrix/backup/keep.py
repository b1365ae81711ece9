"""Backups by the clock: a new one in a folder, the old ones thinned out, and drills that prove the newest.

What was last saved and last proved is written beside the backups, so that it can be told where the database
itself is lost.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quantmatrix.backup import make, restore
from quantmatrix.backup.manifest import Manifest
from quantmatrix.backup.sealed import Secret, Secrets
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.environment import Environment
from quantmatrix.services.files import exclusive_lock, read_if_there, write_whole

FOLDER_VARIABLE = "QUANTMATRIX_BACKUP_DIR"
KEEP_VARIABLE = "QUANTMATRIX_BACKUP_KEEP"
KEEP_USUALLY = "daily=7,weekly=5,monthly=12"
RECORD = "record.json"
# A little less than a day and a week, so that the hour does not wander.
BACKUP_EVERY = timedelta(hours=23, minutes=45)
DRILL_EVERY = timedelta(days=6, hours=23)
# Beyond these somebody must look: a day and an hour of grace, and a month and some days.
OLDEST_BACKUP = timedelta(hours=49)
OLDEST_DRILL = timedelta(days=35)
# A period's name holds for all backups in it.
_PERIODS = {
    "hourly": "%Y-%m-%d %H",
    "daily": "%Y-%m-%d",
    "weekly": "%G-%V",
    "monthly": "%Y-%m",
    "yearly": "%Y",
}
_NAME = re.compile(r"quantmatrix-(\d{8}-\d{6}-\d{6})\.backup")


@dataclass(frozen=True)
class Record:
    """What a folder's last backup and last drill were; instants are ISO text in UTC."""

    saved_at: str | None = None
    saved_file: str | None = None
    scheduled: bool = False
    drilled_at: str | None = None
    drilled_file: str | None = None
    drill_failed: str | None = None


def parse_keep(text: str) -> dict[str, int]:
    """``daily=7,weekly=5,monthly=12`` as numbers. Raises ``ValueError``."""
    kept: dict[str, int] = {}
    for part in text.split(","):
        period, _, count = part.strip().partition("=")
        if period not in _PERIODS or not count.isdigit() or int(count) < 1 or period in kept:
            raise ValueError(f"{part.strip()!r} is not one of {', '.join(_PERIODS)} with a number: daily=7")
        kept[period] = int(count)
    return kept


def superseded(taken: Sequence[datetime], keep: Mapping[str, int]) -> list[datetime]:
    """Which of the backups ``taken`` nothing of ``keep`` asks for: each period keeps its newest one."""
    newest_first = sorted(taken, reverse=True)
    wanted = set(newest_first[:1])
    for period, count in keep.items():
        held: dict[str, datetime] = {}
        for instant in newest_first:
            held.setdefault(instant.strftime(_PERIODS[period]), instant)
        wanted |= set(list(held.values())[:count])
    return [instant for instant in newest_first if instant not in wanted]


def save(
    environment: Environment, folder: Path, secret: Secret | None, keep: Mapping[str, int] | None = None
) -> tuple[Path, Manifest, list[Path]]:
    """A new backup in ``folder``; with ``keep``, those that it does not ask for are removed after.

    Only files that were named here are ever removed, and never the newest.
    """
    path = make.default_path(environment, folder)
    with exclusive_lock(folder / "lock"):
        manifest = make.backup(environment, path, secret)
        _note(folder, saved_at=_now(), saved_file=path.name, scheduled=bool(keep) or read(folder).scheduled)
        removed = []
        if keep:
            files = backups(folder)
            removed = [files[instant] for instant in superseded(list(files), keep)]
            for old in removed:
                old.unlink()
    return path, manifest, removed


def drill(environment: Environment, folder: Path, secrets: Secrets) -> tuple[Path, Manifest]:
    """Restore the newest backup of ``folder`` into a database that is dropped again; note how it went."""
    files = backups(folder)
    if not files:
        raise Problem(
            "there is no backup to prove",
            where=str(folder),
            unchanged="nothing was done",
            next_step="quantmatrix backup --keep daily=7 --to DIR takes one",
            exit_code=ExitCode.USAGE,
        )
    path = files[max(files)]
    try:
        manifest = restore.verify(environment, path, secrets)
    except Problem as problem:
        failed = ": ".join(filter(None, (problem.what, problem.why)))
        _note(folder, drilled_at=_now(), drilled_file=path.name, drill_failed=failed)
        raise
    _note(folder, drilled_at=_now(), drilled_file=path.name, drill_failed=None)
    return path, manifest


def turn(environment: Environment) -> str | None:
    """Take the backup that is due by the folder's record, in the folder that the environment names.

    Called more often than backups are due: whoever is started again and again takes no more of them.
    """
    folder = configured()
    if folder is None or not _due(read(folder).saved_at, BACKUP_EVERY):
        return None
    wish = parse_keep(os.environ.get(KEEP_VARIABLE) or KEEP_USUALLY)
    path, manifest, removed = save(environment, folder, Secrets.of_environment().to_seal(), wish)
    return f"saved {manifest.rows} rows to {path.name}, removed {len(removed)}"


def drill_turn(environment: Environment) -> str | None:
    """Prove the newest backup, if that is due, or if the one before it failed; sweep what others left."""
    folder = configured()
    if folder is not None:
        restore.sweep(environment)
    files = backups(folder) if folder else {}
    if folder is None or not files:
        return None
    record = read(folder)
    again = record.drill_failed is not None and record.drilled_file != files[max(files)].name
    if not again and not _due(record.drilled_at, DRILL_EVERY):
        return None
    path, manifest = drill(environment, folder, Secrets.of_environment())
    return f"restored {manifest.rows} rows of {path.name} for proof"


def configured() -> Path | None:
    """The folder that the environment names for backups by the clock."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else None


def _due(last: str | None, every: timedelta) -> bool:
    return last is None or datetime.now(UTC) - datetime.fromisoformat(last) >= every


def backups(folder: Path) -> dict[datetime, Path]:
    """Backups of ours in a folder, by the instant in their names."""
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        if matched := _NAME.fullmatch(path.name):
            instant = datetime.strptime(matched[1], "%Y%m%d-%H%M%S-%f").replace(tzinfo=UTC)
            found[instant] = path
    return found


def read(folder: Path) -> Record:
    """What stands in the folder's record; nothing where there is none, or none that can be read."""
    try:
        return Record(**json.loads(read_if_there(folder / RECORD) or "{}"))
    except (ValueError, TypeError):
        return Record()


def health(folder: Path) -> str:
    """How old the last backup and the last drill are. Raises ``Problem`` where one is too old or failed."""
    record = read(folder)
    if record.saved_at is None:
        return f"none in {folder}; quantmatrix backup --keep daily=7,weekly=5,monthly=12 takes them"
    now = datetime.now(UTC)
    saved = now - datetime.fromisoformat(record.saved_at)
    told = f"last backup {_age(saved)} ago ({record.saved_file})"
    if record.drilled_at is None:
        drilled, told = None, f"{told}; never restored for proof: quantmatrix restore --verify"
    else:
        drilled = now - datetime.fromisoformat(record.drilled_at)
        told = f"{told}; restored for proof {_age(drilled)} ago ({record.drilled_file})"
    if record.drill_failed:
        raise Problem(
            f"the last proof of a backup failed, {_age(drilled or saved)} ago",
            why=record.drill_failed,
            next_step="take a new backup, then quantmatrix restore --verify",
        )
    if record.scheduled and saved > OLDEST_BACKUP:
        raise Problem(
            told, next_step="see why the scheduled backups stopped; quantmatrix backup --keep … now"
        )
    if (
        record.scheduled
        and (drilled is None or drilled > OLDEST_DRILL)
        and saved_since(folder) > OLDEST_DRILL
    ):
        raise Problem(told, next_step="quantmatrix restore --verify proves the newest backup")
    return told


def saved_since(folder: Path) -> timedelta:
    """How long there have been backups in the folder."""
    files = backups(folder)
    return datetime.now(UTC) - min(files) if files else timedelta()


def _note(folder: Path, **changed: object) -> None:
    record = replace(read(folder), **changed)  # type: ignore[arg-type]
    write_whole(folder / RECORD, json.dumps(asdict(record)) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _age(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"
