"""Transactions and positions from the interface of tastytrade.

The package ``tastytrade`` (an extra, its major pinned) gets access: OAuth with the refresh token. The pages
are read here: the package's own model refuses a whole history for one kind of instrument that it does not
know, and does not tell how many rows there should be.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from quantmatrix.ingest.documents import write_rows
from quantmatrix.ingest.tastytrade.api import SOURCE
from quantmatrix.sync.documents import Document, Window
from quantmatrix.sync.failure import Failed, scrubbed
from quantmatrix.sync.web import USER_AGENT, Answer, Service, Web, failure_of

SECRETS = ("client_secret", "refresh_token")
VARIABLE = "QUANTMATRIX_TASTYTRADE_URL"
OFFICIAL = Service("https://api.tastyworks.com")
SANDBOX = Service("https://api.cert.tastyworks.com")
PAGE = 250
_MOST_PAGES = 4000
_PAGE_LARGEST = 16 * 1024 * 1024
_RENEW_SECONDS = 600.0


def fetch(
    plan: Mapping[str, Any], windows: list[Window], secrets: Mapping[str, str], folder: Path
) -> list[Document]:
    """One document for each window, in ``folder``; the newest holds the positions. Raises ``Failed``."""
    official = SANDBOX if plan["settings"].get("sandbox") else OFFICIAL
    service = Service.at(os.environ.get(VARIABLE), official, VARIABLE)
    account = str(plan["settings"]["account"])
    with Web(
        service,
        seconds=plan["answer_seconds"],
        largest=min(plan["answer_bytes"], _PAGE_LARGEST),
        between=plan["between_seconds"] / 10,
    ) as web:
        pages = _Pages(web, _Access(service, secrets, bool(plan["settings"].get("sandbox"))), account)
        documents = []
        for window in windows:
            rows = [("transaction", row) for row in pages.transactions(window)]
            if window is windows[-1]:
                rows += [("position", row) for row in pages.positions()]
            path = folder / f"{plan['feed']}-{window.first}-{window.last}.jsonl"
            head = {
                "format": SOURCE,
                "account": account,
                "from": str(window.first),
                "through": str(window.last),
                "generated_at": datetime.now(UTC).isoformat(),
            }
            with path.open("x", encoding="utf-8") as file:
                write_rows(file, head, rows)
            document = Document(path, SOURCE, window, pages.served_at, account=account)
            document.accounts[account] += 0
            documents.append(document)
        return documents


class _Access:
    """The access token, good for a quarter of an hour, renewed before it ends."""

    def __init__(self, service: Service, secrets: Mapping[str, str], sandbox: bool) -> None:
        self._service = service
        self._secrets = secrets
        self._sandbox = sandbox
        self._token = ""
        self._since = float("-inf")

    def header(self) -> dict[str, str]:
        """The header that a request needs."""
        if time.monotonic() - self._since > _RENEW_SECONDS:
            self._token = asyncio.run(self._renewed())
            self._since = time.monotonic()
        return {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}

    def blot(self, text: str) -> str:
        """A text without our secrets."""
        return scrubbed(text, [*self._secrets.values(), self._token])

    async def _renewed(self) -> str:
        try:
            tastytrade = import_module("tastytrade")
            utils = import_module("tastytrade.utils")
            httpx2 = import_module("httpx2")
        except ImportError:
            raise Failed("no_package", "pip install 'quantmatrix[tastytrade]'") from None
        session = tastytrade.Session(
            self._secrets["client_secret"],
            self._secrets["refresh_token"],
            is_test=self._sandbox,
            transport=_guarded(httpx2, self._service),
            timeout=30,
        )
        try:
            async with session:
                await session.refresh(force=True)
                return str(session.session_token)
        except Failed:
            raise
        except utils.TastytradeError as error:
            raise Failed("not_allowed", self.blot(str(error))) from None
        except (httpx2.HTTPError, KeyError, TypeError, ValueError) as error:
            raise Failed("unreadable", f"no access token: {type(error).__name__}") from None


def _guarded(httpx2: Any, service: Service) -> Any:
    """A transport for the package: asks our service alone, follows nothing, reads no more than it may."""

    class Guarded(httpx2.AsyncBaseTransport):  # type: ignore[misc]
        def __init__(self) -> None:
            self._inner = httpx2.AsyncHTTPTransport()

        async def handle_async_request(self, request: Any) -> Any:
            request.url = httpx2.URL(service.base + request.url.path)
            request.headers["Host"] = request.url.netloc.decode()
            request.headers["User-Agent"] = USER_AGENT
            request.headers["Accept-Encoding"] = "identity"
            try:
                response = await self._inner.handle_async_request(request)
                if failed := failure_of(response.status_code, response.headers.get("retry-after")):
                    await response.aclose()
                    raise failed
                body = bytearray()
                async for chunk in response.stream:
                    body += chunk
                    if len(body) > _PAGE_LARGEST:
                        raise Failed("too_large", "the answer to a request for access")
                await response.aclose()
            except httpx2.TimeoutException:
                raise Failed("too_slow") from None
            except (httpx2.RemoteProtocolError, httpx2.ReadError):
                raise Failed("cut_off") from None
            except httpx2.HTTPError as error:
                raise Failed("unreachable", type(error).__name__) from None
            return httpx2.Response(response.status_code, headers=response.headers, content=bytes(body))

        async def aclose(self) -> None:
            await self._inner.aclose()

    return Guarded()


class _Pages:
    """Rows of one account, page by page; what is missing or comes twice is a failure."""

    def __init__(self, web: Web, access: _Access, account: str) -> None:
        self._web = web
        self._access = access
        self._folder = f"{web.service.base}/accounts/{quote(account, safe='')}"
        self.served_at: datetime | None = None

    def transactions(self, window: Window) -> Iterator[dict[str, Any]]:
        """Transactions by time; the broker's dates may be a day off, so one more is asked for."""
        seen: set[str] = set()
        for page in range(_MOST_PAGES):
            told = self._get(
                "transactions",
                {
                    "per-page": PAGE,
                    "page-offset": page,
                    "sort": "Asc",
                    "start-date": str(window.first),
                    "end-date": str(window.last + timedelta(days=1)),
                },
            )
            rows = _items(told)
            for row in rows:
                identity = str(row.get("id"))
                if identity in seen:
                    raise Failed("repeated_page", f"transaction {identity} on page {page + 1}")
                seen.add(identity)
            yield from rows
            counted = told.get("pagination")
            if not isinstance(counted, dict) or not isinstance(counted.get("total-pages"), int):
                raise Failed("unreadable", "the page does not say how many there are")
            if page + 1 >= counted["total-pages"]:
                if counted.get("total-items") not in (None, len(seen)):
                    raise Failed("repeated_page", f"{len(seen)} of {counted['total-items']} rows came")
                return
        raise Failed("too_large", f"more than {_MOST_PAGES} pages")

    def positions(self) -> list[dict[str, Any]]:
        """Positions as they are now."""
        return _items(self._get("positions", {}))

    def _get(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._web.get(f"{self._folder}/{name}", parameters, self._access.header())
        self.served_at = answer.served_at
        return _object(answer)


def _object(answer: Answer) -> dict[str, Any]:
    with answer.body as body:
        if answer.content_type not in ("application/json", "text/json"):
            raise Failed("content_type", answer.content_type[:60])
        try:
            told = json.loads(body.read(), parse_float=str)
        except (ValueError, RecursionError) as error:
            raise Failed("unreadable", f"no JSON: {type(error).__name__}") from None
    if not isinstance(told, dict):
        raise Failed("unreadable", "no object")
    return told


def _items(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = told.get("data")
    items = data.get("items") if isinstance(data, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Failed("unreadable", "no list of rows")
    return items
