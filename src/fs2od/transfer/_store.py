"""Ranges straight from the store that has a copy, past the provider, as long as everything about that works.

Only what is checked afterwards may come this way: nobody but the reader compares it with what was promised.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Final, Mapping
from urllib.parse import urlsplit

from fs2od.errors import Fs2odError, Interrupted
from fs2od.transfer._answers import Content, checked_range
from fs2od.transfer._entries import Entry
from fs2od.transfer._errors import (
    Busy,
    ConnectionLost,
    MalformedAnswer,
    TokenRefused,
    UntrustedCertificate,
    Withheld,
)
from fs2od.transfer._http import Answer, Http, Timeouts, is_loopback

__all__ = ["Addressed", "Store", "address_in"]

_LEAST_BYTES: Final = 1 << 20
_MOST_BYTES: Final = 64 << 20
_LEFT_ALONE_S: Final = 120.0
_NOT_OFFERED_S: Final = 600.0
_TRIES: Final = 2
# A store that is out of reach must not hold up for long what the provider would have brought meanwhile. Whose own cable was cut for
# 6 s hears of a connection again after 6.2 s: TCP doubles its pauses.
_TIMEOUTS: Final = Timeouts(connect_s=5.0, stall_s=10.0)


@dataclass(frozen=True)
class Addressed:
    """Where a range is to be had for a moment. The address is a secret: it stands in no text."""

    url: str = field(repr=False)


class Store:
    """The way past the provider. Safe for any number of threads.

    Until the store has answered, one thread tries while the others read through the provider; after a failure it is left
    alone for a while. Why is said once.
    """

    def __init__(
        self,
        http: Http,
        ask: Callable[[Entry, int, int], Addressed | None],
        *,
        say: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            http: The connections. Where they wait for less than a store is given by itself, that holds.
            ask: Returns the provider's address of so many bytes of a file from a byte on; None where there is no copy.
            say: Told in one sentence why the store is left alone.
            clock: Seconds that only grow.
        """
        self._http = http
        self._timeouts = _TIMEOUTS.within(http.timeouts)
        self._ask = ask
        self._say = say or (lambda _: None)
        self._clock = clock
        self._lock = threading.Lock()
        self._works = False
        self._is_tried = False
        self._not_before_s = 0.0
        self._told_until_s = 0.0
        self._said: set[str] = set()

    def opened(self, stack: contextlib.ExitStack, file: Entry, start: int, count: int) -> Content | None:
        """Return a range as the store sends it; None where it has to come through the provider.

        Args:
            stack: Closes the answer.
            file: The file.
            start: The first byte.
            count: How many.

        Raises:
            ConnectionLost: The provider is away.
            TokenRefused: The token has ended.
        """
        if not _LEAST_BYTES <= count <= _MOST_BYTES or not self._begins():
            return None
        try:
            return self._tried(stack, file, start, count)
        finally:
            with self._lock:
                self._is_tried = False

    def _tried(self, stack: contextlib.ExitStack, file: Entry, start: int, count: int) -> Content | None:
        answer: Answer | None = None
        for _ in range(_TRIES):
            addressed = self._addressed(file, start, count)
            answer = None if addressed is None else self._asked(stack, addressed, start, count)
            # One that has ended on the way is refused: another one is asked for.
            if answer is None or answer.status != 403:
                break
        return None if answer is None else self._content(answer, file, start, count)

    def _begins(self) -> bool:
        with self._lock:
            if self._clock() < self._not_before_s or (self._is_tried and not self._works):
                return False
            self._is_tried = True
            return True

    def _addressed(self, file: Entry, start: int, count: int) -> Addressed | None:
        try:
            return self._ask(file, start, count)
        except (ConnectionLost, TokenRefused, Interrupted):
            raise
        except Withheld:
            return None
        except Fs2odError as error:
            # Most sites lead nobody to their storage, and most tokens and all plain Onedatas are not led there.
            self._leave(for_s=_LEFT_ALONE_S if isinstance(error, Busy) else _NOT_OFFERED_S)
            return None

    def _asked(self, stack: contextlib.ExitStack, addressed: Addressed, start: int, count: int) -> Answer | None:
        headers = {"Range": f"bytes={start}-{start + count - 1}"}
        try:
            return stack.enter_context(
                self._http.opened("GET", addressed.url, headers=headers, timeouts=self._timeouts)
            )
        except Interrupted:
            raise
        except UntrustedCertificate as error:
            self._leave(f"{error}; trust its authority to read from it", for_s=float("inf"))
        except Fs2odError as error:
            self._leave(str(error))
        return None

    def _content(self, answer: Answer, file: Entry, start: int, count: int) -> Content | None:
        if answer.status != 206:
            host = urlsplit(answer.url).netloc
            self._leave(f"{host} does not give what the provider says that it has ({answer.status})")
            return None
        try:
            first = checked_range(answer, file.size_bytes, start, count)
        except Fs2odError as error:
            self._leave(str(error))
            return None
        with self._lock:
            self._works = True

        def read_into(view: memoryview) -> int:
            try:
                return answer.read_into(view)
            except ConnectionLost as error:
                self._leave(str(error))
                raise

        # Its tag is the store's own: it says nothing about the file.
        return Content(read_into, first, None, is_straight=True)

    def _leave(self, why: str = "", *, for_s: float = _LEFT_ALONE_S) -> None:
        """Leave the store alone for so long, and say why: once, and not when everything is ending."""
        with self._lock:
            self._works = False
            now_s = self._clock()
            # Others that fail beside the first one have nothing new to say; after one that was left without a word, they have.
            is_news = bool(why) and why not in self._said and now_s >= self._told_until_s and not self._http.has_ended
            self._not_before_s = max(self._not_before_s, now_s + for_s)
            self._told_until_s = self._not_before_s if is_news else self._told_until_s
            self._said.add(why)
        if is_news:
            self._say(f"{why}; bytes come through the provider instead")


def address_in(document: Mapping[str, Any], start: int, count: int, *, beside: str) -> Addressed | None:
    """Return the address that a provider gives for a range; None where it has no copy.

    Args:
        document: Its answer.
        start: The first byte.
        count: How many.
        beside: The provider's host: only one on this machine may lead to a store on it.

    Raises:
        MalformedAnswer: It is no such answer, or the address must not be followed.
    """
    try:
        found = document["addresses"]
        if not found:
            return None
        (one,) = found
        url, told = one["url"], (one["offset"], one["size"])
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" or (is_loopback(parts.hostname or "") and is_loopback(beside))
    except (ValueError, LookupError, TypeError, AttributeError):
        # The cause is left out: it may quote the address.
        raise MalformedAnswer("the provider's address of a store is none") from None
    if told != (start, count) or not is_safe or not url.isascii() or not url.isprintable() or " " in url:
        raise MalformedAnswer("the provider's address of a store is not for this, or must not be followed")
    return Addressed(url)
