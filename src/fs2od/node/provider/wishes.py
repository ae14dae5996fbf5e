"""Who wants a dataset to be at which site: copies are asked for as soon as the site lends storage, and each hears when all is there.

A wish is remembered until then, whoever grants the storage, by request or by support token. All else is the requirement
that it becomes: one for each site, however many want it there, which ends with the last of them.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from fs2od.errors import Fs2odError
from fs2od.manifests import SIDECAR
from fs2od.node.clock import Clock
from fs2od.node.index import Indexes
from fs2od.node.index.replicas import problem
from fs2od.node.index.schema import ROOT
from fs2od.node.provider.access import Access, Need
from fs2od.node.provider.files import Files
from fs2od.node.provider.qos import QosRequirements
from fs2od.node.replication import Replicator
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.notices import CopiesReady, CopiesStuck, Notices
from fs2od.node.zone.rights import Rights
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, QosRequirementId, SpaceId, UserId, new_entity_id
from fs2od.sqlite import Database

__all__ = ["LOST", "Wish", "Wishes"]

_BY_TOKEN_LASTS_S = 7 * 24 * 3600
_PATIENCE_S = 6 * 3600
LOST = "the site lends it no storage any more"
"""What is in the way where a support has ended, for those who say it in other languages."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """A dataset is wanted at a site by one person.

    Attributes:
        id: Its own.
        space: The dataset.
        provider: The site; None: whichever supports the space next, by a support token.
        user: Who wants it.
        requirement: What keeps copies there, for all who want it there; None as long as the site lends no storage.
        troubled_s: Since when something is in the way, if something is, in seconds since 1970.
        is_warned: Whether the person was told of that.
    """

    id: str
    space: SpaceId
    provider: ProviderId | None
    user: UserId
    requirement: QosRequirementId | None
    troubled_s: int | None = None
    is_warned: bool = False


class Wishes:
    """Takes wishes, makes requirements of them, and tells when they have come true."""

    def __init__(
        self,
        database: Database,
        rights: Rights,
        access: Access,
        files: Files,
        indexes: Indexes,
        qos: QosRequirements,
        replicator: Replicator,
        notices: Notices,
        clock: Clock,
    ) -> None:
        self._database = database
        self._rights = rights
        self._access = access
        self._files = files
        self._indexes = indexes
        self._qos = qos
        self._replicator = replicator
        self._notices = notices
        self._clock = clock

    def make(self, caller: Caller, space: SpaceId, provider: ProviderId | None) -> None:
        """Want a space at a site, or with None wherever it is supported next. Who wants it there already changes nothing.

        Raises:
            Forbidden: Without space_manage_qos.
            Rejected: badValueIdNotFound, there is no such site.
        """
        user = self._require(caller, space)
        if provider is not None:
            self._require_site(provider)
        row = (new_entity_id(), space, provider, user, self._clock.now_s())
        others = "SELECT requirement FROM wish WHERE space = ? AND provider = ? AND requirement IS NOT NULL"
        with self._database.writing() as db:
            if provider is None:
                db.execute("DELETE FROM wish WHERE space = ? AND user = ? AND provider IS NULL", (space, user))
            found = db.execute(others, (space, provider)).fetchone()
            shared = None if found is None else found["requirement"]
            db.execute(
                """INSERT OR IGNORE INTO wish (id, space, provider, user, created, requirement, after)
                VALUES (?, ?, ?, ?, ?, ?, (SELECT ifnull(max(place), 0) FROM support WHERE space = ?))""",
                (*row, shared, space),
            )
        self.begin_due()
        if shared is not None:
            self._replicator.look_now(space)  # all may be there already

    def drop(self, caller: Caller, space: SpaceId, provider: ProviderId) -> None:
        """Want it there no more. If nobody else does, the requirement ends with it: what was copied stays, and nothing is copied any more.

        Those who are out of the space by now keep nothing there.

        Raises:
            Forbidden: Without space_manage_qos.
        """
        user = self._require(caller, space)
        wanted = [wish for wish in self.of_space(space) if wish.provider == provider]
        gone = {wish.user for wish in wanted if self._rights.space_privileges(wish.user, space) is None}
        with self._database.writing() as db:
            ended = "DELETE FROM wish WHERE space = ? AND provider = ? AND user = ?"
            db.executemany(ended, [(space, provider, each) for each in {user, *gone}])
            unwanted = "DELETE FROM qos_requirement WHERE id = ? AND id NOT IN (SELECT requirement FROM wish WHERE requirement NOT NULL)"
            db.executemany(unwanted, {(wish.requirement,) for wish in wanted})

    def drop_waiting(self, caller: Caller, space: SpaceId, provider: ProviderId) -> None:
        """Have nobody wait for a site's storage any more, for it is not asked for any more.

        Raises:
            Forbidden: Without space_manage_qos.
        """
        self._require(caller, space)
        with self._database.writing() as db:
            db.execute("DELETE FROM wish WHERE space = ? AND provider = ? AND requirement IS NULL", (space, provider))

    def of_space(self, space: SpaceId) -> list[Wish]:
        """Return the wishes for a space, without those whose support token has ended; for callers whose right was judged elsewhere."""
        query = "SELECT * FROM wish WHERE space = ? AND (provider IS NOT NULL OR created > ?) ORDER BY created, id"
        with self._database.reading() as db:
            rows = db.execute(query, (space, self._clock.now_s() - _BY_TOKEN_LASTS_S)).fetchall()
        return [_wish(row) for row in rows]

    def begin_due(self) -> None:
        """Make requirements of the wishes whose sites lend storage by now. To be called often."""
        query = """SELECT w.id, w.space, s.provider, w.user, w.requirement, w.troubled, w.warned FROM wish AS w JOIN support AS s ON s.space = w.space
            AND (s.provider = w.provider OR w.provider IS NULL AND s.place > w.after AND w.created > ?)
            WHERE w.requirement IS NULL AND NOT EXISTS (
                SELECT 1 FROM wish AS other
                WHERE other.space = w.space AND other.provider = s.provider AND other.user = w.user AND other.id != w.id
            ) ORDER BY w.created, w.id, s.place"""
        with self._database.reading() as db:
            rows = db.execute(query, (self._clock.now_s() - _BY_TOKEN_LASTS_S,)).fetchall()
        for row in rows:
            self._begin(_wish(row))

    def look(self, space: SpaceId) -> None:
        """Tell of wishes for a space that have come true, of each once, and of those that cannot; after its copies were looked at."""
        query = "SELECT * FROM wish WHERE space = ? AND requirement IS NOT NULL AND told IS NULL"
        with self._database.reading() as db:
            wanted = [_wish(row) for row in db.execute(query, (space,))]
        # Letters name the dataset and what is in it: none goes to people who are out of it by now.
        waiting = [wish for wish in wanted if self._rights.space_privileges(wish.user, space) is not None]
        if not waiting:
            return
        problems = self._problems(space)
        for wish in waiting:
            self._watch(wish, problems.get(wish.provider, LOST))
        if self._is_growing(space):
            return
        files, size_bytes = self._sums(space)
        for wish in waiting:
            assert wish.provider is not None
            assert wish.requirement is not None
            if not files or self._qos.status(self._qos.known(wish.requirement)) != "fulfilled":
                continue
            # The letter first, which is written once for each wish: killed between the two, the next look goes on here.
            self._notices.tell(CopiesReady(wish.id, wish.user, space, wish.provider, files, size_bytes))
            self._note(wish, "told = ?", self._clock.now_s())

    def _problems(self, space: SpaceId) -> dict[ProviderId | None, str | None]:
        """Return for each site that lends storage what is in the way there, of the whole storage or of a file; None if nothing is."""
        with self._indexes.using(space) as index:
            return {
                each.provider: self._replicator.problem(space, each.id) or problem(index, each.id)[1]
                for each in self._replicator.demands.storages(space)
            }

    def _watch(self, wish: Wish, in_the_way: str | None) -> None:
        """Tell a person once that something has been in the way for hours; what goes away by itself meanwhile is no news."""
        now_s = self._clock.now_s()
        if in_the_way is None:
            if wish.troubled_s is not None:
                self._note(wish, "troubled = NULL, warned = NULL")
        elif wish.troubled_s is None:
            self._note(wish, "troubled = ?", now_s)
        elif not wish.is_warned and now_s - wish.troubled_s >= _PATIENCE_S:
            assert wish.provider is not None
            trouble = f"{wish.id}/{wish.troubled_s}"
            self._notices.tell(CopiesStuck(trouble, wish.user, wish.space, wish.provider, in_the_way))
            self._note(wish, "warned = ?", now_s)

    def _note(self, wish: Wish, change: str, *values: int) -> None:
        with self._database.writing() as db:
            db.execute(f"UPDATE wish SET {change} WHERE id = ?", (*values, wish.id))

    def _begin(self, wish: Wish) -> None:
        try:
            located = self._access.locate(Caller(wish.user), wish.space, Need.MANAGE)
            with self._database.writing() as db:
                others = db.execute(
                    "SELECT user, requirement FROM wish WHERE space = ? AND provider = ? AND id != ?",
                    (wish.space, wish.provider, wish.id),
                ).fetchall()
                waits = "SELECT 1 FROM wish WHERE id = ? AND requirement IS NULL"
                if wish.user in [each["user"] for each in others] or not db.execute(waits, (wish.id,)).fetchone():
                    return  # another thread was faster, it was dropped, or the same person wants it there by now
                known = [each["requirement"] for each in others if each["requirement"] is not None]
                requirement = known[0] if known else self._qos.insert(db, located, f"providerId={wish.provider}", 1)
                db.execute(
                    "UPDATE wish SET provider = ?, requirement = ? WHERE id = ?", (wish.provider, requirement, wish.id)
                )
        except (errors.Forbidden, errors.Unauthorized):
            # Who wanted it may not any more.
            with self._database.writing() as db:
                db.execute("DELETE FROM wish WHERE id = ?", (wish.id,))
        except Fs2odError as error:
            _log.warning("space %s is wanted at site %s, but that has to wait: %s", wish.space, wish.provider, error)
        else:
            self._replicator.look_now(wish.space)

    def _is_growing(self, space: SpaceId) -> bool:
        """Say whether the facility says that a dataset is being written: "ready" would be wrong the next minute."""
        metadata = self._files.json_metadata_of_space(space)
        said = metadata.get("fs2od") if isinstance(metadata, Mapping) else None
        return isinstance(said, Mapping) and said.get("state") == "acquiring"

    def _sums(self, space: SpaceId) -> tuple[int, int]:
        """Return how many files and bytes people count: without the facility's checksums."""
        with self._indexes.using(space) as index:
            root, sidecar = index.get(ROOT), index.child(ROOT, SIDECAR)
        if root is None:
            return 0, 0
        return (
            (root.files, root.size_bytes)
            if sidecar is None
            else (root.files - sidecar.files, root.size_bytes - sidecar.size_bytes)
        )

    def _require_site(self, provider: ProviderId) -> None:
        with self._database.reading() as db:
            known = db.execute("SELECT 1 FROM provider WHERE id = ?", (provider,)).fetchone()
        if known is None:
            raise errors.bad_value("IdNotFound", "providerId", "is no site")

    def _require(self, caller: Caller, space: SpaceId) -> UserId:
        self._rights.require_user(caller)
        caller.require_all_access()
        return self._rights.require_space(caller, space, "space_manage_qos")


def _wish(row: sqlite3.Row) -> Wish:
    provider, requirement = row["provider"], row["requirement"]
    return Wish(
        row["id"],
        SpaceId(row["space"]),
        None if provider is None else ProviderId(provider),
        UserId(row["user"]),
        None if requirement is None else QosRequirementId(requirement),
        row["troubled"],
        row["warned"] is not None,
    )
