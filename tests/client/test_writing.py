"""Files written at a provider: made, written anywhere, moved and removed."""

from __future__ import annotations

import hashlib

import pytest
from tests.client.conftest import Speak

from fs2od.onedata.errors import PosixError
from fs2od.onedata.ids import FileId
from fs2od.testing.world import World


async def test_files_are_made_written_moved_and_removed(world: World, speak: Speak) -> None:
    alex = world.person()
    dataset = world.results(alex)
    files, name = speak(alex).provider.files, f"results@{dataset.space}"
    folder = await files.create(dataset.root, "d", kind="DIR", mode=0o770)
    made = await files.create_at(FileId(dataset.space), "d/ü?#.txt", content=b"abc")
    assert made.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert await files.write(made.file_id, b"de", offset=3) == hashlib.sha256(b"abcde").hexdigest()
    assert await files.write(made.file_id, b"X", offset=0) is None
    known = await files.checksum(made.file_id)
    assert (known.status, known.sha256) == ("known", hashlib.sha256(b"Xbcde").hexdigest())
    await files.move(f"{name}/d/ü?#.txt", f"{name}/top.txt")
    await files.create_at(FileId(dataset.space), "e/f", content=b"1", create_parents=True)
    with pytest.raises(PosixError, match="eexist"):
        await files.move(f"{name}/e/f", f"{name}/top.txt", replaces=False)
    with pytest.raises(PosixError, match="eexist"):
        await files.create_at(FileId(dataset.space), "top.txt")
    async with files.content(made.file_id) as content:
        assert await content.read() == b"Xbcde"
    await files.remove(folder.file_id)
    await files.remove_at(FileId(dataset.space), "e")
    assert [entry.name async for entry in files.children(dataset.root)] == ["top.txt"]
    assert await files.write(made.file_id, b"") == hashlib.sha256(b"").hexdigest()
