"""Servers on loopback that speak the brokers' protocols, with the faults that brokers have."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as clock
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

XML = "text/xml;charset=utf-8"
JSON = "application/json"


@dataclass
class Reply:
    """An answer before faults are done to it."""

    body: str
    content_type: str = XML
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class BrokerServer:
    """A server: subclasses answer, this does the faults.

    ``faults`` are done one a request, first come first served; ``rate`` is how often one of ``RANDOM`` is
    done besides. ``requests`` keeps what came: method, path, parameters, headers.
    """

    RANDOM: tuple[str, ...] = (
        "500",
        "503",
        "429",
        "408",
        "cut_off",
        "cut_text",
        "html",
        "reset",
        "no_answer",
    )

    def __init__(self, rate: float = 0, seed: int = 1) -> None:
        self.faults: list[str] = []
        self.rate = rate
        self.done: list[str] = []
        self.requests: list[tuple[str, str, dict[str, str], dict[str, str]]] = []
        self.slow_seconds = 0.0
        self.release = threading.Event()
        """What the fault ``hold`` waits for."""
        self.clock_skew = 0.0
        self.lock = threading.Lock()
        self._random = random.Random(seed)
        self._server = _Server(("127.0.0.1", 0), _handler(self))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator[BrokerServer]:
        """Serve until the end of the block."""
        thread = threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def answer(self, _method: str, _path: str, _parameters: dict[str, str], _body: str, /) -> Reply:
        """What the broker says; called one at a time."""
        raise NotImplementedError

    def next_fault(self) -> str | None:
        """What goes wrong with this request."""
        if self.faults:
            fault = self.faults.pop(0)
        else:
            fault = self._random.choice(self.RANDOM) if self._random.random() < self.rate else ""
        if fault:
            self.done.append(fault)
        return fault or None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no news."""


def _handler(broker: BrokerServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do("GET")

        def do_POST(self) -> None:
            self._do("POST")

        def log_message(self, *_: Any) -> None:
            """Nothing is written."""

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate((timestamp or time.time()) + broker.clock_skew, usegmt=True)

        def _do(self, method: str) -> None:
            parts = urlsplit(self.path)
            parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length).decode() if length else ""
            with broker.lock:
                broker.requests.append((method, parts.path, parameters, dict(self.headers)))
                fault = broker.next_fault()
                if fault in (None, "cut_off", "cut_text", "html_type", "slow", "hold", "drip", "gzip"):
                    reply = broker.answer(method, parts.path, parameters, body)
                else:
                    reply = _failed(str(fault))
            self._send(reply, fault)

        def _send(self, reply: Reply, fault: str | None) -> None:
            if fault == "reset":
                self.connection.shutdown(2)
                return
            body = reply.body.encode()
            if fault == "slow":
                time.sleep(broker.slow_seconds)
            elif fault == "hold":
                broker.release.wait(60)
            self.send_response(reply.status)
            kind = "text/html" if fault == "html_type" else reply.content_type
            self.send_header("Content-Type", kind)
            if fault == "gzip":
                self.send_header("Content-Encoding", "gzip")
            if fault == "cut_text":
                body = body[: len(body) * 2 // 3]
            self.send_header("Content-Length", str(len(body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if fault == "cut_off":
                body = body[: len(body) // 2]
            if fault == "drip":
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(broker.slow_seconds)
                return
            self.wfile.write(body)

    return Handler


def _failed(fault: str) -> Reply:
    if fault == "html":
        return Reply("<!DOCTYPE html><html><body>maintenance</body></html>", "text/html")
    if fault == "no_answer":
        return Reply("")
    if fault.startswith("302 "):
        return Reply("", status=302, headers={"Location": fault.removeprefix("302 ")})
    if fault.startswith("body "):
        return Reply(fault.removeprefix("body "))
    if fault.startswith("flex_"):
        return Reply(failure(fault.removeprefix("flex_")))
    status, _, retry_after = fault.partition(" ")
    headers = {"Retry-After": retry_after or "0"} if status in ("429", "503") else {}
    return Reply("<html>broken</html>", "text/html", int(status), headers)


def failure(code: str, message: str = "said the server") -> str:
    """An answer of the Flex web service that is none."""
    return (
        f"<FlexStatementResponse timestamp='now'><Status>Fail</Status><ErrorCode>{code}</ErrorCode>"
        f"<ErrorMessage>{message}</ErrorMessage></FlexStatementResponse>"
    )


@dataclass(frozen=True)
class Fill:
    """A trade that the broker knows."""

    identity: str
    day: date
    quantity: int
    price: str = "10"
    symbol: str = "KO"
    account: str = "U5550001"
    commission: str = "-1"

    def as_xml(self) -> str:
        """The element Trade of a Flex statement."""
        day = f"{self.day:%Y%m%d}"
        side = "BUY" if self.quantity > 0 else "SELL"
        proceeds = -self.quantity * int(self.price)
        return (
            f'<Trade accountId="{self.account}" currency="USD" assetCategory="STK" symbol="{self.symbol}" '
            f'conid="8894" multiplier="1" tradeID="t{self.identity}" transactionID="{self.identity}" '
            f'ibExecID="0000.{self.identity}.01.01" dateTime="{day};103000" tradeDate="{day}" '
            f'quantity="{self.quantity}" tradePrice="{self.price}" proceeds="{proceeds}" '
            f'ibCommission="{self.commission}" '
            f'ibCommissionCurrency="USD" buySell="{side}" levelOfDetail="EXECUTION" />'
        )


class FlexServer(BrokerServer):
    """The Flex web service: a request, some polls, the statement of the days that were asked for."""

    FOLDER = "/AccountManagement/FlexWebService"
    RANDOM = (*BrokerServer.RANDOM, "flex_1001", "flex_1004", "flex_1009", "flex_1018", "flex_1021")

    def __init__(self, token: str = "t0ken-of-test", query: str = "123456", **more: Any) -> None:
        super().__init__(**more)
        self.token = token
        self.query = query
        self.fills: list[Fill] = []
        self.accounts = ["U5550001"]
        self.polls = 1
        self.address: str | None = None
        self.statement_of: dict[str, tuple[date, date, int]] = {}
        self.changed: dict[str, str] = {}
        self.known_through: date | None = None
        self._number = 0

    @property
    def base(self) -> str:
        """What ``QUANTMATRIX_FLEX_URL`` names."""
        return self.url + self.FOLDER

    def answer(self, _method: str, path: str, parameters: dict[str, str], _body: str, /) -> Reply:
        """One answer, as the service gives it."""
        if parameters.get("t") != self.token:
            return Reply(failure("1015", f"token {parameters.get('t')} is invalid"))
        if parameters.get("v") != "3":
            return Reply(failure("1001"))
        if path == f"{self.FOLDER}/SendRequest":
            return self._request(parameters)
        if path not in (f"{self.FOLDER}/GetStatement", urlsplit(self.address or "").path):
            return Reply("", status=404)
        reference = parameters["q"]
        if reference not in self.statement_of:
            return Reply(failure("1017"))
        first, last, polls = self.statement_of[reference]
        if polls:
            self.statement_of[reference] = first, last, polls - 1
            return Reply(failure("1019", "being made"))
        return Reply(self.statement(first, last))

    def _request(self, parameters: dict[str, str]) -> Reply:
        if parameters.get("q") != self.query:
            return Reply(failure("1014"))
        first, last = date.fromisoformat(parameters["fd"]), date.fromisoformat(parameters["td"])
        if last - first > timedelta(days=364):
            return Reply(failure("1020", "more than 365 days"))
        self._number += 1
        reference = f"{1000000 + self._number}"
        self.statement_of[reference] = first, last, self.polls
        address = self.address or f"{self.base}/GetStatement"
        return Reply(
            f"<FlexStatementResponse timestamp='now'><Status>Success</Status>"
            f"<ReferenceCode>{reference}</ReferenceCode><Url>{address}</Url></FlexStatementResponse>"
        )

    def statement(self, first: date, last: date) -> str:
        """The statement of these days; ``changed`` overrides attributes of FlexStatement."""
        last = min(last, self.known_through or last)
        statements = []
        for account in self.accounts:
            morning = datetime.combine(last + timedelta(days=1), clock(6))
            made = min(morning, datetime.now(ZoneInfo("America/New_York")).replace(tzinfo=None))
            values = {
                "accountId": account,
                "fromDate": f"{first:%Y%m%d}",
                "toDate": f"{last:%Y%m%d}",
                "period": "",
                "whenGenerated": f"{made:%Y%m%d;%H%M%S}",
            } | self.changed
            told = "\n".join(
                fill.as_xml() for fill in self.fills if fill.account == account and first <= fill.day <= last
            )
            attributes = " ".join(f'{name}="{value}"' for name, value in values.items())
            statements.append(f"<FlexStatement {attributes}>\n<Trades>\n{told}\n</Trades>\n</FlexStatement>")
        inside = "\n".join(statements)
        count = len(statements)
        return (
            f'<FlexQueryResponse queryName="q" type="AF">\n<FlexStatements count="{count}">\n{inside}\n'
            "</FlexStatements>\n</FlexQueryResponse>"
        )
