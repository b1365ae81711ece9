"""The command line. Commands are listed by name and imported on use, so that starting stays quick."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import StringIO
from typing import Any, NamedTuple

import click

from quantmatrix import __version__
from quantmatrix.cli.doors import guard
from quantmatrix.cli.errors import report
from quantmatrix.cli.settings import Settings, add_common_options, common_options
from quantmatrix.errors import ExitCode
from quantmatrix.services.programs import search_path
from quantmatrix.terminal import say


class Entry(NamedTuple):
    """A command: the section of the help it stands in, ``module:attribute``, and its line there."""

    section: str
    target: str
    line: str


COMMANDS: dict[str, Entry] = {
    "demo": Entry("Start here", "quantmatrix.cli.demo:demo", "Two statements, a gap, zero differences."),
    "import": Entry("Start here", "quantmatrix.cli.imports:import_group", "Read files; list, show, undo."),
    "sync": Entry("Start here", "quantmatrix.cli.sync:sync", "Fetch from brokers; feeds and their state."),
    "holdings": Entry("Portfolio", "quantmatrix.cli.holdings:holdings", "What is held, and its cost."),
    "cash": Entry("Portfolio", "quantmatrix.cli.cash:cash", "Balances by account and currency."),
    "reconcile": Entry("Portfolio", "quantmatrix.cli.reconcile:reconcile", "Differences and their causes."),
    "lots": Entry("Portfolio", "quantmatrix.cli.lots:lots", "Lots: list, rebuild, check a worked case."),
    "transactions": Entry("Data", "quantmatrix.cli.transactions:transactions", "List, add, correct, void."),
    "instruments": Entry("Data", "quantmatrix.cli.instruments:instruments", "Their names: merge, split."),
    "account": Entry("Data", "quantmatrix.cli.accounts:account", "Accounts at brokers: add, list, set."),
    "basis": Entry("Data", "quantmatrix.cli.basis:basis", "Supply the basis of transferred shares."),
    "export": Entry("Data", "quantmatrix.cli.export:export", "All transactions as one file."),
    "legacy": Entry("Data", "quantmatrix.cli.legacy:legacy", "From the old database: inspect, migrate."),
    "prices": Entry("Data", "quantmatrix.cli.prices:prices", "Load prices; decide about those that jump."),
    "sql": Entry("Data", "quantmatrix.cli.sql:sql", "Ask the database yourself."),
    "audit": Entry("People", "quantmatrix.cli.audit:audit", "Who changed what; verify the log."),
    "login": Entry("People", "quantmatrix.cli.login:login", "Sign in at an API."),
    "logout": Entry("People", "quantmatrix.cli.login:logout", "End the session there."),
    "whoami": Entry("People", "quantmatrix.cli.login:whoami", "Who this is, and what it may see."),
    "key": Entry("People", "quantmatrix.cli.keys:key", "Keys of programs: create, list, revoke."),
    "share": Entry("People", "quantmatrix.cli.shares:share", "Share a book: add, list, revoke."),
    "user": Entry("People", "quantmatrix.cli.users:user", "People: add, list, role, disable, token."),
    "up": Entry("Servers", "quantmatrix.cli.services:up", "Start the embedded database and API."),
    "down": Entry("Servers", "quantmatrix.cli.services:down", "Stop the embedded servers."),
    "status": Entry("Servers", "quantmatrix.cli.services:status", "Show what runs, and where."),
    "doctor": Entry("Servers", "quantmatrix.cli.doctor:doctor", "Check everything the servers need."),
    "backup": Entry("Servers", "quantmatrix.cli.backup:backup", "The whole database in one file."),
    "restore": Entry("Servers", "quantmatrix.cli.backup:restore", "Put a backup back, and prove it."),
    "serve": Entry("Servers", "quantmatrix.cli.serve:serve", "The page for signing in elsewhere."),
    "mail": Entry("Servers", "quantmatrix.cli.mail:mail", "Send what is in the outbox."),
    "work": Entry("Servers", "quantmatrix.cli.work:work", "Seal, sweep, answer long questions."),
    "migrate": Entry("Servers", "quantmatrix.cli.migrate:migrate", "Bring the database to this version."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported on use, and which ends with our statuses."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        if cmd_name not in self.commands:
            module, attribute = entry.target.split(":")
            command: click.Command = getattr(import_module(module), attribute)
            command.short_help = entry.line
            add_common_options(command)
            guard(command)
            self.commands[cmd_name] = command
        return self.commands[cmd_name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, without importing them."""
        del ctx
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section):
                formatter.write_dl(
                    [(n, entry.line) for n, entry in COMMANDS.items() if entry.section == section]
                )

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run, and end the process with a status of ours; errors are told on stderr.

        A command that returns an ``ExitCode`` ends with it.
        """
        run: Any = super().main
        if not extra.pop("standalone_mode", True):
            return run(*args, standalone_mode=False, **extra)
        settings = extra.setdefault("obj", Settings())
        try:
            ended = run(*args, standalone_mode=False, **extra)
            sys.exit(int(ended) if isinstance(ended, int) else 0)
        except click.exceptions.Abort:
            say("interrupted: what was not finished was rolled back", err=True)
            sys.exit(ExitCode.INTERRUPTED)
        except click.ClickException as error:
            told = StringIO()
            error.show(told)
            say(told.getvalue().rstrip("\n"), err=True, lines=True)
            sys.exit(error.exit_code)
        except Exception as error:
            sys.exit(report(error, verbose=settings.verbose))


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        say(f"quantmatrix {__version__}")
        context.exit()


cli = LazyGroup(
    name="quantmatrix",
    help="Lots, positions, cash and transactions that agree, with a named cause where the broker differs.",
    epilog='Shell completion: eval "$(_QUANTMATRIX_COMPLETE=bash_source quantmatrix)" (or zsh_source).',
    params=[
        *common_options(),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Show the version.",
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main() -> None:
    """Run the command line."""
    # A browser or a pager, which libraries look for, is run with the caller's rights too.
    os.environ["PATH"] = search_path()
    cli.main(prog_name="quantmatrix")
