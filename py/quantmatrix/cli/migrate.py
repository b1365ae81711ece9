"""``migrate``: bring the database to this program's version, and prove that it is there."""

from __future__ import annotations

import click

from quantmatrix.cli.output import write_rows
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.environment import Environment


@click.group()
def migrate() -> None:
    """Bring the database to this version of the program, or see how far it is.

    \b
      quantmatrix migrate status
      quantmatrix migrate up
      quantmatrix migrate verify
    """


@migrate.command(short_help="Apply what is pending.")
@click.option(
    "--end-sessions", is_flag=True, help="End people's own SQL sessions (qm_…) that are in the way."
)
@click.pass_obj
def up(settings: Settings, end_sessions: bool) -> None:
    """Apply pending migrations, then make functions, views, policies and grants anew.

    \b
      quantmatrix migrate up
      QUANTMATRIX_DATABASE_URL=postgresql://quantmatrix_migrator@db/quantmatrix quantmatrix migrate up

    Safe to interrupt and to repeat. One program migrates at a time; others wait. A step begins when all of
    it is free for a moment; sessions that hold on are named, and requests go on meanwhile.
    """
    from quantmatrix.database import migrate as migrations
    from quantmatrix.services import signing
    from quantmatrix.services.embedded import EmbeddedEnvironment

    settings.environment.ensure_running()
    outcome = migrations.up(
        settings.environment.migrator_dsn,
        settings.narrate,
        watcher=_watcher(settings.environment, needed=end_sessions),
        end_sessions=end_sessions,
    )
    key_set = settings.environment.key_set_file
    if key_set is not None:
        signing.load(settings.environment.migrator_dsn, key_set)
    if isinstance(settings.environment, EmbeddedEnvironment):
        settings.environment.reload_api()
    count = len(outcome.applied)
    done = f"{count} migration{'' if count == 1 else 's'} applied" if count else "no migration was pending"
    settings.narrate(f"{done}; {outcome.repeatable_files} files of functions and policies in force")


def _watcher(environment: Environment, *, needed: bool) -> str | None:
    """The login that sees and ends others' sessions; None where nothing names it and it is not ``needed``."""
    try:
        return environment.superuser_dsn
    except Problem:
        if needed:
            raise
        return None


@migrate.command(short_help="Show what is applied and what is pending.")
@click.pass_obj
def status(settings: Settings) -> ExitCode:
    """Show each migration, applied or pending. Ends with status 7 where something is to do.

    \b
      quantmatrix migrate status
      quantmatrix migrate status --format json
    """
    from quantmatrix.database import migrate as migrations

    settings.environment.ensure_running()
    steps = migrations.status(settings.environment.migrator_dsn)
    write_rows(({"step": step.name, "state": step.state} for step in steps), settings.format)
    return ExitCode.DONE if all(step.state == "applied" for step in steps) else ExitCode.MIGRATION_NEEDED


@migrate.command(short_help="Prove that the database is what the files say.")
@click.pass_obj
def verify(settings: Settings) -> None:
    """Prove that the database is what the files say: checksums, functions, views, policies, grants.

    \b
      quantmatrix migrate verify

    Everything is made anew in a transaction that is rolled back, and must change nothing. Ends with status 3
    where it would, 7 where a migration is pending.
    """
    from quantmatrix.database import migrate as migrations

    settings.environment.ensure_running()
    migrations.verify(settings.environment.migrator_dsn)
    settings.narrate("the database is what the files say")


@migrate.command(short_help="Load or rotate the keys that sign tokens.")
@click.option("--rotate", is_flag=True, help="Make a new key first; the one before stays good.")
@click.pass_obj
def keys(settings: Settings, rotate: bool) -> None:
    """Load PostgREST's key set into the database, which signs with its first key.

    \b
      quantmatrix migrate keys
      quantmatrix migrate keys --rotate

    --rotate writes a new key before the others and drops all but one of those: tokens of the last key stay
    good, those of older keys end. The embedded PostgREST is started again with both; another one must read
    its file again (SIGUSR2, or a restart) before it knows tokens of the new key.
    """
    from quantmatrix.services import signing
    from quantmatrix.services.embedded import EmbeddedEnvironment

    environment = settings.environment
    environment.ensure_running()
    key_set = environment.key_set_file
    if key_set is None:
        raise Problem(
            "the file of the signing keys is not known",
            unchanged="nothing was done",
            next_step="set QUANTMATRIX_JWT_SECRET_FILE to the file that PostgREST reads as jwt-secret",
            exit_code=ExitCode.USAGE,
        )
    if rotate:
        signing.add_key(key_set)
        if isinstance(environment, EmbeddedEnvironment):
            environment.restart_api()
        else:
            settings.narrate("let PostgREST read its keys again now: until then it refuses new tokens")
    count = signing.load(environment.migrator_dsn, key_set)
    settings.narrate(f"{count} signing key{'' if count == 1 else 's'} loaded; the first signs")


@migrate.command(short_help="Make roles and database on a server of yours.")
@click.option(
    "--administrator-url",
    envvar="QUANTMATRIX_ADMINISTRATOR_URL",
    metavar="URL",
    required=True,
    help="A login that may make roles and databases (QUANTMATRIX_ADMINISTRATOR_URL); its password may be "
    "in the file that QUANTMATRIX_ADMINISTRATOR_PASSWORD_FILE names.",
)
@click.option("--authenticator-password-file", type=click.Path(exists=True, dir_okay=False), required=True)
@click.option("--migrator-password-file", type=click.Path(exists=True, dir_okay=False), required=True)
@click.option("--entrance-password-file", type=click.Path(exists=True, dir_okay=False))
@click.option("--page-password-file", type=click.Path(exists=True, dir_okay=False))
@click.option("--mailer-password-file", type=click.Path(exists=True, dir_okay=False))
@click.pass_obj
def prepare(
    settings: Settings,
    administrator_url: str,
    authenticator_password_file: str,
    migrator_password_file: str,
    entrance_password_file: str | None,
    page_password_file: str | None,
    mailer_password_file: str | None,
) -> None:
    """Make the roles, the database and its extension on a PostgreSQL (15 or newer) that you run.

    \b
      quantmatrix migrate prepare --administrator-url postgresql://postgres@db/postgres \\
          --authenticator-password-file authenticator.txt --migrator-password-file migrator.txt

    Safe to repeat: it changes nothing that is right, and sets the passwords given. The embedded server needs
    no such step. The three others are for the API that signs people in (quantmatrix_entrance), 'serve'
    (quantmatrix_page) and 'mail' (quantmatrix_mailer), which may do less than the authenticator; a login
    without a password cannot be used.
    """
    from quantmatrix.services import bootstrap
    from quantmatrix.services.credentials import LOGINS
    from quantmatrix.services.external import external_dsn, first_line

    administrator = external_dsn(
        administrator_url, "QUANTMATRIX_ADMINISTRATOR_PASSWORD_FILE", "--administrator-url"
    )
    files = (
        authenticator_password_file,
        migrator_password_file,
        entrance_password_file,
        page_password_file,
        mailer_password_file,
    )
    passwords = {
        login: first_line(file, f"--{login.removeprefix('quantmatrix_')}-password-file")
        for login, file in zip(LOGINS, files, strict=True)
        if file is not None
    }
    bootstrap.prepare(administrator, passwords)
    settings.narrate(f"roles and database {bootstrap.DATABASE} are ready; next: quantmatrix migrate up")
