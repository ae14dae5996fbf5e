"""One facility for each watched folder: two with different folders of state would onboard each dataset twice."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Iterable, Iterator

from fs2od.answering import in_time
from fs2od.configuration import Watch
from fs2od.errors import StateInUse

__all__ = ["holding"]


@contextlib.contextmanager
def holding(watches: Iterable[Watch], *, named_in: str = "the configuration") -> Iterator[None]:
    """Hold the watched folders for this process as long as the block runs, on this machine.

    Nothing is written there, and nothing is kept open that would keep a disk from being unmounted: what is held is a name in
    the kernel (an abstract Unix socket, see unix(7)), which goes at any death. Other systems than Linux have no such names.

    Args:
        watches: The watched folders.
        named_in: What names them, for people.

    Raises:
        StateInUse: Another process watches one of them.
    """
    with contextlib.ExitStack() as held:
        taken: set[str] = set()
        for watch in watches:
            try:
                facts = in_time(watch.path.stat)
            except OSError:
                continue  # not there now, or silent; whoever needs it says so
            name = f"\0fs2od watches {facts.st_dev}:{facts.st_ino}"
            if name in taken or sys.platform != "linux":
                continue
            taken.add(name)
            try:
                held.enter_context(socket.socket(socket.AF_UNIX)).bind(name)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                said = f"{watch.path} is watched by another fs2od, which keeps its state elsewhere"
                otherwise = f"name its folder of state, or take the folder out of {named_in}"
                raise StateInUse(f"{said}: stop that one first, {otherwise}") from error
        yield
