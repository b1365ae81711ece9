"""Which parser reads a file: found by looking at its first 64 KiB, or named by the user."""

from __future__ import annotations

import io
from itertools import islice

from quantmatrix.ingest.dialect import DELIMITERS, declared
from quantmatrix.ingest.formats import OWN, SIMPLE, find, parsers
from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.parser import Parser
from quantmatrix.ingest.reader import SourceFile, head_record, records, with_commas

_TRADES_WANTED = "export the transaction history (History, Transactions) as CSV"
_BROKERAGE_WANTED = "export the transaction history of the brokerage account"
_STATEMENT_WANTED = "export the transaction history instead, which has trades, transfers and rewards"
_COINBASE_WANTED = "export the transaction history of Coinbase, as CSV"

_SIMPLE_WANTED = "put its rows into the columns of simple_csv"
_FOREIGN: tuple[tuple[frozenset[str], str, str], ...] = (
    (frozenset({"8949_code", "open_date", "close_date"}), "a tax report of realised lots", _TRADES_WANTED),
    (frozenset({"symbol", "underlying last price"}), "a list of positions", _TRADES_WANTED),
    (frozenset({"symbol", "quantity", "p/l open"}), "a list of positions", _TRADES_WANTED),
    (frozenset({"symbol", "quantity", "d's opn"}), "a list of positions", _TRADES_WANTED),
    (frozenset({"symbol", "quantity", "dte"}), "a list of positions", _TRADES_WANTED),
    (frozenset({"symbol", "qty (quantity)"}), "a list of positions of Charles Schwab", _TRADES_WANTED),
    (frozenset({"symbol", "market value", "% of account"}), "a list of positions", _TRADES_WANTED),
    (frozenset({"open date", "cost/share"}), "a list of lots of Charles Schwab", _TRADES_WANTED),
    (frozenset({"closed date", "opened date"}), "a list of realised lots of Charles Schwab", _TRADES_WANTED),
    (frozenset({"transaction id", "reg fee"}), "a history of TD Ameritrade", _SIMPLE_WANTED),
    (frozenset({"feesandcommissions", "awarddate"}), "a list of awards of Charles Schwab", _BROKERAGE_WANTED),
    (frozenset({"date", "runningbalance"}), "a bank account of Charles Schwab", _BROKERAGE_WANTED),
    (frozenset({"account number", "symbol", "current value"}), "a list of positions", _TRADES_WANTED),
    (frozenset({"txid", "ordertxid", "pair"}), "a list of trades of Kraken", "export the ledger instead"),
    (frozenset({"date(utc)", "pair", "side"}), "a list of trades of Binance", _STATEMENT_WANTED),
    (frozenset({"date(utc)", "market", "type"}), "a list of trades of Binance", _STATEMENT_WANTED),
    (frozenset({"date(utc)", "orderno", "pair"}), "a list of orders of Binance", _STATEMENT_WANTED),
    (frozenset({"coin", "network", "address", "txid"}), "a list of transfers of Binance", _STATEMENT_WANTED),
    (frozenset({"portfolio", "amount/balance unit"}), "a statement of Coinbase Exchange", _COINBASE_WANTED),
    (frozenset({"investment name", "share price", "total value"}), "a list of positions", _TRADES_WANTED),
)
"""Columns that tell a file which nobody here reads, what it is, and what to do instead."""

_STARTS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("<!doctype html", "<html"), "a web page", "download the file itself, not the page"),
    (("<?xml", "<"), "XML", "export the statement as CSV"),
    (("{", "["), "JSON", "export the statement as CSV"),
)
_RECORDS_LOOKED_AT = 25


def choose_parser(file: SourceFile, source: str | None = None) -> tuple[Parser, str]:
    """A new parser for ``file``, and the layout that it found.

    ``source`` forces one. Raises ``FileRefused`` where nothing or too much fits, with what is known.
    """
    if source is not None:
        return _forced(file, source)
    if not file.head.strip():
        raise FileRefused("the file is empty", hint="download it again")
    known = parsers()
    for delimiter in _delimiters(file.head):
        head = with_commas(file.head, delimiter)
        found = [(name, layout) for name in known if (layout := _layout(known[name], head, file.name))]
        if found:
            break
    else:
        delimiter, head = ",", file.head
    if len(found) > 1:
        # Brokers use the words of simple_csv too; who knows more of the header is right.
        found = [match for match in found if match[0] != SIMPLE]
    names = [name for name, _ in found]
    if names in ([], [SIMPLE]):
        _refuse_foreign(head, is_simple=bool(names))
    if len(found) == 1:
        name, layout = found[0]
        file.separated_by(delimiter)
        return known[name](), layout
    if found:
        raise FileRefused(f"the file looks like {' and '.join(names)}", hint="say which with --source NAME")
    raise FileRefused("no known format has this header", line=head_record(file.head)[0], hint=_known())


def _forced(file: SourceFile, source: str) -> tuple[Parser, str]:
    parser = find(source)
    if parser is None:
        raise FileRefused(f"there is no format {source}", hint=_known())
    for delimiter in _delimiters(file.head):
        if layout := parser.detect(with_commas(file.head, delimiter), file.name):
            file.separated_by(delimiter)
            return parser(), layout
    return parser(), "forced"


def _delimiters(head: str) -> tuple[str, ...]:
    """What may stand between the columns: what the first line declares, else anything, commas first."""
    said = declared(head.partition("\n")[0])
    return (said,) if said else (",", *DELIMITERS)


def _layout(parser: type[Parser], head: str, name: str) -> str | None:
    """What the parser makes of the file; one of an installed package that fails is not asked further."""
    if parser.source in OWN:
        return parser.detect(head, name)
    try:
        return parser.detect(head, name)
    except Exception:
        return None


def _refuse_foreign(head: str, *, is_simple: bool) -> None:
    """``FileRefused`` for what is plainly something else; ``is_simple``: it has our own columns."""
    line, _ = head_record(head)
    for delimiter in (",",) if is_simple else _delimiters(head):
        for names in _rows(with_commas(head, delimiter)):
            for columns, what, hint in _FOREIGN:
                if columns <= names:
                    raise FileRefused(f"this is {what}, which is not read", line=line, hint=hint)
    if is_simple:
        return
    start = head.lstrip().lower()
    if start.startswith("{") and '"transactiondetails"' in start:
        reason = "this is a list of awards of Charles Schwab, which is not read"
        raise FileRefused(reason, line=1, hint=_BROKERAGE_WANTED)
    for beginnings, what, hint in _STARTS:
        if start.startswith(beginnings):
            raise FileRefused(f"this is {what}", line=1, hint=hint)
    said = declared(head.partition("\n")[0])
    first = start.partition("\n")[2] if said else start.partition("\n")[0]
    for separator, name in DELIMITERS.items():
        if said == separator or (first.count(separator) >= 3 and first.count(separator) > first.count(",")):
            reason = f"the columns are separated by {name}, and no known format has this header"
            hint = "name its columns as simple_csv does (Date, Symbol, Quantity, Price, Commission, Type); "
            raise FileRefused(reason, line=line, hint=hint + "`quantmatrix import formats` lists the others")


def _rows(head: str) -> list[frozenset[str]]:
    """The cells of the first records, in lower case; a broker may print titles above its header."""
    found: list[frozenset[str]] = []
    try:
        for _, _, fields in islice(records(io.StringIO(head, newline="")), _RECORDS_LOOKED_AT):
            found.append(frozenset(cell.strip().lower() for cell in fields))
    except FileRefused:
        pass
    return found


def _known() -> str:
    formats = "; ".join(f"{name}: {parser.title}" for name, parser in parsers().items())
    return f"known are {formats}. --source NAME forces one"
