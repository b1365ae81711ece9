"""Which servers commands work with."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.environment import Environment
from quantmatrix.services.external import ExternalEnvironment
from quantmatrix.services.layout import default_data_dir, demo_data_dir


def open_environment(
    data_dir: Path | None = None,
    database_url: str | None = None,
    narrate: Callable[[str], None] | None = None,
    *,
    demo: bool = False,
) -> Environment:
    """What options and environment variables name; an embedded environment where they name no database.

    ``narrate`` is told, in a few words, what takes a while. ``demo``: the demonstration's own environment. A
    folder that is named means the servers in it, whatever the variable of the database says.
    """
    directory = (data_dir or default_data_dir()).expanduser().resolve()
    if demo:
        return EmbeddedEnvironment(demo_data_dir(directory), narrate=narrate)
    url = database_url or (os.environ.get("QUANTMATRIX_DATABASE_URL") if data_dir is None else None)
    if not url:
        return EmbeddedEnvironment(directory, narrate=narrate)
    return ExternalEnvironment(url, directory, only=database_url is not None)
