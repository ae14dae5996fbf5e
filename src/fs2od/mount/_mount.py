"""A mount from its beginning to its end: what is needed is opened, the kernel is served, and everything is let go again."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from fs2od.client import Connection
from fs2od.errors import Fs2odError, StorageError
from fs2od.mount._blocks import BlockStore
from fs2od.mount._complaints import Complaints
from fs2od.mount._fetching import Fetching
from fs2od.mount._promises import Promises
from fs2od.mount._reading import Reader
from fs2od.mount._remote import Remote
from fs2od.mount._spool import Spool, clear_spools
from fs2od.mount._spool_links import shown_in
from fs2od.mount._tree import Tree
from fs2od.mount._unmounting import unmount
from fs2od.mount._waiting import Waiting
from fs2od.mount._writing import Writer
from fs2od.onedata.ids import FileId
from fs2od.results import NotWritable
from fs2od.transfer import (
    AccessToken,
    Entry,
    EntryKind,
    Patience,
    Place,
    Proxies,
    SpacePlace,
    Timeouts,
    open_dataset,
)

__all__ = ["Mount", "MountOptions", "NotMountable", "NotSent"]


class NotMountable(Fs2odError):
    """The machine lacks what a mount needs; `fs2od mount --check` says what."""

    exit_code = 3


_LEAST_S = 3.0
"""How long an answer may take in any case."""


@dataclass(frozen=True)
class MountOptions:
    """How a mount goes about it.

    Attributes:
        cache: The folder of the block cache; None for no cache on the disk.
        cache_bytes: How much it may hold.
        fresh_s: How old listings and attributes may be.
        wait_s: How long a read waits for a service that is away, before it fails with EIO.
        read_only: Whether nothing is written, also where the token would allow it.
        spool: The folder of what is written and not sent yet; None writes nothing either.
        spool_bytes: How much that may be.
        unsent: The user's own folder of spools, where a link is left to a spool that is not in it, for whoever unmounts; None leaves none.
        connect: Makes the connection by which is written, with the token; None writes nothing either.
        allow_other: Whether other users of the machine may look into it.
        token: For spaces, and for links that are for members.
        prefer: The domain of the provider to ask first.
        ca_file: Certificates (PEM) to trust besides the system's.
        proxies: What stands between this machine and the services.
        timeouts: How long to wait for one answer; at most `wait_s`, if that is 3 s or more.
        straight: Whether bytes of a space may come straight from a store that has a copy, where the provider leads there.
        say: Told in one sentence what a person should know: a store is left alone, a file could not be read or sent.
    """

    cache: Path | None = None
    cache_bytes: int = 20 << 30
    fresh_s: float = 30.0
    wait_s: float = 300.0
    read_only: bool = False
    spool: Path | None = None
    spool_bytes: int = 20 << 30
    unsent: Path | None = None
    connect: Callable[[], Connection] | None = None
    allow_other: bool = False
    token: AccessToken | None = None
    prefer: str | None = None
    ca_file: str | None = None
    proxies: Proxies = field(default_factory=Proxies)
    timeouts: Timeouts = field(default_factory=Timeouts)
    straight: bool = True
    say: Callable[[str], None] = lambda _: None


class NotSent(Fs2odError):
    """The mount has ended, and not everything that was written could be sent; the message says where it is."""

    exit_code = 4


class Mount:
    """A dataset as a folder, for reading, and for writing where its place and the token allow that.

    ```python
    Mount(parse_link(text), Path("/mnt/grid2"), MountOptions(cache=Path("/scratch/blocks"))).run(stop)
    ```
    """

    def __init__(self, place: Place, mountpoint: Path, options: MountOptions | None = None) -> None:
        """Prepare; nothing is asked or mounted yet.

        Args:
            place: The dataset.
            mountpoint: An empty folder; made when it is missing.
            options: How to go about it.
        """
        self._place = place
        self._mountpoint = mountpoint
        self._options = options or MountOptions()

    def run(self, stop: threading.Event, ready: Callable[[], None] | None = None) -> None:
        """Serve the mount until it is unmounted, or `stop` is set.

        Args:
            stop: Ends the mount soon after it is set, whatever is being read.
            ready: Called once the mount is there.

        Raises:
            NotMountable: This machine cannot mount.
            NotSent: What was written could not be sent; it is kept.
            NoSuchDataset: There is no such dataset.
            StorageError: The mountpoint or the cache cannot be used.
            ConnectionLost, ServiceError, MalformedAnswer: The dataset cannot be read at all.
        """
        try:
            from fs2od.mount._kernel import Answers, serve  # noqa: PLC0415 - what only this needs may be missing
            from fs2od.mount._kernel_writing import WritingAnswers  # noqa: PLC0415 - what only this needs may be missing
        except ImportError as error:
            raise NotMountable(f"mounting needs the extra fs2od[mount] and the system's FUSE ({error})") from error
        options, ending = self._options, threading.Event()
        waiting = Waiting(options.wait_s, ending)
        with ExitStack() as stack:
            dataset = stack.enter_context(
                open_dataset(
                    self._place,
                    token=options.token,
                    prefer=options.prefer,
                    ca_file=options.ca_file,
                    timeouts=_within(options.timeouts, options.wait_s),
                    patience=Patience(tries=2),
                    sleep=waiting.sleep,
                    proxies=options.proxies,
                    straight=options.straight,
                    say=options.say,
                )
            )
            tree = Tree(dataset, fresh_s=options.fresh_s)
            root = dataset.root()
            tree.root()
            self._prepare_mountpoint()
            store = BlockStore(options.cache, limit_bytes=options.cache_bytes) if options.cache is not None else None
            if store is not None:
                stack.callback(store.close)
            promises = Promises(dataset, root, fresh_s=options.fresh_s)
            fetching = Fetching(dataset, store, waiting, identity=_identity(self._place), promises=promises)
            reader = Reader(fetching, waiting)
            stack.callback(reader.close)

            def end() -> None:
                """Let go of everything that waits, so that nothing holds the mount."""
                ending.set()
                dataset.http.abort()
                if options.token is not None:
                    options.token.wait_at_most(_LEAST_S)

            stack.callback(end)
            promises.start(waiting, first=lambda: tree.children(tree.root()))
            complaints = Complaints(options.say)
            remote = self._opened_for_writing(root, waiting, stack)
            if remote is None:
                answers = Answers(tree, reader, waiting, complaints)
                serve(answers, self._mountpoint, options, stop=stop, ready=ready, end=end)
                return
            spool = self._spool(stack)
            writer = Writer(dataset, tree, reader, remote, spool, waiting, say=options.say)
            answers = WritingAnswers(tree, reader, waiting, complaints, writer)
            try:
                serve(answers, self._mountpoint, options, stop=stop, ready=ready, end=end)
            finally:
                unsent = writer.finish()
            if unsent:
                raise NotSent(f"not everything was sent. What was not is kept: {'; '.join(unsent)}")

    def _opened_for_writing(self, root: Entry, waiting: Waiting, stack: ExitStack) -> Remote | None:
        """Return where what is written goes; None where nothing is."""
        options, place = self._options, self._place
        if (
            options.read_only
            or options.spool is None
            or options.token is None
            or options.connect is None
            or not isinstance(place, SpacePlace)
        ):
            return None
        if root.kind is not EntryKind.FOLDER:
            return None
        remote = Remote(place, options.token, options.connect, prefer=options.prefer)
        stack.callback(remote.close)
        try:
            remote.open(FileId(root.file_id), waiting)
        except NotWritable as error:
            options.say(f"{place} is mounted read-only: {error}")
            return None
        return remote

    def _spool(self, stack: ExitStack) -> Spool:
        options = self._options
        assert options.spool is not None
        clear_spools(*filter(None, (options.spool, options.unsent)))
        spool = Spool(
            options.spool, limit_bytes=options.spool_bytes, place=str(self._place), mountpoint=self._mountpoint
        )
        stack.enter_context(shown_in(options.unsent, spool.folder, say=options.say))
        stack.callback(spool.close)
        return spool

    def _prepare_mountpoint(self) -> None:
        """Make the folder; a mount whose process was killed is taken away first."""
        path = self._mountpoint
        try:
            if not _is_empty(path):
                raise StorageError(f"{path} is not empty: mount to an empty folder")
        except FileNotFoundError:
            with suppress(FileExistsError):
                path.mkdir(parents=True)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise StorageError(f"{path} cannot be used as a mountpoint ({error.strerror})") from error
            unmount(path)


def _within(timeouts: Timeouts, wait_s: float) -> Timeouts:
    """Return timeouts that are no longer than reads wait: a cut cable says nothing, so that it is only noticed by them."""
    longest_s = max(_LEAST_S, wait_s)
    return timeouts.within(Timeouts(longest_s, longest_s))


def _is_empty(path: Path) -> bool:
    return not any(path.iterdir())


def _identity(place: Place) -> str:
    # The folder in a space does not matter: its files have the same ids.
    return f"{place.zone_url} {place.space}" if isinstance(place, SpacePlace) else f"{place.zone_url} {place.share}"
