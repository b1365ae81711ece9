"""Which instruments a statement is about, known before its rows are read: ids tell them apart.

A ticker may be handed on: from a contract to the one that replaces it (the old one is called ``X.OLD``), and
to another company. The list of instruments stands at the end of a statement, so a first pass reads it, and
the brackets of corporate actions, which name instruments that the list may lack.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TextIO

from quantmatrix.ingest.action_text import read_action
from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.ibkr_activity.identifiers import OLD, identifier, symbol_of
from quantmatrix.ingest.model import InstrumentType

LISTED = "Financial Instrument Information"
ACTIONS = "Corporate Actions"
_SECTION = re.compile(rf'"?(?:{LISTED}|{ACTIONS})"?,', re.IGNORECASE)
_AT_MOST = 20_000
_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Listed:
    """One instrument; the first of ``symbols`` is the one that it goes by."""

    category: str
    symbols: tuple[str, ...]
    ids: frozenset[str]
    issuers: frozenset[str]
    description: str


@dataclass(slots=True)
class Listing:
    """``own`` names: canonical symbols, with a number where another issuer has the ticker too."""

    rows: list[Listed] = field(default_factory=list)
    _by_symbol: dict[tuple[InstrumentType, str], str] = field(default_factory=dict)
    _by_id: dict[tuple[InstrumentType, str], list[str]] = field(default_factory=dict)
    _descriptions: dict[str, str] = field(default_factory=dict)

    def own_symbol(
        self, kind: InstrumentType, printed: str, ids: Mapping[str, str] | None = None
    ) -> str | None:
        """The name of the instrument that a row means: by its ids, else by its symbol; None if not listed."""
        by_symbol = self._by_symbol.get((kind, _folded(printed)))
        for one in keys_of(ids or {}):
            found = self._by_id.get((kind, one))
            if found and (by_symbol in found or len(found) == 1):
                return by_symbol if by_symbol in found else found[0]
        return by_symbol

    def description(self, printed: str) -> str:
        """What the list says of a symbol; empty where it does not name it."""
        return self._descriptions.get(_folded(printed), "")

    def settle(self, kind_of: Mapping[str, InstrumentType]) -> None:
        """Give each instrument its name. Instruments that keep their ticker come before those called old."""
        taken: dict[tuple[InstrumentType, str], frozenset[str]] = {}
        for row in sorted(self.rows, key=lambda row: row.symbols[0].upper().endswith(OLD)):
            for symbol in row.symbols:
                self._descriptions.setdefault(_folded(symbol), row.description)
            kind = kind_of.get(row.category)
            if kind is None:
                continue
            try:
                own = _free(taken, kind, row)
            except RowError:
                continue  # the row itself says it
            for symbol in row.symbols:
                self._by_symbol.setdefault((kind, _folded(symbol)), own)
            for one in row.ids:
                names = self._by_id.setdefault((kind, one), [])
                if own not in names:
                    names.append(own)


def _free(taken: dict[tuple[InstrumentType, str], frozenset[str]], kind: InstrumentType, row: Listed) -> str:
    candidate = symbol = symbol_of(kind, row.symbols[0])
    number = 1
    while (issuers := taken.get((kind, candidate))) is not None:
        if not issuers or not row.issuers or issuers & row.issuers:
            break
        number += 1
        candidate = f"{symbol}~{number}"
    taken[kind, candidate] = (issuers or frozenset()) | row.issuers
    return candidate


def read_listing(text: TextIO, kind_of: Mapping[str, InstrumentType]) -> Listing:
    """Read what names instruments; lines of other sections cost a look at their beginning."""
    listing = Listing()
    named: list[Listed] = []
    header: dict[str, int] = {}
    lines = (line for line in iter(lambda: text.readline(_LONGEST), "") if _SECTION.match(line))
    for fields in _records(lines):
        if len(fields) < 3 or len(listing.rows) + len(named) >= _AT_MOST:
            continue
        if fields[1].strip().startswith("Header"):
            header = {" ".join(name.split()).casefold(): at for at, name in enumerate(fields)}
        elif fields[1].strip() != "Data":
            continue
        elif fields[0].strip().casefold() == LISTED.casefold():
            listing.rows += _listed(fields, header)
        else:
            named += _in_action(fields, header)
    known = {one for row in listing.rows for one in row.ids}
    listing.rows += [row for row in named if not row.ids & known]
    listing.settle(kind_of)
    return listing


def _records(lines: Iterable[str]) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines)
    except csv.Error:
        return  # the second pass says it


def _listed(fields: list[str], header: Mapping[str, int]) -> Iterator[Listed]:
    def cell(name: str) -> str:
        at = header.get(name, len(fields))
        return fields[at].strip() if at < len(fields) else ""

    symbols = [symbol for part in cell("symbol").split(",") if (symbol := part.strip())]
    if not symbols:
        return
    underlying = cell("underlying")
    if underlying in symbols:
        symbols.sort(key=lambda symbol: symbol != underlying)
    ids = identifier(cell("security id"))
    for name in ("conid", "isin", "cusip", "figi"):
        if value := cell(name):
            ids[name] = value
    if raw := cell("security id"):
        ids.setdefault("id", raw)
    yield Listed(
        _category(cell("asset category")),
        tuple(symbols),
        frozenset(keys_of(ids)),
        issuers_of(ids),
        cell("description"),
    )


def _in_action(fields: list[str], header: Mapping[str, int]) -> Iterator[Listed]:
    at = header.get("description", len(fields))
    subject = read_action(fields[at]).subject if at < len(fields) else None
    if subject is None or not subject.symbol or not subject.id:
        return
    ids = {"id": subject.id} | identifier(subject.id)
    category = fields[header.get("asset category", 2)]
    yield Listed(
        _category(category), (subject.symbol,), frozenset(keys_of(ids)), issuers_of(ids), subject.name or ""
    )


def keys_of(ids: Mapping[str, str]) -> Iterator[str]:
    """Ids as they are looked up, the surest first: an ISIN of North America holds the CUSIP."""
    if conid := ids.get("conid"):
        yield f"conid:{conid}"
    if isin := ids.get("isin"):
        yield f"isin:{isin}"
        if isin[:2] in ("US", "CA"):
            yield f"cusip:{isin[2:11]}"
    if cusip := ids.get("cusip"):
        yield f"cusip:{cusip}"
    if raw := ids.get("id"):
        yield f"id:{raw}"


def issuers_of(ids: Mapping[str, str]) -> frozenset[str]:
    """The issuers that ISIN and CUSIP show, as the database compares them."""
    found = set()
    if isin := ids.get("isin"):
        found.add(isin[2:8] if isin[:2] in ("US", "CA") else isin[:8])
    if cusip := ids.get("cusip"):
        found.add(cusip[:6])
    return frozenset(found)


def _category(text: str) -> str:
    return text.partition(" - ")[0].strip().casefold()


def _folded(symbol: str) -> str:
    return " ".join(symbol.split())
