"""TWS's socket on loopback, as far as asking for executions goes: framed fields between zero bytes."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

VERSION = "176"
_START, _POSITIONS, _EXECUTIONS = "71", "61", "7"


@dataclass(frozen=True)
class Execution:
    """An execution of today. ``time`` as TWS prints it, with its zone."""

    identity: str
    time: str
    side: str
    shares: str
    price: str
    commission: str = "1.0"
    symbol: str = "KO"
    account: str = "U5550001"


class GatewayServer:
    """Answers one client after the other; ``is_silent``: takes a connection and says nothing."""

    def __init__(self) -> None:
        self.executions: list[Execution] = []
        self.is_silent = False
        gateway = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                gateway._serve(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    @contextmanager
    def running(self) -> Iterator[GatewayServer]:
        """Serve until the end of the block."""
        thread = threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _serve(self, handler: socketserver.BaseRequestHandler) -> None:
        stream = handler.request.makefile("rwb")
        if stream.read(4) != b"API\0":
            return

        def send(*fields: str) -> None:
            body = "\0".join((*fields, "")).encode()
            stream.write(struct.pack(">I", len(body)) + body)
            stream.flush()

        while head := stream.read(4):
            fields = stream.read(struct.unpack(">I", head)[0]).decode().split("\0")
            if self.is_silent:
                continue
            if fields[0].startswith("v"):
                send(VERSION, "20250101 00:00:00 EST")
            elif fields[0] == _START:
                send("15", "1", "U5550001")
                send("9", "1", "1")
            elif fields[0] == _POSITIONS:
                send("62", "1")
            elif fields[0] == _EXECUTIONS:
                self._send_executions(send, fields[2])

    def _send_executions(self, send: object, request: str) -> None:
        assert callable(send)
        for told in self.executions:
            send(
                "11", request, "1", "8894", told.symbol, "STK", "", "0.0", "", "", "SMART", "USD",
                told.symbol, told.symbol, told.identity, told.time, told.account, "NYSE", told.side,
                told.shares, told.price, "1", "87", "0", told.shares, told.price, "", "", "", "", "2",
            )  # fmt: skip
        for told in self.executions:
            send("59", "1", told.identity, told.commission, "USD", "1.7976931348623157E308", "", "")
        send("55", "1", request)
