"""Standard output of commands: where it takes nothing, that is an error of ours, whichever command writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

from fs2od.errors import StorageError

__all__ = ["OutputRefused", "checked_output", "write_no_more"]


class OutputRefused(StorageError):
    """Standard output cannot be written: make room where it leads to. What the command was to do may be done."""


@contextmanager
def checked_output() -> Iterator[None]:
    """Let writing to standard output raise `OutputRefused` within the block; a reader who leaves is still a `BrokenPipeError`."""
    before: TextIO | None = sys.stdout
    if before is None:  # it is closed: who wants nothing gets nothing
        yield
        return
    sys.stdout = cast("TextIO", _Checked(before))
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout = before


def write_no_more() -> None:
    """Let nothing more be written to standard output, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Checked:
    """A stream of text as it is, but for the errors of writing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with _said():
            return self._stream.write(text)

    def flush(self) -> None:
        with _said():
            self._stream.flush()


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputRefused(f"standard output cannot be written ({error.strerror})") from error
