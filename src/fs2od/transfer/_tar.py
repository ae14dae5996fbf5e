"""Reading a TAR stream of plain files: POSIX pax (IEEE 1003.1, pax), GNU long names, and the old form before both.

Leaner than the standard library's, which takes several times as long for a small file as its bytes do.
"""

from __future__ import annotations

from typing import Callable, Final, Iterator, NamedTuple
from zlib import adler32

from fs2od.transfer._errors import MalformedAnswer

__all__ = ["ROOM_BESIDE", "Member", "TarStream"]

_BLOCK: Final = 512
ROOM_BESIDE: Final = 2 * _BLOCK
"""How much more room than a member's bytes need `TarStream.take` wants."""
_MOST_EXTRA_BYTES: Final = 1 << 20
_EMPTY: Final = bytes(_BLOCK)
_FILE: Final = frozenset(b"0\0007")
_MOST_SIZE: Final = 1 << 62
_SUMMED: Final = slice(148, 156)


class Member(NamedTuple):
    """The head of a member: its name, its size, and whether it is a plain file."""

    name: str
    size_bytes: int
    is_file: bool


class TarStream:
    """A TAR as it comes, member by member.

    What a member is followed by, the next one's head, is read together with its bytes: each reading costs, however little it brings.
    """

    def __init__(self, read_exactly: Callable[[memoryview], None], skip: Callable[[int], None]) -> None:
        """Begin with a stream of which nothing was read.

        Args:
            read_exactly: Fills a buffer from the stream.
            skip: Reads so many bytes and forgets them.
        """
        self._read = read_exactly
        self._skip = skip
        self._room = memoryview(bytearray(ROOM_BESIDE))
        self._size = 0
        self._head: bytes | None = None

    def members(self) -> Iterator[Member]:
        """Yield the members' heads, one by one; the bytes that the caller does not `take` are skipped.

        Raises:
            MalformedAnswer: This is no TAR.
        """
        extra: dict[str, str] = {}
        while True:
            head = self._next_head()
            if head == _EMPTY:
                return
            _check(head)
            kind, size = head[156], _number(head[124:136])
            if kind in b"xLgK":
                body = self._extra(size)
                if kind in b"x":
                    extra.update(_records(body))
                elif kind in b"L":
                    extra["path"] = _text(body.rstrip(b"\0"))
                continue
            if "size" in extra:
                size = _decimal(extra["size"])
            name = extra["path"] if "path" in extra else _name(head)
            self._size = size if kind in _FILE else 0
            extra.clear()
            yield Member(name, self._size, kind in _FILE and not name.endswith("/"))

    def take(self, room: memoryview) -> memoryview:
        """Return the bytes of the member that was yielded last, read into `room`, where they must fit with `ROOM_BESIDE`."""
        size, self._size = self._size, 0
        self._read_on(room, _padded(size))
        return room[:size]

    def _next_head(self) -> bytes:
        if self._size:
            self._skip(self._size)
        if self._head is None:
            self._read_on(self._room, -self._size % _BLOCK)
        assert self._head is not None
        head, self._head, self._size = self._head, None, 0
        return head

    def _extra(self, size: int) -> bytes:
        if size > _MOST_EXTRA_BYTES:
            raise MalformedAnswer("the stream of files holds a name without end")
        room = memoryview(bytearray(size + ROOM_BESIDE))
        self._read_on(room, _padded(size))
        return bytes(room[:size])

    def _read_on(self, room: memoryview, count: int) -> None:
        """Read what is left before the next head, and this."""
        self._read(room[: count + _BLOCK])
        self._head = bytes(room[count : count + _BLOCK])


def _padded(size: int) -> int:
    return size + -size % _BLOCK


def _check(head: bytes) -> None:
    plain = _sum(head[:256]) + _sum(head[256:]) - sum(head[_SUMMED]) + 8 * 0x20
    if _number(head[_SUMMED]) != plain:
        raise MalformedAnswer("the stream of files is damaged")


def _sum(half: bytes) -> int:
    """Return the sum of at most 256 bytes, which Adler-32 holds in its lower half, and reckons many times faster than `sum`."""
    return (adler32(half) & 0xFFFF) - 1


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        value = int.from_bytes(field[1:], "big")
    else:
        text = field.split(b"\0", 1)[0].strip()
        try:
            value = int(text or b"0", 8)
        except ValueError as error:
            raise MalformedAnswer("the stream of files is damaged") from error
    if not 0 <= value <= _MOST_SIZE:
        raise MalformedAnswer("the stream of files is damaged")
    return value


def _decimal(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise MalformedAnswer("the stream of files is damaged")
    return int(text)


def _records(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the keywords and values of a pax header: lines of "LENGTH KEYWORD=VALUE"."""
    at = 0
    while at < len(body):
        blank = body.find(b" ", at, at + 20)
        length = _decimal(_text(body[at:blank])) if blank > at else 0
        record = body[blank + 1 : at + length]
        keyword, equals, value = record.partition(b"=")
        if at + length > len(body) or not equals or not value.endswith(b"\n"):
            raise MalformedAnswer("the stream of files is damaged")
        yield _text(keyword), _text(value[:-1])
        at += length


def _name(head: bytes) -> str:
    name = _text(head[:100].split(b"\0", 1)[0])
    prefix = _text(head[345:500].split(b"\0", 1)[0]) if head[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
