"""Finding what an earlier try made, by the unique name that it was given: looked at is only what the journal does not know.

With `waits`, something that is listed and cannot be looked at yet is waited for: it may be the very thing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from msgspec.structs import replace

from fs2od.facility.journal import Journal, Record, Step
from fs2od.facility.onboarding._provisioning import Groups
from fs2od.facility.onboarding._services import Services
from fs2od.facility.onboarding._setbacks import NotYet
from fs2od.onedata import wire
from fs2od.onedata.errors import Forbidden, NotFound
from fs2od.onedata.ids import GroupId, ShareId, SpaceId, StorageId

__all__ = ["find_child", "find_share", "find_space", "find_storage", "find_token", "is_early", "with_unnoted"]

_SHOWN_AFTER_TRIES = 25

Id = TypeVar("Id", bound=str)


def is_early(record: Record) -> bool:
    """Say whether it may be too early yet for Onedata to show what was made; pure."""
    return record.attempts < _SHOWN_AFTER_TRIES


async def with_unnoted(record: Record, services: Services, groups: Groups, journal: Journal) -> Record:
    """Return a dataset as it is known, with what the step that it was killed at had made, if that can be found.

    Raises:
        NotYet: It may be something that is listed and not shown yet.
    """
    step = record.begun
    if step is None or step in record.done:
        return record
    found = await _made_by(step, record, services, groups, journal)
    return replace(record, done={**record.done, step: found}) if found else record


async def _made_by(step: Step, record: Record, services: Services, groups: Groups, journal: Journal) -> str | None:
    name, waits = record.unique_name, is_early(record)
    kind = "owners" if step in {Step.OWNERS, Step.OWNERS_TOKEN} else "members"
    match step:
        case Step.SPACE:
            return await find_space(services, journal, groups.managing, name, waits=waits)
        case Step.STORAGE:
            return await find_storage(services, journal, name, waits=waits)
        case Step.OWNERS | Step.MEMBERS:
            return await find_child(services, journal, groups.parent, f"{name} {kind}", waits=waits)
        case Step.OWNERS_TOKEN | Step.MEMBERS_TOKEN:
            token = await find_token(services, f"{name} {kind}")
            return token.id if token else None
        case Step.SHARE:
            return await find_share(services, SpaceId(record.done[Step.SPACE]), name, waits=waits)
        case _:
            return None


async def find_space(services: Services, journal: Journal, owner: GroupId, name: str, *, waits: bool) -> SpaceId | None:
    """Return the space of that name among the managing group's."""
    spaces = await services.zone.groups.spaces(owner)

    async def name_of(space: SpaceId) -> str:
        return (await services.zone.spaces.get(space)).name

    return await _first(_unknown(spaces, journal, Step.SPACE), name_of, name, waits=waits)


async def find_storage(services: Services, journal: Journal, name: str, *, waits: bool) -> StorageId | None:
    """Return the storage of that name among the provider's."""
    storages = await services.panel.storages.list()

    async def name_of(storage: StorageId) -> str:
        return (await services.panel.storages.get(storage)).name

    return await _first(_unknown(storages, journal, Step.STORAGE), name_of, name, waits=waits)


async def find_child(
    services: Services, journal: Journal, parent: GroupId, name: str, *, waits: bool
) -> GroupId | None:
    """Return the group of that name among the parent group's children."""
    children = await services.zone.groups.children(parent)

    async def name_of(group: GroupId) -> str:
        return (await services.zone.groups.get(group)).name

    return await _first(_unknown(children, journal, Step.OWNERS, Step.MEMBERS), name_of, name, waits=waits)


async def find_share(services: Services, space: SpaceId, name: str, *, waits: bool) -> ShareId | None:
    """Return the share of that name among the space's."""

    async def name_of(share: ShareId) -> str:
        return (await services.provider.shares.get(share)).name

    return await _first(await services.zone.spaces.shares(space), name_of, name, waits=waits)


async def find_token(services: Services, name: str) -> wire.NamedTokenDetails | None:
    """Return our named token of that name."""
    try:
        return await services.zone.tokens.named_by_name(name)
    except NotFound:
        return None


def _unknown(ids: Iterable[Id], journal: Journal, *steps: Step) -> list[Id]:
    known = {record.done.get(step) for record in journal.records() for step in steps}
    # Lists are oldest first, and what we look for is young.
    return [each for each in ids if each not in known][::-1]


async def _first(ids: Iterable[Id], name_of: Callable[[Id], Awaitable[str]], name: str, *, waits: bool) -> Id | None:
    """Return the one of that name.

    Raises:
        NotYet: It may be one that is listed and not shown, and whoever asks `waits` for those.
    """
    hidden = 0
    for each in ids:
        try:
            if await name_of(each) == name:
                return each
        except (Forbidden, NotFound):
            hidden += 1
    if hidden and waits:
        # A federation's parts learn of each other in a while: what was made just now is listed before it is shown.
        raise NotYet("Onedata lists what it does not show yet")
    return None
