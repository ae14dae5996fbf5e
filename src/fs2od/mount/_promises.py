"""What the manifest says of the mounted files, read beside everything else."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from fs2od.errors import Fs2odError, Interrupted
from fs2od.manifests import PIECE_BYTES
from fs2od.mount._waiting import Waiting
from fs2od.transfer import Dataset, Entry, Sidecar, pieces_of

__all__ = ["Promises"]

_MOST_ENTRIES = 1_000_000
_LEAST_PAUSE_S = 15.0
_LONGEST_S = 20.0
_QUIET_S = 3.0


class Promises:
    """The checksums of a dataset's files, as far as they are known by now."""

    def __init__(self, dataset: Dataset, root: Entry, *, fresh_s: float) -> None:
        self._dataset = dataset
        self._root = root
        self._pause_s = max(fresh_s, _LEAST_PAUSE_S)
        self._sidecar = Sidecar()
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

    def refresh(self) -> None:
        """Read what is new in the manifest."""
        self._sidecar.refresh(self._dataset, self._root, most=_MOST_ENTRIES)

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
        promise = self._sidecar.promise("/".join(path), entry)
        if promise is None or not promise.size_bytes:
            return ()
        return pieces_of(promise) or ((promise.sha256,) if promise.size_bytes <= PIECE_BYTES else ())

    def _work(self, waiting: Waiting, first: Callable[[], object]) -> None:
        with contextlib.suppress(Interrupted):
            self._ask(waiting, first)
            self._ask(waiting, lambda: self._sidecar.look(self._dataset, self._root, most=_MOST_ENTRIES))
            # What is here already, and what is only listed, does without. Reading it takes the time of whoever reads that.
            waiting.for_event(self._wanted, 0, until_s=time.monotonic() + _QUIET_S)
            self._ask(waiting, lambda: self._sidecar.read(self._dataset))
            self._tried.set()
            while not self._sidecar.sealed:
                waiting.sleep(self._pause_s)
                self._ask(waiting, self.refresh)

    def _ask(self, waiting: Waiting, call: Callable[[], object]) -> None:
        try:
            waiting.patiently(call)
        except Interrupted:
            raise
        except Fs2odError:
            # Where it cannot be read, the bytes are still those that the service sends; they only are not compared.
            return
