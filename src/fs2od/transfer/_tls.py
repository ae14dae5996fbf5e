"""TLS on a connection that is read in large steps.

The library's own `SSLSocket` asks the system twice for each record of 16 KB, which costs more than to decrypt it. Here all that
has come is taken at once, and its records are opened in memory.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import socket
import ssl
import time
from typing import Any, Callable, Final, cast

from fs2od.reaching import reached

__all__ = ["TlsConnection"]

_TAKEN_BYTES: Final = 256 << 10
# From far away, packets come one by one, and to be woken for each costs more than all that is done with it: what comes within
# a time that is short beside their way is taken together.
_FAR_S: Final = 0.01
_GATHER_S: Final = 0.002
_SCANT_BYTES: Final = 32 << 10


class TlsConnection(http.client.HTTPConnection):
    """Speaks HTTP over TLS, also through a proxy's tunnel."""

    default_port = http.client.HTTPS_PORT

    def __init__(self, host: str, port: int, *, timeout: float, context: ssl.SSLContext, service: str) -> None:
        """Prepare a connection.

        Args:
            host: Where to connect to: the service, or a proxy before it.
            port: Its port.
            timeout: How long to wait for the connection, in seconds.
            context: Which certificates are trusted.
            service: The host that the certificate must be for.
        """
        super().__init__(host, port, timeout=timeout)
        self._context = context
        self._service = service

    def connect(self) -> None:
        """Connect, through the tunnel if there is one, and shake hands.

        Raises:
            OSError: It cannot be reached, or cannot be trusted.
        """
        begun = reached(self.host, self.port)
        if begun is None:
            super().connect()
        else:
            begun.settimeout(self.timeout)
            self.sock = begun
        # Of a socket, the library uses only what `_TlsStream` has.
        self.sock = cast("socket.socket", _TlsStream(self.sock, self._context, self._service))

    def _tunnel(self) -> None:
        plain = self.sock
        try:
            super()._tunnel()  # type: ignore[misc]  # typeshed does not know it
        except BaseException:
            # Up to Python 3.11.2 at least, the library leaves the answer of a proxy that refuses open, and with it the connection.
            handle = plain.detach()
            if handle >= 0:
                os.close(handle)
            raise


class _TlsStream:
    """What `http.client` needs of a socket. One thread at a time may use it; any may shut it down."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, service: str) -> None:
        self._plain = plain
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_hostname=service)
        self._room = memoryview(bytearray(_TAKEN_BYTES))
        self._is_trickling = False
        self._users = 1
        began_s = time.monotonic()
        try:
            self._shake_hands()
        except BaseException:
            with contextlib.suppress(OSError):
                self._send()  # why it is refused
            plain.close()
            raise
        self._is_far = time.monotonic() - began_s > _FAR_S

    def settimeout(self, seconds: float) -> None:
        """Wait so long, at most, for each step from now on."""
        self._plain.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        """Send everything."""
        self._tls.write(data)
        self._send()

    def recv_into(self, view: memoryview) -> int:
        """Fill `view` with what has come, wait if that is nothing, and return how many bytes; 0 when no more will come."""
        # What is in the loop is done for each record of 16 KB. Typeshed knows only of bytearrays to read into.
        filled, size, read = 0, len(view), cast("Callable[[int, memoryview], int]", self._tls.read)
        while filled < size:
            try:
                count = read(size - filled, view[filled:])
            except ssl.SSLWantReadError:
                if filled:
                    break
                if self._is_far and size > _SCANT_BYTES:
                    self._gather()
                else:
                    self._take()
                continue
            except ssl.SSLEOFError:
                break  # HTTP knows itself whether something is missing
            if not count:
                break
            filled += count
        return filled

    def makefile(self, mode: str, **_: int) -> io.BufferedReader:
        """Return what comes as a file for reading; it can be read also after `close`."""
        assert mode == "rb"
        self._users += 1
        return _Buffered(_Incoming(self))

    def shutdown(self, how: int) -> None:
        """Let nothing more come or go, also for a thread that waits."""
        self._plain.shutdown(how)

    def close(self) -> None:
        """Close the connection once its last user has done so."""
        self._users -= 1
        if not self._users:
            self._plain.close()

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._take()
        self._send()

    def _gather(self) -> None:
        """Wait for the next bytes, and a little longer for more of them where little came the last time."""
        if self._is_trickling:
            time.sleep(_GATHER_S)
        self._is_trickling = self._take() < _SCANT_BYTES

    def _take(self) -> int:
        """Wait for the next bytes, and return how many came; what TLS itself has to say goes first."""
        self._send()
        count = self._plain.recv_into(self._room)
        if count:
            self._came.write(self._room[:count])
        else:
            self._came.write_eof()
        return count

    def _send(self) -> None:
        if self._goes.pending:
            self._plain.sendall(self._goes.read())


class _Incoming(io.RawIOBase):
    """The bytes of one answer after the other."""

    def __init__(self, stream: _TlsStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever has room
        return self._stream.recv_into(memoryview(buffer))

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stream.close()


class _Buffered(io.BufferedReader):
    """Gives what came before a connection broke, and tells of that when it is asked for more.

    The library's own forgets what it has read when a later step of the same call fails: where a line is slow and often cut,
    nothing would ever come of reading in large steps.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__(raw)
        self._broke: OSError | None = None

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever has room
        if self._broke is not None:
            raise self._broke
        view, filled = memoryview(buffer), 0
        try:
            while filled < len(view):
                count = self.readinto1(view[filled:])
                if not count:
                    break
                filled += count
        except OSError as error:
            if not filled:
                raise
            self._broke = error
        return filled
