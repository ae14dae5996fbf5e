"""A seal comes back only when Onedata has the parts that it speaks for: whoever reads it there finds them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.facility.conftest import Clock, OnePass, World
from tests.facility.test_hashing import Bench
from tests.facility.test_interruptions import KillAt, Killed
from tests.facility.test_revisiting import NAME, completed

from fs2od.manifests import MANIFEST, SEAL, SIDECAR, parse_seal, part_name
from fs2od.onedata.ids import FileId

MOST_POINTS = 200
SLICES = 4


async def known(world: World) -> set[str]:
    """Return the files of the sidecar that Onedata knows."""
    async with world.onedata() as (_, provider, _):
        listed = provider.files.below(FileId(world.records()[NAME].root_file), ["path"])
        return {path async for file in listed if (path := str(file.path)).startswith(SIDECAR)}


async def require_its_parts_known(world: World) -> int:
    """Make sure that whoever finds a seal that was made anew finds all parts that it speaks for; return how many these are."""
    try:
        parts = parse_seal((world.watched / NAME / SIDECAR / SEAL).read_bytes()).parts
    except FileNotFoundError:
        return 0
    names = await known(world)
    # A first seal is new to Onedata: within one scan it may be known a moment before its part.
    if parts > 1 and f"{SIDECAR}/{SEAL}" in names:
        assert {f"{SIDECAR}/{MANIFEST}/{part_name(number)}" for number in range(1, parts + 1)} <= names
    return parts


async def sealed(world: World, one_pass: OnePass, parts: int) -> None:
    """Go on, looking all the time, until so many parts are sealed and that was imported."""

    async def looking() -> None:
        await one_pass()
        found.add(await require_its_parts_known(world))

    found: set[int] = set()
    await world.until(looking, lambda: parts in found and world.records()[NAME].sidecar == f"{parts} sealed")


async def test_a_new_seal_appears_when_the_new_part_has_been_imported(world: World) -> None:
    async with world.facility().opened(checksums=True) as one_pass:
        folder = await completed(world, one_pass)
        await sealed(world, one_pass, 1)
        (folder / "movie_0.mrc").write_bytes(b"another")
        (folder / "after.mrc").write_bytes(b"x" * 50)
        world.clock.move(minutes=5)
        await sealed(world, one_pass, 2)
    assert world.records()[NAME].parts_imported == 2


@pytest.mark.parametrize("part", range(SLICES))
async def test_killed_anywhere_no_seal_speaks_for_parts_that_onedata_does_not_know(world: World, part: int) -> None:
    async with world.facility().opened(checksums=True) as one_pass:
        folder = await completed(world, one_pass)
        await sealed(world, one_pass, 1)
    parts = 1
    for number in range(part + 1, MOST_POINTS, SLICES):
        (folder / f"after_{number}.mrc").write_bytes(b"x" * number)
        world.clock.move(days=1.1)
        parts += 1
        killer = KillAt(number)
        with contextlib.suppress(Killed):
            async with world.facility(observer=killer, fault_point=killer).opened(checksums=True) as one_pass:
                await sealed(world, one_pass, parts)
                break
        await require_its_parts_known(world)
        async with world.facility().opened(checksums=True) as one_pass:
            await sealed(world, one_pass, parts)
    else:
        raise AssertionError("no run was ever untouched")
    assert number > 20
    assert len(world.letters()) == 2


def test_a_seal_waits_also_over_a_restart_and_comes_without_another_walk(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, clock)
    bench.write("movie_1.mrc", b"x" * 1000)
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.settle(hashing)
        bench.write("movie_1.mrc", b"another")
        bench.clock.move(days=1.1)
        hashing.work()
        bench.clock.move(seconds=3)
        hashing.work()
        assert hashing.shown(1) == "2 to seal"
    with bench.opened() as (hashing, journal):
        hashing.work()
        assert hashing.shown(1) == "2 to seal"
        bench.require_whole(sealed=False)
        monkeypatch.setattr("fs2od.facility.hashing._rounds.Round.steps", None)
        journal.write(replace(journal.get(1), parts_imported=2), now=bench.clock())
        hashing.work()
        assert hashing.shown(1) == "2 sealed"
    bench.require_whole(sealed=True)
