"""The interface of Kraken on loopback, as far as ccxt asks it: pages of the newest first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from quantmatrix.testing.broker_server import JSON, BrokerServer, Reply

_PAIR = {
    "altname": "XBTUSD", "wsname": "XBT/USD", "aclass_base": "currency", "base": "XXBT", "quote": "ZUSD",
    "aclass_quote": "currency", "lot": "unit", "cost_decimals": 5, "pair_decimals": 1, "lot_decimals": 8,
    "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [], "fees": [[0, 0.26]],
    "fees_maker": [[0, 0.16]], "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40,
    "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.1", "status": "online",
}  # fmt: skip
_ASSETS = {
    code: {
        "aclass": "currency",
        "altname": name,
        "decimals": 10,
        "display_decimals": 5,
        "status": "enabled",
    }
    for code, name in (("XXBT", "XBT"), ("ZUSD", "USD"))
}


@dataclass(frozen=True)
class Trade:
    """A trade of coins for dollars; ``time`` in seconds since 1970."""

    identity: str
    time: int
    side: str
    volume: str
    price: str
    cost: str
    fee: str

    def told(self) -> dict[str, Any]:
        """As the interface tells it."""
        return {
            "ordertxid": f"O{self.identity}",
            "pair": "XXBTZUSD",
            "time": self.time,
            "type": self.side,
            "ordertype": "limit",
            "price": self.price,
            "cost": self.cost,
            "fee": self.fee,
            "vol": self.volume,
            "margin": "0.0",
            "misc": "",
        }


class KrakenServer(BrokerServer):
    """Trades and deposits of one account, ``page`` of them at a time."""

    RANDOM = tuple(fault for fault in BrokerServer.RANDOM if fault not in ("408", "no_answer"))

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.key = "key-of-test"
        self.trades: list[Trade] = []
        self.deposits: list[dict[str, Any]] = []
        self.balance: dict[str, str] = {}
        self.page = 50

    def answer(self, _method: str, path: str, parameters: dict[str, str], body: str, /) -> Reply:
        """One answer, as the interface gives it."""
        name = path.rpartition("/")[2]
        asked = parameters | {key: values[0] for key, values in parse_qs(body).items()}
        headers = {key.lower(): value for key, value in self.requests[-1][3].items()}
        if "/private/" in path and headers.get("api-key") != self.key:
            return Reply(json.dumps({"error": ["EAPI:Invalid key"]}), JSON)
        return Reply(json.dumps({"error": [], "result": self._result(name, asked)}), JSON)

    def _result(self, name: str, asked: dict[str, str]) -> Any:
        if name == "AssetPairs":
            return {"XXBTZUSD": _PAIR}
        if name == "Assets":
            return _ASSETS
        if name == "BalanceEx":
            return {code: {"balance": held, "hold_trade": "0"} for code, held in self.balance.items()}
        first, last = int(float(asked.get("start", "0"))), int(float(asked.get("end", "1e12")))
        if name == "TradesHistory":
            found = [trade for trade in self.trades if first <= trade.time <= last]
            newest = sorted(found, key=lambda trade: -trade.time)[: self.page]
            return {"trades": {trade.identity: trade.told() for trade in newest}, "count": len(found)}
        if name == "DepositStatus":
            return [moved for moved in self.deposits if first <= moved["time"] <= last]
        return []
