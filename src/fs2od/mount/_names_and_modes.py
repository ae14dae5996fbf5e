"""Names and permission bits, as programs have them and as Onedata has them."""

from __future__ import annotations

from fs2od.onedata.errors import posix
from fs2od.transfer import Entry, EntryKind

__all__ = ["FILE_MODE", "members_mode", "require_text", "shown_mode"]

FILE_MODE = 0o664
"""Of a file of which nothing else is known."""
_FOLDER_MODE = 0o775


def shown_mode(entry: Entry) -> int:
    """Return the permission bits that programs see: Onedata judges a member by the middle digit, the kernel us by the first."""
    mode = entry.mode if entry.mode is not None else _FOLDER_MODE if entry.kind is EntryKind.FOLDER else FILE_MODE
    members = mode >> 3 & 0o7
    return members << 6 | members << 3 | mode & 0o7


def members_mode(mode: int) -> int:
    """Return the bits that Onedata gets for what a program wants: what the owner may, members may."""
    owner = mode >> 6 & 0o7
    return owner << 6 | owner << 3 | mode & 0o7


def require_text(name: str) -> None:
    """Let only names pass that a service can be told.

    Raises:
        PosixError: eilseq.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise posix("eilseq") from error
