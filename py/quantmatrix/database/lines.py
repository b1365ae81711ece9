"""Where a line of a function stands in the files: the database counts lines of the body it was given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from quantmatrix import resources
from quantmatrix.database import source
from quantmatrix.errors import Problem

_BODY = re.compile(r"\bas (\$\w*\$)")


def find(function: str, number: int, files: Sequence[Path] | None = None) -> source.Line:
    """The line that an error calls line ``number`` of ``function``; `Problem` where there is none."""
    bodies = [
        body
        for path in files or resources.repeatable_files()
        for body in _bodies(source.read(path).lines, function.removesuffix("()"))
    ]
    if not bodies:
        raise Problem(
            f"no file declares a function {function}",
            why="functions are looked for by schema and name, as tax.derive",
            unchanged="nothing was done",
            next_step=r"the context of an error names the function; \df in psql lists them",
        )
    fitting = [body[number - 1] for body in bodies if 0 < number <= len(body)]
    if len(fitting) != 1:
        longest = max(len(body) for body in bodies)
        raise Problem(
            f"{function} has no line {number}"
            if not fitting
            else f"{len(fitting)} functions are called {function}",
            where=str(bodies[0][0].path),
            why=f"its body has {longest} lines" if not fitting else "their arguments tell them apart",
            unchanged="nothing was done",
            next_step="take the line that the context of the error names",
        )
    return fitting[0]


def _bodies(lines: Sequence[source.Line], function: str) -> list[list[source.Line]]:
    """The lines of each body of ``function``; the first is the one on which the body is opened."""
    declared = re.compile(rf"create (?:or replace )?(?:function|procedure) {re.escape(function)}\(")
    found = []
    for start, line in enumerate(lines):
        if declared.match(line.text) is None:
            continue
        opening = next(place for place in range(start, len(lines)) if _BODY.search(lines[place].text))
        quote = str(_BODY.findall(lines[opening].text)[0])
        closing = next(place for place in range(opening + 1, len(lines)) if quote in lines[place].text)
        found.append(list(lines[opening:closing]))
    return found
