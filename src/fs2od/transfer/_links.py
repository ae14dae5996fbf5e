"""Links to shares: what people paste, and the addresses that it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from fs2od.errors import Fs2odError
from fs2od.transfer._http import is_loopback

__all__ = ["InvalidLink", "Link", "LinkEnded", "UnknownLink", "parse_link"]

_LONGEST_LINK: Final = 2_000
_PORTS: Final = {"https": 443, "http": 80}
# Mail programs and word processors wrap links in these.
_WRAPPING: Final = " \t\r\n\"'`<>().,;\u00a0\u2018\u2019\u201c\u201d\u00ab\u00bb"
_ENTITY: Final = re.compile(r"[0-9a-h]{1,64}")
_PATH: Final = re.compile(r"/(?:share|api/v3/onezone/shares)/([^/]+)(?:/public)?/*", re.ASCII)


class InvalidLink(Fs2odError):
    """The text is no link to a share; the message says what one looks like."""

    exit_code = 2


class UnknownLink(Fs2odError):
    """The zone knows no such share: it has ended, or the link is not complete. Ask whoever sent it."""

    exit_code = 6


class LinkEnded(Fs2odError):
    """The share was ended while it was read. What was fetched stays; ask for a new link."""

    exit_code = 5


@dataclass(frozen=True)
class Link:
    """A share, by the zone that knows it. `str(link)` is the address that people open in a browser.

    Attributes:
        zone_url: The zone's origin, such as "https://zone.example.org:9443".
        share: The share's id.
    """

    zone_url: str
    share: str

    def __str__(self) -> str:
        return f"{self.zone_url}/share/{self.share}"


def parse_link(text: str) -> Link:
    """Return the share that a pasted link means.

    Blanks, line breaks, quotes, brackets and slashes around it are forgiven. A share's publicUrl (…/share/ID) is
    understood as well as its publicRestUrl (…/api/v3/onezone/shares/ID/public).

    Raises:
        InvalidLink: It is no https link to a share; ask for the link again. Plain http is for this machine only.
    """
    cleaned = re.sub(r"\s+", "", text).strip(_WRAPPING)
    if len(cleaned) > _LONGEST_LINK:
        raise InvalidLink("The link is too long to be one to a share.")
    try:
        url = urlsplit(cleaned)
        origin = _origin(url)
    except ValueError:
        raise _unclear() from None
    found = _PATH.fullmatch(url.path)
    if found is None or not _ENTITY.fullmatch(found[1]):
        raise _unclear()
    return Link(origin, found[1])


def _origin(url: SplitResult) -> str:
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise InvalidLink("The link begins with http://, which anybody on the way could read and change: use https://.")
    if url.scheme not in _PORTS or not url.hostname or url.username is not None:
        raise ValueError
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    plain = f"{url.scheme}://{host}"
    return plain if url.port in {None, _PORTS[url.scheme]} else f"{plain}:{url.port}"


def _unclear() -> InvalidLink:
    # The text is not repeated: it may be something else that was meant to stay secret.
    return InvalidLink("This is no link to shared data; one looks like https://zone.example.org/share/1a2b3c…")
