"""Which servers commands work with."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.environment import Environment
from quantmatrix.services.external import ExternalEnvironment
from quantmatrix.services.layout import default_data_dir


def open_environment(
    data_dir: Path | None = None,
    database_url: str | None = None,
    narrate: Callable[[str], None] | None = None,
) -> Environment:
    """What options and environment variables name; an embedded environment where they name no database.

    ``narrate`` is told, in a few words, what takes a while.
    """
    directory = (data_dir or default_data_dir()).expanduser().resolve()
    url = database_url or os.environ.get("QUANTMATRIX_DATABASE_URL")
    return ExternalEnvironment(url, directory) if url else EmbeddedEnvironment(directory, narrate=narrate)
