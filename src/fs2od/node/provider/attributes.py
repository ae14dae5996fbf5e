"""A file's attributes as its reader sees them: a member everything, a guest through a share less.

Source: the REST contract §2.4.
"""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from msgspec import structs

from fs2od.node.provider.access import Located
from fs2od.onedata.ids import FileId, ProviderId, ShareId, UserId
from fs2od.onedata.wire import FileAttributes, permissions_text
from fs2od.storage import Kind

__all__ = ["FileView", "attributes", "content_type"]

_NS = 1_000_000_000


@dataclass(frozen=True)
class FileView:
    """A located file with what only its surroundings know."""

    located: Located
    file_id: FileId
    parent: FileId | None
    shares: tuple[ShareId, ...]
    provider: ProviderId
    has_metadata: bool


def attributes(view: FileView) -> FileAttributes:
    """Return everything that the reader may see of a file."""
    return _public(view) if view.located.share is not None else _private(view)


@lru_cache(1000)
def content_type(name: str) -> str:
    """Return the media type for a file's name."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _public(view: FileView) -> FileAttributes:
    entry = view.located.entry
    return FileAttributes(
        file_id=view.file_id,
        index=entry.name,
        type=_type(entry.kind),
        active_permissions_type="posix",
        posix_permissions=permissions_text(entry.mode, public=view.located.share is not None),
        name=_name(view.located),
        conflicting_name=None,
        parent_file_id=view.parent,
        creation_time=entry.created_s,
        atime=entry.mtime_ns // _NS,
        mtime=entry.mtime_ns // _NS,
        ctime=entry.ctime_ns // _NS,
        size=None if entry.kind is Kind.DIRECTORY and not view.located.support.dir_stats else entry.size_bytes,
        direct_share_ids=view.shares,
        symlink_value=entry.target,
        has_custom_metadata=view.has_metadata,
    )


def _private(view: FileView) -> FileAttributes:
    located = view.located
    return structs.replace(
        _public(view),
        path="/" + "/".join(filter(None, (located.space, located.path))),
        acl=(),
        display_gid=0,
        display_uid=0,
        is_fully_replicated_locally=True,
        local_replication_rate=1.0,
        origin_provider_id=view.provider,
        owner_user_id=UserId(f"space_owner_{located.space}"),
        hardlink_count=1,
        eff_protection_flags=(),
        eff_dataset_protection_flags=(),
        eff_dataset_inheritance_path="none",
        eff_qos_inheritance_path="none",
        aggregate_qos_status="fulfilled",
        archive_recall_root_file_id=None,
    )


def _type(kind: Kind) -> Literal["REG", "DIR", "SYMLNK"]:
    match kind:
        case Kind.DIRECTORY:
            return "DIR"
        case Kind.SYMLINK:
            return "SYMLNK"
    return "REG"


def _name(located: Located) -> str:
    if located.entry.name:
        return located.entry.name
    return located.share.name if located.share is not None else located.space_name
