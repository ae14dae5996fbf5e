"""The space that is written to, for threads: the one client, its token renewed, and patience while the service is away."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from fs2od.client import Connection
from fs2od.mount._waiting import Waiting
from fs2od.onedata import errors
from fs2od.onedata.ids import FileId
from fs2od.onedata.tokens import Token
from fs2od.results import NotWritable, Target, find_target
from fs2od.transfer import AccessToken, SpacePlace

__all__ = ["Remote", "id_at"]

T = TypeVar("T")
Call = Callable[[Target], Coroutine[Any, Any, T]]
_LONGEST_END_S = 10.0


class Remote:
    """A space, or a folder of it, at the provider that takes what is written. Any number of threads may ask."""

    def __init__(
        self, place: SpacePlace, token: AccessToken, connect: Callable[[], Connection], *, prefer: str | None
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            place: What is written to.
            token: Who writes.
            connect: Makes the connection that carries the token, and renews it.
            prefer: The domain of the provider to take, if it takes files.
        """
        self._place = place
        self._token = token
        self._prefer = prefer
        self._target: Target | None = None
        self._connection = connect()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fs2od-remote", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close all connections; what is under way is broken off."""
        closing = asyncio.run_coroutine_threadsafe(self._connection.close(), self._loop)
        with suppress(TimeoutError):
            closing.result(_LONGEST_END_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LONGEST_END_S)

    def open(self, root: FileId, waiting: Waiting) -> None:
        """Find out whether, and at which provider, files below `root` may be written. Nothing is changed.

        Raises:
            NotWritable: The token, its owner, or every provider only reads.
            Fs2odError: It cannot be found out.
        """
        place = self._place

        async def find() -> Target:
            token = Token(self._token.text())
            return await find_target(
                self._connection, place.zone_url, token, place.space, place.path, prefer=self._prefer, writes=True
            )

        self._target = waiting.patiently(lambda: self._once(find(), waiting))
        # What cannot be made, as there is no such folder, tells those who might from those who may not.
        probe = f".fs2od-{secrets.token_hex(12)}/probe"
        try:
            self.ask(lambda target: target.provider.files.create_at(root, probe), waiting)
        except errors.PosixError as error:
            if error.errno in ("eacces", "eperm", "erofs"):
                raise NotWritable("the token's owner only reads there") from error
        except errors.Forbidden as error:
            raise NotWritable("the token's owner only reads there") from error

    @property
    def target(self) -> Target:
        """The place, as it was found when this was opened."""
        if self._target is None:
            raise NotWritable("nothing is written here")
        return self._target

    def ask(self, call: Call[T], waiting: Waiting, *, done: Call[T | None] | None = None) -> T:
        """Return what a call at the target's provider answers, once the service is there and the token is good.

        Args:
            call: Made again when no answer came.
            waiting: How long to be patient.
            done: Asked before the call is made again: returns what it would have returned if it took effect the first time, or else None.

        Raises:
            Interrupted: The mount ends.
            Fs2odError: What went wrong, if it will not pass, or did not in time.
        """
        tries = 0

        async def asked() -> T:
            nonlocal tries
            tries += 1
            found = await done(self.target) if done is not None and tries > 1 else None
            return found if found is not None else await call(self.target)

        return waiting.patiently(lambda: self._once(asked(), waiting))

    def _once(self, call: Coroutine[Any, Any, T], waiting: Waiting) -> T:
        asked = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            return waiting.for_result(asked, 0)
        except BaseException:
            asked.cancel()
            raise


async def id_at(target: Target, path: tuple[str, ...]) -> FileId | None:
    """Return the id of what lies at a path below a target; None where there is nothing."""
    try:
        return await target.provider.files.lookup(target.full("/".join(path)))
    except errors.PosixError as error:
        if error.errno == "enoent":
            return None
        raise
