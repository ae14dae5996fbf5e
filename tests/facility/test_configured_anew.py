"""What is published and who is told follows the configuration, also for datasets that were there before it was changed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.facility.conftest import METADATA, World

from fs2od.configuration import Configuration
from fs2od.facility.deciding import correction, heard_by_configuration
from fs2od.facility.journal import Announcement, Journal, Record, Step
from fs2od.onedata.ids import FileId, ShareId, SpaceId, TokenId

NAME = "20261103_P2"
LESS: dict[str, object] = {"fields": ["Technique"], "title": ["Technique"]}


async def published(world: World, name: str = NAME) -> str:
    """What everybody may read of a dataset: the link's description and the metadata."""
    record = world.records()[name]
    async with world.onedata() as (_, provider, _):
        share = await provider.shares.get(ShareId(record.done[Step.SHARE]))
        metadata = await provider.files.json_metadata.get(FileId(record.root_file))
    return f"{share.description}{metadata}"


async def onboarded(world: World, configuration: Configuration | None = None) -> Record:
    world.dataset(running=True)
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    return world.records()[NAME]


async def completed(world: World, record: Record) -> None:
    (record.path / ".running").unlink()
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, lambda: world.is_in("complete", NAME)() and len(world.letters()) == 2)


async def restarted(world: World, configuration: Configuration, *, passes: int = 4) -> None:
    async with world.facility(configuration=configuration).opened() as one_pass:
        for _ in range(passes):
            await one_pass()
            world.clock.move(seconds=3)


@pytest.mark.parametrize("is_complete", [False, True])
@pytest.mark.parametrize("is_of_an_earlier_version", [False, True])
async def test_a_key_that_is_taken_off_the_list_is_public_no_longer_after_the_next_start(
    world: World, is_complete: bool, is_of_an_earlier_version: bool
) -> None:
    record = await onboarded(world)
    if is_complete:
        await completed(world, record)
    assert "Ribosomes" in await published(world)
    assert "70S ribosome" in await published(world)
    if is_of_an_earlier_version:
        with world.database() as database:
            Journal(database).write(replace(world.records()[NAME], taken_by=None), now=world.clock())
    letters, state = len(world.letters()), world.rows()[NAME].state
    await restarted(world, world.configuration(publish=LESS))
    assert "SPA" in await published(world)
    assert "Ribosomes" not in await published(world)
    assert "70S ribosome" not in await published(world)
    assert (len(world.letters()), world.rows()[NAME].state) == (letters, state)
    await restarted(world, world.configuration())
    assert "Ribosomes" in await published(world)
    assert len(world.letters()) == letters


@pytest.mark.parametrize("is_complete", [False, True])
@pytest.mark.parametrize("section", ["watch", "facility"])
async def test_another_name_of_the_instrument_is_published_after_the_next_start(
    world: World, section: str, is_complete: bool
) -> None:
    record = await onboarded(world)
    if is_complete:
        await completed(world, record)
    letters = len(world.letters())
    instrument: dict[str, object] = {"instrument": "Krios 2"}
    renamed = world.configuration(watch=instrument) if section == "watch" else world.configuration(facility=instrument)
    await restarted(world, renamed)
    assert (await published(world)).count("Krios 2") == 2
    assert len(world.letters()) == letters
    told = world.history(NAME)
    await restarted(world, renamed)
    assert world.history(NAME) == told
    await restarted(world, world.configuration())
    assert "Krios 2" not in await published(world)


async def test_of_what_is_watched_no_longer_the_instrument_keeps_its_name(world: World) -> None:
    named = world.configuration(watch={"instrument": "Krios 2"})
    await onboarded(world, named)
    (world.folder / "other").mkdir()
    document = world.configuration(publish=LESS).model_dump()
    document["watch"] = [{**document["watch"][0], "path": world.folder / "other"}]
    await restarted(world, Configuration.model_validate(document))
    assert "Ribosomes" not in await published(world)
    assert "Krios 2" in await published(world)


async def test_what_is_not_concerned_has_nothing_in_its_history(world: World) -> None:
    await onboarded(world)
    told, fields = world.history(NAME), [*world.configuration().publish.fields, "No.Such"]
    await restarted(world, world.configuration(publish={"fields": fields}))
    assert world.history(NAME) == told


@pytest.mark.parametrize("lost", ["file", "folder", "watch"])
async def test_where_the_metadata_file_is_gone_what_is_known_is_published_by_the_list(world: World, lost: str) -> None:
    record = await onboarded(world)
    path = {"file": record.path / "SPA.yml", "folder": record.path}.get(lost)
    if path is not None:
        path.rename(world.folder / "kept")
    watch: dict[str, object] = {"path": world.folder / "other"} if path is None else {}
    (world.folder / "other").mkdir()
    document = world.configuration(publish=LESS).model_dump()
    document["watch"] = [{**document["watch"][0], **watch}]
    await restarted(world, Configuration.model_validate(document))
    assert "SPA" in await published(world)
    assert "Ribosomes" not in await published(world)
    assert "70S ribosome" not in await published(world)
    if path is not None:
        (world.folder / "kept").rename(path)
    await restarted(world, world.configuration())
    assert "Ribosomes" in await published(world)
    assert len(world.letters()) == 1


async def test_a_file_that_is_of_no_use_by_now_publishes_what_is_known_by_the_list(world: World) -> None:
    record = await onboarded(world)
    (record.path / "SPA.yml").write_text("User: [broken\n")
    await restarted(world, world.configuration(publish=LESS))
    assert "Ribosomes" not in await published(world)
    assert "70S ribosome" not in await published(world)
    assert world.rows()[NAME].stuck.startswith("SPA.yml line 2")


async def test_of_a_dataset_that_was_put_away_here_and_there_nothing_is_left_to_be_published(world: World) -> None:
    record = await onboarded(world)
    record.path.rename(world.folder / "kept")
    async with world.onedata() as (zone, _, _):
        await zone.spaces.delete(SpaceId(record.done[Step.SPACE]))
    await restarted(world, world.configuration(publish=LESS))
    assert world.history(NAME).count("published") == 1
    assert "publish" not in world.rows()[NAME].stuck


async def test_letters_that_are_not_yet_written_go_to_whom_the_configuration_names_now(world: World) -> None:
    record = await onboarded(world, world.configuration(mail={"to": ["old@example.org"]}))
    (record.path / ".running").unlink()
    anew = world.configuration(mail={"to": ["new@example.org"], "bcc": ["archive@example.org"]})
    async with world.facility(configuration=anew).opened() as one_pass:
        await world.until(one_pass, lambda: len(world.letters()) == 2)
        for _ in range(3):
            world.clock.move(seconds=30)
            await one_pass()
    first, complete = sorted(world.letters(), key=lambda each: "complete" in str(each["Subject"]))
    assert first["To"] == "alex@example.org, old@example.org"
    assert complete["To"] == "alex@example.org, new@example.org"
    async with world.onedata() as (zone, _, _):
        assert TokenId(record.done[Step.OWNERS_TOKEN]) in await zone.tokens.list_named()


@pytest.mark.parametrize("keys", [["Operator.Email"], ["No.Such"]])
async def test_where_others_are_to_be_read_nobody_is_told_again_and_no_invite_ends(
    world: World, keys: list[str]
) -> None:
    world.dataset(running=True, metadata=f"{METADATA}Operator:\n  Email: op@example.org\n")
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    record = world.records()[NAME]
    await restarted(world, world.configuration(mail={"to_keys": keys}))
    await restarted(world, world.configuration())
    assert len(world.letters()) == 1
    async with world.onedata() as (zone, _, _):
        assert TokenId(record.done[Step.OWNERS_TOKEN]) in await zone.tokens.list_named()


async def test_a_correction_that_waits_is_not_forgotten_when_others_are_configured(world: World) -> None:
    record, mail = await onboarded(world), world.configuration(mail={"cc": ["desk2@example.org"]}).mail
    assert record.facts is not None
    (told,) = record.announcements
    corrected = replace(record, facts=replace(record.facts, to=("alexa@example.org",)))
    configured = replace(
        corrected, facts=replace(corrected.facts or record.facts, cc=("desk2@example.org", "op@x.org"))
    )
    heard = heard_by_configuration(configured, corrected.facts, mail)
    assert heard == (told, Announcement(("op@x.org",), ""))
    still = correction(replace(configured, announcements=heard), mail)
    assert still is not None
    assert (still.facts.addresses, still.superseded) == (("alexa@example.org",), (told,))
