"""A process that looks into directories for another one: it lists what is handed to it, and asks the kernel for the facts of each name.

That is the larger part of a scan's work on a file system, and within one process Python does one thing at a time. This file is run
by itself, without the rest of fs2od, because that starts in a few milliseconds. It knows no paths: a request brings an open
directory, answers are bare names and plain numbers. It ends when its other side is closed, as that is at any death.
"""

from __future__ import annotations

import _socket  # what `socket` wraps: loading that takes as long as all the rest of the start
import errno
import os
from array import array

__all__ = ["BATCH", "FACTS", "MOST_BYTES", "READY", "REQUEST", "answer", "serve", "tell"]

FACTS = 9
"""Numbers for each name, zeros for what the asker has to look at itself: what `os.stat` gives as a tuple (mode, inode, device, links,
user, group, size), then mtime_ns and ctime_ns."""

BATCH = 500
"""How many names an answer has. One with fewer is a directory's last."""

MOST_BYTES = 1 << 18
"""What an answer may take on the way: names of 255 bytes with their facts take two thirds of it."""

READY, REQUEST = b"ready", b"list"
_UNKNOWN = (0,) * FACTS


def answer(directory: int, names: list[str]) -> array[int]:
    """Return the facts of names in an open directory, without following links."""
    told: list[int] = []
    for name in names:
        try:
            facts = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            told += _UNKNOWN
            continue
        told += facts[:7]
        told += (facts.st_mtime_ns, facts.st_ctime_ns)
    try:
        return array("q", told)
    except OverflowError:  # an inode of 64 bits, say, or a time beyond the year 2262
        return array("q", _UNKNOWN * len(names))


def tell(directory: int, channel: _socket.socket) -> None:
    """Send what lies in an open directory, batch by batch: how many names, their facts, and the names with "/" between.

    Where it cannot be read on, the error's number is sent instead, negative.
    """
    try:
        entries = os.scandir(directory)
    except OSError as error:
        channel.send(_failed(error))
        return
    with entries:
        while True:
            names: list[str] = []
            try:
                for entry in entries:
                    names.append(entry.name)
                    if len(names) == BATCH:
                        break
            except OSError as error:
                channel.send(_failed(error))
                return
            # In the order in which they are registered, and in which they often were made: so disks are read front to end.
            names.sort()
            channel.send(_told(directory, names))
            if len(names) < BATCH:
                return


def serve(channel: _socket.socket) -> None:
    """Answer requests in their order until the other side is closed. Each brings a directory."""
    channel.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, MOST_BYTES)
    one_handle = _socket.CMSG_SPACE(array("i").itemsize)
    channel.send(READY)
    while True:
        request, handles, _, _ = channel.recvmsg(len(REQUEST), one_handle)
        if not request:
            return
        directory = array("i", handles[0][2])[0]
        try:
            tell(directory, channel)
        finally:
            os.close(directory)


def _failed(error: OSError) -> bytes:
    return array("q", (-(error.errno or errno.EIO),)).tobytes()


def _told(directory: int, names: list[str]) -> bytes:
    facts = array("q", (len(names),)) + answer(directory, names)
    return facts.tobytes() + os.fsencode("/".join(names))


if __name__ == "__main__":
    serve(_socket.socket(fileno=0))
    os._exit(0)  # at once: its asker waits for the end
