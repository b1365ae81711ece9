"""What Charles Schwab calls its transactions. Hyphens are read as blanks: both are printed."""

from __future__ import annotations

from quantmatrix.ingest.model import PositionEffect
from quantmatrix.ingest.model import TransactionType as T

_PRIOR_YEAR = "pr yr "

_AUTO, _OPEN, _CLOSE = PositionEffect.AUTO, PositionEffect.OPEN, PositionEffect.CLOSE

TRADES: dict[str, tuple[T, int, PositionEffect]] = {
    "buy": (T.BUY, 1, _AUTO),
    "sell": (T.SELL, -1, _AUTO),
    "buy to open": (T.BUY, 1, _OPEN),
    "sell to open": (T.SELL, -1, _OPEN),
    "buy to close": (T.BUY, 1, _CLOSE),
    "sell to close": (T.SELL, -1, _CLOSE),
    "sell short": (T.SELL, -1, _OPEN),
    "buy to cover": (T.BUY, 1, _CLOSE),
    "reinvest shares": (T.REINVEST, 1, _OPEN),
}
CANCELS = {f"cancel {verb}": (T.SELL if sign > 0 else T.BUY, -sign) for verb, (_, sign, _) in TRADES.items()}
EVENTS = {
    "expired": T.OPTION_EXPIRATION,
    "assigned": T.OPTION_ASSIGNMENT,
    "exchange or exercise": T.OPTION_EXERCISE,
}
CASH: dict[str, T] = {
    **dict.fromkeys(
        (
            "reinvest dividend", "qual div reinvest", "pr yr div reinvest", "cash dividend",
            "qualified dividend", "non qualified div", "special dividend", "special qual div",
            "special non qual div", "pr yr cash div", "pr yr special div", "div adjustment",
            "reinvestment adj", "pr yr non qual div", "substitute payment",
        ),
        T.DIVIDEND,
    ),
    **dict.fromkeys(
        (
            "short term cap gain", "long term cap gain", "short term cap gain reinvest",
            "long term cap gain reinvest", "pr yr short term cap gain", "pr yr long term cap gain",
        ),
        T.CAPITAL_GAIN_DISTRIBUTION,
    ),
    **dict.fromkeys(
        (
            "bank interest", "credit interest", "bond interest", "margin interest", "cd interest",
            "interest adj", "bank interest adj", "credit interest adj", "margin interest adj",
        ),
        T.INTEREST,
    ),
    **dict.fromkeys(
        (
            "nra tax adj", "nra withholding", "foreign tax paid", "irs withhold adj", "foreign tax adj",
            "foreign tax reclaim", "tax withholding", "backup withholding",
        ),
        T.TAX_WITHHELD,
    ),
    **dict.fromkeys(
        ("adr mgmt fee", "advisor fee", "service fee", "foreign tax reclaim fee", "misc fees", "adr fee"),
        T.FEE,
    ),
    "return of capital": T.RETURN_OF_CAPITAL,
    "cash in lieu": T.CASH_IN_LIEU,
    "cash in lieu adj": T.CASH_IN_LIEU,
    "promotional award": T.OTHER,
}  # fmt: skip
MOVES = frozenset(
    {
        "moneylink transfer", "moneylink deposit", "moneylink adj", "wire funds", "wire funds received",
        "wire funds adj", "wire sent", "wire received", "funds received", "funds paid", "bank transfer",
        "journal", "internal transfer", "misc cash entry", "misc credits", "visa purchase", "atm withdrawal",
        "schwab atm rebate", "auto s1 debit", "auto s1 credit", "electronic funds transfer", "check received",
        "check paid", "direct deposit",
    }
)  # fmt: skip
JOURNALS = frozenset({"journal", "journaled shares"})
"""Between accounts, or between cash and margin of one."""

SHARES = JOURNALS | {
    "security transfer",
    "internal transfer",
    "stock plan activity",
    "transfer in",
    "transfer out",
}
"""Rows that move units, or as the cash part of a transfer of an account money alone."""

ADDED = frozenset({"stock split", "stock div dist", "options frwd split"})
PAIRS: dict[str, tuple[str, T]] = {
    "reverse split": ("reverse split", T.SPLIT),
    "options reverse split": ("options reverse split", T.SPLIT),
    "name change": ("name change", T.SYMBOL_CHANGE),
    "stock merger": ("stock merger", T.MERGER_STOCK),
    "conversion": ("conversion", T.MERGER_STOCK),
    "mandatory reorg exc": ("mandatory reorganisation", T.MERGER_STOCK),
    "cash merger": ("cash merger", T.MERGER_STOCK),
    "cash merger adj": ("cash merger", T.MERGER_STOCK),
    "cash/stock merger": ("stock merger", T.MERGER_STOCK),
    "full redemption": ("full redemption", T.SELL),
    "full redemption adj": ("full redemption", T.SELL),
    "partial redemption": ("partial redemption", T.SELL),
    "partial redemption adj": ("partial redemption", T.SELL),
    "bond redemption": ("bond redemption", T.SELL),
}


def action_of(printed: str) -> str:
    """The action in one spelling; what belongs to the year before is of the same kind."""
    action = " ".join(printed.lower().replace("-", " ").split())
    rest = action.removeprefix(_PRIOR_YEAR)
    return rest if rest != action and rest in CASH else action
