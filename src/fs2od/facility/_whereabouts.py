"""Which sites support the datasets and how their copies stand.

Asked of Onedata now and then, a few datasets at a time, and kept for the operator's page, which asks nobody. So is how the zone
feels.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from fs2od.configuration import Onedata
from fs2od.errors import Fs2odError
from fs2od.facility.journal import Journal, Record, Step
from fs2od.facility.onboarding import Connect, Services, read_token
from fs2od.onedata import wire
from fs2od.onedata.errors import Forbidden, NotFound, ServiceError, Unauthorized
from fs2od.onedata.ids import FileId, ProviderId, SpaceId
from fs2od.onedata.wire.copies import CopiesOnStorage
from fs2od.sqlite import Database

__all__ = ["HEALTH", "Supported", "Whereabouts", "read_whereabouts"]

HEALTH = "health"
"""Under which key the journal knows how the zone feels; empty where it is well, or does not say."""
_HEALTHY = "healthy"
_EVERY_S = 60.0
_AT_ONCE = 60
"""Datasets in one round: with thousands, each has its turn within the hour, and those that are being copied every minute."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_log = logging.getLogger(__name__)


class Supported(msgspec.Struct, frozen=True, omit_defaults=True):
    """One site of one dataset.

    Attributes:
        provider: Its id.
        name: Its name; its id where nobody tells.
        granted_bytes: The size of its support.
        is_own: Whether it is the facility's own provider, where the dataset is at home.
        files: How many files are to be copied there; None if no copies are asked for, or nobody tells how many.
        copied_files: How many of them have a checked copy.
        size_bytes: The files' size.
        copied_bytes: The size of those that have a copy.
        status: Onedata's word for how the requirements stand, where it tells no numbers.
        problem: What is in the way, in one sentence; empty if nothing is.
    """

    provider: str
    name: str
    granted_bytes: int
    is_own: bool = False
    files: int | None = None
    copied_files: int = 0
    size_bytes: int = 0
    copied_bytes: int = 0
    status: str = ""
    problem: str = ""

    @property
    def is_under_way(self) -> bool:
        """Whether copies are still to come."""
        return self.status == "pending" or (self.files is not None and self.copied_files < self.files)


class Whereabouts:
    """Makes the rounds."""

    def __init__(self, settings: Onedata, journal: Journal, *, connect: Connect, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._journal = journal
        self._connect = connect
        self._clock = clock
        self._names: dict[ProviderId, str] = {}
        self._is_ours = True

    async def keep_asking(self) -> None:
        """Make a round every minute, for ever. What cannot be asked now is asked later: nothing waits for it."""
        while True:
            try:
                await self.round()
            except Fs2odError as error:
                _log.info("where datasets are supported cannot be asked: %s", error)
            await asyncio.sleep(_EVERY_S)

    async def round(self) -> None:
        """Ask about as many datasets as one round takes, those whose copies are under way first.

        Raises:
            Fs2odError: Onedata is away, or the token cannot be read; what was known stays.
        """
        services = Services(self._settings, self._connect(read_token(self._settings)))
        try:
            await self._ask_health(services)
            own = (await services.provider.configuration()).provider_id
            if not await self._has_others(services, own):
                return
            # Not in a thread: when we are cancelled, nothing may use the database any more.
            known, heard = read_whereabouts(self._journal.database), dict[int, tuple[Supported, ...]]()
            for record in self._due(known):
                try:
                    found = await self._asked(services, record, own)
                except Unauthorized:
                    raise
                except ServiceError as error:
                    # Its turn is over all the same, or it would keep the others from theirs.
                    _log.info("where dataset %s is supported is not told: %s", record.name, error)
                    _, found = known.get(record.id, (None, ()))
                heard[record.id] = found
            self._keep(heard)
        finally:
            await services.close()

    async def _ask_health(self, services: Services) -> None:
        said = ""
        with contextlib.suppress(ServiceError):
            status = (await services.zone.health()).status
            said = "" if status == _HEALTHY else status
        if (self._journal.known(HEALTH) or "") != said:
            self._journal.know(HEALTH, said)

    async def _has_others(self, services: Services, own: ProviderId) -> bool:
        """Learn the names of the sites; a zone that is no node of ours tells them one by one, later."""
        try:
            sites = await services.zone.sites.list()
        except NotFound:
            self._is_ours = False
            return True
        self._is_ours, self._names = True, {site.provider_id: site.name for site in sites}
        return any(site.provider_id != own for site in sites) or bool(read_whereabouts(self._journal.database))

    def _due(self, known: Mapping[int, tuple[datetime, tuple[Supported, ...]]]) -> list[Record]:
        now = self._clock()
        # Before the clock was set back: longer ago than all that was asked since, or these would be asked again and again.
        asked = {dataset: at if at <= now else _EPOCH for dataset, (at, _) in known.items()}
        under_way = {dataset for dataset, (_, sites) in known.items() if any(site.is_under_way for site in sites)}
        there = [record for record in self._journal.records() if Step.SUPPORT in record.done]
        there.sort(key=lambda record: (record.id not in under_way, asked.get(record.id, _EPOCH)))
        return there[:_AT_ONCE]

    async def _asked(self, services: Services, record: Record, own: ProviderId) -> tuple[Supported, ...]:
        space = SpaceId(record.done[Step.SPACE])
        granted = (await services.zone.spaces.get(space)).providers
        if len(granted) < 2:
            return tuple([await self._site(services, each, size, own) for each, size in granted.items()])
        found = {each: await self._site(services, each, size, own) for each, size in granted.items()}
        if self._is_ours:
            for copies in (await services.provider.spaces.replication(space)).copies:
                if copies.provider_id in found:
                    found[copies.provider_id] = _with_copies(found[copies.provider_id], copies)
        elif record.root_file:
            summary = await services.provider.qos.summary(FileId(record.root_file))
            if summary.requirements:
                found = {each: _with_status(site, summary.status) for each, site in found.items()}
        return tuple(found.values())

    async def _site(self, services: Services, provider: ProviderId, size_bytes: int, own: ProviderId) -> Supported:
        if provider not in self._names:
            self._names[provider] = str(provider)
            with contextlib.suppress(NotFound, Forbidden):
                self._names[provider] = (await services.zone.providers.get(provider)).name
        return Supported(provider, self._names[provider], size_bytes, is_own=provider == own)

    def _keep(self, heard: Mapping[int, tuple[Supported, ...]]) -> None:
        now_us = (self._clock() - _EPOCH) // _US
        ordered = {
            dataset: sorted(sites, key=lambda site: (not site.is_own, site.name)) for dataset, sites in heard.items()
        }
        rows = [(dataset, now_us, msgspec.json.encode(sites)) for dataset, sites in ordered.items()]
        with self._journal.writing("whereabouts") as db:
            db.executemany("INSERT OR REPLACE INTO whereabouts VALUES (?, ?, ?)", rows)


def read_whereabouts(database: Database) -> dict[int, tuple[datetime, tuple[Supported, ...]]]:
    """Return when it was last asked where each dataset is supported, and what was said, by the datasets' ids."""
    with database.reading() as db:
        rows: list[sqlite3.Row] = db.execute("SELECT dataset, at_us, sites FROM whereabouts").fetchall()
    decoder = msgspec.json.Decoder(tuple[Supported, ...])
    return {row["dataset"]: (_EPOCH + row["at_us"] * _US, decoder.decode(row["sites"])) for row in rows}


def _with_copies(site: Supported, copies: CopiesOnStorage) -> Supported:
    return msgspec.structs.replace(
        site,
        files=copies.files,
        copied_files=copies.copied_files,
        size_bytes=copies.size,
        copied_bytes=copies.copied_size,
        problem=copies.problem or "",
    )


def _with_status(site: Supported, status: wire.QosStatus) -> Supported:
    """Return what a zone that tells no numbers says of all sites at once; of the home there is nothing to say."""
    if site.is_own:
        return site
    problem = "its requirements cannot be met by the storages that there are" if status == "impossible" else ""
    return msgspec.structs.replace(site, status=status, problem=problem)
