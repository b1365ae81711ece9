"""The database and the API that commands work with: embedded, or servers that somebody else runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from quantmatrix.services.tokens import SigningKey


class Environment(ABC):
    """Where commands find the database and the API. Connection strings hold passwords: never print them."""

    embedded: bool

    @abstractmethod
    def ensure_running(self, *, api: bool = False) -> None:
        """Start what is needed and does not run: the database, and PostgREST too if ``api``."""

    @property
    @abstractmethod
    def authenticator_dsn(self) -> str:
        """As the login that may only become a person's role."""

    @abstractmethod
    def helper_dsn(self, login: str) -> str:
        """As one of the platform's own helpers, ``PAGE`` or ``MAILER``."""

    @property
    @abstractmethod
    def migrator_dsn(self) -> str:
        """As the login that may change the schema."""

    @property
    @abstractmethod
    def superuser_dsn(self) -> str:
        """As the superuser; embedded environments only."""

    @property
    @abstractmethod
    def api_url(self) -> str:
        """Address of PostgREST, without a slash at the end."""

    @property
    @abstractmethod
    def jwt_secret(self) -> SigningKey:
        """The key that signs tokens for PostgREST."""

    @property
    @abstractmethod
    def key_set_file(self) -> Path | None:
        """The file of the keys that sign tokens; None where nothing names it."""

    @property
    @abstractmethod
    def data_dir(self) -> Path:
        """Folder for files of ours beside the database."""

    def stop_api(self) -> None:
        """Stop the API if it is ours, so that nobody of us is connected to the database."""
        return

    def stop(self) -> list[str]:
        """Stop the servers that are ours, wait for a clean end, and name those that ran."""
        return []
