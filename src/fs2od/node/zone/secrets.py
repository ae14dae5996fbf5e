"""The key file, and what it keeps: root secrets derived from it, others sealed with it. The database alone gives none away."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fs2od.errors import StateError

__all__ = ["KeyFile"]

_SIZE = 32
_NONCE = 12


class KeyFile:
    """32 random bytes in a file of mode 0600, made at first start. Whoever loses it ends every token."""

    def __init__(self, path: Path) -> None:
        self._key = _read(path) if path.exists() else _make(path)

    def derive(self, purpose: str) -> bytes:
        """Return the secret for one purpose, such as one token's id: HMAC-SHA-256 of it under the key."""
        return hmac.new(self._key, purpose.encode(), hashlib.sha256).digest()

    def sealed(self, purpose: str, secret: bytes) -> bytes:
        """Return a secret that must be kept, encrypted (AES-256-GCM) so that only `opened` for the same purpose reads it."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(self.derive(f"seal/{purpose}")).encrypt(nonce, secret, purpose.encode())

    def opened(self, purpose: str, sealed: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            StateError: It was sealed with another key file or for another purpose, or was changed since.
        """
        nonce, text = sealed[:_NONCE], sealed[_NONCE:]
        try:
            return AESGCM(self.derive(f"seal/{purpose}")).decrypt(nonce, text, purpose.encode())
        except (InvalidTag, ValueError) as error:
            raise StateError(
                f"{purpose}: sealed with another key file: restore that one, or enter the secret anew"
            ) from error

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
