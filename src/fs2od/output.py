"""What commands say: data on standard output, where a refusal is an error of ours; talk on standard error, which ends nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast

from fs2od.errors import StorageError

__all__ = ["OutputRefused", "ReaderLeft", "checked_output", "last_word", "talk"]

_STREAMS = (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
"""How each is read or written, and what a closed one allows: data on standard output that is closed are refused."""


class OutputRefused(StorageError):
    """Standard output cannot be written: make room where it leads to. What the command was to do may be done."""


class ReaderLeft(Exception):
    """Who read standard output wants no more of it, as `head` does: that is their right."""


@contextmanager
def talk() -> Iterator[None]:
    """Let what is said on standard error end nothing within the block: nobody may hear it, or its disk may be full.

    Streams that are closed lead nowhere from then on: a file of the data would get the number of one else, and be written into
    by whatever talks there.
    """
    for name, mode, allowed in _STREAMS:
        if getattr(sys, name) is None:
            setattr(sys, name, _nowhere(mode, allowed))
    before = sys.stderr
    sys.stderr = cast("TextIO", _Talk(before))
    try:
        yield
    finally:
        sys.stderr = before
        try:
            before.flush()
        except OSError:
            _write_no_more(before)


@contextmanager
def checked_output() -> Iterator[None]:
    """Let writing to standard output raise `OutputRefused` or `ReaderLeft` within the block."""
    before = sys.stdout
    sys.stdout = cast("TextIO", _Checked(before))
    try:
        yield
        sys.stdout.flush()
    except (OutputRefused, ReaderLeft):
        _write_no_more(sys.stdout)
        raise
    finally:
        sys.stdout = before


def last_word(text: str, exit_code: int) -> int:
    """Print what a command has to say of what it did, within `checked_output`, and return the exit code.

    Args:
        text: A line.
        exit_code: That of what was done. It stays where the reader left.

    Raises:
        OutputRefused: The line cannot be written, and all the rest went well.
    """
    try:
        print(text, flush=True)  # noqa: T201 - this is what commands print with
    except ReaderLeft:
        _write_no_more(sys.stdout)
    except OutputRefused as error:
        if not exit_code:
            raise
        _write_no_more(sys.stdout)
        print(f"fs2od: {error}", file=sys.stderr)  # noqa: T201 - this is what commands print with
    return exit_code


def _nowhere(mode: str, allowed: int) -> TextIO:
    # The system gives the lowest number that is free: that of the stream, if nothing else has taken it.
    handle = os.open(os.devnull, allowed)
    os.set_inheritable(handle, True)
    return cast("TextIO", open(handle, mode, encoding="utf-8", errors="replace"))  # noqa: PTH123 - a handle, open to the end


def _write_no_more(stream: TextIO) -> None:
    """Let nothing more be written to where a stream leads, not even at exit, where it would change the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class _Stream:
    """A stream of text as it is, but for what its subclasses change."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


class _Checked(_Stream):
    """Its errors are ours."""

    def write(self, text: str) -> int:
        with _told():
            return self._stream.write(text)

    def flush(self) -> None:
        with _told():
            self._stream.flush()


class _Talk(_Stream):
    """It has no errors."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # Not as the system says it: click would end the command with 1 at that.
        raise ReaderLeft from None
    except OSError as error:
        raise OutputRefused(f"standard output cannot be written ({error.strerror})") from error
