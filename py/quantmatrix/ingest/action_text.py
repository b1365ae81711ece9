"""The grammar of corporate action descriptions: ``SYM(ID) Action N for M (NEWSYM, NAME, NEWID)``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from quantmatrix.ingest.numbers import parse_decimal

_LONGEST = 1000
_HEAD = re.compile(r"(?P<symbol>[^()]{0,64}?) ?\((?P<id>[A-Za-z0-9]{2,20})\) (?P<rest>.*)")
_RATIO = re.compile(r"(?<![\w.])([0-9][0-9,.]*) for ([0-9][0-9,.]*)(?![\w])", re.IGNORECASE)
_CASH = re.compile(r"\b(?:and|for) ([A-Z]{3}) ([0-9][0-9,.]*)", re.IGNORECASE)


class Action(StrEnum):
    """What happens to the holding."""

    SPLIT = "split"
    SPINOFF = "spinoff"
    MERGER = "merger"
    TENDER = "tender"
    STOCK_DIVIDEND = "stock dividend"
    CHANGE = "change of id"
    DELISTED = "delisted"
    RIGHTS = "rights"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Security:
    """A security as the text names it: ``id`` is an ISIN, CUSIP or conid."""

    symbol: str
    name: str | None
    id: str | None


@dataclass(frozen=True, slots=True)
class ActionText:
    """A description taken apart.

    ``source``: what the action happens to; ``subject``: what this row's quantity counts.

    ``ratios``: pairs of (new, old) in the order of the text. ``cash``: currency and amount for each old unit.
    ``head``: the text without its last bracket, the same on all rows of one action.
    """

    action: Action
    source: Security | None
    subject: Security | None
    ratios: tuple[tuple[Decimal, Decimal], ...]
    cash: tuple[str, Decimal] | None
    head: str


def read_action(text: str) -> ActionText:
    """Take a description apart.

    Never fails: what it cannot find is None, what it does not know ``UNKNOWN``.
    """
    text = " ".join(text[:_LONGEST].split())
    head, subject = _last_bracket(text)
    found = _HEAD.match(f"{head} ")
    source: Security | None = None
    rest = head
    if found:
        rest = found["rest"].strip()
        if found["symbol"].strip():
            source = Security(found["symbol"].strip(), None, found["id"])
    return ActionText(
        action=_action(rest),
        source=source or subject,
        subject=subject or source,
        ratios=_ratios(rest),
        cash=_cash(rest),
        head=head,
    )


def _last_bracket(text: str) -> tuple[str, Security | None]:
    """The text before the last bracket, and the security in it: names may hold commas and brackets."""
    if not text.endswith(")"):
        return text, None
    depth = 0
    for position in range(len(text) - 1, -1, -1):
        if text[position] == ")":
            depth += 1
        elif text[position] == "(":
            depth -= 1
            if depth == 0:
                parts = [part.strip() for part in text[position + 1 : -1].split(",")]
                if (
                    position == 0
                    or not parts[0]
                    or (len(parts) == 1 and text[:position].rstrip().lower().endswith(" to"))
                ):
                    return text, None
                if text[position - 1] != " ":
                    return text, None
                return text[:position].strip(), Security(
                    symbol=parts[0],
                    name=", ".join(parts[1:-1]) or None,
                    id=parts[-1] if len(parts) > 1 and parts[-1] else None,
                )
    return text, None


def _action(rest: str) -> Action:
    lowered = rest.lower()
    if re.match(r"(?:(?:reverse|forward) )?split\b", lowered):
        return Action.SPLIT
    if lowered.startswith(("spinoff", "spin-off", "spin off")):
        return Action.SPINOFF
    if lowered.startswith(("merged", "cash and stock merger", "acquired", "merger")):
        return Action.MERGER
    if lowered.startswith("tendered"):
        return Action.TENDER
    if lowered.startswith("stock dividend"):
        return Action.STOCK_DIVIDEND
    if lowered.startswith(("cusip/isin change", "cusip change", "isin change", "symbol change")):
        return Action.CHANGE
    if "delisted" in lowered:
        return Action.DELISTED
    if (
        "rights issue" in lowered
        or "dividend right" in lowered
        or lowered.startswith(("dividend reinvestment", "subscribes"))
    ):
        return Action.RIGHTS
    return Action.UNKNOWN


def _ratios(rest: str) -> tuple[tuple[Decimal, Decimal], ...]:
    ratios = []
    for new_text, old_text in _RATIO.findall(rest):
        new, old = _positive(new_text), _positive(old_text)
        if new is not None and old is not None:
            ratios.append((new, old))
    return tuple(ratios)


def _cash(rest: str) -> tuple[str, Decimal] | None:
    for currency, amount_text in _CASH.findall(rest):
        amount = _positive(amount_text)
        if amount is not None:
            return currency.upper(), amount
    return None


def _positive(text: str) -> Decimal | None:
    try:
        value = parse_decimal(text.rstrip(",."))
    except ValueError:
        return None
    return value if value is not None and value > 0 else None
