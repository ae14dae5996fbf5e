"""HTTP/1.1 on loopback, a thread for each connection: what it answers, another part of this package decides."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from fs2od.testing.network._messages import Broken, Reply, Request, head_of, read_request

__all__ = ["Server", "server_context"]

_BODYLESS = frozenset({204, 304})
_LONGEST_WAIT_S = 120.0
_BACKLOG = 128
# Little is on its way at any time, so that what is counted here as sent is about what has arrived.
_SEND_BUFFER_BYTES = 64 << 10
_ABORT = struct.pack("ii", 1, 0)


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server needs to speak TLS with a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


class Server:
    """Answers on ports of one address as `respond` says. Use it as a context manager."""

    def __init__(
        self,
        respond: Callable[[Request], Reply],
        *,
        ports: Iterable[int] = (0,),
        address: str = "127.0.0.1",
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Listen; nobody is answered before it is entered.

        Args:
            respond: Called in a thread for each request; may raise Broken.
            ports: Where to listen; 0 is any free port.
            address: At which address.
            context: For TLS; None is plain HTTP.
        """
        self._respond = respond
        self._context = context
        self._listeners = [socket.create_server((address, port), backlog=_BACKLOG) for port in ports]
        self.ports = tuple(int(found.getsockname()[1]) for found in self._listeners)
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._closing = threading.Event()
        self._accepting = [threading.Thread(target=self._accept, args=(found,)) for found in self._listeners]

    def __enter__(self) -> Self:
        for thread in self._accepting:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for listener, thread in zip(self._listeners, self._accepting, strict=True):
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            listener.close()
        self.drop_all()

    def drop_all(self) -> None:
        """End every connection there is, as when a cable is pulled, and wait until nobody works on them."""
        with self._lock:
            found = dict(self._open)
        for connection in found:
            with contextlib.suppress(OSError):
                # Not TLS's own end: that would wait for the thread that writes.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in found.values():
            thread.join(_LONGEST_WAIT_S)

    def _accept(self, listener: socket.socket) -> None:
        port = listener.getsockname()[1]
        while not self._closing.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection, port))
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _serve(self, plain: socket.socket, port: int) -> None:
        connection = plain
        try:
            plain.settimeout(_LONGEST_WAIT_S)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            if self._context is not None:
                connection = tls = self._wrapped(plain, self._context)
                tls.do_handshake()
            self._converse(connection, port)
        except (Broken, OSError, ValueError):  # a client that went away, or one that is no HTTP client
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        finally:
            with self._lock:
                self._open.pop(connection, None)
            connection.close()

    def _wrapped(self, plain: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        thread = threading.current_thread()
        with self._lock:
            self._open.pop(plain, None)
            connection = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            self._open[connection] = thread
        return connection

    def _converse(self, connection: socket.socket, port: int) -> None:
        with connection.makefile("rb") as reader:
            while not self._closing.is_set() and (request := read_request(reader, port)):
                reply = self._respond(request)
                try:
                    self._send(connection, request, reply)
                finally:
                    reply.release()
                if "close" in (reply.header("connection") or "", request.headers.get("connection", "")):
                    return

    def _send(self, connection: socket.socket, request: Request, reply: Reply) -> None:
        is_empty = request.method == "HEAD" or reply.status in _BODYLESS
        closes = reply.header("connection") == "close"
        chunked = not is_empty and reply.header("content-length") is None and not closes
        connection.sendall(head_of(reply, chunked=chunked))
        for block in () if is_empty else reply.body:
            if self._closing.is_set():
                raise Broken("the server ends")
            if block:
                connection.sendall(f"{len(block):x}\r\n".encode() + block + b"\r\n" if chunked else block)
        if chunked:
            connection.sendall(b"0\r\n\r\n")
