"""Trades, deposits, withdrawals and balances of an exchange, through ``ccxt`` (an extra)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from quantmatrix.ingest.ccxt_trades import SOURCE
from quantmatrix.ingest.dates import NEW_YORK
from quantmatrix.ingest.documents import write_rows
from quantmatrix.sync.documents import Document, Window
from quantmatrix.sync.failure import Failed, scrubbed
from quantmatrix.sync.web import Service, instant_of

SECRETS = ("api_key", "secret")
FURTHER_SECRETS = ("password",)
VARIABLE = "QUANTMATRIX_CCXT_URL"
_LARGEST = 64 * 1024 * 1024
_MOST_ROUNDS = 2000
_SURELY_QUIET = 2
"""So often nothing new came: a page that is given twice by mistake looks like the end once."""
_FIELDS = (
    *("id", "order", "timestamp", "datetime", "symbol", "type", "side", "takerOrMaker", "price", "amount"),
    *("cost", "fee", "fees", "currency", "status", "internal", "network", "txid"),
)
"""The common words that are kept: neither the exchange's own object nor addresses."""

Call = Callable[[int, dict[str, Any]], list[dict[str, Any]]]


def fetch(
    plan: Mapping[str, Any], windows: list[Window], secrets: Mapping[str, str], folder: Path
) -> list[Document]:
    """One document for each window, in ``folder``; the newest holds the balances. Raises ``Failed``."""
    settings = plan["settings"]
    try:
        ccxt = import_module("ccxt")
    except ImportError:
        raise Failed("no_package", "pip install 'quantmatrix[crypto]'") from None
    exchange = _exchange(ccxt, plan, secrets)
    account = str(settings.get("account") or settings["exchange"])
    try:
        documents = []
        for window in windows:
            rows = list(_rows(exchange, settings.get("markets") or [None], window))
            if window is windows[-1]:
                rows += _balances(exchange)
            path = folder / f"{plan['feed']}-{window.first}-{window.last}.jsonl"
            made = datetime.now(UTC)
            head = {
                "format": SOURCE,
                "exchange": settings["exchange"],
                "account": account,
                "from": str(window.first),
                "through": str(window.last),
                "generated_at": made.isoformat(),
            }
            with path.open("x", encoding="utf-8") as file:
                write_rows(file, head, rows)
            served_at = instant_of((exchange.last_response_headers or {}).get("Date"))
            document = Document(path, SOURCE, window, served_at, account=account, broker=settings["exchange"])
            document.currency = settings.get("currency") or "USD"
            document.accounts[account] += 0
            documents.append(document)
        return documents
    except ccxt.BaseError as error:
        said = scrubbed(f"{type(error).__name__}: {error}", secrets.values())
        raise Failed(_code_of(ccxt, error), said) from None
    finally:
        exchange.session.close()


def _code_of(ccxt: Any, error: Exception) -> str:
    for kind, code in (
        (ccxt.AuthenticationError, "not_allowed"),
        (ccxt.DDoSProtection, "throttled"),
        (ccxt.RateLimitExceeded, "throttled"),
        (ccxt.RequestTimeout, "too_slow"),
        (ccxt.ExchangeNotAvailable, "server_error"),
        (ccxt.InvalidNonce, "server_error"),
        (ccxt.NetworkError, "unreachable"),
        (ccxt.BadResponse, "unreadable"),
        (ccxt.ExchangeError, "refused"),
    ):
        if isinstance(error, kind):
            return code
    return "refused"


def _exchange(ccxt: Any, plan: Mapping[str, Any], secrets: Mapping[str, str]) -> Any:
    name = plan["settings"]["exchange"]
    if name not in ccxt.exchanges:
        raise Failed("not_found", f"ccxt knows no exchange {name}")
    exchange = getattr(ccxt, name)(
        {
            "apiKey": secrets["api_key"],
            "secret": secrets["secret"],
            "password": secrets.get("password"),
            "enableRateLimit": plan["between_seconds"] > 0,
            "timeout": int(min(plan["answer_seconds"], 30) * 1000),
        }
    )
    exchange.number = str
    exchange.session.max_redirects = 0
    bounded = _bounded(float(plan["answer_seconds"]))
    exchange.session.mount("https://", bounded)
    exchange.session.mount("http://", bounded)
    named = os.environ.get(VARIABLE)
    if named:
        base = Service.at(named, Service(""), VARIABLE).base
        exchange.urls["api"] = _moved(exchange.urls["api"], base, exchange)
        exchange.hostname = urlsplit(base).netloc
    return exchange


def _moved(address: Any, base: str, exchange: Any) -> Any:
    """The addresses of an exchange with ``base`` in place of its host."""
    if isinstance(address, dict):
        return {name: _moved(part, base, exchange) for name, part in address.items()}
    return base + urlsplit(exchange.implode_hostname(str(address))).path


def _bounded(seconds: float) -> Any:
    """An adapter for requests that reads no answer that is too large or takes too long."""
    adapters = import_module("requests.adapters")
    exceptions = import_module("requests.exceptions")

    class Bounded(adapters.HTTPAdapter):  # type: ignore[misc, name-defined]
        def send(self, request: Any, **more: Any) -> Any:
            more["stream"] = True
            began = time.monotonic()
            response = super().send(request, **more)
            body = bytearray()
            for chunk in response.iter_content(64 * 1024):
                body += chunk
                if len(body) > _LARGEST:
                    response.close()
                    raise Failed("too_large", f"more than {_LARGEST} bytes")
                if time.monotonic() - began > seconds:
                    response.close()
                    raise exceptions.ReadTimeout("not whole in time")
            response._content = bytes(body)
            return response

    return Bounded()


def _rows(exchange: Any, markets: list[str | None], window: Window) -> Iterator[tuple[str, dict[str, Any]]]:
    zone = ZoneInfo(NEW_YORK)
    first = int(datetime.combine(window.first, clock(), zone).timestamp() * 1000)
    last = int(datetime.combine(window.last + timedelta(days=1), clock(), zone).timestamp() * 1000) - 1
    for market in markets:
        if exchange.has.get("fetchMyTrades"):
            for trade in _all(_trades(exchange, market), first, last, _trade_key):
                yield "trade", _kept(trade)
    for kind, method in (("deposit", "fetch_deposits"), ("withdrawal", "fetch_withdrawals")):
        if exchange.has.get(f"fetch{kind.capitalize()}s"):
            for moved in _all(_movements(exchange, method), first, last, _movement_key):
                yield kind, _kept(moved)


def _trades(exchange: Any, market: str | None) -> Call:
    def call(since: int, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        return list(exchange.fetch_my_trades(market, since, None, parameters))

    return call


def _movements(exchange: Any, method: str) -> Call:
    def call(since: int, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        return list(getattr(exchange, method)(None, since, None, parameters))

    return call


def _all(
    call: Call, first: int, last: int, key: Callable[[dict[str, Any]], tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """All rows between two instants, by time. Raises ``Failed``.

    Exchanges give the oldest rows first or the newest, and no more than they like: asked for later than the
    newest and earlier than the oldest until neither brings anything, both kinds are read whole.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    later_is_quiet = 0
    since, until = first, last
    for _ in range(_MOST_ROUNDS):
        rows = call(since, {"until": until})
        fresh = {key(row): row for row in rows if _moment(row) is not None and key(row) not in found}
        found |= fresh
        moments = [_moment(row) or 0 for row in found.values()]
        if later_is_quiet < _SURELY_QUIET:
            later_is_quiet = 0 if fresh else later_is_quiet + 1
            since = min(max(moments, default=first), last)
            if later_is_quiet == _SURELY_QUIET:
                since, until = first, min(moments, default=first)
        elif fresh:
            until = min(moments)
        else:
            rows = [row for row in found.values() if first <= (_moment(row) or 0) <= last]
            return sorted(rows, key=lambda row: (_moment(row) or 0, str(row.get("id"))))
    raise Failed("too_large", f"more than {_MOST_ROUNDS} pages")


def _moment(row: Mapping[str, Any]) -> int | None:
    moment = row.get("timestamp")
    return moment if isinstance(moment, int) else None


def _trade_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row.get("symbol"), row.get("id")


def _movement_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row.get("type"), row.get("id"), row.get("txid")


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _FIELDS if row.get(name) is not None}


def _balances(exchange: Any) -> list[tuple[str, dict[str, Any]]]:
    if not exchange.has.get("fetchBalance"):
        return []
    total = exchange.fetch_balance().get("total") or {}
    return [
        ("balance", {"currency": str(code), "amount": str(amount)})
        for code, amount in sorted(total.items())
        if amount is not None
    ]
