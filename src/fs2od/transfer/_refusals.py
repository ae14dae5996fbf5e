"""What a service's refusal means for the reader: Onedata's error documents, and what stands between may answer, too."""

from __future__ import annotations

import contextlib
import json
import time
from email.utils import parsedate_to_datetime
from typing import Final, Mapping, NoReturn

from fs2od.errors import Fs2odError
from fs2od.transfer._errors import (
    AttributeRefused,
    Busy,
    Forbidden,
    Lost,
    MalformedAnswer,
    NotFound,
    RangeRefused,
    ServiceError,
    Withheld,
)
from fs2od.transfer._http import Answer

__all__ = ["raise_refusal", "refusal_of", "said_of"]

_LARGEST_BYTES: Final = 64 << 10
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_SHOWN: Final = 200
_NO_ACCESS: Final = "the link gives no access to it"
_GONE: Final = "it is not there any more"
_PLAIN: Final[Mapping[int, tuple[type[ServiceError], str]]] = {
    401: (Forbidden, _NO_ACCESS),
    403: (Forbidden, _NO_ACCESS),
    404: (NotFound, _GONE),
    410: (NotFound, _GONE),
    416: (RangeRefused, "the service has fewer bytes than it announced"),
}
_PLAIN_ERRNOS: Final[Mapping[str, tuple[type[ServiceError], str]]] = {
    "eacces": (Withheld, _NO_ACCESS),
    "eperm": (Withheld, _NO_ACCESS),
    "enoent": (NotFound, _GONE),
    "enodata": (Lost, "it is lost: the site that had it ended before it was copied"),
}
_BUSY_ERRNOS: Final = frozenset({"ebusy", "eagain", "etimedout"})


def raise_refusal(answer: Answer) -> NoReturn:
    """Read an answer that is no success, and raise what it means.

    Raises:
        Busy, Forbidden, Withheld, NotFound, RangeRefused, ServiceError: As the class says.
    """
    body = b""
    with contextlib.suppress(Fs2odError):
        body = answer.read_all(_LARGEST_BYTES)
    raise refusal_of(answer.status, body, retry_after=answer.header("retry-after"))


def refusal_of(status: int, body: bytes, *, retry_after: str | None = None) -> Fs2odError:
    """Return the error that an answer stands for."""
    error_id, errno = _told(body)
    if status in _BUSY or errno in _BUSY_ERRNOS:
        return Busy(f"the service has no time just now ({errno or status})", retry_after_s=_seconds(retry_after))
    plain = _PLAIN.get(status) or _PLAIN_ERRNOS.get(errno)
    if plain is not None:
        kind, said = plain
        return kind(said)
    if error_id == "badValueNotAllowed":
        return AttributeRefused(f"the service reports {error_id}")
    if not (errno or error_id) and 200 <= status < 400:
        return MalformedAnswer(f"the service answers {status} where that has no meaning")
    return ServiceError(f"the service reports {errno or error_id or status}")


def said_of(answer: Answer) -> str:
    """Return the id of the error that an answer reports, such as "tokenRevoked"; "" where it has none."""
    try:
        error = json.loads(answer.read_all(_LARGEST_BYTES))["error"]
        inner = (error.get("details") or {}).get("authError") or {}
        return _word(inner.get("id")) or _word(error.get("id"))
    except (Fs2odError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""


def _told(body: bytes) -> tuple[str, str]:
    """Return the error's id, and the errno of a file operation, both "" where there are none."""
    try:
        error = json.loads(body)["error"]
        details = error.get("details")
        errno = details.get("errno") if isinstance(details, dict) else None
        return _word(error.get("id")), _word(errno)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", ""


def _word(value: object) -> str:
    return value[:_LONGEST_SHOWN] if isinstance(value, str) and value.isalnum() else ""


def _seconds(retry_after: str | None) -> float | None:
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 8 else None
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return None
