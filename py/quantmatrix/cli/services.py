"""``up``, ``down``, ``status``: the embedded servers."""

from __future__ import annotations

import click

from quantmatrix.cli.output import write_object, write_rows
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.report import addresses, servers

PORT = click.IntRange(0, 65535)


def _embedded(settings: Settings) -> EmbeddedEnvironment:
    environment = settings.environment
    if isinstance(environment, EmbeddedEnvironment):
        return environment
    raise Problem(
        "there is nothing of ours to start or stop",
        why="a database that somebody else runs is configured (--database-url or QUANTMATRIX_DATABASE_URL)",
        unchanged="nothing was done",
        next_step="leave both out to use the embedded servers",
        exit_code=ExitCode.USAGE,
    )


@click.command()
@click.option("--database-port", type=PORT, help="Port for PostgreSQL from now on; 0: any free one.")
@click.option("--api-port", type=PORT, help="Port for the API from now on; 0: any free one.")
@click.option("--admin-port", type=PORT, help="Port for the API's health from now on; 0: any free one.")
@click.option("--proxy-port", type=PORT, help="Port for nginx from now on; 0: any free one.")
@click.option("--no-proxy", is_flag=True, help="Do not start nginx, though it is installed.")
@click.pass_obj
def up(
    settings: Settings,
    database_port: int | None,
    api_port: int | None,
    admin_port: int | None,
    proxy_port: int | None,
    no_proxy: bool,
) -> None:
    """Start the embedded database and API, and print where they are.

    \b
      quantmatrix up
      quantmatrix up --api-port 3000
      quantmatrix up --format json | jq -r .api

    The first start makes a database and takes some seconds. Ports are chosen once and kept. What runs is left
    running. Where nginx is installed it is started before the API, with limits of rate and size: let programs
    of others use that address.
    """
    environment = _embedded(settings)
    wanted = (database_port, api_port, admin_port, proxy_port)
    if any(port is not None for port in wanted):
        environment.stop()
        environment.choose_ports(*wanted)
    environment.ensure_running(api=True)
    if not no_proxy:
        environment.start_proxy()
    write_object(addresses(environment), settings.format)


@click.command()
@click.pass_obj
def down(settings: Settings) -> None:
    """Stop the embedded servers and wait until they ended cleanly. The data stay.

    \b
      quantmatrix down
    """
    stopped = _embedded(settings).stop()
    settings.narrate(f"stopped {' and '.join(stopped)}" if stopped else "nothing was running")


@click.command()
@click.pass_obj
def status(settings: Settings) -> ExitCode:
    """Show what runs, and where. Starts nothing; ends with status 6 where the database does not run.

    \b
      quantmatrix status
      quantmatrix status --format json
    """
    environment = settings.environment
    if isinstance(environment, EmbeddedEnvironment):
        rows = servers(environment)
        running = rows[0]["state"] == "running"
    else:
        from quantmatrix.cli.probe import probe_external

        rows, running = probe_external(environment)
    write_rows(rows, settings.format)
    return ExitCode.DONE if running else ExitCode.UNREACHABLE
