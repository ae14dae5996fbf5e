"""Files and directories: their attributes in both generations of keys, listings and permissions.

Since 21.02.5 attributes have camelCase keys. The snake_case keys of older releases are still answered, and some clients
read nothing else: an answer to a request that selects nothing holds both generations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from fs2od.onedata.errors import MalformedAnswer, bad_value, missing, not_allowed
from fs2od.onedata.ids import FileId, ProviderId, ShareId, UserId
from fs2od.onedata.wire.codec import Document, JsonObject, as_json
from fs2od.onedata.wire.liberal import convert_liberally

__all__ = [
    "ATTRIBUTES",
    "LARGEST_LISTING",
    "LEGACY_ATTRIBUTES",
    "PUBLIC_ATTRIBUTES",
    "AttributesRequest",
    "Children",
    "FileAttributes",
    "FileCreated",
    "FileKind",
    "FilesBelow",
    "ListingRequest",
    "PermissionsChange",
    "RecursiveListingRequest",
    "Selection",
    "XattrKeys",
    "permissions_text",
    "read_attributes",
]

FileKind = Literal["REG", "DIR", "SYMLNK", "LNK"]
LARGEST_LISTING = 10_000
"""The most items that one page of a listing can hold."""
_LARGEST_OFFSET = 500


class FileAttributes(Document, frozen=True, kw_only=True):
    """GET P/data/{id}, and an item of a listing: only what was asked for is there.

    Times in seconds since the epoch, `size` in bytes; None for a directory whose statistics are not ready.
    `posix_permissions` is the text of the lowest three octal digits, such as "775".
    """

    file_id: FileId | UnsetType = UNSET
    index: str | UnsetType = UNSET
    type: FileKind | UnsetType = UNSET
    active_permissions_type: Literal["posix", "acl"] | UnsetType = UNSET
    posix_permissions: str | UnsetType = UNSET
    acl: tuple[JsonObject, ...] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    conflicting_name: str | UnsetType | None = UNSET
    path: str | UnsetType = UNSET
    parent_file_id: FileId | UnsetType | None = UNSET
    display_gid: int | UnsetType | None = UNSET
    display_uid: int | UnsetType | None = UNSET
    creation_time: int | UnsetType = UNSET
    atime: int | UnsetType = UNSET
    mtime: int | UnsetType = UNSET
    ctime: int | UnsetType = UNSET
    size: int | UnsetType | None = UNSET
    is_fully_replicated_locally: bool | UnsetType | None = UNSET
    local_replication_rate: float | UnsetType | None = UNSET
    origin_provider_id: ProviderId | UnsetType = UNSET
    direct_share_ids: tuple[ShareId, ...] | UnsetType = UNSET
    owner_user_id: UserId | UnsetType = UNSET
    hardlink_count: int | UnsetType = UNSET
    symlink_value: str | UnsetType | None = UNSET
    has_custom_metadata: bool | UnsetType = UNSET
    eff_protection_flags: tuple[str, ...] | UnsetType = UNSET
    eff_dataset_protection_flags: tuple[str, ...] | UnsetType = UNSET
    eff_dataset_inheritance_path: str | UnsetType = UNSET
    eff_qos_inheritance_path: str | UnsetType = UNSET
    aggregate_qos_status: str | UnsetType | None = UNSET
    archive_recall_root_file_id: FileId | UnsetType | None = UNSET


ATTRIBUTES: tuple[str, ...] = FileAttributes.__struct_encode_fields__
"""Every camelCase key, in Onedata's order; besides these there is `xattr.NAME`."""
PUBLIC_ATTRIBUTES: tuple[str, ...] = (
    "fileId",
    "index",
    "type",
    "activePermissionsType",
    "posixPermissions",
    "name",
    "conflictingName",
    "parentFileId",
    "creationTime",
    "atime",
    "mtime",
    "ctime",
    "size",
    "directShareIds",
    "symlinkValue",
    "hasCustomMetadata",
)
"""The camelCase keys that may be asked for through a share."""
LEGACY_ATTRIBUTES: Mapping[str, str] = {
    "file_id": "fileId",
    "parent_id": "parentFileId",
    "name": "name",
    "mode": "posixPermissions",
    "atime": "atime",
    "mtime": "mtime",
    "ctime": "ctime",
    "type": "type",
    "size": "size",
    "shares": "directShareIds",
    "index": "index",
    "storage_user_id": "displayUid",
    "storage_group_id": "displayGid",
    "owner_id": "ownerUserId",
    "provider_id": "originProviderId",
    "hardlinks_count": "hardlinkCount",
    "is_fully_replicated": "isFullyReplicatedLocally",
}
"""The snake_case keys, each with the camelCase key of the same value."""

# What a request gets that selects nothing: the snake_case keys and their camelCase twins.
_DEFAULT_LEGACY = tuple(key for key in LEGACY_ATTRIBUTES if key != "is_fully_replicated")
_DEFAULT_PUBLIC_LEGACY = tuple(key for key in _DEFAULT_LEGACY if LEGACY_ATTRIBUTES[key] in PUBLIC_ATTRIBUTES)
_DEFAULT_OF_CHILDREN = ("file_id", "name")


@dataclass(frozen=True, slots=True)
class Selection:
    """The keys that an answer has, each with the camelCase key of its value."""

    keys: Mapping[str, str]

    def wants(self, attribute: str) -> bool:
        """Tell whether the value under a camelCase key is needed at all."""
        return attribute in self.keys.values()

    def xattrs(self) -> tuple[str, ...]:
        """Return the names of the extended attributes that are asked for."""
        return tuple(key.removeprefix("xattr.") for key in self.keys if key.startswith("xattr."))

    def of(self, attributes: FileAttributes, xattrs: Mapping[str, Any] | None = None) -> JsonObject:
        """Return exactly the selected keys; what has no value is null."""
        values = as_json(attributes) | {f"xattr.{name}": value for name, value in (xattrs or {}).items()}
        return {key: values.get(source) for key, source in self.keys.items()}


class AttributesRequest(Document, frozen=True, kw_only=True, omit_defaults=True):
    """GET P/data/{id}: camelCase keys in the body's `attributes`, or snake_case ones in the query's `attribute`."""

    attributes: tuple[str, ...] | UnsetType = UNSET
    attribute: tuple[str, ...] | UnsetType = UNSET

    def selection(self, *, public: bool) -> Selection:
        """Return what the answer has to hold.

        Args:
            public: Whether the file is looked at through a share.

        Raises:
            ServiceError: badValueNotAllowed: a key is unknown, or not for the public.
        """
        return self._selection(_DEFAULT_PUBLIC_LEGACY if public else _DEFAULT_LEGACY, public=public)

    def _selection(self, default: Iterable[str], *, public: bool) -> Selection:
        if self.attributes is not UNSET:
            allowed = PUBLIC_ATTRIBUTES if public else ATTRIBUTES
            return _checked(self.attributes, {key: key for key in allowed}, "attributes")
        if self.attribute is not UNSET:
            legacy = {k: v for k, v in LEGACY_ATTRIBUTES.items() if not public or v in PUBLIC_ATTRIBUTES}
            return _checked(self.attribute, legacy, "attribute")
        return Selection({twin: LEGACY_ATTRIBUTES[key] for key in default for twin in (key, LEGACY_ATTRIBUTES[key])})


class ListingRequest(AttributesRequest, frozen=True, kw_only=True):
    """GET P/data/{id}/children, in the query or in a body."""

    limit: Annotated[int, Meta(ge=1, le=LARGEST_LISTING)] = 1000
    token: str | None = None
    index: str | None = None
    offset: Annotated[int, Meta(ge=-_LARGEST_OFFSET, le=_LARGEST_OFFSET)] = 0
    inclusive: bool = False
    tune_for_large_continuous_listing: bool = False

    def selection(self, *, public: bool) -> Selection:
        """Return what each item has to hold.

        Raises:
            ServiceError: badValueNotAllowed: a key is unknown, or not for the public.
        """
        return self._selection(_DEFAULT_OF_CHILDREN, public=public)


class Children(Document, frozen=True, kw_only=True):
    """The answer of GET P/data/{id}/children. It has ended only where `is_last` is true; `entries` reads the items."""

    children: tuple[JsonObject, ...]
    is_last: bool
    next_page_token: str | None = None

    def entries(self) -> tuple[FileAttributes, ...]:
        """Return the items, whichever generation of keys they have.

        Raises:
            MalformedAnswer: An item does not have the form that the protocol promises.
        """
        return tuple(map(read_attributes, self.children))


class RecursiveListingRequest(AttributesRequest, frozen=True, kw_only=True):
    """GET P/data/{id}/files."""

    limit: Annotated[int, Meta(ge=1, le=LARGEST_LISTING)] = 1000
    token: str | None = None
    start_after: str | None = msgspec.field(default=None, name="start_after")
    prefix: str | None = None
    include_directories: bool = msgspec.field(default=False, name="include_directories")


class FilesBelow(Document, frozen=True, kw_only=True):
    """The answer of GET P/data/{id}/files."""

    files: tuple[JsonObject, ...]
    inaccessible_paths: tuple[str, ...] = ()
    next_page_token: str | None = None
    is_last: bool | UnsetType = UNSET

    def entries(self) -> tuple[FileAttributes, ...]:
        """Return the items.

        Raises:
            MalformedAnswer: An item does not have the form that the protocol promises.
        """
        return tuple(map(read_attributes, self.files))


class FileCreated(Document, frozen=True, kw_only=True):
    """The answer of POST P/lookup-file-id/{path}, POST P/data/{id}/children and PUT P/data/{id}/path/{path}."""

    file_id: FileId


class PermissionsChange(Document, frozen=True, kw_only=True):
    """PUT P/data/{id}; `mode` is the older name."""

    mode: str | UnsetType = UNSET
    posix_permissions: str | UnsetType = UNSET

    def permissions(self) -> int:
        """Return the permission bits, from 0 to 0o1777.

        Raises:
            ServiceError: missingRequiredValue, badValueInteger or badValueNotInRange: there is no octal text in range.
        """
        key, text = ("mode", self.mode) if self.mode is not UNSET else ("posixPermissions", self.posix_permissions)
        if text is UNSET:
            raise missing("mode")
        if not _OCTAL.fullmatch(text):
            raise bad_value("Integer", key, "must be an octal number")
        bits = int(text, 8)
        if bits > _LARGEST_MODE:
            raise bad_value("NotInRange", key, "must be between 0 and 1777 (octal)", low=0, high=_LARGEST_MODE)
        return bits


class XattrKeys(Document, frozen=True, kw_only=True):
    """DELETE P/data/{id}/metadata/xattrs."""

    keys: tuple[str, ...]


_OCTAL = re.compile(r"(?:0o)?[0-7]{1,16}", re.ASCII)
_LARGEST_MODE = 0o1777


def permissions_text(bits: int, *, public: bool = False) -> str:
    """Return permission bits as the wire has them: three octal digits, and only those of others through a share."""
    return f"{bits & (0o007 if public else 0o777):03o}"


def read_attributes(item: Mapping[str, Any]) -> FileAttributes:
    """Return a file's attributes out of an answer, whichever generation of keys it has.

    20.02 calls the id of a listed file "id" and writes types in lower case.

    Raises:
        MalformedAnswer: A value has another type than the protocol promises.
    """
    values = {new: item[old] for old, new in _READ_AS.items() if old in item} | dict(item)
    if isinstance(values.get("type"), str):
        values["type"] = values["type"].upper()
    try:
        try:
            return msgspec.convert(values, FileAttributes)
        except msgspec.ValidationError:
            found: FileAttributes = convert_liberally(values, FileAttributes, _no_other_kinds)
            return found
    except msgspec.ValidationError as error:
        raise MalformedAnswer(f"a file's attributes do not fit: {error}") from None


def _no_other_kinds(kind: type[Any], value: object) -> object:
    raise ValueError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


_READ_AS: Mapping[str, str] = {"id": "fileId", **{old: new for old, new in LEGACY_ATTRIBUTES.items() if old != new}}


def _checked(keys: Iterable[str], known: Mapping[str, str], parameter: str) -> Selection:
    chosen = {key: key if key.startswith("xattr.") and len(key) > len("xattr.") else known.get(key) for key in keys}
    sources = {key: source for key, source in chosen.items() if source is not None}
    if len(sources) < len(chosen):
        raise not_allowed(parameter, [*known, "xattr.*"])
    return Selection(sources)
