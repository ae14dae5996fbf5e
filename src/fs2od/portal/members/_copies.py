"""How a dataset stands at each site: whether it is lent storage, how much of it was copied, how fast, and what is in the way."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fs2od.manifests import SIDECAR
from fs2od.node.index import SpaceIndex, replicas
from fs2od.node.index.schema import ROOT
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.wishes import Wish
from fs2od.node.zone.offers import SiteView
from fs2od.node.zone.spaces import Space
from fs2od.onedata.ids import ProviderId, SpaceId
from fs2od.portal._background import Background
from fs2od.portal._copy_problems import said_problem
from fs2od.portal._language import Language

__all__ = ["AtSite", "Copies", "Counted", "Counting", "at_sites", "live_document", "problem_of", "said_of", "state_of"]

Stage = Literal["home", "ready", "copying", "supported", "lost"]

_WAIT_S = 2.0
_MOMENT_S = 3
_POLL_S = {"copying": 3}
_IDLE_POLL_S = 20


@dataclass(frozen=True)
class Copies:
    """How many files and bytes of a dataset are at a site, of how many, how they come, and whether all of it is required there."""

    files: int
    size_bytes: int
    copied_files: int
    copied_bytes: int
    bytes_s: float = 0.0
    failed: int = 0
    problem: str | None = None
    waits: bool = False
    are_required: bool = False

    @property
    def are_complete(self) -> bool:
        """Say whether every file has a checked copy."""
        return 0 < self.files == self.copied_files

    @property
    def share(self) -> int:
        """How much is there, in thousandths; a thousand only if it is all."""
        if self.are_complete:
            return 1000
        done, whole = (self.copied_bytes, self.size_bytes) if self.size_bytes else (self.copied_files, self.files)
        return min(999, 1000 * done // whole) if whole else 0

    @property
    def left_s(self) -> float | None:
        """In how many seconds all will be there at this rate; None if nobody can say."""
        missing = self.size_bytes - self.copied_bytes
        return missing / self.bytes_s if self.bytes_s and missing else None


@dataclass(frozen=True)
class AtSite:
    """A dataset at one site. `support_bytes` is None where the site lends it no storage any more; `copies` before they were counted."""

    view: SiteView
    stage: Stage
    support_bytes: int | None
    copies: Copies | None
    is_wanted: bool

    @property
    def id(self) -> ProviderId:
        """The site's id."""
        return self.view.provider.id


Counted = Mapping[ProviderId, Copies]


class Counting:
    """Counts the copies of a dataset at all of its sites, in the background: every few seconds at most, however many look."""

    def __init__(self, provider: Oneprovider) -> None:
        self._provider = provider
        self._counted: Background[Counted] = Background()

    def of(self, space: SpaceId, now_s: int) -> Counted:
        """Return what was counted last, by site; nothing while a large dataset is counted for the first time."""
        with self._provider.indexes.using(space) as index:
            state = (index.database.commits, self._provider.zone.database.commits, now_s // _MOMENT_S)
        return self._counted.ask(space, state, lambda: self._count(space), wait_s=_WAIT_S) or {}

    def _count(self, space: SpaceId) -> Counted:
        demands = self._provider.replicator.demands
        storages = demands.storages(space)
        home = self._provider.sources.of_space(space).id
        with self._provider.indexes.using(space) as index:
            tops = [(each.storage.id, index.find(each.file_uuid)) for each in demands.of_space(space)]
            required = {storage for storage, top in tops if top is not None and top.row == ROOT}
            return {
                each.provider: self._at(index, each, is_home=each.id == home, is_required=each.id in required)
                for each in storages
            }

    def _at(self, index: SpaceIndex, storage: StorageRecord, *, is_home: bool, is_required: bool) -> Copies:
        sidecar = index.child(ROOT, SIDECAR)
        if is_home:
            root = index.get(ROOT)
            files, size_bytes = (root.files, root.size_bytes) if root else (0, 0)
            # Of the facility's checksums nobody thinks who counts files.
            files, size_bytes = (
                files - (sidecar.files if sidecar else 0),
                size_bytes - (sidecar.size_bytes if sidecar else 0),
            )
            lost = replicas.lost(index, storage.id)
            return Copies(files, size_bytes, files - lost.files, size_bytes - lost.size_bytes)
        replicator = self._provider.replicator
        found = replicas.counts(index, storage.id)
        less = replicas.Sum(0, 0, 0, 0) if sidecar is None else replicas.counts(index, storage.id, top=sidecar.row)
        whole_bytes, there_bytes = found.size_bytes - less.size_bytes, found.replicated_bytes - less.replicated_bytes
        failed, why = replicas.problem(index, storage.id)
        return Copies(
            files=found.files - less.files,
            size_bytes=whole_bytes,
            copied_files=found.replicated_files - less.replicated_files,
            # What has come of large files counts for the eye; only whole and checked ones count as copied files.
            copied_bytes=min(whole_bytes, there_bytes + replicator.under_way_bytes(index.space, storage.id)),
            bytes_s=replicator.rate(index.space, storage.id),
            failed=failed,
            problem=replicator.problem(index.space, storage.id) or why,
            waits=replicator.waits(index.space, storage.id),
            are_required=is_required,
        )


def at_sites(
    space: Space, sites: Sequence[SiteView], wishes: Sequence[Wish], counted: Counted, home: ProviderId | None
) -> list[AtSite]:
    """Return how a dataset stands at the sites that lend it storage, and at those that did while copies were wanted there."""
    wanted = {wish.provider for wish in wishes if wish.requirement is not None}
    found = []
    for view in sites:
        site = view.provider.id
        support_bytes, copies = space.supports.get(site), counted.get(site)
        if support_bytes is None and site not in wanted:
            continue
        stage: Stage = "supported"
        if support_bytes is None:
            stage = "lost"
        elif site == home:
            stage = "home"
        elif site in wanted or (copies is not None and copies.are_required):
            stage = "ready" if copies is not None and copies.are_complete else "copying"
        found.append(AtSite(view, stage, support_bytes, copies, site in wanted))
    return found


def state_of(sites: Sequence[AtSite], more: object) -> str:
    """Return a text that changes whenever more than numbers has changed on the page."""
    shown = [(at.id, at.stage, at.view.is_online, at.support_bytes, at.copies and at.copies.problem) for at in sites]
    return f"{zlib.crc32(repr((shown, more)).encode()):08x}"


def live_document(sites: Sequence[AtSite], state: str, now: datetime, language: Language) -> dict[str, Any]:
    """Return what the script of an open page asks for: numbers in words, by their places in it."""
    words: dict[str, str] = {}
    for at in sites:
        words[f"copies-{at.id}"] = said_of(at, language)
        words[f"share-{at.id}"] = str(at.copies.share if at.copies else 0)
    words["announcement"] = " ".join(
        f"{at.view.provider.name}: {said_of(at, language)}" for at in sites if at.stage in {"ready", "copying"}
    )
    is_moving = any(at.stage == "copying" for at in sites)
    return {
        "poll_after_s": _POLL_S["copying"] if is_moving else _IDLE_POLL_S,
        "version": state,
        "state": state,
        "as_of": now.isoformat(),
        "words": words,
    }


def said_of(at: AtSite, language: Language) -> str:
    """Say how much of a dataset is at a site, and how fast the rest comes."""
    copies = at.copies
    if at.stage == "lost":
        return language.text("The site lends it no storage any more, so nothing is copied.")
    if copies is None:
        return language.text("The copies are being counted.")
    sizes = {"files": language.files(copies.files), "size": language.bytes(copies.size_bytes)}
    if at.stage == "home" and copies.copied_files < copies.files:
        there = language.plural(
            "%(done)s of %(count)s file", "%(done)s of %(count)s files", copies.files, done=copies.copied_files
        )
        return language.text(
            "It is at home here: %(files)s, %(size)s. The rest is lost: its former site ended before it was copied.",
            files=there,
            size=language.bytes(copies.copied_bytes),
        )
    if at.stage == "home":
        return language.text("It is at home here: %(files)s, %(size)s.", **sizes)
    if at.stage == "ready":
        return language.text("All of it: %(files)s, %(size)s, each copy checked.", **sizes)
    parts = [
        language.plural(
            "%(done)s of %(count)s file", "%(done)s of %(count)s files", copies.files, done=copies.copied_files
        ),
        language.text("%(done)s of %(size)s", done=language.bytes(copies.copied_bytes), size=sizes["size"]),
    ]
    if at.stage == "copying" and copies.bytes_s:
        parts.append(f"{language.bytes(round(copies.bytes_s))}/s")
        if copies.left_s is not None:
            from fs2od.transfer import readable_duration  # noqa: PLC0415 - takes a moment to load, which a node's start does not need

            parts.append(language.text("about %(time)s left", time=readable_duration(copies.left_s)))
    elif at.stage == "copying" and copies.waits:
        parts.append(language.text("waiting for a turn among other copies"))
    return ", ".join(parts)


def problem_of(at: AtSite, language: Language) -> str:
    """Say in one sentence what is in the way of the copies at a site; empty if nothing is."""
    said = at.copies.problem if at.copies and at.stage == "copying" else None
    return said_problem(language, said or "")
