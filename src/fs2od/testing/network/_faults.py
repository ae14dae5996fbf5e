"""What can happen to one exchange between a client and a service. Positions count from the first byte of the body."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from fs2od.testing.network._messages import Broken, Reply, Request, reply_of

__all__ = [
    "Cut",
    "Delay",
    "Fault",
    "FlipBit",
    "Gzip",
    "NoLength",
    "Refuse",
    "Relabel",
    "Stall",
    "SwapRanges",
    "Throttle",
    "WholeForRange",
]

_POLL_S = 0.02
_DROP_BYTES = 4 << 10
_DROP_S = 0.5
_GZIP = 16 + zlib.MAX_WBITS


class Fault:
    """Does nothing; each kind does its one thing to the request or to the reply."""

    def before(self, request: Request) -> Request | Reply:
        """Return the request that the service gets, or a reply in the place of its own."""
        return request

    def after(self, reply: Reply) -> Reply:
        """Return the reply that the client gets."""
        return reply


@dataclass(frozen=True)
class Cut(Fault):
    """The connection ends after so many bytes of the body."""

    after_bytes: int

    def after(self, reply: Reply) -> Reply:
        """Let the first bytes through, then break."""
        return replace(reply, body=_cut(reply.body, self.after_bytes))


@dataclass(frozen=True)
class Stall(Fault):
    """After so many bytes nothing more comes, and nobody closes the connection."""

    after_bytes: int
    longest_s: float = 60.0

    def after(self, reply: Reply) -> Reply:
        """Let the first bytes through, then wait."""
        return replace(reply, body=_stalled(reply.body, self.after_bytes, self.longest_s))


@dataclass(frozen=True)
class Held(Fault):
    """After so many bytes the body comes in drops until it is let go: whoever reads is in the middle of it, and does not give up."""

    after_bytes: int
    until: threading.Event

    def after(self, reply: Reply) -> Reply:
        """Hold the rest back."""
        return replace(reply, body=_held(reply.body, self.after_bytes, self.until))


@dataclass(frozen=True)
class FlipBit(Fault):
    """One bit of the byte at `at` arrives wrong."""

    at: int

    def after(self, reply: Reply) -> Reply:
        """Change one bit."""
        return replace(reply, body=_flipped(reply.body, self.at))


@dataclass(frozen=True)
class SwapRanges(Fault):
    """The `count` bytes from `first` on and those from `second` on arrive in each other's place."""

    first: int
    second: int
    count: int

    def __post_init__(self) -> None:
        if self.first + self.count > self.second:
            raise ValueError("the ranges overlap")

    def after(self, reply: Reply) -> Reply:
        """Swap two ranges; a body that is too short for that stays as it is."""
        return replace(reply, body=_swapped(reply.body, self))


@dataclass(frozen=True)
class WholeForRange(Fault):
    """Ranges are not understood: 200 and the whole file in the place of 206."""

    def before(self, request: Request) -> Request:
        """Ask for everything."""
        return request.without("range", "if-range")


@dataclass(frozen=True)
class NoLength(Fault):
    """No Content-Length: the end of the connection is the end of the body."""

    def after(self, reply: Reply) -> Reply:
        """Take the length away."""
        return reply.saying(content_length=None, connection="close")


@dataclass(frozen=True)
class Gzip(Fault):
    """The body comes compressed, asked for or not."""

    def after(self, reply: Reply) -> Reply:
        """Compress."""
        said = reply.saying(content_length=None, content_encoding="gzip")
        return replace(said, body=_compressed(reply.body))


@dataclass(frozen=True)
class Delay(Fault):
    """The answer comes later."""

    seconds: float

    def before(self, request: Request) -> Request:
        """Wait: the delay is what this fault is."""
        time.sleep(self.seconds)
        return request


@dataclass(frozen=True)
class Throttle(Fault):
    """The body comes at so many bytes per second."""

    bytes_per_s: float

    def after(self, reply: Reply) -> Reply:
        """Slow down."""
        return replace(reply, body=_throttled(reply.body, self.bytes_per_s))


@dataclass(frozen=True)
class Refuse(Fault):
    """Something in between answers in the place of the service."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"not now"

    def before(self, request: Request) -> Reply:  # noqa: ARG002 - the same answer to everybody
        """Answer."""
        return reply_of(self.body, status=self.status, headers={"Content-Type": "text/plain", **self.headers})


@dataclass(frozen=True)
class Relabel(Fault):
    """The reply's headers say something else; None takes one away."""

    headers: Mapping[str, str | None]
    status: int | None = None

    def after(self, reply: Reply) -> Reply:
        """Change headers."""
        changed = reply.saying(**{name.replace("-", "_"): value for name, value in self.headers.items()})
        return replace(changed, status=self.status or reply.status)


def _cut(body: Iterable[bytes], after_bytes: int) -> Iterator[bytes]:
    yield from _first(body, after_bytes)
    raise Broken(f"cut after {after_bytes:,} bytes")


def _stalled(body: Iterable[bytes], after_bytes: int, longest_s: float) -> Iterator[bytes]:
    yield from _first(body, after_bytes)
    end = time.monotonic() + longest_s
    while time.monotonic() < end:
        time.sleep(_POLL_S)  # nothing is to come; the silence is bounded by `longest_s`
        yield b""  # lets the server look whether it ends
    raise Broken("nobody waited any longer")


def _held(body: Iterable[bytes], after_bytes: int, until: threading.Event) -> Iterator[bytes]:
    sent = 0
    for block in body:
        at = 0
        while at < len(block):
            free = len(block) if until.is_set() else max(_DROP_BYTES, after_bytes - sent)
            part = block[at : at + free]
            yield part
            at += len(part)
            sent += len(part)
            if sent >= after_bytes:
                until.wait(_DROP_S)


def _first(body: Iterable[bytes], count: int) -> Iterator[bytes]:
    left = count
    for block in body:
        yield block[:left]
        left -= len(block)
        if left <= 0:
            return


def _flipped(body: Iterable[bytes], at: int) -> Iterator[bytes]:
    position = 0
    for block in body:
        inside = at - position
        position += len(block)
        if 0 <= inside < len(block):
            yield block[:inside] + bytes((block[inside] ^ 1,)) + block[inside + 1 :]
        else:
            yield block


def _swapped(body: Iterable[bytes], ranges: SwapRanges) -> Iterator[bytes]:
    blocks, head = iter(body), bytearray()
    end = ranges.second + ranges.count
    while len(head) < end and (block := next(blocks, None)) is not None:
        head += block
    if len(head) >= end:
        one, two = slice(ranges.first, ranges.first + ranges.count), slice(ranges.second, end)
        head[one], head[two] = head[two], head[one]
    yield bytes(head)
    yield from blocks


def _compressed(body: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, wbits=_GZIP)
    for block in body:
        yield packer.compress(block)
    yield packer.flush()


def _throttled(body: Iterable[bytes], bytes_per_s: float) -> Iterator[bytes]:
    began, sent = time.monotonic(), 0
    step = max(1, int(bytes_per_s * _POLL_S))
    for block in body:
        for start in range(0, len(block), step):
            part = block[start : start + step]
            yield part
            sent += len(part)
            # The pace is what this fault is.
            time.sleep(max(0.0, began + sent / bytes_per_s - time.monotonic()))
