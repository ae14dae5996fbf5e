"""Places of datasets: links to shares and spaces at a zone, as people paste them, and the addresses they stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Union
from urllib.parse import SplitResult, urlsplit

from fs2od.errors import Fs2odError
from fs2od.transfer._http import is_loopback

__all__ = [
    "InvalidLink",
    "Link",
    "LinkEnded",
    "NoSuchDataset",
    "Place",
    "SpacePlace",
    "UnknownLink",
    "UnknownSpace",
    "is_link",
    "parse_link",
    "parse_place",
    "parse_zone",
]

_LONGEST_LINK: Final = 2_000
_PORTS: Final = {"https": 443, "http": 80}
# Mail programs and word processors wrap links in these.
_WRAPPING: Final = "\"'`<>()[]{}*_|!?.,;\u2018\u2019\u201c\u201d\u00ab\u00bb\u2026"
# Nobody sees them, and they are copied along.
_UNSEEN: Final = re.compile("[\\s\u00ad\u200b-\u200f\u2060\ufeff]+")
_ENTITY: Final = re.compile(r"[0-9a-h]{1,64}")
# A link that was copied without its beginning, as some browsers show it.
_BARE: Final = re.compile(
    r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?:\.[A-Za-z]{2,}|:[0-9]+)/+share/+[0-9a-h]{16,64}/*", re.ASCII
)
_PATH: Final = re.compile(r"/(?:share|api/v3/onezone/shares)/([^/]+)(?:/public)?/*", re.ASCII)


class InvalidLink(Fs2odError):
    """The text is no link to a share; the message says what one looks like."""

    exit_code = 2


class NoSuchDataset(Fs2odError):
    """There is no dataset where it was looked for, or not for this token."""

    exit_code = 6


class UnknownLink(NoSuchDataset):
    """The zone knows no such share: it has ended, or the link is not complete. Ask whoever sent it."""


class UnknownSpace(NoSuchDataset):
    """The access token gives no such space. The message names those that it gives."""


class LinkEnded(Fs2odError):
    """The share, or the membership, was ended while it was read. What was fetched stays; ask for a new link."""

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


@dataclass(frozen=True)
class SpacePlace:
    """A space, or a folder in it, for whoever has an access token.

    Attributes:
        zone_url: The zone's origin.
        space: The space's id or its name.
        path: The folder or file in it, with "/" between names; "" is the whole space.
    """

    zone_url: str
    space: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.space}/{self.path}" if self.path else self.space


Place = Union[Link, SpacePlace]
"""Where a dataset is to be read."""


def parse_place(text: str, zone_url: str | None) -> Place:
    """Return the dataset that a pasted link, or a space's id or name, stands for. "SPACE/a/folder" is a part of a space.

    Args:
        text: What was given; see `is_link`.
        zone_url: The zone of a space; see `parse_zone`.

    Raises:
        InvalidLink: It is a link, but not to a share; or it is a space, and no zone is known.
    """
    if is_link(text):
        return parse_link(text)
    space, _, path = text.strip().partition("/")
    names = [name for name in path.split("/") if name not in {"", "."}]
    if not space or ".." in names:
        # Nor is this repeated.
        raise InvalidLink(
            "This names no space, and is no link to shared data: a space is written as its name or id, or as SPACE/a/folder "
            'without "..", and a link looks like https://zone.example.org/share/1a2b3c…'
        )
    if zone_url is None:
        raise InvalidLink(
            "This is no link, which begins with https://. A space needs an access token (--token-file, FS2OD_TOKEN), "
            "and its zone (--zone, FS2OD_ZONE) where the token does not tell it."
        )
    return SpacePlace(zone_url, space, "/".join(names))


def is_link(text: str) -> bool:
    """Say whether a text is meant as a link, and not as a space's id or name: it has https:// in it, or lacks nothing else."""
    return "://" in text or _BARE.fullmatch(text.strip()) is not None


def parse_zone(text: str) -> str:
    """Return a zone's origin of its address, such as "https://zone.example.org" of "zone.example.org/".

    Raises:
        InvalidLink: It is none.
    """
    cleaned = text.strip().rstrip("/")
    try:
        return _origin(urlsplit(cleaned if "://" in cleaned else f"https://{cleaned}"))
    except ValueError:
        raise InvalidLink("This is no address of a zone; one looks like https://zone.example.org") from None


def parse_link(text: str) -> Link:
    """Return the share that a pasted link means.

    Blanks, line breaks, quotes, brackets and slashes around it are forgiven, and so is that https:// is lacking. A share's publicUrl (…/share/ID) is
    understood as well as its publicRestUrl (…/api/v3/onezone/shares/ID/public).

    Raises:
        InvalidLink: It is no https link to a share; ask for the link again. Plain http is for this machine only.
    """
    cleaned = _UNSEEN.sub("", text).strip(_WRAPPING)
    if len(cleaned) > _LONGEST_LINK:
        raise InvalidLink("The link is too long to be one to a share.")
    try:
        url = urlsplit(f"https://{cleaned}" if _BARE.fullmatch(cleaned) else cleaned)
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
