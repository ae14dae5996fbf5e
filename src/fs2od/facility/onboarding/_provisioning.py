"""The facility's two groups: as configured, or found and made by name, and remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fs2od.configuration import Onedata
from fs2od.errors import ConfigurationError
from fs2od.facility.journal import Journal
from fs2od.facility.onboarding._services import Services
from fs2od.onedata.errors import Forbidden, NotFound
from fs2od.onedata.ids import GroupId

__all__ = ["Groups", "provide_groups"]

_NAMES: Final = {"managing_group": "fs2od managers", "parent_group": "fs2od datasets"}


@dataclass(frozen=True)
class Groups:
    """The group that owns every dataset's space, and the one below which each dataset's groups are made."""

    managing: GroupId
    parent: GroupId


async def provide_groups(settings: Onedata, services: Services, journal: Journal) -> Groups:
    """Return the facility's groups.

    Raises:
        ConfigurationError: They are not configured, and may not be made.
        OnedataError: They could not be looked for or made; try again.
    """
    return Groups(
        await _group("managing_group", settings.managing_group, settings, services, journal),
        await _group("parent_group", settings.parent_group, settings, services, journal),
    )


async def _group(key: str, given: str | None, settings: Onedata, services: Services, journal: Journal) -> GroupId:
    if given:
        return GroupId(given)
    if not settings.provision:
        raise ConfigurationError(f"onedata.{key} must be given, or provision = true")
    known = journal.known(_key(key, settings))
    if known is not None:
        return GroupId(known)
    # The name is fixed, so that a try whose answer was lost is found by the next one.
    group = await _named(services, _NAMES[key]) or await services.zone.groups.create(_NAMES[key])
    journal.know(_key(key, settings), group)
    return group


def _key(key: str, settings: Onedata) -> str:
    # Another zone has other groups.
    return f"{key} at {settings.zone.rstrip('/')}"


async def _named(services: Services, name: str) -> GroupId | None:
    for group in await services.zone.user.groups():
        try:
            if (await services.zone.groups.get(group)).name == name:
                return group
        except (Forbidden, NotFound):
            continue
    return None
