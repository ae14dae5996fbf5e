"""Files written at a provider: made, written anywhere, moved and removed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator

import pytest
from tests.client.conftest import Speak
from tests.storage.conftest import bucket, radosgw

from fs2od.onedata.errors import PosixError
from fs2od.onedata.ids import FileId
from fs2od.storage.s3 import S3Settings
from fs2od.testing.killed_writing import results_in_bucket
from fs2od.testing.world import World

__all__ = ["bucket", "radosgw"]


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
    with pytest.raises(PosixError, match="enotsup"):
        await files.begin_upload(made.file_id, "in-parts", 1 << 30)  # it lies on a disk
    await files.remove(folder.file_id)
    await files.remove_at(FileId(dataset.space), "e")
    assert [entry.name async for entry in files.children(dataset.root)] == ["top.txt"]
    assert await files.write(made.file_id, b"") == hashlib.sha256(b"").hexdigest()


async def test_a_file_arrives_in_a_bucket_part_by_part(world: World, bucket: S3Settings, speak: Speak) -> None:
    alex = world.person()
    dataset = results_in_bucket(world, alex, bucket, "objects")
    files, content = speak(alex).provider.files, os.urandom((8 << 20) + 10)
    made = await files.create(dataset.root, "begun")
    begun = await files.begin_upload(made.file_id, "whole", len(content))
    assert (begun.part_bytes, begun.parts) == (8 << 20, (None, None))

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    digest = hashlib.sha256(content).hexdigest()
    assert await files.write_parts(made.file_id, pieces, len(content), offset=0) == digest
    assert None not in (await files.begin_upload(made.file_id, "whole", len(content))).parts
    await files.move(f"objects@{dataset.space}/begun", f"objects@{dataset.space}/whole")
    async with files.content(made.file_id) as there:
        assert await there.read() == content
