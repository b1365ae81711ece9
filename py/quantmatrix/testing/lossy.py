"""A connection that breaks at the worst moment: what was asked is done, and the answer is lost."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BYTES = 65_536
# How long a server may take for the answer that is thrown away.
ANSWER_SECONDS = 60.0


class Lossy:
    """Passes bytes between clients and a server, until a client sends what ``loses`` says."""

    def __init__(self, server: tuple[str, int], loses: Callable[[bytes], bool], times: int) -> None:
        self._server = server
        self._loses = loses
        self._left = times
        self._lock = threading.Lock()
        self.lost = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Accept clients until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Accept nobody any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    source, target = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    try:
                        sent = source.recv(BYTES)
                        if not sent:
                            return
                        if source is client and self._is_to_be_lost(sent):
                            server.sendall(sent)
                            server.settimeout(ANSWER_SECONDS)
                            server.recv(BYTES)
                            with self._lock:
                                self.lost += 1
                            return
                        target.sendall(sent)
                    except OSError:
                        return

    def _is_to_be_lost(self, sent: bytes) -> bool:
        with self._lock:
            if self._left == 0 or not self._loses(sent):
                return False
            self._left -= 1
            return True


@contextmanager
def lossy(server: tuple[str, int], loses: Callable[[bytes], bool], times: int = 1) -> Iterator[Lossy]:
    """Such a connection to ``server``, that loses ``times`` answers."""
    made = Lossy(server, loses, times)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()
