"""Where to go after signing in: a place on this server, and nowhere else."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["HOME", "local_path"]

HOME = "/account"
_LONGEST = 2000


def local_path(text: str, *, home: str = HOME) -> str:
    r"""Return `text` if it is a path on this server as browsers understand it, or else `home`: by default the account's page.

    Browsers take `//host` and `/\host` for other servers, and drop tabs and line breaks before they look.
    """
    plain = all("!" <= each <= "~" for each in text) and "\\" not in text
    if not plain or len(text) > _LONGEST or not text.startswith("/") or text.startswith("//"):
        return home
    parts = urlsplit(text)
    return home if parts.scheme or parts.netloc else text
