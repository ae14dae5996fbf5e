"""The last steps, beside Onedata: access information for the facility's software, and mail for people."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from fs2od.errors import StorageError, StorageFull
from fs2od.facility.deciding import TOKEN_WRITTEN, Rules, correction
from fs2od.facility.journal import Announcement, Journal, Phase, Record, Step
from fs2od.facility.metadata import (
    AccessInformation,
    MetadataProblem,
    NotWritable,
    write_access_file,
    write_into_metadata,
)
from fs2od.facility.onboarding._letters import announced_letter, complete_letter
from fs2od.facility.onboarding._setbacks import FolderTrouble
from fs2od.facility.onboarding._steps import Outcome, Scene, close_metadata_files, owners_invite, progressed
from fs2od.facility.watching import Answers
from fs2od.onedata.errors import NotFound
from fs2od.onedata.ids import ShareId, TokenId
from fs2od.onedata.tokens import Token

__all__ = ["LINK_ENDED", "Announcer"]

LINK_ENDED = "its public link was ended by somebody"

_NO_ROOM = "no room"
"""What came of leaving access information on a full disk, until there is room."""
_ROOM_AFTER = timedelta(minutes=5)

# What our own node says that it was built from. It has a page that takes invites, and get.py; a federation does it its own way.
_OURS = "fs2od"


@dataclass
class Announcer:
    """Takes the steps that end onboarding, and tells of the completion."""

    journal: Journal
    clock: Callable[[], datetime]
    answers: Answers

    async def take(self, scene: Scene, step: Step) -> None:
        """Take one of the last steps."""
        match step:
            case Step.ACCESS_FILE:
                await self._done(scene, step, await self._access_file(scene))
            case Step.ACCESS_TAG:
                await self._done(scene, step, await self._access_tag(scene))
            case _:
                await self._announce(scene)

    async def leave_access(self, scene: Scene) -> None:
        """Leave the access information for which there was no room; where there is none now either, it waits on."""
        record = replace(scene.record, access_at=None)
        for step, leave in ((Step.ACCESS_FILE, self._access_file), (Step.ACCESS_TAG, self._access_tag)):
            if record.done.get(step) != _NO_ROOM:
                continue
            outcome = await leave(scene)
            kind, said = ("", "") if outcome.result == _NO_ROOM else (str(step), outcome.said)
            record = replace(record, done={**record.done, step: outcome.result}, **outcome.changes)
            await asyncio.to_thread(self.journal.write, record, kind=kind, said=said, now=self.clock())

    async def tell_complete(self, scene: Scene) -> None:
        """Write the mail that says that everything is there, in one transaction with the note of it."""
        said, signature = "complete; mail written", scene.record.tally.signature if scene.record.tally else "none"
        try:
            record = await _with_link_of_today(scene)
        except NotFound:
            # Whoever ended the link does not want it sent around.
            record, letter, said = scene.record, None, f"complete; no mail: {LINK_ENDED}"
        else:
            letter = complete_letter(record, scene.configuration, is_ours=await _is_ours(scene), now=self.clock())
        await asyncio.to_thread(
            self.journal.write,
            replace(record, told=signature, attempts=0, trouble=None, next_attempt_at=None),
            kind="complete",
            said=said,
            now=self.clock(),
            letter=letter,
            letter_key=f"{record.unique_name}/complete/{signature}",
        )

    async def announce_again(self, scene: Scene) -> None:
        """Announce a dataset to those whom the metadata file names by now, with an invite of their own; once.

        An invite that went to nobody who is still named ends: the address that was wrong may be somebody else's.
        """
        corrected = correction(scene.record, scene.configuration.mail)
        if corrected is None:
            return
        zone = scene.services.zone
        for each in corrected.superseded:
            with contextlib.suppress(NotFound):
                await zone.tokens.delete(TokenId(each.invite))
        kept = tuple(each for each in scene.record.announcements if each not in corrected.superseded)
        if not corrected.facts.addresses:
            await self._note_ended(scene.record, kept)
            return
        number = scene.record.announced_again + 2
        invite = await owners_invite(scene, f"{scene.record.unique_name} owners {number}", look_first=True)
        said = f"mail written to {', '.join(corrected.facts.addresses)}, named since the first one"
        try:
            record = await _with_link_of_today(scene)
        except NotFound:
            # Whoever ended the link does not want it sent around.
            record, letter = scene.record, None
            said = f"no mail to {', '.join(corrected.facts.addresses)}: {LINK_ENDED}"
        else:
            letter = announced_letter(
                replace(record, facts=corrected.facts),
                scene.configuration,
                members_token=await self._members_token_that_works(scene),
                owners_token=(await zone.tokens.named(invite)).token,
                is_ours=await _is_ours(scene),
                now=self.clock(),
                quiet=record.phase is Phase.COMPLETE,
            )
        announcement = Announcement(corrected.facts.addresses, invite)
        after = replace(
            record,
            announcements=(*kept, announcement),
            announced_again=record.announced_again + 1,
            attempts=0,
            trouble=None,
            next_attempt_at=None,
        )
        ended = "; the invite that went to nobody who is still named has ended" if corrected.superseded else ""
        await asyncio.to_thread(
            self.journal.write,
            after,
            kind=str(Step.ANNOUNCED),
            said=f"{said}{ended}",
            now=self.clock(),
            letter=letter,
            letter_key=f"{record.unique_name}/announced/{number}",
        )

    async def _note_ended(self, record: Record, kept: tuple[Announcement, ...]) -> None:
        # An empty one stands for what was announced: without any, that would be taken from the facts.
        after = replace(
            record, announcements=kept or (Announcement((), ""),), attempts=0, trouble=None, next_attempt_at=None
        )
        said = "the invite that went to nobody who is still named has ended"
        await asyncio.to_thread(self.journal.write, after, kind="invite", said=said, now=self.clock())

    async def _announce(self, scene: Scene) -> None:
        record = scene.record
        watch = Rules(scene.configuration).watch(record.root)
        letter = announced_letter(
            record,
            scene.configuration,
            members_token=await self._token(scene, Step.MEMBERS_TOKEN),
            owners_token=await self._token(scene, Step.OWNERS_TOKEN),
            is_ours=await _is_ours(scene),
            now=self.clock(),
            quiet=not scene.folder.running and watch is not None and is_quiet(record, watch.quiet, self.clock()),
        )
        addresses = record.facts.addresses if record.facts else ()
        told = (Announcement(addresses, record.done[Step.OWNERS_TOKEN]),)
        after = progressed(record, Step.ANNOUNCED, Outcome("written", "", {"announcements": told}))
        await asyncio.to_thread(
            self.journal.write,
            after,
            kind=str(Step.ANNOUNCED),
            said="mail written",
            now=self.clock(),
            letter=letter,
            letter_key=f"{record.unique_name}/announced",
        )

    async def _access_file(self, scene: Scene) -> Outcome:
        if not scene.configuration.access.file:
            return Outcome("off", "no access file, as configured")
        try:
            information = await self._information(scene)
            await self._write(scene, partial(write_access_file, scene.folder.path, information))
        except NotWritable as error:
            return Outcome("not writable", f"no access file: {error}; access information stays with the facility")
        except StorageFull as error:
            return self._no_room("access file", error)
        except StorageError as error:
            raise FolderTrouble(str(error)) from error
        return Outcome("written", "access file written")

    async def _write(self, scene: Scene, writing: Callable[[], object]) -> None:
        try:
            await self.answers.of(scene.folder.path, writing)
        except TimeoutError as error:
            raise FolderTrouble(f"{scene.folder.path}: {error.strerror}") from error

    def _no_room(self, what: str, error: StorageFull, **changes: str) -> Outcome:
        """Say that nobody waits for what a full disk has no room for: people are told meanwhile."""
        said = f"no {what} yet: {error}; it is written when there is room"
        return Outcome(_NO_ROOM, said, {"access_at": self.clock() + _ROOM_AFTER, **changes})

    async def _access_tag(self, scene: Scene) -> Outcome:
        settings, file = scene.configuration.access, scene.folder.metadata
        if not settings.write_to_metadata or file is None:
            return Outcome("off", "metadata file left as it is")
        closed = scene.record.closed or await self._closed_for_token(scene)
        path = scene.folder.path / file.name
        try:
            information = await self._information(scene)
            await self._write(scene, partial(write_into_metadata, path, information, tag=settings.tag))
        except NotWritable as error:
            return Outcome("not writable", f"metadata file left as it is: {error}", {"closed": closed})
        except StorageFull as error:
            return self._no_room("access information in the metadata file", error, closed=closed)
        except (MetadataProblem, StorageError) as error:
            raise FolderTrouble(str(error)) from error
        return Outcome(TOKEN_WRITTEN, f"access information written into {file.name}", {"closed": closed})

    async def _closed_for_token(self, scene: Scene) -> str:
        """Close a metadata file that was to be public when the dataset appeared, before a token is in it."""
        await close_metadata_files(scene)
        closed = scene.folder.fingerprint
        # Written down at once: it stays closed also if we are killed before we know whether the token was written.
        said = "metadata file closed to public links: an invite token is written into it"
        await asyncio.to_thread(
            self.journal.write, replace(scene.record, closed=closed), kind="closed", said=said, now=self.clock()
        )
        return closed

    async def _information(self, scene: Scene) -> AccessInformation:
        return AccessInformation(
            zone=scene.configuration.onedata.zone.rstrip("/"),
            space=scene.space,
            public_url=scene.record.share_url,
            invite_token=(await self._token(scene, Step.MEMBERS_TOKEN)).reveal(),
        )

    async def _token(self, scene: Scene, step: Step) -> Token:
        # Fetched each time: no token is kept in the journal.
        return (await scene.services.zone.tokens.named(TokenId(scene.record.done[step]))).token

    async def _members_token_that_works(self, scene: Scene) -> Token | None:
        """Return the members' token, unless it has ended meanwhile, or somebody took it away."""
        until = scene.record.members_token_until
        if until is not None and until <= self.clock():
            return None
        try:
            return await self._token(scene, Step.MEMBERS_TOKEN)
        except NotFound:
            return None

    async def _done(self, scene: Scene, step: Step, outcome: Outcome) -> None:
        record = progressed(scene.record, step, outcome)
        await asyncio.to_thread(self.journal.write, record, kind=str(step), said=outcome.said, now=self.clock())


async def _with_link_of_today(scene: Scene) -> Record:
    """Return the record with the link as it is: the node may have moved to another address since it was made."""
    share = await scene.services.provider.shares.get(ShareId(scene.record.done[Step.SHARE]))
    return replace(scene.record, share_url=share.public_url)


async def _is_ours(scene: Scene) -> bool:
    return (await scene.services.zone.configuration()).build == _OURS


def is_quiet(record: Record, quiet: timedelta, now: datetime) -> bool:
    """Say whether acquisition seems to have ended long ago; pure."""
    return record.tally is not None and now.timestamp() - record.tally.newest_ns / 1e9 >= quiet.total_seconds()
