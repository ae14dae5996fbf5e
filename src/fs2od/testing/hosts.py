"""Hosts on this machine: network namespaces at one switch, each on a cable with delay, loss and a bandwidth, which can be cut.

```python
with Network() as network:
    user = network.host(Cable(delay_ms=20, megabits_s=100))
    with user.entered():  # what is started or opened here, by this thread, is there
        command = subprocess.Popen(["fs2od", "download", …])
    with user.cut():
        time.sleep(3)
```
Needs root, Debian's iproute2, and for delay and loss the kernel's netem or else TAP devices. The namespaces have no names: when the
process that made them ends, however it does, the kernel removes them with all that is in them.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Self

from fs2od.testing.late_packets import tap

__all__ = ["Cable", "Host", "Network"]

_NEW_NETWORK = 0x40000000
_HERE = "/proc/thread-self/ns/net"
_ADDRESSES = "10.231.77.{}"
_QUEUE_PACKETS = 20_000
# Names that no other process has either, for hosts may be plugged in where there are devices already.
_DEVICES = itertools.count(1)
_CARRIED = "a process between two TAP devices, for this kernel has no netem"


@dataclass(frozen=True)
class Cable:
    """What a cable does to packets: late and lost are those that its host sends, the bandwidth is of both directions; 0 is no limit."""

    delay_ms: float = 0
    loss_percent: float = 0
    megabits_s: float = 0


class Host:
    """A network namespace with an address."""

    def __init__(
        self, address: str, device: str, namespace: int, switch: int, port: str, late_by: str, cable: Cable
    ) -> None:
        self.address = address
        self.device = device
        self.late_by = late_by
        """What makes its packets late."""
        self._namespace = namespace
        self._switch = switch
        self._port = port
        self._cable = cable

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Have this thread be there: its sockets, and the processes and threads that it starts."""
        with _inside(self._namespace):
            yield

    def sent_bytes(self) -> int:
        """Return how many bytes its device has sent, everything around them included."""
        with self.entered():
            (device,) = json.loads(_run("ip", "-s", "-j", "link", "show", "dev", self.device))
        return int(device["stats64"]["tx"]["bytes"])

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Have the cable unplugged: every packet is lost, and nobody is told."""
        self._plug("down")
        try:
            yield
        finally:
            self._plug("up")

    @contextmanager
    def slowed(self, megabits_s: float) -> Iterator[None]:
        """Have a cable with a bandwidth carry less in both directions: what is begun meanwhile is in the middle for long."""
        self._shape(replace(self._cable, megabits_s=megabits_s))
        try:
            yield
        finally:
            self._shape(self._cable)

    def _shape(self, cable: Cable) -> None:
        with _inside(self._switch):
            _limit(self._port, cable)
        with _inside(self._namespace):
            if (cable.delay_ms or cable.loss_percent) and self.late_by != _CARRIED:
                _delay(self.device, cable)
            else:
                _limit(self.device, cable)

    def _plug(self, state: str) -> None:
        with _inside(self._switch):
            _ip("link", "set", self._port, state)


class Network:
    """A switch and its hosts. Use it as a context manager."""

    def __init__(self, *, addresses: str = _ADDRESSES) -> None:
        """Prepare nothing yet. `addresses` has a place for the host's number: networks that are plugged in together need others."""
        self._addresses = addresses
        self._stack = ExitStack()
        self._hosts = 0
        self._switch = -1
        self._has_netem = False

    def __enter__(self) -> Self:
        """Make the switch.

        Raises:
            RuntimeError: This user may not, or this machine cannot; it says what is missing.
        """
        if shutil.which("ip") is None or shutil.which("tc") is None:
            raise RuntimeError("hosts need the commands ip and tc (Debian package iproute2)")
        try:
            self._switch = self._namespace()
            with _inside(self._switch):
                _ip("link", "add", "switch", "type", "bridge")
                _ip("link", "set", "switch", "up")
                self._has_netem = _shapes("lo", "netem", "delay", "0ms")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Take everything away."""
        self._stack.close()

    def host(self, cable: Cable | None = None) -> Host:
        """Return a new host on a cable of its own."""
        return self._joined(self._namespace(), cable or Cable())

    def here(self) -> Host:
        """Plug in the place where this thread is, until the network ends."""
        namespace = os.open(_HERE, os.O_RDONLY)
        self._stack.callback(os.close, namespace)
        host = self._joined(namespace, Cable())
        self._stack.callback(_ip, "link", "delete", host.device)  # at once: the kernel takes its time with the rest
        return host

    def _joined(self, namespace: int, cable: Cable) -> Host:
        self._hosts += 1
        port, device = f"port{self._hosts}", f"h{os.getpid()}-{next(_DEVICES)}"
        by_process = (cable.delay_ms or cable.loss_percent) and not self._has_netem
        if by_process:
            self._carried(namespace, device, port, cable)
        else:
            _wired(namespace, device, self._switch, port)
        address = self._addresses.format(self._hosts)
        with _inside(self._switch):
            _ip("link", "set", port, "master", "switch")
            _ip("link", "set", port, "up")
            if cable.megabits_s:
                _limit(port, cable)
        with _inside(namespace):
            _ip("link", "set", "lo", "up")
            _ip("address", "add", f"{address}/24", "dev", device)
            _ip("link", "set", device, "up")
            if (cable.delay_ms or cable.loss_percent) and self._has_netem:
                _delay(device, cable)
            elif cable.megabits_s:
                _limit(device, cable)
        late_by = "netem" if self._has_netem else _CARRIED
        return Host(address, device, namespace, self._switch, port, late_by, cable)

    def _namespace(self) -> int:
        """Return the handle of a new network namespace, which goes with the network."""
        found: list[int | OSError] = []

        def leave() -> None:
            try:
                _call("unshare", _NEW_NETWORK)
                found.append(os.open(_HERE, os.O_RDONLY))
            except OSError as error:
                found.append(error)

        thread = threading.Thread(target=leave)
        thread.start()
        thread.join()
        (made,) = found
        if isinstance(made, OSError):
            raise RuntimeError(f"no network namespace can be made here ({made.strerror}): hosts need root") from made
        self._stack.callback(os.close, made)
        return made

    def _carried(self, namespace: int, device: str, port: str, cable: Cable) -> None:
        try:
            with _inside(self._switch):
                near = tap(port)
            with _inside(namespace):
                far = tap(device)
        except OSError as error:
            raise RuntimeError(f"this kernel has no netem, and there is no TAP device ({error}): no delay") from error
        words = [str(near), str(far), str(cable.delay_ms), str(cable.loss_percent)]
        process = subprocess.Popen(
            [sys.executable, "-m", "fs2od.testing.late_packets", *words], stdin=subprocess.PIPE, pass_fds=(near, far)
        )
        for handle in (near, far):
            os.close(handle)
        self._stack.callback(_end, process)


@contextmanager
def _inside(namespace: int) -> Iterator[None]:
    before = os.open(_HERE, os.O_RDONLY)
    try:
        _call("setns", namespace, _NEW_NETWORK)
        try:
            yield
        finally:
            _call("setns", before, _NEW_NETWORK)
    finally:
        os.close(before)


def _call(name: str, *given: int) -> None:
    """Call a function of the C library that os has only from Python 3.12 on."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*given):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _wired(namespace: int, device: str, switch: int, port: str) -> None:
    with _inside(switch):
        there = f"/proc/{os.getpid()}/fd/{namespace}"
        _ip("link", "add", port, "type", "veth", "peer", "name", device, "netns", there)


def _delay(device: str, cable: Cable) -> None:
    late = ["delay", f"{cable.delay_ms}ms", "loss", f"{cable.loss_percent}%", "limit", str(_QUEUE_PACKETS)]
    rate = ["rate", f"{cable.megabits_s}mbit"] if cable.megabits_s else []
    _run("tc", "qdisc", "replace", "dev", device, "root", "netem", *late, *rate)


def _limit(device: str, cable: Cable) -> None:
    _run("tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{cable.megabits_s}mbit",
         "burst", "64kb", "latency", "200ms")  # fmt: skip


def _shapes(device: str, *kind: str) -> bool:
    words = ["tc", "qdisc", "add", "dev", device, "root", *kind]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(10)


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*words: str) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
