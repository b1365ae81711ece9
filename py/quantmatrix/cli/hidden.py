"""Asking for what nobody else may read: on a terminal without an echo, or not at all."""

from __future__ import annotations

import getpass
import warnings

import click

from quantmatrix.errors import ExitCode, Problem


def ask_hidden(text: str, option: str, *, twice: bool = False) -> str:
    """What a person types after ``text``; where no terminal hides it, ``option`` is the way to give it."""
    with warnings.catch_warnings():
        # Python would go on, and show what is typed.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return str(click.prompt(text, hide_input=True, confirmation_prompt=twice, err=True))
        except getpass.GetPassWarning:
            raise Problem(
                f"no terminal is here to ask at: {text}",
                unchanged="nothing was read or written",
                next_step=f"name a file that holds it: {option} (- is stdin)",
                exit_code=ExitCode.USAGE,
            ) from None
