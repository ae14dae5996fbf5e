"""What a machine needs so that a user can mount."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fs2od.mount._spool import kept_in

__all__ = ["Finding", "check_machine", "set_read_ahead"]

_DEVICE = Path("/dev/fuse")
_CONFIGURATION = Path("/etc/fuse.conf")
_READ_AHEAD_KB = 1024


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        name: What it is.
        is_there: Whether it is as it should be.
        needed: Whether nothing goes without it.
        said: What to do, or what was found.
    """

    name: str
    is_there: bool
    needed: bool
    said: str


def check_machine(cache: Path | None = None, spool: Path | None = None, unsent: Path | None = None) -> list[Finding]:
    """Return what was found on this machine; nothing is changed.

    Args:
        cache: The folder of the block cache that is meant to be used.
        spool: The folder of what is written and not sent yet.
        unsent: The user's own folder of spools, which leads to others.
    """
    found = [*_binding(), *_device(), *_helper(), *_sharing()]
    found += [_room("cache", cache)] if cache is not None else []
    found += [_room("spool", spool)] if spool is not None else []
    return [*found, *_unsent([each for each in (spool, unsent) if each is not None])]


def _binding() -> Iterator[Finding]:
    is_there = importlib.util.find_spec("pyfuse3") is not None
    said = "pip install 'fs2od[mount]' (builds with Debian's libfuse3-dev, pkg-config, gcc and python3-dev)"
    yield Finding("pyfuse3", is_there, needed=True, said="installed" if is_there else said)


def _device() -> Iterator[Finding]:
    if not _DEVICE.exists():
        said = "there is no /dev/fuse: load the kernel's module fuse, or give the container the device"
        yield Finding("/dev/fuse", is_there=False, needed=True, said=said)
        return
    try:
        os.close(os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        said = f"cannot be opened ({error.strerror}): the administrator lets you, or the container has no right to"
        yield Finding("/dev/fuse", is_there=False, needed=True, said=said)
        return
    yield Finding("/dev/fuse", is_there=True, needed=True, said="can be opened")


def _helper() -> Iterator[Finding]:
    found = shutil.which("fusermount3")
    said = found or "missing: install the package fuse3"
    yield Finding("fusermount3", found is not None, needed=os.geteuid() != 0, said=said)


def _sharing() -> Iterator[Finding]:
    try:
        lines = [line.strip() for line in _CONFIGURATION.read_text().splitlines()]
    except OSError:
        lines = []
    may = os.geteuid() == 0 or "user_allow_other" in lines
    said = "may be used" if may else "only with the line user_allow_other in /etc/fuse.conf"
    yield Finding("--allow-other", may, needed=False, said=said)
    is_root = os.geteuid() == 0
    said = (
        f"will be set to {_READ_AHEAD_KB}"
        if is_root
        else f"stays at the kernel's 128; as root: echo {_READ_AHEAD_KB} > /sys/class/bdi/NUMBER/read_ahead_kb doubles long reads"
    )
    yield Finding("read_ahead_kb", is_root, needed=False, said=said)


def _unsent(tops: list[Path]) -> Iterator[Finding]:
    kept = [each for each in kept_in(*tops) if not each.host]
    if kept:
        folders = ", ".join(dict.fromkeys(str(each.file.parent) for each in kept))
        yield Finding("unsent", is_there=False, needed=False, said=f"{len(kept):,} files were not sent: see {folders}")


def _room(name: str, folder: Path) -> Finding:
    existing = next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path("/"))
    may = os.access(existing, os.W_OK)
    free = shutil.disk_usage(existing).free
    return Finding(
        name, may, needed=False, said=f"{folder}: {free / 1e9:.0f} GB free" if may else f"{folder} cannot be written"
    )


def set_read_ahead(mountpoint: Path) -> bool:
    """Let the kernel read ahead further, and say whether it does: root may, others may not."""
    number = mountpoint.stat().st_dev
    knob = Path(f"/sys/class/bdi/{os.major(number)}:{os.minor(number)}/read_ahead_kb")
    try:
        knob.write_text(f"{_READ_AHEAD_KB}\n")
    except OSError:
        return False
    return True
