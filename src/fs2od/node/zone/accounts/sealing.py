"""Secrets of links in letters: put in as a letter leaves, so that neither the outbox nor its database holds one that works."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

from fs2od.mail import Outcome, Transport
from fs2od.node.zone.secrets import KeyFile

__all__ = ["SealedTransport", "letter_key", "link_secret", "open_link", "sealed_link"]

_SEAL = re.compile(rb"~sealed-([0-9a-f]{32})~")
_SECRET = re.compile(r"([0-9a-f]{32})([0-9a-f]{40})")


def sealed_link(link: str) -> str:
    """Return what stands in a stored letter in place of the secret of the link with this id."""
    return f"~sealed-{link}~"


def letter_key(link: str) -> str:
    """Return the outbox's key of the one letter that may carry the secret of the link with this id."""
    return f"link/{hashlib.sha256(link.encode()).hexdigest()}"


def link_secret(keys: KeyFile, link: str) -> str:
    """Return the secret of the link with this id: the id itself, and what only we can know."""
    return link + keys.derive(f"mail link/{link}").hex()[:40]


def open_link(keys: KeyFile, secret: str) -> str | None:
    """Return the id of the link whose secret this is, or None if it is nobody's."""
    found = _SECRET.fullmatch(secret)
    if found is None or not hmac.compare_digest(link_secret(keys, found[1]), secret):
        return None
    return found[1]


class SealedTransport:
    """Another transport, whose letters get the secrets of their links on the way out."""

    def __init__(self, transport: Transport, keys: KeyFile) -> None:
        self._transport = transport
        self._keys = keys

    def send(self, message: bytes, sender: str, recipients: Sequence[str], *, name: str) -> Outcome:
        """Put the secrets in and hand the message over."""

        def opened(found: re.Match[bytes]) -> bytes:
            link = found[1].decode()
            # What people type stands in letters, too: only a letter's own link is opened in it. Its name ends with its key's hash.
            own = name.endswith(hashlib.sha256(letter_key(link).encode()).hexdigest()[:12])
            return link_secret(self._keys, link).encode() if own else found[0]

        message = _SEAL.sub(opened, message)
        return self._transport.send(message, sender, recipients, name=name)

    def stop(self) -> None:
        """Let the other transport stop."""
        self._transport.stop()
