"""A node assembled and running: its services, its first administrator, and the clockwork of its imports."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fs2od.errors import Fs2odError, StorageMissing
from fs2od.mail import FolderTransport, Transport
from fs2od.node.clock import Clock, SystemClock
from fs2od.node.configured_storages import ensure_storages
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.settings import NodeSettings
from fs2od.node.sites import Sites
from fs2od.node.zone.accounts import SealedTransport
from fs2od.node.zone.notice_letters import TokenTransport
from fs2od.node.zone.zone import Zone, open_zone
from fs2od.onedata import errors, privileges
from fs2od.onedata.ids import UserId
from fs2od.sqlite import hold_folder

__all__ = ["Node", "open_node"]

_ADMINISTRATOR = "admin"
_TICK_S = 0.5
_STORAGES_EVERY_S = 60
_SWEEP_EVERY_S = 3600
Done = TypeVar("Done")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Node:
    """The zone and its providers, opened. Further sites answer once `sites.open_all` was told where."""

    settings: NodeSettings
    zone: Zone
    sites: Sites
    transport: Transport

    @property
    def provider(self) -> Oneprovider:
        """The node's own provider."""
        return self.sites.own

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Start due imports and deliver due letters as long as the block runs."""
        keep_going = self.zone.clockwork.keep_going
        parts = (
            keep_going("imports", lambda: self._often(self._start_imports)),
            keep_going("copies", lambda: self._often(self._start_copies)),
            keep_going("folders of ended supports", lambda: self._often(self.sites.emptying.go_on)),
            keep_going("changes that were cut off", lambda: self._often(self.sites.afterwards.go_on)),
            keep_going("notes", lambda: self._often(self._write_down)),
            keep_going("mail", lambda: self._often(self._deliver)),
            keep_going("configured storages", self._ensure_storages),
            keep_going("remains of uploads", self._sweep),
        )
        tasks = [asyncio.create_task(each) for each in parts]
        try:
            yield
        finally:
            # A mail server that says nothing would hold up the end.
            self.transport.stop()
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def ensure_administrator(self, token_file: Path) -> None:
        """Make sure that there is an administrator whose access token stands in `token_file` (mode 0600).

        The file is written again when it was lost; its token is always the same named one.
        """
        user = self._administrator()
        try:
            token = self.zone.tokens.named_by_name(user, "administrator")
        except errors.NotFound:
            token = self.zone.tokens.issue_named(user, "administrator")
        text = token.token.reveal()
        if not token_file.exists() or token_file.read_text() != text + "\n":
            _write_secret(token_file, text + "\n")

    def _administrator(self) -> UserId:
        try:
            user = self.zone.users.by_username(_ADMINISTRATOR).id
        except errors.NotFound:
            user = self.zone.users.add("Administrator", username=_ADMINISTRATOR, zone_privileges=privileges.ZONE_ADMIN)
        self.sites.administer(user)
        return user

    async def _often(self, work: Callable[[], None]) -> None:
        """Do something again and again; what is away now is tried again by itself."""
        said = ""
        while True:
            try:
                await _to_its_end(work)
                said = ""
            except Fs2odError as error:
                if said != str(error):
                    _log.warning("what the node does by itself waits: %s", error)
                said = str(error)
            await asyncio.sleep(_TICK_S)

    async def _ensure_storages(self) -> None:
        """Bring the configured storages about; one that cannot be used yet is tried again."""
        while True:
            try:
                if await _to_its_end(ensure_storages, self.sites):
                    return
            except Fs2odError as error:
                _log.warning("configured storages wait: %s", error)
            await asyncio.sleep(_STORAGES_EVERY_S)

    async def _sweep(self) -> None:
        """Remove what uploads left, now and then; space by space, so that the end of the node waits for one only."""
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            for space in await _to_its_end(self.sites.abandoned.spaces):
                try:
                    await _to_its_end(self.sites.abandoned.sweep, space)
                except Fs2odError as error:
                    _log.warning("space %s could not be looked through: %s", space, error)

    def _start_imports(self) -> None:
        for provider in self.sites:
            provider.imports.start_due()

    def _start_copies(self) -> None:
        self.sites.front.wishes.begin_due()
        self.sites.replicator.start_due()

    def _write_down(self) -> None:
        if self.zone.link_rules.write_down_if_due():
            self.zone.activity.write_down()
        self.zone.remind()
        self.zone.notice_letters.write_unwritten()

    def _deliver(self) -> None:
        transport = SealedTransport(TokenTransport(self.transport, self.zone.tokens), self.zone.keys)
        self.zone.outbox.deliver(transport, self.zone.clock.now())

    def close(self) -> None:
        """Stop everything and close the databases."""
        self.sites.close()
        self.zone.link_rules.write_down()
        self.zone.activity.write_down()
        with contextlib.suppress(Fs2odError):
            self.zone.notice_letters.write_unwritten()
        self.zone.database.close()


@contextlib.contextmanager
def open_node(
    settings: NodeSettings, *, clock: Clock | None = None, transport: Transport | None = None
) -> Iterator[Node]:
    """Yield a node over its data folder, which no other process may use meanwhile.

    Args:
        settings: What the node is told.
        clock: The time of day.
        transport: The way out for mail; by default files in the folder `outbox` of the data folder.

    Raises:
        StateInUse: Another node uses the folder.
        StateTooNew: A newer fs2od wrote it.
        StorageMissing: The folder cannot be made or written.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageMissing(f"the data folder {settings.data} cannot be made ({error.strerror})") from error
    with hold_folder(settings.data, "node"):
        zone = open_zone(settings, clock or SystemClock())
        node = Node(settings, zone, Sites(zone), transport or FolderTransport(settings.data / "outbox"))
        try:
            yield node
        finally:
            node.close()


async def _to_its_end(work: Callable[..., Done], *arguments: object) -> Done:
    """Do something in a thread; who cancels us waits for its end, for databases may be closed only after it."""
    doing = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        raise


def _write_secret(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
