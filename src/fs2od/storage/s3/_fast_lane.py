"""A quicker way for the two requests that are made for every small file; whatever it cannot do goes the usual way.

Its library spends a quarter of the time on a request, outside the interpreter's lock, but tells little of what went wrong and
takes no names with control characters. So nothing is concluded from its failures: the request is made again by botocore,
whose answer counts, and which is the one that tries again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from fs2od.storage.s3._bucket import S3Settings

if TYPE_CHECKING:  # its types are there for type checkers only
    from obstore.store import S3Credential

__all__ = ["FastLane", "Found"]

_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Found:
    """What a store says of an object."""

    size_bytes: int
    tag: str
    modified: datetime


class FastLane:
    """Writes and looks at single objects."""

    def __init__(self, settings: S3Settings) -> None:
        # An authority of one's own is left to botocore: this library knows the public ones only. So is a store that others named:
        # this library would follow it anywhere.
        # With the bucket in the host's name it wants another endpoint.
        is_usual = settings.path_style and not settings.ca_pem and not settings.only_public
        self._store = _store(settings) if is_usual else None

    def put(self, key: str, content: bytes) -> bool:
        """Put an object whole; return whether that is known to have worked."""
        if self._store is None:
            return False
        try:
            told = obstore.put(self._store, key, content, use_multipart=False)
        except (BaseError, OSError, ValueError):
            return False
        return bool(told["e_tag"])

    def head(self, key: str) -> Found | None:
        """Return what the store says of an object; None if it cannot be had this way."""
        if self._store is None:
            return None
        try:
            told = obstore.head(self._store, key)
        except (BaseError, OSError, ValueError):
            return None
        tag, modified = told["e_tag"], told["last_modified"]
        # It makes do without: but each store says these.
        return Found(told["size"], tag, modified) if tag and modified > _NEVER else None


def _store(settings: S3Settings) -> S3Store:
    return S3Store(
        settings.bucket,
        endpoint=settings.endpoint,
        # Handed over by this alone, a token in the environment of whoever runs us stays there.
        credential_provider=lambda: _credentials(settings),
        skip_signature=False,
        region=settings.region,
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": True,
            "connect_timeout": timedelta(seconds=settings.connect_timeout_s),
            "timeout": timedelta(seconds=settings.read_timeout_s),
            # A proxy that nothing goes to: without one it would be the environment's.
            "proxy_url": "http://127.0.0.1:9",
            "proxy_excludes": urlsplit(settings.endpoint).hostname or "",
        },
        retry_config={"max_retries": 0},
    )


def _credentials(settings: S3Settings) -> S3Credential:
    return {"access_key_id": settings.access_key, "secret_access_key": settings.secret_key, "expires_at": None}
