"""What reaches a terminal. Nothing else of this package writes to stdout or stderr.

Cells, headers, names of files and messages of servers are somebody else's words: sent as they are, they could
move the cursor, set the window's title, fill the clipboard, or turn a line's letters round. ``say`` is for
people, and shows such characters instead of sending them. ``data`` is for machine formats, which keep every
byte for the program that reads them, and are made visible only where no program does.
"""

from __future__ import annotations

import os
import sys
import traceback
import unicodedata
from dataclasses import dataclass
from typing import TextIO

import click

LONGEST = 4000
"""So many characters of one line are shown: more would push what else was said out of sight."""

_KEPT_IN_DATA = "\n\t"


@dataclass(frozen=True)
class Styled:
    """Text of one ``say`` with a colour or weight of ours."""

    text: str
    fg: str | None = None
    bold: bool | None = None


def visible(text: str) -> str:
    """``text`` as one line in which everything has a shape: other spaces as spaces, the rest as escapes."""
    if text.isprintable() and len(text) <= LONGEST:
        return text
    shown = "".join(map(_shape, text[:LONGEST]))
    return shown if len(text) <= LONGEST else f"{shown}… ({len(text):,} characters)"


def say(*parts: str | Styled, err: bool = False, lines: bool = False) -> None:
    """Tell a person one line; ``lines``: the text was laid out in lines by us."""
    shown = "".join(
        click.style(_shown(part.text, lines), fg=part.fg, bold=part.bold)
        if isinstance(part, Styled)
        else _shown(part, lines)
        for part in parts
    )
    click.echo(shown, err=err, color=use_color())


def say_traceback(error: BaseException) -> None:
    """Tell on stderr where a defect is."""
    say("".join(traceback.format_exception(error)).rstrip("\n"), err=True, lines=True)


def data(text: str, *, nl: bool = True, err: bool = False) -> None:
    """Write text of a machine format."""
    stream = data_stream(err=err)
    stream.write(text + "\n" if nl else text)


def data_stream(*, err: bool = False) -> TextIO:
    """Where machine formats are written to; each write to a terminal is made visible."""
    stream = sys.stderr if err else sys.stdout
    return _Shown(stream) if stream.isatty() else stream  # type: ignore[return-value]


def use_color() -> bool | None:
    """For ``click.echo``: False where ``NO_COLOR`` is set; None asks whether the stream is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


class _Shown:
    """A terminal that is sent no character that would steer it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if not text.isprintable():
            text = "".join(mark if mark in _KEPT_IN_DATA else _shape(mark) for mark in text)
        return self._stream.write(text)


def _shown(text: str, lines: bool) -> str:
    return "\n".join(map(visible, text.split("\n"))) if lines else visible(text)


def _shape(mark: str) -> str:
    if mark.isprintable():
        return mark
    if unicodedata.category(mark) == "Zs":
        return " "
    code = ord(mark)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
