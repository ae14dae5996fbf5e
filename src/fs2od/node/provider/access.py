"""Who may look at which file: the one place that judges object ids, shares, members and caveats for the provider."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from posixpath import normpath
from typing import Protocol

from fs2od.node.clock import Clock
from fs2od.node.index import Entry, Indexes, SpaceIndex, ref_of
from fs2od.node.panel.support import Support
from fs2od.node.provider.located import Located, Need, require_modes
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.epoch import Epoch
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.shares import Shares
from fs2od.node.zone.spaces import Spaces
from fs2od.onedata import errors, tokens
from fs2od.onedata.ids import (
    FileRef,
    InvalidFileId,
    ProviderId,
    ShareId,
    SpaceId,
    file_id,
    parse_file_id,
    space_root_uuid,
)
from fs2od.onedata.tokens import DataAccess, DataPath
from fs2od.storage import Kind

__all__ = ["Access", "Located", "Need"]

_MOST_LINKS = 40


class Supporting(Protocol):
    """Says which spaces a provider answers for."""

    @property
    def provider(self) -> ProviderId:
        """The provider."""

    def find(self, space: SpaceId) -> Support | None:
        """Return the support by which it does, or None."""


class Access:
    """Finds files by their ids and paths, for callers who may look at them."""

    def __init__(
        self,
        rights: Rights,
        shares: Shares,
        spaces: Spaces,
        supports: Supporting,
        indexes: Indexes,
        epoch: Epoch,
        clock: Clock,
    ) -> None:
        self._rights = rights
        self._shares = shares
        self._spaces = spaces
        self._supports = supports
        self._indexes = indexes
        self._epoch = epoch
        self._clock = clock

    def locate(self, caller: Caller, text: str, need: Need = Need.READ) -> Located:
        """Return the file of an object id, or the root of a space for a bare space id.

        A share-scoped id is looked at as a guest, whoever asks.

        Raises:
            Unauthorized: A guest asks for what is not shared, or for more than shares give.
            Forbidden: The space is not the caller's.
            PosixError: enoent, it does not exist; eacces, the caller may not.
            Rejected: spaceNotSupportedBy.
        """
        ref = self._parsed(caller, text)
        if ref.share is None:
            return self._as_member(caller, ref, need)
        if need.is_members:
            raise _refused(caller)
        return self._through_share(caller, ref, ref.share, need)

    def locate_private(self, caller: Caller, text: str, need: Need = Need.READ) -> Located:
        """Do what `locate` does, but for members only: what shares do not give.

        Raises:
            Unauthorized: A guest asks.
            PosixError: eacces, the id is a share's; enoent; eacces.
            Forbidden: The space is not the caller's.
        """
        if self._parsed(caller, text).share is not None:
            raise _refused(caller)
        return self.locate(caller, text, need)

    def locate_share_root(self, caller: Caller, share: ShareId) -> Located:
        """Return what a share points at.

        Raises:
            NotFound: The share does not exist.
            PosixError: enoent, the shared file is gone.
        """
        found = self._shares.public(share, caller)
        return self._through_share(caller, found.root.through(share), share, Need.READ)

    def locate_path(self, caller: Caller, space: SpaceId, names: list[str], need: Need = Need.READ) -> Located:
        """Return what lies at a path of a space, for a member.

        Raises:
            PosixError: enoent, enotdir, eacces.
            Forbidden: The space is not the caller's.
        """
        epoch = self._epoch.now
        support = self._require_member(caller, space, need)
        with self._indexes.using(space) as index:
            chain = tuple(index.ancestry(_looked_up(index, names)))
            if not chain:
                raise errors.posix("enoent")  # removed just now
            return self._member_view(caller, index, chain, support, need, epoch)

    def locate_below(self, top: Located, path: str, need: Need = Need.READ) -> Located:
        """Return what lies at a path relative to a directory, as the same caller sees it.

        Raises:
            PosixError: enoent, enotdir, eacces.
            Rejected: badValueFilePath, the path leaves the directory.
        """
        names = [name for name in path.split("/") if name not in ("", ".")]
        if not names or ".." in names:
            raise errors.error_of("badValueFilePath", "Bad value: provided file path is invalid.")
        return self.locate_path(top.caller, top.space, [*filter(None, top.path.split("/")), *names], need)

    def followed(self, located: Located) -> Located:
        """Return what a symbolic link leads to, or the link itself where it leads to nothing that the caller can reach.

        Raises:
            PosixError: eacces, it leads to what the caller may not read.
        """
        found = located
        for _ in range(_MOST_LINKS):
            if found.entry.kind is not Kind.SYMLINK:
                return found
            names = _link_names(found)
            if names is None:
                return located
            try:
                found = self._sibling(located, names)
            except errors.PosixError as error:
                if error.errno == "eacces":
                    raise
                return located
        return located

    def stands(self, located: Located) -> bool:
        """Say whether the access that was once given still holds; cheap unless something changed since."""
        caller = located.caller
        ends_s = [caller.until_s, located.share.rule.until_s if located.share else None]
        if any(end_s is not None and self._clock.now_s() >= end_s for end_s in ends_s):
            return False
        if located.epoch == self._epoch.now:
            return True
        if not caller.still_holds():
            return False
        try:
            self.locate(caller, located.file_id)
        except errors.ServiceError:
            return False
        return True

    def require_still(self, located: Located, judge: Callable[[], object]) -> None:
        """Judge once more an access that was given before; cheap unless something changed since.

        Args:
            located: What was found then.
            judge: Finds it again, and raises what there is to say against it.

        Raises:
            Unauthorized: The token has ended.
            ServiceError: As `judge` does.
        """
        caller = located.caller
        has_ended = caller.until_s is not None and self._clock.now_s() >= caller.until_s
        if has_ended or (located.epoch != self._epoch.now and not caller.still_holds()):
            said = "The token has ended meanwhile."
            raise errors.unauthorized(errors.error_of("tokenRevoked" if not has_ended else "tokenInvalid", said))
        if located.epoch != self._epoch.now:
            judge()

    def below(self, located: Located, entry: Entry, path: str | None = None) -> Located:
        """Return something below a directory as the same caller sees it; `path` is relative to it, a child's its name."""
        ref = ref_of(located.space, entry.row, located.ref.share)
        relative = entry.name if path is None else path
        return replace(located, entry=entry, ref=ref, path=f"{located.path}/{relative}" if located.path else relative)

    def not_supported(self, space: SpaceId) -> errors.ServiceError:
        """Return the error for a space that this provider does not support."""
        details = {"spaceId": space, "providerId": self._supports.provider}
        return errors.error_of("spaceNotSupportedBy", "The space is not supported by this provider.", details)

    def _parsed(self, caller: Caller, text: str) -> FileRef:
        try:
            return parse_file_id(text)
        except InvalidFileId:
            self._rights.require_user(caller)
            space = SpaceId(text)
            if self._supports.find(space) is None:
                raise self.not_supported(space) from None
            return FileRef(space_root_uuid(space), space)

    def _sibling(self, located: Located, names: list[str]) -> Located:
        with self._indexes.using(located.space) as index:
            ref = index.ref(_looked_up(index, names).row)
        return self.locate(located.caller, file_id(ref.through(located.ref.share)))

    def _through_share(self, caller: Caller, ref: FileRef, share_id: ShareId, need: Need) -> Located:
        epoch = self._epoch.now
        share = self._shares.public(share_id, caller)
        support = self._supports.find(share.space)
        if support is None:
            raise self.not_supported(share.space)
        with self._indexes.using(share.space) as index:
            chain = index.line(ref.uuid) if ref.space == share.space else ()
            uuids = [index.uuid(above.row) for above in chain]
            if share.root.uuid not in uuids:
                raise errors.posix("enoent")  # it does not exist, or not below this share
            entry = chain[0]
            require_modes(chain[: uuids.index(share.root.uuid) + 1], need, public=True)
            seen = index.ref(entry.row).through(share_id)
        path = _path(chain)
        return Located(share.space, entry, path, share, caller, support, epoch, seen, share.name, DataAccess())

    def _as_member(self, caller: Caller, ref: FileRef, need: Need) -> Located:
        epoch = self._epoch.now
        support = self._require_member(caller, ref.space, need)
        with self._indexes.using(ref.space) as index:
            chain = index.line(ref.uuid)
            if not chain:
                raise errors.posix("enoent")
            return self._member_view(caller, index, chain, support, need, epoch)

    def _require_member(self, caller: Caller, space: SpaceId, need: Need) -> Support:
        user = self._rights.require_space(caller, space)
        support = self._supports.find(space)
        if support is None:
            raise self.not_supported(space)
        needed = {"space_read_data", *(["space_write_data"] if need.changes else [])}
        held = self._rights.space_privileges(user, space, needed=needed) or frozenset()
        if not needed <= held or (need.changes and caller.data.readonly):
            raise errors.posix("eacces")
        return support

    def _member_view(
        self, caller: Caller, index: SpaceIndex, chain: Sequence[Entry], support: Support, need: Need, epoch: int
    ) -> Located:
        entry = chain[0]
        path, ref, name = _path(chain), index.ref(entry.row), self._spaces.known(index.space).name
        remaining = _remaining(caller.data, index)
        found = Located(index.space, entry, path, None, caller, support, epoch, ref, name, remaining)
        is_left = remaining.leads_on if need.leads_on else remaining.covers
        if not is_left(found.canonical_path):
            raise errors.posix("eacces")
        require_modes(chain, need, public=False)
        return found


def _refused(caller: Caller) -> errors.ServiceError:
    return errors.unauthorized() if caller.user is None else errors.posix("eacces")


def _remaining(data: DataAccess, index: SpaceIndex) -> DataAccess:
    """Return what a token leaves of one space, its object ids turned into the paths where those files lie now."""
    if not data.object_ids:
        return data
    by_id = [DataPath(tuple(_paths(index, ids))) for ids in data.object_ids]
    by_path = [] if data.paths is None else [DataPath(tuple(data.paths))]
    return tokens.data_access([*by_path, *by_id])


def _paths(index: SpaceIndex, ids: Collection[str]) -> Iterable[str]:
    for text in ids:
        try:
            ref = parse_file_id(text)
        except InvalidFileId:
            continue
        entry = index.find(ref.uuid) if ref.space == index.space and ref.share is None else None
        if entry is not None:
            yield "/".join(filter(None, (f"/{index.space}", index.path(entry))))


def _looked_up(index: SpaceIndex, names: list[str]) -> Entry:
    try:
        entry = index.lookup(names)
    except NotADirectoryError as error:
        raise errors.posix("enotdir") from error
    if entry is None:
        raise errors.posix("enoent")
    return entry


def _path(chain: Sequence[Entry]) -> str:
    return "/".join([above.name for above in reversed(chain[:-1])])


def _link_names(link: Located) -> list[str] | None:
    """Return where a link leads to, as names from the space's root; None if it leads out of the space."""
    target = link.entry.target or ""
    if not target or target.startswith("/"):
        return None
    path = normpath(f"{link.path}/../{target}")
    return None if path == ".." or path.startswith("../") else [name for name in path.split("/") if name != "."]
