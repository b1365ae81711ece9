"""The reference of the command line: what each command's own help says."""

from __future__ import annotations

from collections.abc import Iterator

import click

from quantmatrix.cli import cli

WIDTH = 100
INTRODUCTION = """\
# Command line

What `quantmatrix COMMAND --help` says of every command. Made from the program by `make pages`; edit the
commands. The options of the program itself go with every command that can use them; one that cannot refuses
them.
"""


def page() -> str:
    """The whole page."""
    # As the program is run: a command keeps its help option, with the names of whoever asked first.
    settings = dict(cli.context_settings) | {"terminal_width": WIDTH}
    root = click.Context(cli, info_name="quantmatrix", **settings)
    return INTRODUCTION + "".join(_section(context) for context in _commands(root))


def _commands(context: click.Context) -> Iterator[click.Context]:
    """``context`` and those of all commands below it that people are told of."""
    yield context
    group = context.command
    if isinstance(group, click.Group):
        for name in sorted(group.list_commands(context)):
            command = group.get_command(context, name)
            if command is not None and not command.hidden:
                below = click.Context(command, parent=context, info_name=name, terminal_width=WIDTH)
                yield from _commands(below)


def _section(context: click.Context) -> str:
    depth = "###" if context.parent and context.parent.parent else "##"
    return f"\n{depth} {context.command_path}\n\n```text\n{_help(context)}\n```\n"


def _help(context: click.Context) -> str:
    """The command's help without what every command's says."""
    formatter = context.make_formatter()
    command = context.command
    command.format_usage(context, formatter)
    command.format_help_text(context, formatter)
    command.format_options(context, formatter)
    lines = [line for line in formatter.getvalue().splitlines() if "Show this message and exit." not in line]
    text = "\n".join(line.rstrip() for line in lines).rstrip()
    return text.removesuffix("\n\nOptions:")
