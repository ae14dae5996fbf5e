"""A watched disk without room holds back what is to be written there, and nobody's mail."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML
from tests.facility.conftest import METADATA, World

from fs2od.testing.small_disks import small_disk

NAME = "20261103_P2"


def filled(disk: Path) -> Path:
    """Take what room is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return filler
    raise AssertionError("unreachable: every disk is full at last")


async def test_a_dataset_on_a_full_disk_is_announced_and_its_access_information_left_when_there_is_room(
    world: World,
) -> None:
    world.watched.rmdir()
    configuration = world.configuration(access={"write_to_metadata": True})
    with small_disk(world.watched, size_mb=1):
        folder = world.dataset(running=True)
        filler = filled(world.watched)
        async with world.facility(configuration=configuration).opened() as one_pass:
            await world.until(one_pass, lambda: len(world.letters()) == 1)
            assert world.rows()[NAME].state == "acquiring"
            for _ in range(3):
                world.clock.move(minutes=6)
                await one_pass()
            told = world.history(NAME)
            assert not (folder / "fs2od-access.yml").exists()
            assert (folder / "SPA.yml").read_text() == METADATA
            filler.unlink()
            await world.until(one_pass, (folder / "fs2od-access.yml").exists, step_s=60)
            await one_pass()
        assert YAML(typ="safe").load(folder / "SPA.yml")["Onedata2"]["PublicURL"] == world.rows()[NAME].link
        assert world.history(NAME)[len(told) :][:2] == ["access file", "access in metadata file"]
        assert not world.rows()[NAME].stuck
        assert len(world.letters()) == 1
