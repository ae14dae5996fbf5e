"""Files and directories written through the provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from fs2od.testing.world import World

Ask = Callable[..., Awaitable[httpx.Response]]


async def test_files_are_made_written_and_removed(world: World, ask: Ask) -> None:
    alex = world.person()
    root = world.results(alex).root
    params = {"name": "d", "type": "DIR", "mode": "0775"}
    made = await ask("oneprovider/create_file", alex, id=root, status=201, params=params)
    directory = made.json()["fileId"]
    assert made.headers["Location"].endswith(f"/data/{directory}")
    made = await ask("oneprovider/create_file_at_path", alex, id=root, path="d/f", status=201, content=b"abc")
    file = made.json()["fileId"]
    await ask("oneprovider/update_file_content", alex, id=file, status=204, params={"offset": 1}, content=b"XYZ")
    await ask("oneprovider/update_file_content", alex, id=root, status=400, error="posix", content=b"")
    read = await ask("oneprovider/download_file_content_by_path", alex, id=root, path="d/f")
    assert read.content == b"aXYZ"
    await ask("oneprovider/remove_file", alex, id=file, status=204)
    await ask("oneprovider/remove_file", alex, id=file, status=400, error="posix")
    await ask("oneprovider/remove_file_at_path", alex, id=root, path="d", status=204)
    await ask("oneprovider/remove_file_at_path", alex, id=root, path="d", status=400, error="posix")
