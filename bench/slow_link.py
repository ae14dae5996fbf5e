"""A link between this place and a network namespace over which packets come late, or not at all.

For kernels without netem. Usage: python -m bench.slow_link NAMESPACE NEAR FAR DELAY_MS LOSS_PERCENT. Prints a line once the
addresses NEAR (here) and FAR (there) reach each other, and ends when standard input closes. Needs root.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

_TUN_SET = 0x400454CA
_TUN_WITHOUT_HEADER = 0x0001 | 0x1000
_LARGEST_PACKET = 1 << 16
_MOST_WAITING = 20_000
_CLONE_NEWNET = 0x40000000


def device(name: str, here: str, there: str, *inside: str) -> int:
    """Make a network device with an address, and return the handle that its packets come from and go to."""
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, _TUN_SET, struct.pack("16sH22x", name.encode(), _TUN_WITHOUT_HEADER))
    subprocess.run([*inside, "ip", "address", "add", here, "peer", there, "dev", name], check=True)
    subprocess.run([*inside, "ip", "link", "set", name, "up"], check=True)
    return handle


def enter(namespace: str) -> None:
    """Let this process make its next devices in a network namespace."""
    with Path(f"/run/netns/{namespace}").open() as found:
        if ctypes.CDLL(None, use_errno=True).setns(found.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "cannot enter the namespace")


def carry(near: int, far: int, *, delay_s: float, loss: float) -> None:
    """Carry packets both ways until standard input closes; what comes from afar comes late, and some is lost."""
    waiting: deque[tuple[float, bytes]] = deque()
    while True:
        pause_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([near, far, 0], [], [], pause_s)
        if 0 in ready:
            return
        if near in ready:
            pass_on(far, os.read(near, _LARGEST_PACKET))
        if far in ready:
            packet = os.read(far, _LARGEST_PACKET)
            if random.random() >= loss and len(waiting) < _MOST_WAITING:
                waiting.append((time.monotonic() + delay_s, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            pass_on(near, waiting.popleft()[1])


def pass_on(handle: int, packet: bytes) -> None:
    """Hand a packet over; where there is no room it is lost, as packets are."""
    try:
        os.write(handle, packet)
    except OSError:
        return


def main(namespace: str, near: str, far: str, delay_ms: str, loss_percent: str) -> None:
    """Make both devices and carry."""
    here = device(f"near{os.getpid()}", near, far)
    enter(namespace)
    there = device(f"far{os.getpid()}", far, near)
    print("ready", flush=True)
    carry(here, there, delay_s=float(delay_ms) / 1000, loss=float(loss_percent) / 100)


if __name__ == "__main__":
    main(*sys.argv[1:])
