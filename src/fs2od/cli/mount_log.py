"""What a mount has to say once nobody looks at its terminal: in a file that people find, and in the system's log."""

from __future__ import annotations

import os
import socket
import stat
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from fs2od.errors import StorageError

__all__ = ["MountLog"]

_MOST_BYTES = 512 << 10
_SYSTEM_LOG = Path("/dev/log")
_USER_WARNING = 12
_LONGEST_S = 1.0


class MountLog:
    """The log of one mount. Mounts of all machines may write into one file, which holds 1 MiB at most with the one before it."""

    def __init__(self, file: Path, mountpoint: Path, *, system_log: Path = _SYSTEM_LOG) -> None:
        """Prepare; nothing is written yet.

        Args:
            file: Made for its owner alone when it is missing.
            mountpoint: What the sentences are about.
            system_log: The socket of the system's log, which need not be there.
        """
        self.file = file.absolute()
        self._mountpoint = mountpoint.absolute()
        self._system_log = system_log
        self._lock = threading.Lock()

    def require_file(self) -> None:
        """Write the first line into the file.

        Raises:
            StorageError: It cannot be written to; the system's log may still be.
        """
        try:
            self._write("mounting")
        except OSError as error:
            raise StorageError(f"no log can be kept in {self.file} ({error.strerror})") from error

    def tell(self, sentence: str) -> None:
        """Write a sentence down. A log that cannot be written to stops no mount."""
        said = " ".join(sentence.splitlines())
        with self._lock:
            with suppress(OSError):
                self._write(said)
            with suppress(OSError):
                self._send(said)

    def _write(self, said: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = f"{now} {socket.gethostname()} fs2od[{os.getpid()}] {self._mountpoint}: {said}\n"
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Opened for each line: whoever else writes here may have put a new file in its place.
        with suppress(FileNotFoundError):
            facts = self.file.lstat()
            if stat.S_ISREG(facts.st_mode) and facts.st_size >= _MOST_BYTES:
                self.file.replace(f"{self.file}.1")
        handle = self._opened()
        try:
            os.write(handle, line.encode(errors="backslashreplace"))
        finally:
            os.close(handle)

    def _opened(self) -> int:
        # A pipe that nobody reads, or a link that somebody laid, is no log.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        return os.open(self.file, flags, 0o600)

    def _send(self, said: str) -> None:
        # Not by a handler of `logging`, which would wait without a limit for a system's log that takes nothing.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.settimeout(_LONGEST_S)
            sending.connect(str(self._system_log))
            text = f"<{_USER_WARNING}>fs2od[{os.getpid()}]: {self._mountpoint}: {said}"
            sending.send(text.encode(errors="backslashreplace"))
