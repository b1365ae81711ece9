"""What is stored of a person after an import, and whether it is what a file should have become.

An expectation is a JSON object. Each of its keys names a part of the book; what it does not name is not
looked at: ``holdings`` (account/symbol to signed units, no others held), ``cash`` (account/currency),
``types`` (kinds of transactions to their number, or ``{"n": …, "sum": …}`` with their cash; ``a|b`` counts
both; a list allows several numbers), ``gains``, ``native_gains`` and ``proceeds`` (symbol to money, null if
unknown), ``terms``, ``unmatched`` (symbol to units), ``lots`` (open lots, no others), ``closings`` (sums over
the rows of symbol, ``closed`` and ``opened``), ``accounts``, ``reconcile``, ``exit`` (allowed statuses,
import by import), ``refused``, ``warnings_match`` (patterns that some import, or a certain one, prints or
must not print) and ``either``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from psycopg.rows import dict_row

from quantmatrix.testing.cluster import Database

Row = Mapping[str, Any]

PARTS = {
    "holdings": "select account, symbol, quantity from api.holdings",
    "cash": "select account, currency, amount from api.cash",
    "transactions": "select transaction_type, net_amount from api.transactions",
    "unmatched": "select symbol, unmatched_quantity as quantity from api.holdings",
    "lots": """
        select
            account, symbol, acquired_on::text as acquired,
            cost_remaining as cost, native_cost_remaining as native,
            case side when 'short' then -1 else 1 end * quantity_remaining::numeric as quantity
        from api.lots
        where is_open
    """,
    "closings": """
        select
            symbol, opened_on::text as opened, closed_on::text as closed, term::text,
            quantity, proceeds, basis, gain,
            native_proceeds::numeric - native_basis::numeric as native
        from api.closings
    """,
    "accounts": "select account from api.accounts",
}
_SHARED = re.compile(r"~[0-9]+$")
TEXTS = {"account", "symbol", "opened", "closed", "acquired", "term", "currency", "transaction_type"}


@dataclass
class Outcome:
    """What the imports answered, what ``reconcile`` counts, and what is stored."""

    exits: list[int]
    printed: list[str]
    differences: int
    stored: dict[str, list[Row]]


def stored(database: Database) -> dict[str, list[Row]]:
    """All parts of the only book of ``database``; money and units are ``Decimal``.

    Symbols have one blank, and no number behind a ticker that another company has too.
    """
    with database.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return {
            part: [_plain(row) for row in cursor.execute(query).fetchall()] for part, query in PARTS.items()
        }


def _plain(row: Row) -> Row:
    return {
        name: _SHARED.sub("", " ".join(str(value).split())) if name in TEXTS and value is not None
        else value if name in TEXTS or value is None
        else Decimal(value)
        for name, value in row.items()
    }  # fmt: skip


def wrong(outcome: Outcome, expected: Mapping[str, Any]) -> list[str]:
    """What of ``outcome`` is not as expected, one line each; empty if all is right."""
    found = [
        line for key, value in expected.items() if key != "either" for line in CHECKS[key](outcome, value)
    ]
    if "either" in expected:
        tried = [wrong(outcome, one) for one in expected["either"]]
        if all(tried):
            found += sorted(tried, key=len)[0]
    return found


def _same(name: str, have: object, want: object) -> Iterator[str]:
    if have != want:
        yield f"{name}: {have} instead of {want}"


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _sum(rows: list[Row], name: str) -> Decimal | None:
    """The sum of a column; unknown if one of its values is."""
    values = [row[name] for row in rows]
    return None if any(value is None for value in values) else sum(values, Decimal(0))


def _by(rows: list[Row], *names: str) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault("/".join(row[name] or "" for name in names), []).append(row)
    return grouped


def _units(part: str, *names: str) -> Callable[[Outcome, Any], Iterator[str]]:
    def check(outcome: Outcome, want: Mapping[str, str]) -> Iterator[str]:
        sums = {key: _sum(rows, "quantity") for key, rows in _by(outcome.stored[part], *names).items()}
        have = {key: units for key, units in sums.items() if units}
        yield from _same(part, have, {key: Decimal(units) for key, units in want.items()})

    return check


def _cash(outcome: Outcome, want: Mapping[str, str]) -> Iterator[str]:
    have = {
        key: _sum(rows, "amount") for key, rows in _by(outcome.stored["cash"], "account", "currency").items()
    }
    for key, amount in want.items():
        yield from _same(f"cash {key}", have.get(key, Decimal(0)), Decimal(amount))


def _types(outcome: Outcome, want: Mapping[str, Any]) -> Iterator[str]:
    for kinds, expectation in want.items():
        rows = [row for row in outcome.stored["transactions"] if row["transaction_type"] in kinds.split("|")]
        count = expectation["n"] if isinstance(expectation, dict) else expectation
        if len(rows) not in (count if isinstance(count, list) else [count]):
            yield f"{kinds}: {len(rows)} rows instead of {count}"
        if isinstance(expectation, dict):
            yield from _same(f"cash of {kinds}", _sum(rows, "net_amount"), Decimal(expectation["sum"]))


def _money(column: str) -> Callable[[Outcome, Any], Iterator[str]]:
    def check(outcome: Outcome, want: Mapping[str, str | None]) -> Iterator[str]:
        by_symbol = _by(outcome.stored["closings"], "symbol")
        have = {symbol: _sum(rows, column) for symbol, rows in by_symbol.items()}
        if column == "gain":
            yield from _same("gains", have, {symbol: _number(money) for symbol, money in want.items()})
        else:
            for symbol, money in want.items():
                yield from _same(f"{column} of {symbol}", _told(column, have.get(symbol)), _number(money))

    return check


def _terms(outcome: Outcome, want: Mapping[str, str | list[str]]) -> Iterator[str]:
    for symbol, allowed in want.items():
        have = {row["term"] for row in outcome.stored["closings"] if row["symbol"] == symbol}
        if not have or not have <= ({allowed} if isinstance(allowed, str) else set(allowed)):
            yield f"terms of {symbol}: {have} instead of {allowed}"


def _lots(outcome: Outcome, want: list[Mapping[str, Any]]) -> Iterator[str]:
    # Lots of one day are told together.
    left = [
        {**rows[0], **{name: _sum(rows, name) for name in ("quantity", "cost", "native")}}
        for rows in _by(outcome.stored["lots"], "account", "symbol", "acquired").values()
    ]
    for lot in want:
        fitting = next(
            (row for row in left if all(_fits(name, row[name], value) for name, value in lot.items())), None
        )
        if fitting is None:
            yield f"no lot {lot} among {left}"
        else:
            left.remove(fitting)
    yield from (f"lot {row} is one too many" for row in left)


def _fits(name: str, have: Any, want: Any) -> bool:
    if isinstance(want, list):
        return any(_fits(name, have, one) for one in want)
    if want is None or have is None:
        return want is have
    return bool(_told(name, have) == (Decimal(want) if isinstance(have, Decimal) else want))


def _told(name: str, value: Any) -> Any:
    """A figure as an expectation tells it: money in another currency to the cent."""
    return value.quantize(Decimal("0.01")) if name == "native" and isinstance(value, Decimal) else value


def _closings(outcome: Outcome, want: list[Mapping[str, Any]]) -> Iterator[str]:
    for closing in want:
        keys = [name for name in ("symbol", "closed", "opened") if name in closing]
        rows = [row for row in outcome.stored["closings"] if all(row[name] == closing[name] for name in keys)]
        if not rows:
            yield f"no closing {closing} among {outcome.stored['closings']}"
        for name, value in closing.items():
            if name in keys or not rows:
                continue
            have = {row["term"] for row in rows} if name == "term" else _told(name, _sum(rows, name))
            yield from _same(
                f"{name} of closing {closing}", have, {value} if name == "term" else _number(value)
            )


def _accounts(outcome: Outcome, want: list[str]) -> Iterator[str]:
    yield from _same("accounts", sorted(row["account"] for row in outcome.stored["accounts"]), sorted(want))


def _reconcile(outcome: Outcome, want: Mapping[str, int]) -> Iterator[str]:
    yield from _same("differences", outcome.differences, want["differences"])


def _exit(outcome: Outcome, want: list[list[int]]) -> Iterator[str]:
    for number, (have, allowed) in enumerate(zip(outcome.exits, want, strict=True), 1):
        if have not in allowed:
            yield f"import {number} ends with {have} instead of {allowed}"


def _refused(outcome: Outcome, want: bool) -> Iterator[str]:
    yield from _same("all refused", set(outcome.exits) == {5}, want)


def _printed(outcome: Outcome, want: list[str | Mapping[str, Any]]) -> Iterator[str]:
    for one in want:
        asked: Mapping[str, Any] = {"match": one} if isinstance(one, str) else one
        texts = (
            outcome.printed[asked["import"] - 1 : asked["import"]] if "import" in asked else outcome.printed
        )
        pattern = cast(str, asked.get("match") or asked.get("absent"))
        seen = any(re.search(pattern, text, re.IGNORECASE) for text in texts)
        if seen is not ("match" in asked):
            yield f"{'does not print' if 'match' in asked else 'prints'} {pattern!r}:\n" + "\n".join(texts)


CHECKS: Mapping[str, Callable[[Outcome, Any], Iterator[str]]] = {
    "holdings": _units("holdings", "account", "symbol"),
    "unmatched": _units("unmatched", "symbol"),
    "cash": _cash,
    "types": _types,
    "gains": _money("gain"),
    "native_gains": _money("native"),
    "proceeds": _money("proceeds"),
    "terms": _terms,
    "lots": _lots,
    "closings": _closings,
    "accounts": _accounts,
    "reconcile": _reconcile,
    "exit": _exit,
    "refused": _refused,
    "warnings_match": _printed,
}
