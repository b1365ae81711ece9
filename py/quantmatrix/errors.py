"""The errors that people see: what, where, why, what is unchanged, what to do next."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Status with which the command line ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DIFFERENCES = 3
    PERMISSION = 4
    REFUSED = 5
    UNREACHABLE = 6
    MIGRATION_NEEDED = 7
    INTERRUPTED = 130


class Problem(Exception):
    """Something that a person must know, with all that is needed to act on it.

    ``what`` happened (one line, no full stop), ``where`` (``file:line:column``, a table and key, an address),
    ``why``, what is ``unchanged``, the ``next_step``, and the status the command line ends with. Parts that
    say nothing are left out. ``code`` is for programs: the SQLSTATE of a refusal by the database, or None.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        why: str | None = None,
        unchanged: str | None = None,
        next_step: str | None = None,
        exit_code: ExitCode = ExitCode.FAILED,
        code: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.unchanged = unchanged
        self.next_step = next_step
        self.exit_code = exit_code
        self.code = code

    def parts(self) -> list[tuple[str, str]]:
        """Label and text of each part that says something, without ``what``."""
        labelled = [
            ("where", self.where),
            ("why", self.why),
            ("unchanged", self.unchanged),
            ("next", self.next_step),
        ]
        return [(label, text) for label, text in labelled if text]

    def __str__(self) -> str:
        return "\n".join([self.what, *(f"  {label}: {text}" for label, text in self.parts())])


class Passing(Problem):
    """A problem that may be gone in a moment: a server that restarts, a connection that was lost.

    ``maybe_done``: what was asked may have been carried out, its answer lost. ``retry_after``: seconds that
    the server asks to wait.
    """

    maybe_done: bool = True
    retry_after: float | None = None
