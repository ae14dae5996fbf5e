"""Where services are: origins, the links of shares, and the ids that stand at the end of a Location."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from fs2od.errors import ConfigurationError
from fs2od.onedata.errors import MalformedAnswer
from fs2od.onedata.ids import ShareId, is_entity_id

__all__ = ["ShareLink", "https_origin", "id_at_end", "parse_share_link", "redirect_target"]

_DEFAULT_PORT = 443


@dataclass(frozen=True, slots=True)
class ShareLink:
    """What a public link `https://ZONE/share/ID` says."""

    zone: str
    share: ShareId


def https_origin(url: str) -> str:
    """Return `https://host[:port]` of a service's address, which may end in a slash.

    Raises:
        ConfigurationError: It is not https, or holds more than a host and a port: correct the setting.
    """
    parts = _split(url)
    if parts is None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ConfigurationError("a service's address must be https://HOST or https://HOST:PORT, and nothing more")
    return _origin(parts)


def parse_share_link(link: str) -> ShareLink:
    """Return the zone and the share that a public link names.

    Raises:
        ConfigurationError: It is not the link of a share: copy it again, whole.
    """
    parts = _split(link.strip())
    segments = parts.path.strip("/").split("/") if parts else []
    match segments:
        case ["share", share] if parts is not None and is_entity_id(share):
            return ShareLink(_origin(parts), ShareId(share))
        case _:
            raise ConfigurationError("a share's link looks like https://HOST/share/ID")


def redirect_target(current: str, location: str | None) -> str:
    """Return the address that a redirect leads to.

    Raises:
        MalformedAnswer: It leads nowhere, or away from https.
    """
    try:
        given = urlsplit(location or "")
        # "https://" alone would be joined to the very address that answered.
        leads = bool(location) and bool(given.netloc or not given.scheme)
        target = urljoin(current, location) if leads else ""
    except ValueError:
        target = ""
    if _split(target) is None:
        raise MalformedAnswer("a redirect leads nowhere, or away from https")
    return target


def id_at_end(location: str | None, *, collection: str) -> str:
    """Return the id of what was created, from its Location `…/<collection>/<id>`.

    Raises:
        MalformedAnswer: The Location is missing or has another form. The thing was created all the same.
    """
    try:
        segments = urlsplit(location or "").path.split("/")
    except ValueError:
        segments = []
    match segments:
        case [*_, before, created] if before == collection and is_entity_id(created):
            return created
        case _:
            raise MalformedAnswer(f"the answer names no new id below {collection}")


def _split(url: str) -> SplitResult | None:
    """Return the parts of an https address without user, or None for anything else."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.scheme == "https" and parts.hostname and (parts.port is None or parts.port > 0))
    except ValueError:
        return None
    odd = any(character.isspace() or character in "@\\%" for character in parts.netloc)
    return parts if usable and not odd else None


def _origin(parts: SplitResult) -> str:
    host = parts.hostname or ""
    bracketed = f"[{host}]" if ":" in host else host
    port = parts.port or _DEFAULT_PORT
    return f"https://{bracketed}" if port == _DEFAULT_PORT else f"https://{bracketed}:{port}"
