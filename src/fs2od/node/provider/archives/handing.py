"""Addresses for browsers: an archive or a file under a secret of its own, so that no token and no cookie has to go with it."""

from __future__ import annotations

from urllib.parse import quote

from fs2od.node.provider.access import Located
from fs2od.node.provider.archives.layouts import Format
from fs2od.node.provider.archives.selections import root_name
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.sessions import SELECTION
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId

__all__ = ["archive_address", "archive_name", "file_address", "selection_address"]


def archive_address(
    provider: Oneprovider, top: Located, paths: tuple[str, ...], format_: Format, *, browser: str = ""
) -> str:
    """Return a new address of the archive of the present state.

    Args:
        provider: What serves it.
        top: A share's root, as it was found for whoever asks.
        paths: What is wanted below it; empty: everything.
        format_: The kind of archive.
        browser: The session of the browser that asks. The address then shows what that session's user may see, and ends
            with it; without one it shows what everybody may see.

    Raises:
        PosixError: enoent, one of the paths leads to nothing; eacces.
    """
    plan = provider.archives.present(top, paths, format_)
    secret = provider.sessions.issue(_share(top), format_, str(plan.state), paths, browser=browser)
    return _address(provider, secret, archive_name(top, paths, format_))


def file_address(provider: Oneprovider, top: Located, path: str, name: str, *, browser: str) -> str:
    """Return a new address of one file below a share's root, for the user of a browser's session, as in `archive_address`."""
    secret = provider.sessions.issue(_share(top), "file", "", (path,), browser=browser)
    return _address(provider, secret, name)


def selection_address(provider: Oneprovider, top: Located, paths: tuple[str, ...], *, browser: str = "") -> str:
    """Return a new address of what was chosen, without a slash at its end: its lists and archives lie below.

    The state of its archives is that of the first one asked for. Without a `browser` it shows what whoever asks may see.
    """
    secret = provider.sessions.issue(_share(top), SELECTION, "", paths, browser=browser)
    return f"{provider.record.url}/download/{secret}"


def archive_name(top: Located, paths: tuple[str, ...], format_: Format) -> str:
    """Return what an archive is called."""
    name = paths[0].rpartition("/")[2] if len(paths) == 1 else root_name(top)
    return f"{name}.{format_}"


def _share(top: Located) -> ShareId:
    if top.share is None:
        raise errors.not_found()
    return top.share.id


def _address(provider: Oneprovider, secret: str, name: str) -> str:
    return f"{provider.record.url}/download/{secret}/{quote(name, safe='')}"
