"""The locks hold whatever is released later: all that a pin asks for is pinned too."""

from __future__ import annotations

import re
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = ("uv.txt", "runtime.txt", "embedded.txt", "dev.txt")
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[(?P<extras>[^]]+)])?==(?P<version>[^ ;\\]+)")


def pins(lock: str) -> dict[NormalizedName, tuple[set[str], str]]:
    """The lock's packages: name to its extras and its version."""
    found: dict[NormalizedName, tuple[set[str], str]] = {}
    for line in (ROOT / "requirements" / lock).read_text().splitlines():
        if match := PIN.match(line):
            extras = {extra.strip() for extra in (match["extras"] or "").split(",") if extra.strip()}
            found[canonicalize_name(match["name"])] = (extras, match["version"])
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_is_pinned_and_has_a_hash(lock: str) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / "requirements" / lock).read_text())
    named = [entry for entry in entries if not entry.startswith("#")]
    assert named
    for entry in named:
        assert PIN.match(entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in "".join(named), "a lock names no registry"


def test_what_a_pinned_package_asks_for_is_pinned_with_its_extras() -> None:
    """What broke once: ``coverage[toml]`` asked for beside the pin of ``coverage``, and a newer one found."""
    locked = pins("dev.txt")
    installed = {canonicalize_name(found.metadata["Name"]): found for found in distributions()}
    missing = []
    for name, (extras, version) in locked.items():
        if name not in installed:
            continue
        assert installed[name].version == version, f"{name} is not what the lock says"
        for text in installed[name].requires or []:
            wanted = Requirement(text)
            active = wanted.marker is None or any(
                wanted.marker.evaluate({"extra": extra}) for extra in (*extras, "")
            )
            if not active:
                continue
            pinned = locked.get(canonicalize_name(wanted.name))
            if pinned is None or not wanted.extras <= pinned[0] or not wanted.specifier.contains(pinned[1]):
                missing.append(f"{name} asks for {text}; the lock has {pinned}")
    assert not missing, "\n".join(missing)


def test_only_the_pinned_installer_is_brought_by_pip() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.findall(r"-m pip .* install (.*)$", makefile, re.MULTILINE) == [
        "--require-hashes --no-deps -r requirements/uv.txt"
    ]
    assert len(pins("uv.txt")) == 1
