"""Servers that somebody else runs, named by environment variables."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.credentials import AUTHENTICATOR
from quantmatrix.services.environment import Environment
from quantmatrix.services.layout import make_data_dir
from quantmatrix.services.tokens import SigningKey, signing_key

CONNECT_SECONDS = 10


class ExternalEnvironment(Environment):
    """Servers that somebody else runs.

    ``QUANTMATRIX_DATABASE_URL`` (or ``--database-url``) is a login that may migrate,
    ``QUANTMATRIX_AUTHENTICATOR_URL`` the authenticator's; ``QUANTMATRIX_DATABASE_PASSWORD_FILE`` and
    ``QUANTMATRIX_AUTHENTICATOR_PASSWORD_FILE`` may hold their passwords; ``QUANTMATRIX_ADMINISTRATOR_URL`` is
    a superuser's, which only few commands need; ``QUANTMATRIX_API_URL`` and ``QUANTMATRIX_JWT_SECRET_FILE``
    (a key set) belong to PostgREST.
    """

    embedded = False

    def __init__(self, url: str, data_dir: Path, *, only: bool = False) -> None:
        self._url = url
        self._data_dir = data_dir
        self._only = only
        """Whether ``url`` was typed: then no variable may lead to another server."""

    def ensure_running(self, *, api: bool = False) -> None:  # noqa: D102
        del api

    @property
    def authenticator_dsn(self) -> str:  # noqa: D102
        url = os.environ.get("QUANTMATRIX_AUTHENTICATOR_URL")
        if url:
            dsn = external_dsn(
                url, "QUANTMATRIX_AUTHENTICATOR_PASSWORD_FILE", "QUANTMATRIX_AUTHENTICATOR_URL"
            )
            return self._of_this_database(dsn, "QUANTMATRIX_AUTHENTICATOR_URL")
        if conninfo_to_dict(self.migrator_dsn).get("user") == AUTHENTICATOR:
            return self.migrator_dsn
        raise _not_configured("the authenticator's login", "QUANTMATRIX_AUTHENTICATOR_URL")

    def helper_dsn(self, login: str) -> str:
        """The login's own, where the address of the database names it, else the authenticator's."""
        own = self.migrator_dsn
        return own if conninfo_to_dict(own).get("user") == login else self.authenticator_dsn

    @property
    def migrator_dsn(self) -> str:  # noqa: D102
        source = "--database-url" if self._only else "QUANTMATRIX_DATABASE_URL"
        return external_dsn(self._url, "QUANTMATRIX_DATABASE_PASSWORD_FILE", source)

    @property
    def superuser_dsn(self) -> str:  # noqa: D102
        url = os.environ.get("QUANTMATRIX_ADMINISTRATOR_URL")
        if url:
            administrator = external_dsn(
                url, "QUANTMATRIX_ADMINISTRATOR_PASSWORD_FILE", "QUANTMATRIX_ADMINISTRATOR_URL"
            )
            dsn = make_conninfo(administrator, dbname=conninfo_to_dict(self.migrator_dsn).get("dbname"))
            return self._of_this_database(dsn, "QUANTMATRIX_ADMINISTRATOR_URL")
        raise Problem(
            "the superuser's login is not known",
            why="this database is run by somebody else",
            unchanged="nothing was done",
            next_step="name it in QUANTMATRIX_ADMINISTRATOR_URL, or use the embedded environment (leave "
            "QUANTMATRIX_DATABASE_URL unset)",
            exit_code=ExitCode.PERMISSION,
        )

    def _of_this_database(self, dsn: str, variable: str) -> str:
        """``dsn``, unless a database was named by hand and this is another."""
        if self._only and _address(dsn) != _address(self.migrator_dsn):
            raise Problem(
                f"--database-url and {variable} name two databases",
                unchanged="nothing was read or written",
                next_step=f"set {variable} to a login of the one that --database-url names, or unset it",
                exit_code=ExitCode.USAGE,
            )
        return dsn

    @property
    def api_url(self) -> str:  # noqa: D102
        url = os.environ.get("QUANTMATRIX_API_URL")
        if not url:
            raise _not_configured("the address of PostgREST", "QUANTMATRIX_API_URL")
        return url.rstrip("/")

    @property
    def jwt_secret(self) -> SigningKey:  # noqa: D102
        path = self.key_set_file
        if path is None:
            raise _not_configured("the key that signs tokens", "QUANTMATRIX_JWT_SECRET_FILE")
        return signing_key(path)

    @property
    def key_set_file(self) -> Path | None:  # noqa: D102
        path = os.environ.get("QUANTMATRIX_JWT_SECRET_FILE")
        return Path(path) if path else None

    @property
    def data_dir(self) -> Path:  # noqa: D102
        make_data_dir(self._data_dir)
        return self._data_dir


def external_dsn(url: str, password_variable: str, source: str) -> str:
    """The connection string behind ``url``, with the password of the file in ``password_variable``."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The message of libpq may quote the whole text, password and all.
        raise Problem(
            "the address of the database cannot be read",
            where=source,
            why="it is neither a postgresql:// address nor a libpq connection string",
            unchanged="nothing was done",
            next_step="write it as postgresql://USER@HOST:PORT/DATABASE",
            exit_code=ExitCode.USAGE,
        ) from None
    path = os.environ.get(password_variable)
    if path and not parts.get("password"):
        parts["password"] = first_line(path, password_variable)
    parts = {name: str(value) for name, value in parts.items() if value is not None}
    defaults = {"connect_timeout": str(CONNECT_SECONDS), "application_name": "quantmatrix"}
    return make_conninfo("", **(defaults | parts))


def _address(dsn: str) -> tuple[str, ...]:
    parts = conninfo_to_dict(dsn)
    defaults = {"host": "", "port": "5432", "dbname": ""}
    return tuple(str(parts.get(name) or default) for name, default in defaults.items())


def first_line(path: str, source: str) -> str:
    """The password in the first line of ``path``, which ``source`` (a variable, an option) names."""
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError) as error:
        raise Problem(
            "the password file cannot be used",
            where=f"{path} ({source})",
            why=getattr(error, "strerror", None) or "it is empty",
            unchanged="nothing was done",
            next_step="put the password into the first line of the file and let your user read it",
            exit_code=ExitCode.PERMISSION,
        ) from error


def _not_configured(what: str, variable: str) -> Problem:
    return Problem(
        f"{what} is not known",
        why="this database is run by somebody else, and nothing names it",
        unchanged="nothing was done",
        next_step=f"set {variable}",
        exit_code=ExitCode.USAGE,
    )
