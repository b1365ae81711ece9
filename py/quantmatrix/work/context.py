"""What a turn is given: who works, with which servers, and whether it should end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from quantmatrix.door.login import NOBODY, SERVICE, PersonSession, person
from quantmatrix.services.environment import Environment


@dataclass(frozen=True)
class Context:
    """The worker behind a turn."""

    worker: str
    environment: Environment
    narrate: Callable[[str], None]
    ending: threading.Event = field(default_factory=threading.Event)
    """Set when the worker is to end: a turn that is long looks at it, and gives its work back."""

    @contextmanager
    def service(self) -> Iterator[PersonSession]:
        """A session of its own as the platform's helper, which may call the functions of ``work``."""
        with person(self.environment, NOBODY, SERVICE) as session:
            yield session
