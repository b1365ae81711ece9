"""What passes by itself is tried again: a server that restarts, an answer that was lost.

A repeated write does no harm: it carries a key of its own (``external_id``, the number of a chunk, the digest
of a file), or finds that all is as it should be (docs/limits.md lists every function). Where neither holds,
it is refused the second time, and the person is told that the first may have done it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from quantmatrix.door.problems import explain
from quantmatrix.errors import ExitCode, Passing

TRIES = 3
SHORTEST, LONGEST = 0.5, 8.0
MAYBE_DONE = "an earlier try, whose answer was lost, may have done it"
Result = TypeVar("Result")


def repeated(attempt: Callable[[], Result], *, once: bool = False) -> Result:
    """The result of ``attempt``, made up to three times while what it ends with passes by itself.

    ``once``: not after a try that may have been carried out.
    """
    is_lost = False
    for number in range(1, TRIES + 1):
        try:
            return attempt()
        except Exception as error:
            problem = explain(error)
            if problem is None:
                raise
            passes = isinstance(problem, Passing)
            if passes or (is_lost and problem.exit_code is ExitCode.UNREACHABLE):
                is_lost = is_lost or (isinstance(problem, Passing) and problem.maybe_done)
                if number == TRIES or (once and is_lost):
                    raise
            else:
                if is_lost:
                    problem.why = "; ".join(filter(None, (problem.why, MAYBE_DONE)))
                    raise problem from error
                raise
            time.sleep(_pause(number, problem.retry_after if isinstance(problem, Passing) else None))
    raise AssertionError("the last try returns or raises")


def _pause(number: int, wanted: float | None) -> float:
    """Seconds before the next try: longer each time, never the same for two clients."""
    least: float = max(SHORTEST * 4.0 ** (number - 1), wanted or 0.0)
    return min(least * random.uniform(1.0, 2.0), LONGEST)
