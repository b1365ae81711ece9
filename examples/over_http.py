"""From an empty database, by HTTP alone: register, verify, sign in, import a statement, read, make a key, revoke it.

    python examples/over_http.py http://127.0.0.1:3000 [--outbox "quantmatrix mail show"]

Needs Python and httpx, and nothing of QuantMatrix: any language can do the same. ``--outbox`` is a command that
prints the newest mail to an address (given as its last word); without it the token is asked for, as a person
would paste it from the mail.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
import shlex
import subprocess
import sys
import uuid
from typing import Any

import httpx

PASSWORD = "four unlikely copper teapots"
# A statement as any client may read it: lines as they stood, and the transactions in them.
LINES = [
    "date,type,symbol,quantity,price,amount",
    "2024-01-02,deposit,,,,10000",
    "2024-01-03,buy,ACME,10,100,-1000",
    "2024-03-04,sell,ACME,-4,120,480",
]


class Refused(Exception):
    """An answer that is no success: status and PostgREST's object."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.status_code} {answer.text}")
        self.status = answer.status_code


class Api:
    """The API, with the token that is in use."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60)
        self.token: str | None = None

    def call(self, function: str, **arguments: Any) -> httpx.Response:
        """Call a function."""
        return self._checked(
            self.http.post(f"/rpc/{function}", json=arguments, headers=self._headers())
        )

    def read(self, view: str, **query: str) -> Any:
        """Read a view."""
        return self._checked(self.http.get(f"/{view}", params=query, headers=self._headers())).json()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if not answer.is_success:
            raise Refused(answer)
        return answer


def records() -> list[dict[str, Any]]:
    """The statement as ``import_stage`` takes it."""
    staged: list[dict[str, Any]] = [
        {"kind": "statement", "line": 0, "payload": {"account": "EX-1", "base_currency": "USD"}},
        {"kind": "instrument", "line": 0, "payload": {"type": "stock", "symbol": "ACME", "currency": "USD"}},
    ]
    for number, line in enumerate(LINES[1:], start=2):
        day, kind, symbol, quantity, price, amount = line.split(",")
        payload = {
            "type": kind,
            "trade_date": day,
            "net_amount": amount,
            "gross_amount": amount if symbol else None,
            "currency": "USD",
            "instrument": f"stock|{symbol}|USD" if symbol else None,
            "quantity": quantity or None,
            "price": price or None,
        }
        staged.append({"kind": "line", "line": number, "payload": {"verdict": "row"}, "raw": line})
        staged.append(
            {
                "kind": "transaction",
                "line": number,
                "payload": {name: value for name, value in payload.items() if value is not None},
            }
        )
    return staged


def main() -> int:
    """Do it all, and say each step."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("--outbox", help="command that prints the newest mail to the address in its last word")
    chosen = options.parse_args()
    api = Api(chosen.url.rstrip("/"))
    email = f"example-{secrets.token_hex(4)}@example.test"

    api.call("register", email=email, password=PASSWORD, display_name="Example")
    token = mailed_token(chosen.outbox, email)
    api.call("verify_email", token=token)
    print("registered and verified", email)

    headers = api.call("sign_in", email=email, password=PASSWORD, label="example").headers
    api.token = headers["access-token"]
    print("signed in; the token is good for", headers["expires-in"], "seconds")

    api.call("account_add", broker="example", account_number="EX-1", name="Example account")
    load_id = str(uuid.uuid4())
    text = "\n".join(LINES).encode()
    staged = api.call("import_stage", load_id=load_id, records=records(), chunk=1).json()
    api.call("import_resolve", load_id=load_id)
    file = {
        "name": "example.csv",
        "source": "example",
        "sha256": hashlib.sha256(text).hexdigest(),
        "size": len(text),
        "records": staged,
    }
    report = api.call("import_load", load_id=load_id, file=file).json()
    print("imported:", json.dumps(report["rows"]))

    for row in api.read("holdings", select="symbol,quantity,cost_basis"):
        print("holding:", row["symbol"], row["quantity"], "cost", row["cost_basis"])
    for row in api.read("cash", select="currency,amount"):
        print("cash:", row["currency"], row["amount"])

    key = api.call("key_create", name="example", scopes=["read"]).json()
    by_key = Api(chosen.url.rstrip("/"))
    by_key.token = by_key.call("key_exchange", key=key["key"]).json()["access_token"]
    print("with the key:", len(by_key.read("transactions")), "transactions")
    api.call("key_revoke", id=key["id"])
    for what in ("the token of the key", "the key itself"):
        try:
            if what == "the key itself":
                by_key.token = None
                by_key.call("key_exchange", key=key["key"])
            else:
                by_key.read("transactions")
        except Refused as refused:
            print("revoked:", what, "is refused with", refused.status)
        else:
            return 1

    api.call("sign_out", everywhere=True)
    try:
        api.read("me")
    except Refused as refused:
        print("signed out: the token is refused with", refused.status)
        return 0
    return 1


def mailed_token(outbox: str | None, email: str) -> str:
    """The token in the newest mail to the address."""
    if outbox is None:
        return input(f"token of the mail to {email}: ").strip()
    words = [*shlex.split(outbox), email]
    mail = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return mail.split("Token: ")[1].split()[0]


if __name__ == "__main__":
    sys.exit(main())
