"""Binance: what the operations of a statement mean."""

from __future__ import annotations

import re

TRADES: dict[str, str] = {
    **dict.fromkeys(
        (
            "buy", "sell", "transaction buy", "transaction spend", "transaction sold", "transaction revenue",
            "transaction related", "strategy trading fee rebate",
        ),
        "order",
    ),
    **dict.fromkeys(("binance convert", "convert", "large otc trading", "otc trading"), "convert"),
    **dict.fromkeys(
        ("buy crypto", "buy crypto with fiat", "buy crypto with card", "sell crypto to fiat"), "fiat"
    ),
    **dict.fromkeys(("small assets exchange bnb", "small assets exchange bnb (spot)"), "dust"),
    "auto-invest transaction": "auto-invest",
    "eth 2.0 staking": "eth 2.0",
    "eth 2.0 staking withdrawals": "eth 2.0",
    "token swap - redenomination/rebranding": "token swap",
    "token swap - distribution": "token swap",
}  # fmt: skip
"""Operations that are legs of an exchange, and the kind of exchange."""

FEES = frozenset({"fee", "transaction fee", "trading fee"})
MOVES = frozenset(
    {
        "deposit", "withdraw", "withdrawal", "fiat deposit", "fiat withdraw", "fiat withdrawal",
        "send", "receive", "p2p trading", "c2c transfer", "crypto box", "pay",
    }
)  # fmt: skip
INSIDE = re.compile(
    r"^(?:transfer (?:between|from|to)|main and funding|simple earn .*(?:subscription|redemption)|"
    r"savings (?:purchase|principal)|staking (?:purchase|redemption)|locked staking|"
    r"launchpool (?:subscription|redemption)|"
    r"liquid swap (?:add|remove)|pos savings (?:purchase|redemption)|flexible loan)"
)
INCOME = re.compile(
    r"interest|reward|distribution|airdrop|voucher|referral|rebate|cashback|bonus|commission history|"
    r"commission fee shared|launchpool"
)
FUTURES = frozenset({"realized profit and loss", "funding fee", "insurance fund compensation"})
_LOCKED = re.compile(r"\b(?:launchpad|dual investment)\b")


def product_of(operation: str) -> str | None:
    """The product into which coins are given to get them back, or another coin for them; None for others."""
    found = _LOCKED.search(operation)
    return found[0] if found else None
