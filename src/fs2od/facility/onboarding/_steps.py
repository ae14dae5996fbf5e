"""The steps of onboarding, one function each: bring it about, or find that it is."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from msgspec import UNSET
from msgspec.structs import replace

from fs2od.configuration import Configuration
from fs2od.facility.deciding import OPEN, Rules, brought_about, rule_in_words, rule_of, terms_of
from fs2od.facility.journal import Journal, LinkTerms, Phase, Record, Step
from fs2od.facility.metadata import publication_of
from fs2od.facility.onboarding._names import provider_path
from fs2od.facility.onboarding._provisioning import Groups
from fs2od.facility.onboarding._recovery import find_child, find_share, find_space, find_storage, find_token, is_early
from fs2od.facility.onboarding._services import Services
from fs2od.facility.onboarding._setbacks import NotYet
from fs2od.facility.watching import SeenFolder
from fs2od.onedata import wire
from fs2od.onedata.errors import Conflict, Forbidden, NotFound, PosixError, error_of
from fs2od.onedata.ids import FileId, GroupId, ShareId, SpaceId, StorageId, TokenId
from fs2od.onedata.privileges import GroupPrivilege, SpacePrivilege
from fs2od.onedata.roles import (
    DATASET_IN_FACILITY,
    MEMBER_IN_GROUP,
    MEMBER_IN_SPACE,
    OWNER_IN_GROUP,
    OWNER_IN_SPACE,
    bundles_fingerprint,
)
from fs2od.onedata.tokens import InviteToken, InviteType, Time

__all__ = [
    "STEPS",
    "Outcome",
    "Scene",
    "close_metadata_files",
    "give_rights_of_today",
    "is_continuous",
    "owners_invite",
    "progressed",
    "publish",
    "set_links_of_today",
]

_SUPPORT_TOKEN_S = 300
_CLOSED = 0o640
_ASK_AGAIN = 8
_PUBLIC_ONLY = "this Onedata knows public links only: set link, embargo_days and link_days back, so that one is made"


@dataclass(frozen=True)
class Scene:
    """What a step works on: one dataset, as journal and folder show it, and the services to work with."""

    record: Record
    folder: SeenFolder
    configuration: Configuration
    services: Services
    groups: Groups
    journal: Journal
    now: datetime
    look_first: bool = False

    @property
    def space(self) -> SpaceId:
        """The dataset's space."""
        return SpaceId(self.record.done[Step.SPACE])

    @property
    def waits(self) -> bool:
        """Whether it may be too early yet for Onedata to show what was made."""
        return is_early(self.record)


@dataclass(frozen=True)
class Outcome:
    """What came of a step: an id or a word for the journal, a sentence for the history, changes of the record."""

    result: str
    said: str
    changes: Mapping[str, Any] = field(default_factory=dict)


TakeStep: TypeAlias = Callable[[Scene], Awaitable[Outcome]]


async def _space(scene: Scene) -> Outcome:
    name, managing, services = scene.record.unique_name, scene.groups.managing, scene.services
    found = await find_space(services, scene.journal, managing, name, waits=scene.waits) if scene.look_first else None
    space = found or await services.zone.spaces.create_for_group(managing, name)
    return Outcome(space, f"space {name}")


async def _storage(scene: Scene) -> Outcome:
    name, services = scene.record.unique_name, scene.services
    found = await find_storage(services, scene.journal, name, waits=scene.waits) if scene.look_first else None
    mount_point = provider_path(scene.folder.path, scene.configuration.onedata.path_map)
    storage = found or await services.panel.storages.add_posix(name, mount_point, imported=True, readonly=True)
    return Outcome(storage, f"storage at {mount_point}, imported in place, read-only")


async def _support(scene: Scene) -> Outcome:
    space, services = scene.space, scene.services
    said = "support with automatic import"
    if scene.look_first and (support := await _support_of(scene)) is not None:
        return Outcome(space, said, {"continuous": is_continuous(support)})
    until = Time(int(scene.now.timestamp()) + _SUPPORT_TOKEN_S)
    token = await services.zone.tokens.create_temporary(InviteToken(InviteType.SUPPORT_SPACE, space), caveats=[until])
    try:
        await services.panel.spaces.support(
            token,
            scene.configuration.onedata.support_size,
            StorageId(scene.record.done[Step.STORAGE]),
            storage_import=_import_settings(scene),
        )
    except Conflict:
        support = await services.panel.spaces.get(space)
        return Outcome(space, said, {"continuous": is_continuous(support)})
    return Outcome(space, said, {"continuous": scene.folder.running})


async def _support_of(scene: Scene) -> wire.SupportDetails | None:
    try:
        return await scene.services.panel.spaces.get(scene.space)
    except (NotFound, Forbidden):
        # Releases differ in how they say that a space is not supported.
        return None


def is_continuous(support: wire.SupportDetails) -> bool:
    """Say whether the provider scans a space again and again."""
    settings = support.storage_import
    config = UNSET if settings is UNSET else settings.auto_storage_import_config
    return config is not UNSET and config.continuous_scan is True


def _import_settings(scene: Scene) -> wire.StorageImport:
    interval = scene.configuration.scan.continuous_interval
    config = wire.AutoImportConfig(
        continuous_scan=scene.folder.running, scan_interval=max(1, round(interval.total_seconds()))
    )
    return wire.StorageImport(mode="auto", auto_storage_import_config=config)


def _group(kind: str) -> TakeStep:
    async def take(scene: Scene) -> Outcome:
        name, parent = f"{scene.record.unique_name} {kind}", scene.groups.parent
        found = (
            await find_child(scene.services, scene.journal, parent, name, waits=scene.waits)
            if scene.look_first
            else None
        )
        group = found or await scene.services.zone.groups.create_child(parent, name)
        await _nothing_in_parent(scene, group)
        return Outcome(group, f"group of {kind}")

    return take


async def _nothing_in_parent(scene: Scene, group: GroupId) -> None:
    """Let those of a dataset not see which other datasets the facility has, and who uses them: Onedata lets children view parents."""
    await scene.services.zone.groups.change_child_privileges(
        scene.groups.parent, group, revoke=set(GroupPrivilege) - DATASET_IN_FACILITY
    )


async def _members_token(scene: Scene) -> Outcome:
    members = scene.configuration.members
    until = _whole_second(scene.now + members.valid_for)
    name = f"{scene.record.unique_name} members"
    found = await find_token(scene.services, name) if scene.look_first else None
    if found is not None:
        return Outcome(found.id, "invite token for members", {"members_token_until": _until(found) or until})
    created = await scene.services.zone.tokens.create_named(
        name,
        _joining(scene, Step.MEMBERS),
        caveats=[Time(int(until.timestamp()))],
        usage_limit=members.uses,
        privileges=sorted(MEMBER_IN_GROUP),
    )
    return Outcome(created.token_id, "invite token for members", {"members_token_until": until})


async def _owners_token(scene: Scene) -> Outcome:
    name = f"{scene.record.unique_name} owners"
    token = await owners_invite(scene, name, look_first=scene.look_first)
    return Outcome(token, "personal invite for the owner")


async def owners_invite(scene: Scene, name: str, *, look_first: bool) -> TokenId:
    """Return the id of an invite that makes one person an owner, made if there is none of that name."""
    found = await find_token(scene.services, name) if look_first else None
    if found is not None:
        return found.id
    until = Time(int((scene.now + scene.configuration.members.owner_valid_for).timestamp()))
    created = await scene.services.zone.tokens.create_named(
        name, _joining(scene, Step.OWNERS), caveats=[until], usage_limit=1, privileges=sorted(OWNER_IN_GROUP)
    )
    return created.token_id


def _joining(scene: Scene, group: Step) -> InviteToken:
    return InviteToken(InviteType.USER_JOIN_GROUP, scene.record.done[group])


def _until(token: wire.NamedTokenDetails) -> datetime | None:
    moments = [caveat["validUntil"] for caveat in token.caveats if caveat.get("type") == "time"]
    return datetime.fromtimestamp(min(moments), UTC) if moments else None


def _whole_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _rights(group: Step, privileges: Collection[SpacePrivilege]) -> TakeStep:
    async def take(scene: Scene) -> Outcome:
        # A conflict says that an earlier try of ours did it.
        with contextlib.suppress(Conflict):
            await scene.services.zone.spaces.add_group(scene.space, GroupId(scene.record.done[group]), privileges)
        if group is not Step.MEMBERS:
            return Outcome("given", f"rights of the {group}")
        await _owners_invite_members(scene)
        # Which rights these were: when others are to be given, this dataset gets them, too.
        return Outcome(bundles_fingerprint(), f"rights of the {group}")

    return take


async def _owners_invite_members(scene: Scene) -> None:
    owners, members = (GroupId(scene.record.done[group]) for group in (Step.OWNERS, Step.MEMBERS))
    with contextlib.suppress(Conflict):
        await scene.services.zone.groups.add_child(members, owners, OWNER_IN_GROUP)


async def give_rights_of_today(scene: Scene) -> None:
    """Let owners and members of a dataset that was onboarded earlier have the rights that they get now.

    What they have beyond that stays. Whoever is in the group of owners gets an owner's rights there.
    """
    zone, owners, members = (
        scene.services.zone,
        *(GroupId(scene.record.done[each]) for each in (Step.OWNERS, Step.MEMBERS)),
    )
    await zone.spaces.change_group_privileges(scene.space, owners, grant=OWNER_IN_SPACE)
    await zone.spaces.change_group_privileges(scene.space, members, grant=MEMBER_IN_SPACE)
    await _owners_invite_members(scene)
    await zone.groups.change_child_privileges(members, owners, grant=OWNER_IN_GROUP)
    for group in (owners, members):
        await _nothing_in_parent(scene, group)
    for user in await zone.groups.users(owners):
        # They may have left since the list was made.
        with contextlib.suppress(NotFound):
            await zone.groups.change_user_privileges(owners, user, grant=OWNER_IN_GROUP)


async def _privacy(scene: Scene) -> Outcome:
    if scene.configuration.publish.metadata_file:
        return Outcome("open", "the metadata file is public, as configured")
    if scene.record.attempts % _ASK_AGAIN == _ASK_AGAIN - 1:
        # The first scan starts by itself, but may have come too early, or failed.
        with contextlib.suppress(Conflict):
            await scene.services.panel.imports.force_start(scene.space)
    await close_metadata_files(scene)
    return Outcome("closed", "metadata file closed to public links", {"closed": scene.folder.fingerprint})


async def close_metadata_files(scene: Scene) -> None:
    """Take the metadata files' read permission for others away, in the provider's index only. Links then do not deliver them.

    Raises:
        NotYet: One is not imported yet.
    """
    space = scene.space
    for file in scene.folder.metadata_files:
        try:
            found = await scene.services.provider.files.lookup(f"{scene.record.unique_name}@{space}/{file.name}")
            await scene.services.provider.files.set_permissions(found, _CLOSED)
        except PosixError as error:
            if error.errno != "enoent":
                raise
            raise NotYet(f"{file.name} is not imported yet") from error


async def _share(scene: Scene) -> Outcome:
    name, space, services = scene.record.unique_name, scene.space, scene.services
    # The rule first, for all links to come: a link is never open for longer than it may be, not even for a moment.
    terms = _terms(scene.record, scene.configuration)
    await _close_links(scene, terms)
    root = (await services.provider.spaces.get(space)).root()
    found = await find_share(services, space, name, waits=scene.waits) if scene.look_first else None
    share = found or await services.provider.shares.create(root, name)
    url = (await services.provider.shares.get(ShareId(share))).public_url
    return Outcome(share, f"public link {url}", {"root_file": root, "share_url": url, "links": terms})


def _terms(record: Record, configuration: Configuration) -> LinkTerms:
    watch = Rules(configuration).watch(record.root)
    return OPEN if watch is None else terms_of(watch)


async def _close_links(scene: Scene, terms: LinkTerms) -> None:
    # An earlier try may have set another rule, before it was killed and configured anew.
    if terms != OPEN or scene.look_first:
        try:
            await scene.services.zone.spaces.set_link_rule(scene.space, rule_of(terms, scene.record.detected_at))
        except NotFound as error:
            if terms != OPEN:
                raise error_of("notSupported", _PUBLIC_ONLY) from error


async def set_links_of_today(record: Record, configuration: Configuration, services: Services) -> tuple[Record, str]:
    """Let the links of a dataset work as the configuration says now, but for what was changed by hand and is configured as before.

    Returns the record after it, and a sentence for the history; empty: all is as it was.

    Raises:
        Rejected: notSupported: this Onedata knows public links only, and others are configured.
        Forbidden: The facility may not say it any more, and the link is to be closed and still there.
    """
    space, terms, spaces = SpaceId(record.done[Step.SPACE]), _terms(record, configuration), services.zone.spaces
    try:
        stands = await spaces.link_rule(space)
        rule = brought_about(stands, record.links, terms, record.detected_at)
        if rule != stands:
            await spaces.set_link_rule(space, rule)
    except (Forbidden, NotFound) as error:
        if terms != OPEN and await _has_link(record, services):
            if isinstance(error, NotFound):
                raise error_of("notSupported", _PUBLIC_ONLY) from error
            raise
        # Nothing is to be closed, or there is nothing left to close: the dataset is none the worse.
        said = "" if terms == OPEN == (record.links or OPEN) else f"links stay as they are ({error})"
        return replace(record, links=terms), said
    configured, said = rule_of(terms, record.detected_at), ""
    if rule != stands:
        said = f"links are {rule_in_words(rule)} now; before: {rule_in_words(stands)}"
    elif rule != configured:
        said = f"links stay {rule_in_words(rule)}"
    also = "" if rule == configured else f"; configured: {rule_in_words(configured)}"
    return replace(record, links=terms), f"{said}{also}"


async def _has_link(record: Record, services: Services) -> bool:
    try:
        await services.provider.shares.get(ShareId(record.done[Step.SHARE]))
    except NotFound:
        return False
    except Forbidden:
        return True
    return True


async def _published(scene: Scene) -> Outcome:
    return Outcome(
        await publish(scene.record, scene.configuration, scene.services), "description and metadata, as allowed"
    )


async def publish(record: Record, configuration: Configuration, services: Services, *, link: bool = True) -> str:
    """Publish what may be published, and return its fingerprint.

    Args:
        record: The dataset.
        configuration: Whose facility's words are published with it.
        services: Where.
        link: Whether there is a link, which is described; else only the metadata are published.

    Raises:
        NotFound: The link is not there, or what it leads to.
    """
    publication = publication_of(record, configuration.facility)
    if link:
        share = ShareId(record.done[Step.SHARE])
        await services.provider.shares.change(share, description=publication.description)
    await services.provider.files.json_metadata.put(FileId(record.root_file), publication.metadata)
    return publication.fingerprint


STEPS: Mapping[Step, TakeStep] = {
    Step.SPACE: _space,
    Step.STORAGE: _storage,
    Step.SUPPORT: _support,
    Step.OWNERS: _group("owners"),
    Step.MEMBERS: _group("members"),
    Step.MEMBERS_TOKEN: _members_token,
    Step.OWNERS_TOKEN: _owners_token,
    Step.OWNERS_RIGHTS: _rights(Step.OWNERS, OWNER_IN_SPACE),
    Step.MEMBERS_RIGHTS: _rights(Step.MEMBERS, MEMBER_IN_SPACE),
    Step.PRIVACY: _privacy,
    Step.SHARE: _share,
    Step.PUBLISHED: _published,
}
"""How each step at Onedata is taken. The steps beside it are the performer's."""


def progressed(record: Record, step: Step, outcome: Outcome) -> Record:
    """Return the record after a step: it is done, the next one is begun, and old troubles are forgotten; pure."""
    done = {**record.done, step: outcome.result}
    after = replace(record, done=done, attempts=0, trouble=None, next_attempt_at=None, **outcome.changes)
    phase = Phase.ACQUIRING if after.next_step is None and after.phase is Phase.ONBOARDING else after.phase
    return replace(after, begun=after.next_step, phase=phase)
