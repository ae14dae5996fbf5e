"""The client of a panel, against a real node in process; the published description judges every request."""

import time
from pathlib import Path

import pytest
from tests.client.conftest import Clients, Speak

from fs2od.onedata import errors, wire
from fs2od.onedata.ids import SpaceId, StorageId
from fs2od.onedata.tokens import InviteToken, InviteType, Time, Token
from fs2od.testing.world import World

NOBODY = "f" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "krios1"
    folder.mkdir()
    (folder / "a.mrc").write_bytes(b"0123")
    return folder


async def invitation(admin: Clients, space: SpaceId) -> Token:
    kind, soon = InviteToken(InviteType.SUPPORT_SPACE, space), Time(int(time.time()) + 120)
    return await admin.zone.tokens.create_temporary(kind, caveats=[soon])


async def test_a_panel_describes_itself_and_its_provider(world: World, admin: Clients) -> None:
    configuration = await admin.panel.configuration()
    assert (configuration.service_type, configuration.zone_domain) == ("oneprovider", world.node.settings.zone_domain)
    assert (await admin.panel.provider()).id == configuration.provider_id


async def test_a_storage_is_added_shown_changed_and_removed(admin: Clients, folder: Path) -> None:
    storages = admin.panel.storages
    storage = await storages.add_posix(
        "krios 1", str(folder), imported=True, readonly=True, qos_parameters={"geo": "CZ"}
    )
    assert await storages.list() == (storage,)
    details = await storages.get(storage)
    assert (details.name, details.mount_point, details.imported_storage) == ("krios 1", str(folder), True)
    assert details.qos_parameters["geo"] == "CZ"
    changed = await storages.change_posix(storage, current_name="krios 1", name="krios 2")
    assert (changed.id, changed.name) == (storage, "krios 2")
    await storages.delete(storage)
    with pytest.raises(errors.NotFound):
        await storages.get(storage)


async def test_a_missing_folder_is_refused_with_the_reason_inside_the_answer(admin: Clients, folder: Path) -> None:
    with pytest.raises(errors.Rejected) as caught:
        await admin.panel.storages.add_posix("nowhere", str(folder / "nowhere"))
    assert caught.value.error_id == "storageTestFailed"


async def test_a_space_is_supported_changed_and_left(admin: Clients, folder: Path) -> None:
    spaces = admin.panel.spaces
    space = await admin.zone.user.create_space("grid 7")
    storage = await admin.panel.storages.add_posix("krios 1", str(folder), imported=True, readonly=True)
    scan = wire.AutoImportConfig(continuous_scan=True, scan_interval=30)
    how = wire.StorageImport(mode="auto", auto_storage_import_config=scan)
    assert await spaces.support(await invitation(admin, space), 1 << 30, storage, storage_import=how) == space
    assert await spaces.list() == (space,)
    details = await spaces.get(space)
    assert (details.imported_storage, details.local_storages) == (True, (storage,))
    await spaces.change(space, size_bytes=1 << 31, auto_import=wire.AutoImportConfig(continuous_scan=False))
    details = await spaces.get(space)
    assert set(details.supporting_providers.values()) == {1 << 31}
    assert isinstance(details.storage_import, wire.StorageImport)
    assert isinstance(details.storage_import.auto_storage_import_config, wire.AutoImportConfig)
    assert details.storage_import.auto_storage_import_config.scan_interval == 30
    await spaces.end_support(space)
    assert await spaces.list() == ()


async def test_a_storage_in_use_stays(world: World, admin: Clients) -> None:
    dataset = world.dataset(world.administrator)
    with pytest.raises((errors.Rejected, errors.Conflict)) as caught:
        await admin.panel.storages.delete(dataset.storage)
    assert caught.value.error_id == "storageInUse"


async def test_a_support_below_the_minimum_is_refused_and_the_token_hidden(admin: Clients, folder: Path) -> None:
    space = await admin.zone.user.create_space("grid 7")
    storage = await admin.panel.storages.add_posix("krios 1", str(folder), imported=True)
    token = await invitation(admin, space)
    with pytest.raises(errors.Rejected) as caught:
        await admin.panel.spaces.support(token, size_bytes=1, storage=storage)
    assert caught.value.error_id == "badValueTooLow"
    assert token.reveal() not in str(caught.value.details)


async def test_an_import_is_started_followed_and_stopped(world: World, admin: Clients) -> None:
    dataset = world.dataset(world.administrator, {"a.mrc": b"1"})
    imports = admin.panel.imports
    info = await imports.info(dataset.space)
    assert (info.status, info.created_files, info.total_scans) == ("completed", 1, 1)
    (dataset.folder / "b.mrc").write_bytes(b"2")
    await imports.force_start(dataset.space)
    world.settle(dataset.space)
    assert (await imports.info(dataset.space)).total_scans == 2
    with pytest.raises(errors.NotFound):
        await imports.force_stop(dataset.space)


async def test_what_is_not_there_is_not_found(admin: Clients) -> None:
    for asking in (
        admin.panel.storages.get(StorageId(NOBODY)),
        admin.panel.spaces.get(SpaceId(NOBODY)),
        admin.panel.spaces.end_support(SpaceId(NOBODY)),
        admin.panel.imports.info(SpaceId(NOBODY)),
    ):
        with pytest.raises((errors.NotFound, errors.Forbidden)):
            await asking


async def test_strangers_and_guests_are_turned_away(world: World, speak: Speak) -> None:
    with pytest.raises(errors.Forbidden):
        await speak(world.person("Robin Example")).panel.storages.list()
    with pytest.raises(errors.Unauthorized):
        await speak(None).panel.storages.list()
