"""A far-away place on this machine: a network namespace behind a link with delay and loss. Needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Distance", "can_be_made", "far_away"]

_ROOT = Path(__file__).parent.parent
_NEAR, _FAR = "10.231.77.1", "10.231.77.2"
_QUEUE_PACKETS = 20_000


@dataclass(frozen=True)
class Distance:
    """Where the far place is: the address there, the words that begin a command that runs there, and what makes it far."""

    address: str
    words: tuple[str, ...]
    made_by: str


def can_be_made() -> bool:
    """Say whether this user and this machine can make one."""
    return os.geteuid() == 0 and shutil.which("ip") is not None and Path("/dev/net/tun").exists()


@contextmanager
def far_away(*, delay_ms: int, loss_percent: float) -> Iterator[Distance]:
    """Make the place; what it sends comes late, and some of it is lost. By netem, or where that is missing, by a process."""
    name = f"fs2od-{os.getpid()}"
    inside = ("ip", "netns", "exec", name)
    with ExitStack() as stack:
        _run("ip", "netns", "add", name)
        stack.callback(_run, "ip", "netns", "delete", name)
        _run(*inside, "ip", "link", "set", "lo", "up")
        if _has_netem(inside):
            made_by = "netem"
            _link(name, inside, delay_ms, loss_percent)
        else:
            made_by = "a process between two TUN devices, for this kernel has no netem"
            stack.enter_context(_carried(name, delay_ms, loss_percent))
        yield Distance(_FAR, inside, made_by)


def _has_netem(inside: tuple[str, ...]) -> bool:
    if shutil.which("tc") is None:
        return False
    words = [*inside, "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "0ms"]
    if subprocess.run(words, check=False, capture_output=True).returncode != 0:
        return False
    _run(*inside, "tc", "qdisc", "delete", "dev", "lo", "root")
    return True


def _link(name: str, inside: tuple[str, ...], delay_ms: int, loss_percent: float) -> None:
    near, far = f"near{os.getpid()}", f"far{os.getpid()}"
    # The link goes with the namespace.
    _run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
    _run("ip", "address", "add", f"{_NEAR}/30", "dev", near)
    _run("ip", "link", "set", near, "up")
    _run(*inside, "ip", "address", "add", f"{_FAR}/30", "dev", far)
    _run(*inside, "ip", "link", "set", far, "up")
    late = ("delay", f"{delay_ms}ms", "loss", f"{loss_percent}%", "limit", str(_QUEUE_PACKETS))
    _run(*inside, "tc", "qdisc", "add", "dev", far, "root", "netem", *late)


@contextmanager
def _carried(name: str, delay_ms: int, loss_percent: float) -> Iterator[None]:
    words = [sys.executable, "-m", "bench.slow_link", name, _NEAR, _FAR, str(delay_ms), str(loss_percent)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.stdin.close()
            process.wait(10)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
