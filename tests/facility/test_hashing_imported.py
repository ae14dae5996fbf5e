"""Checksums all the way: from the folder through the node to whoever holds the link."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from tests.facility.conftest import METADATA, OnePass, World
from tests.facility.test_running import real_time, wait_for, wait_for_letters

from fs2od.client import open_share
from fs2od.facility import DatasetRow
from fs2od.facility.deciding import is_completion_untold
from fs2od.facility.hashing._reading import Budget
from fs2od.facility.journal import Step
from fs2od.facility.metadata import publication_of
from fs2od.manifests import MANIFEST, SEAL, SIDECAR, SUMS, Manifest, parse_part, parse_seal, seal_of
from fs2od.onedata.ids import FileId, SpaceId

NAME = "20261103_P2"


async def shared_files(world: World, link: str) -> dict[str, bytes]:
    """Return what anybody finds who has the link, by path."""
    found: dict[str, bytes] = {}
    async with world.connection() as connection:
        share = await open_share(connection, link)

        async def collect(folder: FileId, above: str) -> None:
            async for child in share.data.children(folder, ["fileId", "name", "type"]):
                assert isinstance(child.file_id, str)
                path = f"{above}{child.name}"
                if child.type == "DIR":
                    await collect(child.file_id, f"{path}/")
                elif path != "SPA.yml":
                    async with share.data.content(child.file_id) as content:
                        found[path] = await content.read()

        await collect(share.root, "")
    return found


async def public_words(world: World, row: DatasetRow) -> object:
    """Return what the facility says publicly about a dataset's checksums."""
    async with world.onedata() as (_, provider, _panel):
        document = await provider.files.json_metadata.get(FileId(world.records()[row.name].root_file))
    assert isinstance(document, dict)
    own = document["fs2od"]
    assert isinstance(own, dict)
    return own.get("checksums")


async def completed(world: World, one_pass: OnePass) -> DatasetRow:
    (world.watched / NAME / ".running").unlink()
    await world.until(one_pass, world.is_in("complete", NAME))
    await world.until(one_pass, lambda: is_told(world))
    return world.rows()[NAME]


def is_told(world: World) -> bool:
    """Say whether Onedata and the people know all that there is: nothing follows before something moves.

    The journal goes by an earlier seal until Onedata was asked for the new parts, which waits for scans that are under way:
    so the seal has to be that of all parts which lie in the folder.
    """
    record = world.records()[NAME]
    parts = len(list((record.path / SIDECAR / MANIFEST).glob("*.jsonl")))
    published = publication_of(record, world.configuration().facility).fingerprint
    return (
        record.sidecar == f"{parts} sealed"
        and record.done[Step.PUBLISHED] == published
        and not record.closed.endswith("?")
        and not is_completion_untold(record)
    )


def mode_for_others(world: World) -> int:
    with world.node.provider.indexes.using(SpaceId(world.records()[NAME].done[Step.SPACE])) as index:
        return {each.name: each.mode & 0o7 for each in index.children(1, limit=20)}["SPA.yml"]


def listed(folder: Path) -> set[str]:
    parts = sorted((folder / SIDECAR / MANIFEST).glob("*.jsonl"))
    return {path for path, _ in Manifest(parse_part(part.read_bytes()) for part in parts).items()}


async def test_a_metadata_file_that_was_closed_stays_so_when_others_are_published_later(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened(checksums=True) as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        await completed(world, one_pass)
    before, told = world.records()[NAME], world.history(NAME)
    open_handed = world.configuration(publish={"metadata_file": True})
    async with world.facility(configuration=open_handed).opened(checksums=True) as one_pass:
        for _ in range(5):
            world.clock.move(hours=7)
            await one_pass()
        assert world.history(NAME) == told
        # Written anew, it is closed again.
        (folder / "SPA.yml").unlink()
        (folder / "SPA.yml").write_text(METADATA + "More: true\n")
        await world.until(one_pass, lambda: "closed" in world.history(NAME))
    after = world.records()[NAME]
    assert (after.phase, after.tally) == (before.phase, before.tally)
    assert mode_for_others(world) == 0
    assert "SPA.yml" not in listed(folder)


async def test_a_published_metadata_file_is_a_file_like_any_other_until_it_is_closed_for_good(world: World) -> None:
    folder = world.dataset(running=True)
    open_handed = world.configuration(publish={"metadata_file": True})
    async with world.facility(configuration=open_handed).opened(checksums=True) as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        assert (await completed(world, one_pass)).files == 4
    assert mode_for_others(world) == 0o4
    assert "SPA.yml" in listed(folder)
    async with world.facility().opened(checksums=True) as one_pass:
        await world.until(
            one_pass, lambda: world.records()[NAME].closed != "" and world.rows()[NAME].files == 3, step_s=60
        )
        await world.until(one_pass, lambda: "SPA.yml" not in listed(folder), step_s=60)
        await world.until(one_pass, lambda: is_told(world), step_s=60)
    assert mode_for_others(world) == 0
    told = world.history(NAME)
    async with world.facility(configuration=open_handed).opened(checksums=True) as one_pass:
        for _ in range(5):
            world.clock.move(hours=7)
            await one_pass()
    assert world.history(NAME) == told
    assert mode_for_others(world) == 0


async def test_whoever_has_the_link_finds_whole_parts_sums_and_seal(world: World) -> None:
    folder = world.dataset(running=True)
    (folder / "deep").mkdir()
    (folder / "deep" / "movie.mrc").write_bytes(b"deep")
    async with world.facility().opened(checksums=True) as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        await world.until(one_pass, lambda: world.records()[NAME].sidecar == "1")
        await one_pass()
        assert await public_words(world, world.rows()[NAME]) == "growing"
        (folder / "late.mrc").write_bytes(b"late")
        row = await completed(world, one_pass)
        await settled_import(world, one_pass)
        assert await public_words(world, row) == "complete"
        found = await shared_files(world, row.link)
    manifest = Manifest(parse_part(found.pop(f"{SIDECAR}/{MANIFEST}/{n:06}.jsonl")) for n in (1, 2))
    assert parse_seal(found.pop(f"{SIDECAR}/{SEAL}")) == seal_of(manifest)
    assert found.pop(f"{SIDECAR}/{SUMS}").decode().count("\n") == 5
    assert {path: hashlib.sha256(content).hexdigest() for path, content in found.items()} == {
        path: entry.sha256 for path, entry in manifest.items()
    }
    assert sorted(found) == ["deep/movie.mrc", "late.mrc", "movie_0.mrc", "movie_1.mrc", "movie_2.mrc"]


async def settled_import(world: World, one_pass: OnePass) -> None:
    """Let the scan that was asked for last come to its end."""
    for _ in range(20):
        await one_pass()
        world.clock.move(seconds=0.5)
        await asyncio.to_thread(world.node.provider.imports.start_due)
        await asyncio.sleep(0.02)


async def test_the_sidecar_is_no_data_of_the_dataset(world: World) -> None:
    world.dataset(running=True)
    async with world.facility().opened(checksums=True) as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        row = await completed(world, one_pass)
        told = world.history(NAME)
        await settled_import(world, one_pass)
    assert (row.files, row.size_bytes) == (3, 303)
    assert world.rows()[NAME].state == "complete"
    assert world.history(NAME) == told
    assert len(world.letters()) == 2


@pytest.mark.parametrize("changes", [{"watch": {"sidecar": False}}, {"checksums": {"on": False}}])
async def test_without_a_sidecar_the_public_metadata_says_so(
    world: World, changes: dict[str, dict[str, object]]
) -> None:
    folder = world.dataset(running=True)
    async with world.facility(configuration=world.configuration(**changes)).opened(checksums=True) as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        await world.until(one_pass, lambda: world.records()[NAME].sidecar == "none")
        await settled_import(world, one_pass)
        assert await public_words(world, world.rows()[NAME]) == "none"
    assert world.history(NAME).count("no checksums") == 1
    assert not (folder / SIDECAR).exists()


async def test_a_single_pass_publishes_what_settled_long_ago(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
    assert not (folder / SIDECAR).exists()
    world.clock.move(minutes=11)
    await world.facility().once()
    assert (folder / SIDECAR / SEAL).exists()
    assert world.records()[NAME].sidecar == "1 sealed"


async def test_a_single_pass_that_is_interrupted_ends_soon(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.dataset()
    slow = world.configuration(checksums={"bytes_per_second": 1})
    async with world.facility(configuration=slow).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    world.clock.move(minutes=11)
    reading = asyncio.Event()
    loop, really = asyncio.get_running_loop(), Budget.spend

    def spend(budget: Budget, size_bytes: int) -> None:
        loop.call_soon_threadsafe(reading.set)
        really(budget, size_bytes)

    monkeypatch.setattr(Budget, "spend", spend)
    running = asyncio.create_task(world.facility(configuration=slow).once())
    async with asyncio.timeout(60):
        await reading.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_the_daemon_makes_checksums_by_itself(world: World) -> None:
    folder = world.dataset(running=True)
    stop = asyncio.Event()
    running = asyncio.create_task(real_time(world).run(stop))
    await wait_for_letters(world, 1)
    (folder / ".running").unlink()
    await wait_for_letters(world, 2)
    await wait_for(world, (folder / SIDECAR / SEAL).exists, "seal")
    await wait_for(world, lambda: world.records()[NAME].sidecar.endswith("sealed"), "scan for the seal")
    stop.set()
    async with asyncio.timeout(60):
        await running
    assert parse_part((folder / SIDECAR / MANIFEST / "000001.jsonl").read_bytes()).size_bytes == 303
