"""The way to Onedata: opened when it is needed, given a rest when Onedata is away, opened anew when the token was refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from fs2od.configuration import Onedata
from fs2od.errors import ConfigurationError, Fs2odError
from fs2od.facility._moments import is_awaited
from fs2od.facility.journal import Journal
from fs2od.facility.onboarding import Connect, Groups, Services, provide_groups, read_token
from fs2od.onedata.errors import OnedataError, ServiceError, Unauthorized

__all__ = ["ONEDATA_STATE", "OnedataAccess"]

ONEDATA_STATE = "onedata"
"""Under this key the journal knows how Onedata is: empty when all is well, else what is wrong."""

_FIRST_REST = timedelta(seconds=1)
_LONGEST_REST = timedelta(seconds=30)
_LONGEST_OBEYED = timedelta(minutes=5)


class OnedataAccess:
    """Services and groups, while Onedata can be reached."""

    def __init__(self, settings: Onedata, journal: Journal, *, connect: Connect, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._journal = journal
        self._connect = connect
        self._clock = clock
        self._services: Services | None = None
        self._stale: list[Services] = []
        self._groups: Groups | None = None
        self._opening = asyncio.Lock()
        self._times_away = 0
        self._worked_once = False
        self.away_until: datetime | None = None

    async def reached(self) -> tuple[Services, Groups] | None:
        """Return what to work with; None: Onedata is away, nothing was asked.

        Raises:
            ConfigurationError: The token's file cannot be read, or the groups are not configured.
        """
        if self._rests(self._clock()):
            return None
        async with self._opening:
            try:
                return await self._opened()
            except OnedataError as error:
                await self.note_away(error)
            except ConfigurationError as error:
                if not self._worked_once:
                    raise
                await self.note_away(error)
        return None

    async def note_away(self, error: Fs2odError) -> None:
        """Give Onedata a rest: longer each time, up to half a minute, or as long as it asks for."""
        now = self._clock()
        if not self._rests(now):
            grown = min(_FIRST_REST * (1 << min(self._times_away, 8)), _LONGEST_REST)
            self.away_until = now + max(grown, _asked_for(error))
            self._times_away += 1
        if isinstance(error, Unauthorized):
            # The token's file may hold a new one by now. Others may still be using the old connection.
            self._stale += [self._services] if self._services is not None else []
            self._services = None
        await self._remember(str(error))

    async def note_well(self) -> None:
        """Note that Onedata does what it is asked."""
        self.away_until, self._times_away = None, 0
        await self._remember("")

    async def close(self) -> None:
        """Close the connections."""
        self._stale += [self._services] if self._services is not None else []
        self._services = None
        await self.tidy()

    async def tidy(self) -> None:
        """Close connections that are used no longer. To be called when nothing is under way."""
        stale, self._stale = self._stale, []
        for services in stale:
            await services.close()

    def _rests(self, now: datetime) -> bool:
        return self.away_until is not None and is_awaited(self.away_until, now, at_most=_LONGEST_OBEYED)

    async def _opened(self) -> tuple[Services, Groups]:
        if self._services is None:
            self._services = Services(self._settings, self._connect(read_token(self._settings)))
        if self._groups is None:
            self._groups = await provide_groups(self._settings, self._services, self._journal)
        self._worked_once = True
        return self._services, self._groups

    async def _remember(self, said: str) -> None:
        if await asyncio.to_thread(self._journal.known, ONEDATA_STATE) != said:
            await asyncio.to_thread(self._journal.know, ONEDATA_STATE, said)


def _asked_for(error: Fs2odError) -> timedelta:
    asked_s = error.retry_after_s if isinstance(error, ServiceError) else None
    return timedelta(seconds=min(asked_s or 0.0, _LONGEST_OBEYED.total_seconds()))
