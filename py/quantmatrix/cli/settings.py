"""The options that every command takes, before its name or after it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from quantmatrix.terminal import say, visible

if TYPE_CHECKING:
    from quantmatrix.services.environment import Environment

FORMATS = ("table", "csv", "tsv", "json", "ndjson")
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass
class Settings:
    """What the options say. ``click.pass_obj`` gives it to a command."""

    data_dir: Path | None = None
    database_url: str | None = None
    user: str | None = None
    api: str | None = None
    book: str | None = None
    format: str = "table"
    raw: bool = False
    demo: bool = False
    quiet: bool = False
    verbose: bool = False
    named: dict[str, str] = field(default_factory=dict)
    """Which of these were said, and where: the option's name, or the environment variable's."""
    _environment: Environment | None = None

    @property
    def environment(self) -> Environment:
        """The database and API to work with; starts nothing."""
        if self._environment is None:
            from quantmatrix.services.choice import open_environment

            self._environment = open_environment(
                self.data_dir, self.database_url, self.narrate, demo=self.demo
            )
        return self._environment

    def narrate(self, text: str) -> None:
        """Say on stderr what happens, unless ``--quiet``."""
        if not self.quiet:
            say(text, err=True)

    def detail(self, text: str) -> None:
        """Say on stderr what only ``--verbose`` wants to know."""
        if self.verbose:
            say(text, err=True)

    @contextmanager
    def progress(self, title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """A progress bar on a terminal's stderr; call what it yields with the number of steps just done."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(visible(title), total=total)
            yield lambda steps: bar.advance(task, steps)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Keep an option's value for the whole run; the one given last, nearest to the command, wins."""
    if value is not None and value is not False and not context.resilient_parsing:
        settings, name = context.ensure_object(Settings), str(parameter.name)
        source = context.get_parameter_source(name)
        by_variable = source is ParameterSource.ENVIRONMENT and isinstance(parameter.envvar, str)
        # Groups and the command itself each read the variable: what was typed before goes before it.
        if by_variable and name in settings.named:
            return value
        setattr(settings, name, value.rstrip("/") if name == "api" else value)
        settings.named[name] = str(parameter.envvar) if by_variable else max(parameter.opts, key=len)
    return value


def _option(*declarations: str, **attributes: Any) -> click.Option:
    return click.Option(list(declarations), expose_value=False, callback=_remember, **attributes)


def common_options(*, hidden: bool = False) -> list[click.Parameter]:
    """The options of every command; ``hidden`` for commands whose help points to the program's."""
    folder = click.Path(file_okay=False, path_type=Path)
    return [
        _option("--data-dir", type=folder, hidden=hidden, help="Where the embedded database lives."),
        _option("--database-url", metavar="URL", hidden=hidden, help="A database that somebody else runs."),
        _option(
            "--api",
            metavar="URL",
            envvar="QUANTMATRIX_API",
            hidden=hidden,
            help="Work over this API, as who signed in there (QUANTMATRIX_API).",
        ),
        _option(
            "--demo",
            is_flag=True,
            hidden=hidden,
            help="Look at the demonstration, which has data of its own.",
        ),
        _option(
            "--user",
            metavar="EMAIL",
            envvar="QUANTMATRIX_USER",
            hidden=hidden,
            help="Act as this user (QUANTMATRIX_USER, or 'user default').",
        ),
        _option(
            "--book",
            metavar="EMAIL",
            envvar="QUANTMATRIX_BOOK",
            hidden=hidden,
            help="Work in the book that this person shares with you (QUANTMATRIX_BOOK).",
        ),
        _option(
            "--format",
            type=click.Choice(FORMATS),
            hidden=hidden,
            help="How rows are printed (default: table).",
        ),
        _option(
            "--raw",
            is_flag=True,
            hidden=hidden,
            help="CSV and TSV for programs: texts that a spreadsheet takes for formulas as they are.",
        ),
        _option("-q", "--quiet", is_flag=True, hidden=hidden, help="Only data and errors."),
        _option("-v", "--verbose", is_flag=True, hidden=hidden, help="Say more; show tracebacks of defects."),
    ]


def add_common_options(command: click.Command) -> None:
    """Give ``command``, and the commands below it, the options that it does not have itself."""
    taken = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for option in common_options(hidden=True):
        if not taken.intersection(option.opts):
            command.params.append(option)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            add_common_options(below)
    elif command.epilog is None:
        command.epilog = (
            "See 'quantmatrix --help' for --format, --raw, --user, --book, --api, --demo, --data-dir, "
            "--database-url, --quiet and --verbose; what this command cannot use it refuses."
        )
