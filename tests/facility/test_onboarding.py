"""From a folder to a link in the mailbox, against the real node in process."""

from __future__ import annotations

import os
import stat
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML
from tests.facility.conftest import METADATA, PROVIDER, ZONE, World

from fs2od.client import Onepanel, Onezone
from fs2od.facility import plan
from fs2od.facility.journal import ONBOARDING, Step
from fs2od.facility.onboarding import OnedataAction, Performer
from fs2od.facility.watching import Sighting
from fs2od.manifests import folder_name
from fs2od.node.zone.memberships import GROUP_GROUP
from fs2od.onedata.ids import GroupId, ShareId, SpaceId, TokenId

NAME = "20261103_P2"


async def test_a_metadata_file_that_cannot_be_written_back_holds_nobody_s_mail_back(world: World) -> None:
    world.dataset(metadata=f"x: &x {{k: 1}}\nOnedata2: *x\n{METADATA}", running=True)
    configuration = world.configuration(access={"write_to_metadata": True})
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    assert len(world.letters()) == 1


async def test_a_folder_becomes_an_announced_dataset(world: World) -> None:
    world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    (letter,) = world.letters()
    assert letter["To"] == "alex@example.org"
    assert letter["Subject"] == "Your data from the microscope: 70S ribosome, grid 2"
    text = letter.get_body(("plain",))
    assert text is not None
    lines = text.get_content().splitlines()
    assert world.rows()[NAME].link in lines
    record = world.records()[NAME]
    async with world.onedata() as (zone, _, _):
        members = await zone.tokens.named(TokenId(record.done[Step.MEMBERS_TOKEN]))
        owners = await zone.tokens.named(TokenId(record.done[Step.OWNERS_TOKEN]))
    assert members.token.reveal() in lines
    assert f"https://{ZONE}/join#{owners.token.reveal()}" in lines
    assert "works once, until" in " ".join(lines)


@pytest.mark.parametrize(
    ("watch", "closed"), [({"link": "members"}, True), ({"embargo_days": 2}, True), ({"link_days": 9}, False)]
)
async def test_commands_read_a_token_while_the_link_is_for_members(
    world: World, watch: dict[str, object], closed: bool
) -> None:
    folder = world.dataset(running=True)
    async with world.facility(configuration=world.configuration(watch=watch)).opened() as one_pass:
        await world.until(one_pass, lambda: len(world.letters()) == 1)
        world.clock.move(days=3)
        (folder / ".running").unlink()
        await world.until(one_pass, lambda: len(world.letters()) == 2)
    first, second = map(plain, world.letters())
    page = f"\nhttps://{ZONE}/tokens/new?dataset={world.records()[NAME].done[Step.SPACE]}\n"
    assert first.count(" --token-file fs2od.token\n") == (2 if closed else 0)
    assert (page in first) is closed
    # After the embargo the link is open.
    assert (page in second) is (watch == {"link": "members"})


def plain(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


async def test_each_step_is_in_the_history_in_its_order(world: World) -> None:
    world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    history = world.history(NAME)
    assert history[:2] == ["detected", "metadata"]
    assert [kind for kind in history if kind in set(ONBOARDING)] == list(ONBOARDING)


async def test_owners_and_members_get_their_rights_and_no_more(world: World) -> None:
    world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    done = world.records()[NAME].done
    space, owners, members = SpaceId(done[Step.SPACE]), GroupId(done[Step.OWNERS]), GroupId(done[Step.MEMBERS])
    async with world.onedata() as (zone, _, panel):
        assert set(await zone.spaces.group_privileges(space, members)) == {"space_view", "space_read_data"}
        assert set(await zone.spaces.group_privileges(space, owners)) == {
            "space_view", "space_read_data", "space_add_support", "space_view_qos", "space_manage_qos", "space_view_transfers",
            "space_schedule_replication", "space_manage_shares",
        }  # fmt: skip
        # Owners invite members: into the members' group, which they are in as a group.
        may_invite = {"group_view", "group_add_user", "group_remove_user", "group_set_privileges"}
        assert set(world.node.zone.memberships.privileges(GROUP_GROUP, members, owners)) == may_invite
        personal = await zone.tokens.named(TokenId(done[Step.OWNERS_TOKEN]))
        assert [caveat["type"] for caveat in personal.caveats] == ["time"]
        invite = (await zone.tokens.named(TokenId(done[Step.OWNERS_TOKEN]))).metadata
        assert (invite.usage_limit, set(invite.privileges or ())) == (
            1,
            {"group_view", "group_add_user", "group_remove_user", "group_set_privileges"},
        )
        token = await zone.tokens.named(TokenId(done[Step.MEMBERS_TOKEN]))
        assert token.metadata.usage_limit == 20
        assert [caveat["type"] for caveat in token.caveats] == ["time"]
        storage = (await panel.spaces.get(space)).storage_id
        details = await panel.storages.get(storage)
        assert details.imported_storage
        assert details.readonly


async def test_acquisition_ends_with_a_last_import_and_a_second_mail(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        space = SpaceId(world.rows()[NAME].space)
        async with world.onedata() as (_, _, panel):
            assert await _is_continuous(panel, space)
        (folder / "late.mrc").write_bytes(b"y" * 1000)
        (folder / ".running").unlink()
        await world.until(one_pass, lambda: len(world.letters()) == 2)
        async with world.onedata() as (_, _, panel):
            assert not await _is_continuous(panel, space)
            assert (await panel.spaces.get(space)).space_occupancy >= 1303
    row = world.rows()[NAME]
    assert (row.state, row.files, row.size_bytes) == ("complete", 4, 1303)
    (complete,) = [letter for letter in world.letters() if "complete" in str(letter["Subject"])]
    body = complete.get_body(("plain",))
    assert body is not None
    assert "is complete: 4 files · 1.30 kB." in " ".join(body.get_content().split())
    document = await _public_metadata(world)
    assert document["fs2od"]["state"] == "complete"
    assert document["fs2od"]["files"] == 4


async def test_a_dataset_that_opens_again_is_not_announced_again(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / ".running").unlink()
        await world.until(one_pass, lambda: len(world.letters()) == 2)
        (folder / ".running").touch()
        await world.until(one_pass, world.is_in("acquiring", NAME))
        assert (await _public_metadata(world))["fs2od"]["state"] == "acquiring"
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
        for _ in range(5):
            await one_pass()
    # Nothing was added meanwhile, so there is nothing new to tell either.
    assert len(world.letters()) == 2


async def test_a_node_that_moved_is_linked_to_at_its_new_address(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        with world.database() as database, database.writing() as db:
            db.execute(
                "UPDATE dataset SET record = CAST(replace(CAST(record AS TEXT), ?, ?) AS BLOB)",
                (f"https://{ZONE}/", "https://old.test/"),
            )
    async with world.facility().opened() as one_pass:
        assert world.rows()[NAME].link.startswith("https://old.test/")
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
        await world.until(one_pass, lambda: len(world.letters()) == 2)
    assert world.rows()[NAME].link.startswith(f"https://{ZONE}/share/")
    (complete,) = [letter for letter in world.letters() if "complete" in str(letter["Subject"])]
    assert "old.test" not in complete.as_string()


async def test_more_data_after_completion_is_told_once_more(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / ".running").unlink()
        await world.until(one_pass, lambda: len(world.letters()) == 2)
        (folder / "more.mrc").write_bytes(b"z" * 500)
        (folder / ".running").touch()
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / ".running").unlink()
        await world.until(one_pass, lambda: len(world.letters()) == 3)
    assert [subject for subject in world.subjects() if "complete" not in subject] == [
        "Your data from the microscope: 70S ribosome, grid 2"
    ]


async def test_without_a_running_file_the_quiet_period_decides(world: World) -> None:
    world.dataset()
    configuration = world.configuration(watch={"quiet": "2 h"})
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        world.clock.move(minutes=110)
        await one_pass()
        assert world.rows()[NAME].state == "acquiring"
        world.clock.move(minutes=20)
        await world.until(one_pass, world.is_in("complete", NAME))


async def test_names_that_cannot_be_delivered_are_counted_and_named(world: World) -> None:
    folder = world.dataset(running=True)
    (folder / "away").symlink_to("/etc/hostname")
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / ".running").unlink()
        await world.until(one_pass, lambda: len(world.letters()) == 2)
    (complete,) = [letter for letter in world.letters() if "complete" in str(letter["Subject"])]
    body = complete.get_body(("plain",))
    assert body is not None
    assert "3 of 4 files can be delivered; 1 cannot: away (link leaves the dataset)." in " ".join(
        body.get_content().split()
    )


async def test_the_mails_commands_name_the_folder_that_archives_unpack_to(world: World) -> None:
    world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, lambda: len(world.letters()) == 1)
    record, (letter,) = world.records()[NAME], world.letters()
    body = letter.get_body(("plain",))
    assert body is not None
    assert f"fs2od download {record.share_url} {folder_name(record.unique_name)}" in " ".join(
        body.get_content().split()
    )


async def test_the_access_file_is_the_facilitys_own(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    path, row = folder / "fs2od-access.yml", world.rows()[NAME]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = YAML(typ="safe").load(path.read_text())
    assert (said["PublicURL"], said["Space"], said["Onezone"]) == (row.link, row.space, f"https://{ZONE}")
    assert not [each for each in folder.parent.iterdir() if each.name.endswith(".partial")]


async def test_access_information_goes_into_the_metadata_file_only_when_asked_for(world: World) -> None:
    folder = world.dataset(running=True)
    configuration = world.configuration(access={"write_to_metadata": True, "file": False})
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        for _ in range(3):
            world.clock.move(seconds=3)
            await one_pass()
    text = (folder / "SPA.yml").read_text()
    assert text.startswith(METADATA)
    assert YAML(typ="safe").load(text)["Onedata2"]["PublicURL"] == world.rows()[NAME].link
    assert not (folder / "fs2od-access.yml").exists()


async def test_two_folders_of_one_name_are_two_datasets_with_two_names(world: World) -> None:
    other = world.folder / "krios2"
    world.dataset(running=True)
    (other / NAME).mkdir(parents=True)
    (other / NAME / "SPA.yml").write_text(METADATA)
    document = world.configuration().model_dump()
    document["watch"] = [*document["watch"], {"path": other}]
    configuration = type(world.configuration()).model_validate(document)
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME, f"{NAME} (krios2)"))
    links = {row.link for row in world.rows().values()}
    assert len(links) == 2


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("User: {Email: [broken\n", "SPA.yml line 2: "),
        ("", "SPA.yml: is empty"),
        ("- just\n- a list\n", "SPA.yml line 1: expected a mapping, found a list"),
        ("Sample:\n  Name: 0x" + "f" * 6000, "SPA.yml line 2: holds a number of more digits than anything can show"),
        ("a: " + "x" * (1 << 20), "SPA.yml: is larger than 1 MiB"),
    ],
)
async def test_a_bad_metadata_file_holds_that_dataset_back_until_it_changes(
    world: World, metadata: str, said: str
) -> None:
    bad, good = world.dataset("bad", metadata=metadata, running=True), world.dataset("good", running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "good"))
        row = world.rows()["bad"]
        assert row.state == "needs you"
        assert row.stuck.startswith(said)
        assert (bad / "SPA.yml").read_text() == metadata
        (bad / "SPA.yml").write_text(METADATA)
        await world.until(one_pass, world.is_in("acquiring", "bad"))
    assert good.exists()


async def test_a_time_beyond_what_databases_hold_holds_nothing_back(world: World) -> None:
    odd, _ = world.dataset("odd"), world.dataset("good")
    later_s = 2**63 // 10**9 + 86_400
    for path in (odd / "SPA.yml", odd / "far.mrc"):
        path.touch()
        os.utime(path, (later_s, later_s))
    if odd.joinpath("far.mrc").stat().st_mtime < later_s:
        pytest.skip("this file system knows no such times")
    async with world.facility().opened(checksums=True) as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "odd", "good"))
        for _ in range(20):
            world.clock.move(seconds=5)
            await one_pass()
    assert not any(row.stuck for row in world.rows().values())


async def test_a_mistake_of_ours_at_one_dataset_is_not_that_of_others(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    really = Performer.perform

    async def perform(self: Performer, action: OnedataAction, sighting: Sighting, *rest: Any) -> None:  # noqa: ANN401 - handed on
        if sighting.folder.path.name == "odd":
            raise KeyError("maybe")
        await really(self, action, sighting, *rest)

    monkeypatch.setattr(Performer, "perform", perform)
    for name in ("odd", "good"):
        world.dataset(name, running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "good"))
    assert "something that should not happen (KeyError); the log says more" in world.rows()["odd"].stuck
    assert "a mistake of ours at dataset" in caplog.text


async def test_a_watched_folder_by_another_name_is_the_same(world: World) -> None:
    world.dataset("one", running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "one"))
    link = world.folder / "link"
    link.symlink_to(world.watched)
    by_link = world.configuration(watch={"path": link})
    both = by_link.model_copy(update={"watch": (*world.configuration().watch, *by_link.watch)})
    for configuration in (by_link, both):
        assert plan(configuration, world.state, world.clock()) == ()
        async with world.facility(configuration=configuration).opened() as one_pass:
            for _ in range(5):
                world.clock.move(seconds=5)
                await one_pass()
        assert list(world.rows()) == ["one"]
    world.dataset("two", running=True)
    async with world.facility(configuration=both).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "one", "two"))
    assert len(world.letters()) == 2


@pytest.mark.parametrize(
    ("given", "stuck"),
    [
        ("", "nobody to tell: no mail address at User.Email, User.NormalizedEmail, PI_email"),
        (
            "User: {Email: jürgen@example.org}\n",
            "nobody to tell: User.Email: 'jürgen@example.org' is not a mail address: expected plain letters (a to z), "
            "digits and signs before the @",
        ),
    ],
)
async def test_without_a_recipient_everything_but_the_mail_is_done(world: World, given: str, stuck: str) -> None:
    folder = world.dataset(metadata=f"Sample: {{Name: lonely}}\n{given}", running=True)
    async with world.facility().opened() as one_pass:
        await world.until(
            one_pass, lambda: world.rows()[NAME].steps_done == len(ONBOARDING) - 1 if world.rows() else False
        )
        row = world.rows()[NAME]
        assert row.state == "needs you"
        assert row.stuck == stuck
        (folder / "SPA.yml").write_text(METADATA)
        await world.until(one_pass, lambda: len(world.letters()) == 1)


async def test_a_refusal_is_shown_with_its_reason_and_tried_again_on_demand(world: World) -> None:
    world.dataset(running=True)
    configuration = world.configuration(onedata={"path_map": {str(world.watched): "/nowhere"}})
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("needs you", NAME), step_s=2)
    row = world.rows()[NAME]
    assert row.stuck.startswith("storage: ")
    assert row.next_attempt_at is not None
    world.retry(NAME)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))


async def _is_continuous(panel: Onepanel, space: SpaceId) -> bool:
    settings = (await panel.spaces.get(space)).storage_import
    assert settings
    assert settings.auto_storage_import_config
    return settings.auto_storage_import_config.continuous_scan is True


async def _public_metadata(world: World) -> dict[str, dict[str, object]]:
    share = ShareId(world.rows()[NAME].share)
    async with httpx.AsyncClient(transport=world.transport) as guest:
        public = (await guest.get(f"https://{ZONE}/api/v3/onezone/shares/{share}/public")).json()
        answer = await guest.get(f"https://{PROVIDER}/api/v3/oneprovider/data/{public['rootFileId']}/metadata/json")
    document: dict[str, dict[str, object]] = answer.json()
    return document


async def test_the_groups_are_made_once_and_remembered(world: World) -> None:
    world.dataset("one", running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "one"))
    world.dataset("two", running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", "two"))
    async with world.onedata() as (zone, _, _):
        names = [(await zone.groups.get(group)).name for group in await zone.user.groups()]
        assert sorted(name for name in names if name.startswith("fs2od ")) == ["fs2od datasets", "fs2od managers"]
        assert len(await _spaces(zone, "fs2od managers")) == 2


async def _spaces(zone: Onezone, group_name: str) -> tuple[SpaceId, ...]:
    for group in await zone.user.groups():
        if (await zone.groups.get(group)).name == group_name:
            return await zone.groups.spaces(group)
    return ()
