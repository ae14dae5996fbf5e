"""A proxy that opens tunnels, as sites have them between their machines and the network."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from types import TracebackType
from typing import Self

__all__ = ["Tunnels"]


class Tunnels:
    """Opens a tunnel to wherever it is asked (CONNECT), and remembers what it was asked and shown.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        asked: The hosts and ports, in order.
        shown: The credentials that came with them.
    """

    def __init__(self, leads: dict[str, int] | None = None) -> None:
        """Listen.

        Args:
            leads: Ports of this machine that stand for a "host:port" which cannot be found.
        """
        self.asked: list[str] = []
        self.shown: list[str] = []
        tunnels, known = self, leads or {}

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                tunnels._handle(self.request, known)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handle(self, client: socket.socket, known: dict[str, int]) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(4096)
            if not data:
                return
            head += data
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ")
        assert method == "CONNECT"
        self.asked.append(target)
        shown = [line.partition(": ")[2] for line in lines if line.lower().startswith("proxy-authorization:")]
        self.shown += shown
        host, _, port = target.rpartition(":")
        where = ("127.0.0.1", known[target]) if target in known else (host.strip("[]"), int(port))
        with socket.create_connection(where) as server:
            client.sendall(b"HTTP/1.1 200 go\r\n\r\n")
            _carry(client, server)


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Hand on what either end says until one of them has nothing more to say."""
    ends = {one: other, other: one}
    while True:
        for ready in select.select(list(ends), [], [])[0]:
            try:
                data = ready.recv(65536)
                if not data:
                    return
                ends[ready].sendall(data)
            except OSError:
                return
