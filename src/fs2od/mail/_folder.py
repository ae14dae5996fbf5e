"""Letters as files: the transport for one machine, and exactly once."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fs2od.mail._transports import Outcome

__all__ = ["FolderTransport"]


class FolderTransport:
    """Write each letter as `NAME.eml` into a folder, readable for its owner only, for letters hold tokens.

    The name is the letter's own: sent again after a crash it finds itself there, and nothing changes. Lines end with a
    line feed alone, as they do in all text files of this system.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, message: bytes, sender: str, recipients: Sequence[str], *, name: str) -> Outcome:  # noqa: ARG002 - the file holds the headers; the envelope stays in the outbox
        """Write the file, whole or not at all. A full disk or a missing folder means: try again."""
        path = self.folder / f"{name}.eml"
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if not path.exists():
                _write_whole(path, message.replace(b"\r\n", b"\n"))
            # Also when it was there: a crash may have come between the rename and this line.
            _synchronise(self.folder)
        except OSError as error:
            reason = f"cannot write into {self.folder}: {error.strerror or error}"
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                reason = f"no space left in {self.folder}: make room"
            return Outcome.all_retry(recipients, reason, unreachable=True)
        return Outcome.all_delivered(recipients)

    def stop(self) -> None:
        """Do nothing: a letter is written at once."""


def _write_whole(path: Path, content: bytes) -> None:
    # One letter has one writer, so its partial file has one name and a crash leaves nothing that the next try does not reuse.
    partial = path.with_name(f".{path.name}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor with its mode set at creation
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
