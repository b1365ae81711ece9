"""The shape of a parser, and the list of those that exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Protocol, TextIO

from quantmatrix.ingest.model import Options, Record


class Parser(Protocol):
    """One source format. Stateless between files: make a new one for each."""

    source: ClassVar[str]
    """Name in the database and of ``--source``."""

    broker: ClassVar[str]
    """Broker of the accounts that such a file creates; ``manual`` for formats of no broker."""

    title: ClassVar[str]
    """What the format is, in one line of ``quantmatrix import formats``."""

    @property
    def newest_first(self) -> bool:
        """Whether the file's rows run backwards in time; known for certain once they are read."""

    @staticmethod
    def detect(head: str, name: str, /) -> str | None:
        """The layout (``21col``) if ``head``, the first 64 KiB without a BOM, is such a file, else None.

        ``name`` is a hint only.
        """

    def parse(self, text: TextIO, options: Options, /) -> Iterator[Record]:
        """Records in file order; ``text`` has no BOM and keeps its line ends. Raises ``FileRefused``."""
