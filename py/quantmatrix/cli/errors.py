"""Errors as the command line tells them, and the status it ends with."""

from __future__ import annotations

from quantmatrix.cli.actions import told
from quantmatrix.door.problems import explain
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.terminal import Styled, say, say_traceback


def report(error: BaseException, *, verbose: bool = False) -> ExitCode:
    """Tell ``error`` on stderr; the status to end with."""
    problem = explain(error)
    if problem is None:
        if verbose:
            say_traceback(error)
        problem = Problem(
            f"a defect in quantmatrix: {type(error).__name__}: {error}",
            unchanged="what was not finished was rolled back",
            next_step="run it again with --verbose and report what it prints",
        )
    elif verbose and problem.__cause__ is not None:
        say_traceback(problem.__cause__)
    say(Styled("error:", fg="red", bold=True), f" {problem.what}", err=True)
    for label, text in problem.parts():
        say(f"  {label}: {told(text) if label == 'next' else text}", err=True)
    return problem.exit_code
