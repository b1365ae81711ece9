"""The example that does everything over HTTP, run against an empty database."""

from __future__ import annotations

import os
import subprocess
import sys

from quantmatrix import resources
from quantmatrix.testing.people import People


def test_everything_over_http(people: People) -> None:
    done = subprocess.run(
        [
            sys.executable,
            str(resources.root() / "examples" / "over_http.py"),
            people.service.api.url,
            "--outbox",
            f"{sys.executable} -m quantmatrix mail show",
        ],
        env=os.environ | people.service.database.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for told in (
        'imported: {"new": 3, "read": 3, "known": 0, "changed": 0, "refused": 0}',
        "holding: ACME 6 cost 600.00",
        "cash: USD 9480",
        "with the key: 3 transactions",
        "revoked: the token of the key is refused with 401",
        "revoked: the key itself is refused with 401",
        "signed out: the token is refused with 401",
    ):
        assert told in done.stdout, done.stdout
