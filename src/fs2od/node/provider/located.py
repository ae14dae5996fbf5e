"""A file that a caller found, with everything that decides what they may do with it.

Source: the REST contract §2 and §2.4: registered modes (others' bits through a share, members' bits else), data caveats.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from fs2od.node.index import Entry
from fs2od.node.index.schema import ROOT
from fs2od.node.panel.support import Support
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.shares import Share
from fs2od.onedata import errors
from fs2od.onedata.ids import FileId, FileRef, SpaceId, file_id
from fs2od.onedata.tokens import DataAccess
from fs2od.storage import Kind

__all__ = ["Located", "Need", "require_modes"]

_OTHERS_READ, _OTHERS_SEARCH = 0o4, 0o1
_MEMBERS_READ, _MEMBERS_SEARCH, _MEMBERS_WRITE = 0o40, 0o10, 0o20


class Need(Enum):
    """What a caller wants with a file. The first three are open to readers of a share as well."""

    LOOK = auto()
    """Its attributes: the directories above must be searchable, and it may lie on the way to what a token covers."""
    LIST = auto()
    """Its children, as far as the token leaves them."""
    READ = auto()
    """Its bytes or metadata."""
    MANAGE = auto()
    """What concerns the file as a whole: shares, QoS, transfers, where it lies. Never through a share."""
    WRITE = auto()
    """To change its mode or its metadata. Never through a share."""
    MODIFY = auto()
    """To change its bytes. Never through a share."""
    REMOVE = auto()
    """To move or remove it, which the directory has to allow. Never through a share."""
    ENTER = auto()
    """To make, move and remove what lies in it; it may lie on the way to what a token covers. Never through a share."""

    @property
    def changes(self) -> bool:
        """Say whether it takes the privilege to write."""
        return self in (Need.WRITE, Need.MODIFY, Need.REMOVE, Need.ENTER)

    @property
    def is_members(self) -> bool:
        """Say whether shares never give it."""
        return self.changes or self is Need.MANAGE

    @property
    def leads_on(self) -> bool:
        """Say whether it is also open on the way to what a token covers."""
        return self in (Need.LOOK, Need.LIST, Need.ENTER)


@dataclass(frozen=True)
class Located:
    """A file that a caller may look at, through a share or as a member.

    `path` is below the space's root, `ref` its identity as this caller sees it, `epoch` when its access was judged,
    `remaining` what the caller's token leaves of the space.
    """

    space: SpaceId
    entry: Entry
    path: str
    share: Share | None
    caller: Caller
    support: Support
    epoch: int
    ref: FileRef
    space_name: str
    remaining: DataAccess

    @property
    def is_share_root(self) -> bool:
        """Say whether it is what the share itself points at."""
        return self.share is not None and self.share.root == self.ref.through(None)

    @property
    def file_id(self) -> FileId:
        """The object id of the file, as seen by this caller."""
        return file_id(self.ref)

    @property
    def canonical_path(self) -> str:
        """The path that data caveats speak of: "/{space id}[/…]"."""
        return f"/{self.space}/{self.path}" if self.path else f"/{self.space}"

    @property
    def read_bits(self) -> tuple[int, int]:
        """The mode bits that let this caller read a file, and read and enter a directory."""
        return _read_bits(public=self.share is not None)

    def may_read(self, entry: Entry) -> bool:
        """Say whether the registered mode of something below lets this caller read it, or enter it if it is a directory."""
        return _is_readable(entry, public=self.share is not None)

    def names_left(self) -> list[str] | None:
        """Return the names in this directory that the token leads on to, sorted; None if it leaves all."""
        if self.remaining.paths is None or self.remaining.covers(self.canonical_path):
            return None
        prefix = f"{self.canonical_path}/"
        below = (path.removeprefix(prefix) for path in self.remaining.paths if path.startswith(prefix))
        return sorted({path.partition("/")[0] for path in below})


def require_modes(chain: Iterable[Entry], need: Need, *, public: bool) -> None:
    """Judge the registered modes of a file and the directories above it, from the file up.

    Raises:
        PosixError: eacces; enotdir, it is to be entered and is a file.
    """
    entry, *above = chain
    search = _OTHERS_SEARCH if public else _MEMBERS_SEARCH
    if any(directory.row != ROOT and not directory.mode & search for directory in above):
        raise errors.posix("eacces")
    if need in (Need.LIST, Need.READ) and not _is_readable(entry, public=public):
        raise errors.posix("eacces")
    if need is Need.ENTER and entry.kind is not Kind.DIRECTORY:
        raise errors.posix("enotdir")
    if need in (Need.MODIFY, Need.ENTER) and not _is_writable(entry):
        raise errors.posix("eacces")


def _is_writable(entry: Entry) -> bool:
    needed = _MEMBERS_WRITE | _MEMBERS_SEARCH if entry.kind is Kind.DIRECTORY else _MEMBERS_WRITE
    return entry.row == ROOT or entry.mode & needed == needed


def _is_readable(entry: Entry, *, public: bool) -> bool:
    of_file, of_directory = _read_bits(public=public)
    needed = of_directory if entry.kind is Kind.DIRECTORY else of_file
    return entry.row == ROOT or entry.mode & needed == needed


def _read_bits(*, public: bool) -> tuple[int, int]:
    read, search = (_OTHERS_READ, _OTHERS_SEARCH) if public else (_MEMBERS_READ, _MEMBERS_SEARCH)
    return read, read | search
