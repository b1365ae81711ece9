"""The interface of tastytrade on loopback: access for a quarter of an hour, pages of transactions."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

from quantmatrix.testing.broker_server import JSON, BrokerServer, Reply


def traded(identity: int, day: date, quantity: int, price: str = "10.00", **more: Any) -> dict[str, Any]:
    """A trade of shares as the interface tells it: amounts without a sign, the effect beside them."""
    buys = quantity > 0
    value = abs(quantity) * Decimal(price)
    net = value + (Decimal("0.06") if buys else Decimal("-0.06"))
    return {
        "id": identity,
        "account-number": "5WT00001",
        "symbol": "KO",
        "instrument-type": "Equity",
        "underlying-symbol": "KO",
        "transaction-type": "Trade",
        "transaction-sub-type": "Buy to Open" if buys else "Sell to Close",
        "description": f"{'Bought' if buys else 'Sold'} {abs(quantity)} KO @ {price}",
        "action": "Buy to Open" if buys else "Sell to Close",
        "quantity": f"{abs(quantity)}.0",
        "price": price,
        "executed-at": f"{day}T15:30:00.123+00:00",
        "transaction-date": str(day),
        "value": f"{value:f}",
        "value-effect": "Debit" if buys else "Credit",
        "regulatory-fees": "0.02",
        "regulatory-fees-effect": "Debit",
        "clearing-fees": "0.04",
        "clearing-fees-effect": "Debit",
        "commission": "0.0",
        "commission-effect": "None",
        "net-value": f"{net:f}",
        "net-value-effect": "Debit" if buys else "Credit",
        "is-estimated-fee": False,
        "order-id": 1000 + identity,
        "currency": "USD",
        **more,
    }


class TastytradeServer(BrokerServer):
    """Rows of one account, ``page`` of them at a time."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.client_secret = "client-secret-of-test"
        self.refresh_token = "refresh-token-of-test"
        self.account = "5WT00001"
        self.transactions: list[dict[str, Any]] = []
        self.positions: list[dict[str, Any]] = []
        self.page: int | None = None
        self.repeats_first_page = False
        self.tokens = 0

    def answer(self, method: str, path: str, parameters: dict[str, str], body: str, /) -> Reply:
        """One answer, as the interface gives it."""
        if path == "/oauth/token" and method == "POST":
            asked = json.loads(body)
            if (asked["client_secret"], asked["refresh_token"]) != (self.client_secret, self.refresh_token):
                told = {"error_code": "invalid_grant", "error_description": asked["refresh_token"]}
                return Reply(json.dumps(told), JSON, 401)
            self.tokens += 1
            return Reply(json.dumps({"access_token": f"access-{self.tokens}", "expires_in": 900}), JSON)
        _, _, _, headers = self.requests[-1]
        if headers.get("Authorization") != f"Bearer access-{self.tokens}" or "/" not in headers["User-Agent"]:
            return Reply("{}", JSON, 401)
        if path == f"/accounts/{self.account}/positions":
            return Reply(json.dumps({"data": {"items": self.positions}, "context": path}), JSON)
        if path != f"/accounts/{self.account}/transactions":
            return Reply("{}", JSON, 404)
        rows = [
            row
            for row in sorted(self.transactions, key=lambda row: str(row["executed-at"]))
            if parameters["start-date"] <= row["transaction-date"] <= parameters["end-date"]
        ]
        size = self.page or int(parameters["per-page"])
        page = 0 if self.repeats_first_page else int(parameters["page-offset"])
        told = {
            "data": {"items": rows[page * size : (page + 1) * size]},
            "pagination": {
                "per-page": size,
                "page-offset": page,
                "total-items": len(rows),
                "total-pages": -(-len(rows) // size),
            },
        }
        return Reply(json.dumps(told), JSON)
