"""What is known of the bytes of mounted files: the manifest, or the node's checksums, read beside everything else."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from fs2od.errors import Fs2odError, Interrupted
from fs2od.manifests import PIECE_BYTES
from fs2od.mount._waiting import Waiting
from fs2od.transfer import Dataset, Entry, Patience, Sidecar, Sums, pieces_of

__all__ = ["Promises"]

_MOST_ENTRIES = 1_000_000
_LEAST_PAUSE_S = 15.0
_LONGEST_S = 20.0
_QUIET_S = 3.0
_SPARED = 20


class Promises:
    """The checksums of a dataset's files, as far as they are known by now.

    A part of a dataset goes by the manifest of the whole, where that is seen; else by the list of checksums that a node has, which knows
    files as wholes and not their pieces.
    """

    def __init__(self, dataset: Dataset, root: Entry, *, fresh_s: float) -> None:
        self._dataset = dataset
        self._root = root
        self._pause_s = max(fresh_s, _LEAST_PAUSE_S)
        self._sidecar = Sidecar()
        self._sums: Sums | None = None
        self._lacks = True
        self._wanted = threading.Event()
        self._tried = threading.Event()
        self._until_s = time.monotonic() + _LONGEST_S

    def start(self, waiting: Waiting, *, first: Callable[[], object]) -> None:
        """Begin to read the manifest, and go on while the dataset grows, until the mount ends.

        Args:
            waiting: Knows when it ends.
            first: What is asked of the service before.
        """
        threading.Thread(target=self._work, args=(waiting, first), name="fs2od-manifest", daemon=True).start()

    def is_read(self) -> bool:
        """Say whether the manifest was read once, or could not be."""
        return self._tried.is_set()

    def want(self) -> None:
        """Let it be read now."""
        self._wanted.set()

    def wait(self, waiting: Waiting, process: int) -> None:
        """Wait for the manifest, but all readers together not for long: a mount is there before its manifest is.

        Args:
            waiting: Knows whether the mount ends.
            process: Who waits.

        Raises:
            Interrupted: The mount ends, or the process does.
        """
        self.want()
        if not waiting.for_event(self._tried, process, until_s=self._until_s):
            self._tried.set()

    def checksums(self, path: tuple[str, ...], entry: Entry) -> tuple[str, ...]:
        """Return the SHA-256 of each piece of a file; nothing where they are not known."""
        called, sums = "/".join(path), self._sums
        promise = self._sidecar.promise(called, entry)
        if promise is None and sums is not None:
            promise = sums.promise(called, entry)
            self._lacks = self._lacks or promise is None
        if promise is None or not promise.size_bytes:
            return ()
        return pieces_of(promise) or ((promise.sha256,) if promise.size_bytes <= PIECE_BYTES else ())

    def _work(self, waiting: Waiting, first: Callable[[], object]) -> None:
        with contextlib.suppress(Interrupted):
            self._ask(waiting, first)
            self._ask(waiting, self._look)
            # What is here already, and what is only listed, does without. Reading it takes the time of whoever reads that.
            waiting.for_event(self._wanted, 0, until_s=time.monotonic() + _QUIET_S)
            began_s = time.monotonic()
            self._ask(waiting, lambda: self._read(waiting))
            self._tried.set()
            while not self._sidecar.sealed:
                # A list comes whole each time, and takes the node's time as well.
                waiting.sleep(max(self._pause_s, _SPARED * (time.monotonic() - began_s) if self._sums else 0.0))
                began_s = time.monotonic()
                self._ask(waiting, self._look)
                self._ask(waiting, lambda: self._read(waiting))

    def _look(self) -> None:
        self._sidecar.look(self._dataset, self._root, most=_MOST_ENTRIES)

    def _read(self, waiting: Waiting) -> None:
        """Read what is new in the manifest; where there is none, the list, if files were read that it did not know."""
        self._sidecar.read(self._dataset)
        if self._sidecar.is_there:
            self._sums = None
        elif self._lacks:
            self._lacks = False
            sums = self._sums or Sums(self._dataset.sums_url(self._root))
            sums.read(self._dataset, Patience(tries=2), waiting.sleep)
            self._sums = sums

    def _ask(self, waiting: Waiting, call: Callable[[], object]) -> None:
        try:
            waiting.patiently(call)
        except Interrupted:
            raise
        except Fs2odError:
            # Where it cannot be read, the bytes are still those that the service sends; they only are not compared.
            return
