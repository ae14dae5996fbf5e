"""Carries packets between two network devices: what goes from the far one to the near one comes late, and some is lost.

For kernels without netem. Usage: python -m fs2od.testing.late_packets NEAR FAR DELAY_MS LOSS_PERCENT, with the handles of two TAP
devices, which are inherited. Ends when standard input closes.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import struct
import sys
import time
from collections import deque

__all__ = ["tap"]

_TUN_SET = 0x400454CA
_TAP_WITHOUT_HEADER = 0x0002 | 0x1000
_LARGEST_PACKET = 1 << 16
_MOST_WAITING = 20_000


def tap(name: str) -> int:
    """Make a network device where this thread is, and return the handle that its packets come from and go to.

    Raises:
        OSError: This user may not, or this machine cannot.
    """
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(handle, _TUN_SET, struct.pack("16sH22x", name.encode(), _TAP_WITHOUT_HEADER))
    except OSError:
        os.close(handle)
        raise
    return handle


def _carry(near: int, far: int, *, delay_s: float, loss: float) -> None:
    waiting: deque[tuple[float, bytes]] = deque()
    while True:
        pause_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([near, far, 0], [], [], pause_s)
        if 0 in ready:
            return
        if near in ready:
            _pass_on(far, os.read(near, _LARGEST_PACKET))
        if far in ready:
            packet = os.read(far, _LARGEST_PACKET)
            is_lost = random.random() < loss  # noqa: S311 - no secret is made of it
            if not is_lost and len(waiting) < _MOST_WAITING:
                waiting.append((time.monotonic() + delay_s, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _pass_on(near, waiting.popleft()[1])


def _pass_on(handle: int, packet: bytes) -> None:
    """Hand a packet over; where there is no room, or the cable is cut, it is lost, as packets are."""
    try:
        os.write(handle, packet)
    except OSError:
        return


if __name__ == "__main__":
    _carry(int(sys.argv[1]), int(sys.argv[2]), delay_s=float(sys.argv[3]) / 1000, loss=float(sys.argv[4]) / 100)
