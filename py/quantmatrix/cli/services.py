"""``up``, ``down``, ``status``: the embedded servers."""

from __future__ import annotations

from pathlib import Path

import click

from quantmatrix.cli.output import write_object, write_rows
from quantmatrix.cli.serve import address
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.layout import demo_data_dir
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
@click.option("--sign-in-port", type=PORT, help="Port for the sign-in page from now on; 0: any free one.")
@click.option(
    "--providers",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="Serve a page for signing in with these from now on (see 'serve').",
)
@click.option("--no-providers", is_flag=True, help="No sign-in page from now on.")
@click.option(
    "--public-url", callback=address, help="How people reach the sign-in page (default: the proxy's address)."
)
@click.option("--no-proxy", is_flag=True, help="Do not start nginx, though it is installed.")
@click.option(
    "--no-worker", is_flag=True, help="Do not start the worker: what it does is done late, or by another."
)
@click.pass_obj
def up(
    settings: Settings,
    database_port: int | None,
    api_port: int | None,
    admin_port: int | None,
    proxy_port: int | None,
    sign_in_port: int | None,
    providers: Path | None,
    no_providers: bool,
    public_url: str | None,
    no_proxy: bool,
    no_worker: bool,
) -> None:
    """Start the embedded database and API, and print where they are.

    \b
      quantmatrix up
      quantmatrix up --api-port 3000
      quantmatrix up --providers providers.json
      quantmatrix up --format json | jq -r .api

    The first start makes a database and takes some seconds. Ports are chosen once and kept. What runs is left
    running. Where nginx is installed it is started before the API, with limits of rate and size: let programs
    of others use that address. The page for signing in with Google, GitHub and others is started where its
    providers are configured, and reached at the proxy's address. A worker seals the audit log, sweeps, and
    answers long questions (see 'work').
    """
    environment = _embedded(settings)
    if public_url is not None and providers is None:
        raise click.UsageError("--public-url wants --providers")
    if providers is not None and no_providers:
        raise click.UsageError("--providers or --no-providers, not both")
    if providers is not None:
        from quantmatrix.oauth.providers import configured

        configured(providers)
    wanted = (database_port, api_port, admin_port, proxy_port, sign_in_port)
    if any(port is not None for port in wanted):
        environment.stop()
        environment.choose_ports(*wanted)
    environment.ensure_running(api=True)
    environment.load_keys()
    if providers is not None or no_providers:
        environment.choose_providers(providers, public_url)
    if not no_proxy:
        environment.start_proxy()
    if environment.start_sign_in_page() and not no_proxy:
        environment.start_proxy()
    if not no_worker:
        environment.start_worker()
    write_object(addresses(environment), settings.format)


@click.command()
@click.pass_obj
def down(settings: Settings) -> None:
    """Stop the embedded servers and wait until they ended cleanly. The data stay.

    \b
      quantmatrix down

    The demonstration's are stopped too; with --demo, those alone.
    """
    environment = _embedded(settings)
    stopped = environment.stop()
    if not settings.demo:
        demonstration = EmbeddedEnvironment(demo_data_dir(environment.data_dir))
        stopped += [f"{server} of the demonstration" for server in demonstration.stop()]
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
