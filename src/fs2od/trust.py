"""Whose certificates are trusted: the system's authorities, and those of a file.

OpenSSL takes 25 ms to read the system's: they are read once for all connections of a process, until a file changes.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path
from typing import Tuple

__all__ = ["trusting"]

_State = Tuple[str, int, int, int]


def trusting(ca_file: str | None = None) -> ssl.SSLContext:
    """Return what verifies certificates against the system's authorities, and those in `ca_file` (PEM) as well.

    Others may have the same one: it is not to be changed.

    Raises:
        OSError: `ca_file` cannot be read as certificates (ssl.SSLError is one): correct the path.
    """
    system = ssl.get_default_verify_paths()
    return _read(ca_file, tuple(_state(path) for path in (ca_file, system.cafile, system.capath)))


# The states are only there to tell files apart that were replaced or written anew.
@lru_cache(maxsize=8)
def _read(ca_file: str | None, _states: tuple[_State | None, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def _state(path: str | None) -> _State | None:
    if path is None:
        return None
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return path, found.st_ino, found.st_mtime_ns, found.st_size
