"""A process that looks at files for another one: it asks the kernel for the facts of names in directories handed to it.

Asking for facts is the larger part of a scan's listing, and within one process Python does one thing at a time. This file is run
by itself, without the rest of fs2od, because that starts in a few milliseconds. It knows no paths: a request brings an open
directory and bare names, an answer is plain numbers. It ends when its other side is closed, as that is at any death.
"""

from __future__ import annotations

import _socket  # what `socket` wraps: loading that takes as long as all the rest of the start
import os
from array import array

__all__ = ["FACTS", "MOST_BYTES", "READY", "answer", "serve"]

FACTS = 7
"""Numbers for each name: mode, user, group, size, mtime_ns, ctime_ns, inode; zeros for what the asker has to look at itself."""

MOST_BYTES = 1 << 18
"""What a request or an answer may take on the way."""

READY = b"ready"
_UNKNOWN = (0,) * FACTS


def answer(directory: int, names: list[bytes] | list[str]) -> array[int]:
    """Return the facts of names in an open directory, without following links."""
    told: list[int] = []
    for name in names:
        try:
            facts = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            told += _UNKNOWN
            continue
        told += (facts.st_mode, facts.st_uid, facts.st_gid)
        told += (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
    try:
        return array("q", told)
    except OverflowError:  # an inode of 64 bits, say, or a time beyond the year 2262
        return array("q", _UNKNOWN * len(names))


def serve(channel: _socket.socket) -> None:
    """Answer requests in their order until the other side is closed. A request is names with "/" between, and a directory."""
    channel.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, MOST_BYTES)
    one_handle = _socket.CMSG_SPACE(array("i").itemsize)
    channel.send(READY)
    while True:
        names, handles, _, _ = channel.recvmsg(MOST_BYTES, one_handle)
        if not names:
            return
        directory = array("i", handles[0][2])[0]
        try:
            told = answer(directory, names.split(b"/"))
        finally:
            os.close(directory)
        channel.send(told)


if __name__ == "__main__":
    serve(_socket.socket(fileno=0))
    os._exit(0)  # at once: its asker waits for the end
