"""Datasets whose folder is gone for good: nobody looks for it any more, and at Onedata ends what the operator wants to be ended."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from datetime import datetime

from msgspec.structs import replace

from fs2od.facility.deciding import STRUCTURAL
from fs2od.facility.journal import Journal, Problem, ProblemKind, Record, Step, Wish
from fs2od.facility.onboarding._names import unique_name
from fs2od.facility.onboarding._provisioning import Groups
from fs2od.facility.onboarding._recovery import with_unnoted
from fs2od.facility.onboarding._services import Services
from fs2od.onedata.errors import NotFound
from fs2od.onedata.ids import GroupId, ShareId, SpaceId, StorageId, TokenId

__all__ = ["end_at_onedata", "retired"]

_SAID = {
    Wish.RETIRE: "nobody looks for its folder any more; at Onedata all stays as it is",
    Wish.CLOSE: "nobody looks for its folder any more; its link and its invites end",
    Wish.DELETE: "nobody looks for its folder any more; its space is deleted",
}


def retired(record: Record, wish: Wish, now: datetime) -> tuple[Record, str]:
    """Return a dataset as it is once it was retired, and what is said of it; pure. One whose folder is in order stays."""
    if record.problem is None or record.problem.kind not in STRUCTURAL:
        return record, "its folder is there: it stays"
    retiring = wish if wish is not Wish.RETIRE and Step.SPACE in {record.begun, *record.done} else None
    problem = record.problem if record.is_retired else Problem(ProblemKind.RETIRED, _SAID[wish], now)
    return replace(record, problem=problem, retiring=retiring or record.retiring), _SAID[wish]


async def end_at_onedata(record: Record, services: Services, groups: Groups, journal: Journal) -> tuple[Record, str]:
    """Carry out what is still to be done of a dataset that was retired, and return it after that, with a sentence for the history.

    Everything may have been done by an earlier try, or by somebody else; and what a killed try made last may not be noted.

    Raises:
        NotYet: What was made last may be listed and not shown yet.
    """
    record = await with_unnoted(record, services, groups, journal)
    await _close(record, services)
    if record.retiring is not Wish.DELETE:
        return _eased(replace(record, retiring=None)), "its link and its invites have ended"
    await _delete(record, services)
    # Were its folder to come back after all, it would be a new one at Onedata.
    forgotten = Record(
        id=record.id,
        root=record.root,
        relative=record.relative,
        name=record.name,
        unique_name=unique_name(record.name),
        device=record.device,
        inode=record.inode,
        generation=record.generation,
        detected_at=record.detected_at,
        problem=record.problem,
    )
    return forgotten, "its space is deleted, with its links, invites and groups"


async def _close(record: Record, services: Services) -> None:
    if Step.SHARE in record.done:
        await _gone(services.provider.shares.delete(ShareId(record.done[Step.SHARE])))
    steps = (Step.MEMBERS_TOKEN, Step.OWNERS_TOKEN)
    invites = {record.done.get(step, "") for step in steps} | {each.invite for each in record.announcements}
    for invite in sorted(invites - {""}):
        await _gone(services.zone.tokens.delete(TokenId(invite)))


async def _delete(record: Record, services: Services) -> None:
    if Step.SPACE not in record.done:
        return
    space, zone, panel = SpaceId(record.done[Step.SPACE]), services.zone, services.panel
    if Step.SUPPORT in record.done or record.begun is Step.SUPPORT:
        await _gone(panel.spaces.end_support(space))
    await _gone(zone.spaces.delete(space))
    if Step.STORAGE in record.done:
        await _gone(panel.storages.delete(StorageId(record.done[Step.STORAGE])))
    for group in (Step.OWNERS, Step.MEMBERS):
        if group in record.done:
            await _gone(zone.groups.delete(GroupId(record.done[group])))


async def _gone(ending: Awaitable[None]) -> None:
    with contextlib.suppress(NotFound):
        await ending


def _eased(record: Record) -> Record:
    return replace(record, attempts=0, trouble=None, next_attempt_at=None)
