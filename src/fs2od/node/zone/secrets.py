"""The key file, and the root secrets that are derived from it: the database alone gives no token away."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from fs2od.errors import StateError

__all__ = ["KeyFile"]

_SIZE = 32


class KeyFile:
    """32 random bytes in a file of mode 0600, made at first start. Whoever loses it ends every token."""

    def __init__(self, path: Path) -> None:
        self._key = _read(path) if path.exists() else _make(path)

    def derive(self, purpose: str) -> bytes:
        """Return the secret for one purpose, such as one token's id: HMAC-SHA-256 of it under the key."""
        return hmac.new(self._key, purpose.encode(), hashlib.sha256).digest()

    def __repr__(self) -> str:
        return "KeyFile(…)"


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != _SIZE:
        raise StateError(f"{path} is no key file of fs2od: restore it from a copy, or remove it to end all tokens")
    return key


def _make(path: Path) -> bytes:
    key = secrets.token_bytes(_SIZE)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, key)
        os.fsync(handle)
    finally:
        os.close(handle)
    return key
