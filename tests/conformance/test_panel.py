"""Storages, support and import, as the panel answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx

from fs2od.onedata.ids import SpaceId, StorageId
from fs2od.onedata.tokens import InviteToken, InviteType, Time
from fs2od.testing.world import Person, World

Ask = Callable[..., Awaitable[httpx.Response]]


def support_token(world: World, owner: Person, space: SpaceId) -> str:
    end = int((datetime.now(UTC) + timedelta(seconds=60)).timestamp())
    kind = InviteToken(InviteType.SUPPORT_SPACE, space)
    return world.node.zone.tokens.issue_temporary(owner.id, kind=kind, caveats=[Time(end)]).reveal()


async def test_storages_are_added_shown_changed_and_removed(world: World, ask: Ask) -> None:
    admin = world.administrator
    assert (await ask("onepanel/get_provider", admin)).json()["domain"] == "provider.test"
    folder = world.folder / "disk"
    folder.mkdir()
    parameters = {"geo": "CZ", "speed": 5}
    new = {"type": "posix", "mountPoint": str(folder), "importedStorage": True, "qosParameters": parameters}
    added = (await ask("onepanel/add_storage", admin, body={"disk 1": new})).json()
    storage = added["disk 1"]["id"]
    assert (await ask("onepanel/get_storages", admin)).json()["ids"] == [storage]
    seen = (await ask("onepanel/get_storage_details", admin, id=storage)).json()
    assert (seen["name"], seen["mountPoint"], seen["readonly"]) == ("disk 1", str(folder), False)
    assert seen["qosParameters"] == {
        "geo": "CZ",
        "speed": "5",
        "storageId": storage,
        "providerId": world.node.provider.record.id,
    }
    change = {"disk 1": {"type": "posix", "name": "disk 2", "qosParameters": {"geo": "SK"}}}
    seen = (await ask("onepanel/modify_storage", admin, body=change, id=storage)).json()
    assert (seen["name"], seen["verificationPassed"], seen["qosParameters"]["geo"]) == ("disk 2", True, "SK")
    space = world.space(admin)
    world.support(space, StorageId(storage), folder)
    await ask("onepanel/remove_storage", admin, status=400, error="storageInUse", id=storage)
    world.node.provider.supports.end(space)
    await ask("onepanel/remove_storage", admin, status=204, id=storage)
    await ask("onepanel/get_storage_details", admin, status=404, error="notFound", id=storage)


async def test_a_space_is_supported_shown_changed_and_given_up(world: World, ask: Ask) -> None:
    admin, alex = world.administrator, world.person()
    space = world.space(alex, "data")
    folder = world.folder / "disk"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"x" * 100)
    storage = world.node.provider.storages.add_posix("disk", str(folder), imported=True, readonly=True)
    body = {
        "token": support_token(world, alex, space),
        "size": 10_000_000,
        "storageId": storage,
        "storageImport": {"mode": "auto", "autoStorageImportConfig": {"continuousScan": True, "scanInterval": 9}},
    }
    made = await ask("onepanel/support_space", admin, status=201, body=body)
    assert made.json() == {"id": space}
    assert made.headers["Location"] == f"https://provider.test/api/v3/onepanel/provider/spaces/{space}"
    assert (await ask("onepanel/get_provider_spaces", admin)).json()["ids"] == [space]
    world.settle(space)
    seen = (await ask("onepanel/get_space_details", admin, id=space)).json()
    assert (seen["importedStorage"], seen["spaceOccupancy"], seen["storageId"]) == (True, 100, storage)
    assert seen["supportingProviders"] == {world.node.provider.record.id: 10_000_000}
    config = seen["storageImport"]["autoStorageImportConfig"]
    assert config.items() >= {"continuousScan": True, "scanInterval": 9, "maxDepth": 65535}.items()
    change = {
        "size": 1_048_576,
        "autoStorageImportConfig": {"continuousScan": False},
        "dirStatsServiceEnabled": False,
    }
    await ask("onepanel/modify_space", admin, status=204, body=change, id=space)
    seen = (await ask("onepanel/get_space_details", admin, id=space)).json()
    config = seen["storageImport"]["autoStorageImportConfig"]
    assert (config["continuousScan"], config["scanInterval"]) == (False, 9)
    assert (seen["dirStatsServiceEnabled"], seen["dirStatsServiceStatus"]) == (False, "disabled")
    assert (await ask("oneprovider/get_attrs", alex, id=space)).json()["size"] is None
    await ask("onepanel/revoke_space_support", admin, status=204, id=space)
    await ask("onepanel/revoke_space_support", admin, status=404, error="notFound", id=space)
    await ask("onepanel/get_space_details", admin, status=404, error="notFound", id=space)
    assert (folder / "a.txt").exists()


async def test_an_import_is_watched_and_steered(world: World, ask: Ask) -> None:
    admin = world.administrator
    dataset = world.dataset(world.person(), {"a.txt": b"x", "b/c.txt": b"y"})
    at = {"id": dataset.space}
    seen = (await ask("onepanel/get_auto_storage_import_info", admin, **at)).json()
    assert (seen["status"], seen["createdFiles"], seen["totalScans"]) == ("completed", 3, 1)
    assert seen["start"] <= seen["stop"]
    assert "nextScan" not in seen
    (dataset.folder / "d.txt").write_bytes(b"z")
    started = await ask("onepanel/force_start_auto_storage_import_scan", admin, status=204, **at)
    assert started.content == b""
    world.settle(dataset.space)
    seen = (await ask("onepanel/get_auto_storage_import_info", admin, **at)).json()
    assert (seen["createdFiles"], seen["totalScans"]) == (1, 2)
    params = {"period": "hour", "metrics": "createdFiles,deletedFiles,queueLength"}
    stats = (
        await ask(
            "onepanel/get_auto_storage_import_stats", admin, params={"period": "day", "metrics": "createdFiles"}, **at
        )
    ).json()
    assert (len(stats["createdFiles"]["values"]), stats["createdFiles"]["values"][-1]) == (12, 4)
    stats = (
        await world.panel.get(
            f"/provider/spaces/{dataset.space}/storage-import/auto/stats", params=params, headers=admin.headers
        )
    ).json()
    assert set(stats) == {"createdFiles", "deletedFiles", "queueLength"}
    assert stats["queueLength"]["values"] == [None] * 11 + [0]
    await ask("onepanel/force_stop_auto_storage_import_scan", admin, status=404, error="notFound", **at)


async def test_files_can_be_registered_one_by_one(world: World, ask: Ask) -> None:
    admin, alex = world.administrator, world.person()
    space = world.space(alex)
    folder = world.folder / "disk"
    folder.mkdir()
    storage = world.node.provider.storages.add_posix("disk", str(folder), imported=True)
    body = {
        "token": support_token(world, alex, space),
        "size": 10_000_000,
        "storageId": storage,
        "storageImport": {"mode": "manual"},
    }
    await ask("onepanel/support_space", admin, status=201, body=body)
    shown = (await ask("onepanel/get_manual_storage_import_example", admin, id=space)).json()["curl"]
    assert storage in shown
    assert "/data/register" in shown
    at = {"id": space}
    await ask("onepanel/get_auto_storage_import_info", admin, status=400, error="requiresAutoStorageImportMode", **at)


async def test_providers_are_removed_but_not_the_nodes_own(world: World, ask: Ask) -> None:
    admin = world.administrator
    await ask("onepanel/remove_provider", admin, status=400, error="notSupported")
    site = world.site("centre").node_provider.record.id
    await ask("onezone/remove_provider", world.person(), status=403, error="forbidden", id=site)
    await ask("onezone/remove_provider", admin, status=204, id=site)
    await ask("onezone/remove_provider", admin, status=404, error="notFound", id=site)
