"""The client of a provider, against a real node in process; the published description judges every request."""

import json

import pytest
from tests.client.conftest import Clients, Connect, Serve, Speak, reply

from fs2od.client import ByteRange, Oneprovider, RangeNotSatisfiable
from fs2od.client.provider.spaces import TransferPhase
from fs2od.onedata import errors
from fs2od.onedata.ids import FileId, QosRequirementId, ShareId, SpaceId, TransferId
from fs2od.testing.world import Dataset, World

FILES = {"raw/a.mrc": b"0123456789", "raw/b.mrc": b"", "notes.txt": b"hello"}
NOBODY = "f" * 32


@pytest.fixture
def dataset(world: World) -> Dataset:
    return world.dataset(world.administrator, FILES, readonly=False)


async def test_a_provider_describes_itself(world: World, speak: Speak) -> None:
    provider = speak(None).provider
    assert (await provider.configuration()).domain == world.node.settings.provider_domain
    assert (await provider.health()).status == "healthy"


async def test_a_space_is_found_among_the_users_spaces(admin: Clients, dataset: Dataset) -> None:
    assert [space.space_id for space in await admin.provider.spaces.list()] == [dataset.space]
    space = await admin.provider.spaces.get(dataset.space)
    assert (space.name, space.file_id) == ("dataset", dataset.root)


async def test_a_space_that_is_not_ours_is_forbidden(admin: Clients) -> None:
    with pytest.raises(errors.Forbidden):
        await admin.provider.spaces.get(SpaceId(NOBODY))


async def test_a_path_leads_to_an_id_and_its_attributes(world: World, admin: Clients, dataset: Dataset) -> None:
    files = admin.provider.files
    file = await files.lookup(f"/dataset@{dataset.space}/raw/a.mrc")
    assert file == world.id_of(dataset, "raw/a.mrc")
    attributes = await files.attributes(file, ["name", "size", "type"])
    assert (attributes.name, attributes.size, attributes.type) == ("a.mrc", 10, "REG")
    everything = await files.attributes(file)
    assert everything.file_id == file
    assert (await files.attributes(FileId(dataset.space), ["type"])).type == "DIR"


@pytest.mark.parametrize("path", ["dataset/../secret", "dataset//a", "./dataset", ""])
async def test_a_path_with_odd_parts_is_refused_before_anything_is_sent(admin: Clients, path: str) -> None:
    with pytest.raises(errors.OnedataError):
        await admin.provider.files.lookup(path)


async def test_a_missing_file_is_a_posix_error_with_its_errno(admin: Clients, dataset: Dataset) -> None:
    with pytest.raises(errors.PosixError) as caught:
        await admin.provider.files.lookup(f"dataset@{dataset.space}/nowhere")
    assert caught.value.errno == "enoent"


@pytest.mark.parametrize("entries", [0, 1, 2, 3, 4, 7])
async def test_a_listing_is_whole_whatever_its_length_and_its_pages(world: World, speak: Speak, entries: int) -> None:
    names = [f"{number:03}.mrc" for number in range(entries)]
    dataset = world.dataset(world.administrator, dict.fromkeys(names, b"x"))
    clients = speak(world.administrator)
    listed = [child async for child in clients.provider.files.children(dataset.root, ["name", "size"], page_items=3)]
    assert [child.name for child in listed] == names
    assert all(child.size == 1 for child in listed)
    assert len(clients.sent) == entries // 3 + 1


@pytest.mark.parametrize("entries", [0, 2, 3, 4])
async def test_all_files_below_a_directory_come_page_by_page(world: World, speak: Speak, entries: int) -> None:
    paths = [f"raw/{number % 2}/{number}.mrc" for number in range(entries)]
    dataset = world.dataset(world.administrator, dict.fromkeys(paths, b"x"))
    clients = speak(world.administrator)
    listed = [file async for file in clients.provider.files.below(dataset.root, ["path", "size"], page_items=2)]
    assert [(file.path, file.size) for file in listed] == [(path, 1) for path in sorted(paths)]


async def test_a_listing_without_attributes_has_ids_and_names(admin: Clients, dataset: Dataset) -> None:
    listed = [child async for child in admin.provider.files.children(dataset.root)]
    assert [child.name for child in listed] == ["notes.txt", "raw"]
    assert all(child.file_id for child in listed)


async def test_content_comes_whole_or_in_ranges(world: World, admin: Clients, dataset: Dataset) -> None:
    files, file = admin.provider.files, world.id_of(dataset, "raw/a.mrc")
    async with files.content(file) as content:
        assert (content.start, content.length_bytes, content.size_bytes) == (0, 10, 10)
        assert await content.read() == b"0123456789"
    async with files.content(file, ByteRange(2, 5)) as content:
        assert (content.start, content.length_bytes, content.size_bytes) == (2, 3, 10)
        assert await content.read() == b"234"
    async with files.content(file, ByteRange(7)) as content:
        assert await content.read() == b"789"
    async with files.content(file, ByteRange(7, 100)) as content:
        assert await content.read() == b"789"


async def test_a_range_behind_the_end_tells_the_size(world: World, admin: Clients, dataset: Dataset) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        async with admin.provider.files.content(world.id_of(dataset, "raw/a.mrc"), ByteRange(10)):
            pass
    assert (caught.value.size_bytes, caught.value.status) == (10, 416)


async def test_no_more_is_read_than_the_caller_accepts(world: World, admin: Clients, dataset: Dataset) -> None:
    async with admin.provider.files.content(world.id_of(dataset, "raw/a.mrc"), largest_bytes=5) as content:
        with pytest.raises(errors.MalformedAnswer):
            await content.read()


async def test_the_content_of_a_directory_is_a_tar(admin: Clients, dataset: Dataset) -> None:
    async with admin.provider.files.content(dataset.root) as content:
        tar = await content.read()
    assert tar[257:262] == b"ustar"
    assert "x-auth-token" in admin.sent[0].headers


async def test_permissions_are_set(world: World, admin: Clients, dataset: Dataset) -> None:
    file = world.id_of(dataset, "notes.txt")
    await admin.provider.files.set_permissions(file, 0o640)
    assert (await admin.provider.files.attributes(file, ["posixPermissions"])).posix_permissions == "640"


@pytest.mark.parametrize("document", [{"Sample": {"Name": "apoferritin"}}, [1, 2], "text", 7, None])
async def test_json_metadata_is_put_read_and_removed(admin: Clients, dataset: Dataset, document: object) -> None:
    metadata = admin.provider.files.json_metadata
    await metadata.put(dataset.root, document)
    assert await metadata.get(dataset.root) == document
    await metadata.delete(dataset.root)
    with pytest.raises(errors.PosixError) as caught:
        await metadata.get(dataset.root)
    assert caught.value.errno == "enodata"


async def test_xattrs_are_merged_read_and_removed(admin: Clients, dataset: Dataset) -> None:
    xattrs = admin.provider.files.xattrs
    assert await xattrs.get(dataset.root) == {}
    await xattrs.put(dataset.root, {"grid": "7"})
    await xattrs.put(dataset.root, {"box": "3"})
    assert await xattrs.get(dataset.root) == {"grid": "7", "box": "3"}
    await xattrs.delete(dataset.root, ["grid"])
    assert await xattrs.get(dataset.root) == {"box": "3"}


async def test_rdf_is_put_read_and_removed(admin: Clients, dataset: Dataset) -> None:
    rdf, text = admin.provider.files.rdf, '<?xml version="1.0"?><rdf:RDF xmlns:rdf="urn:é"/>'
    await rdf.put(dataset.root, text)
    assert await rdf.get(dataset.root) == text
    await rdf.delete(dataset.root)
    with pytest.raises(errors.PosixError):
        await rdf.get(dataset.root)


async def test_the_distribution_names_the_one_provider(world: World, admin: Clients, dataset: Dataset) -> None:
    distribution = await admin.provider.files.distribution(world.id_of(dataset, "raw/a.mrc"))
    (there,) = distribution.distribution_per_provider.values()
    assert (there.success, there.virtual_size) == (True, 10)


async def test_a_share_is_made_shown_changed_and_ended(admin: Clients, dataset: Dataset) -> None:
    shares = admin.provider.shares
    share = await shares.create(dataset.root, "grid 7", description="first")
    await shares.change(share, description="# second")
    details = await shares.get(share)
    assert (details.name, details.description, details.space_id) == ("grid 7", "# second", dataset.space)
    assert details.public_url.endswith(f"/share/{share}")
    await shares.delete(share)
    with pytest.raises(errors.NotFound):
        await shares.get(share)
    with pytest.raises(errors.NotFound):
        await shares.get(ShareId(NOBODY))


async def test_a_requirement_is_added_judged_and_removed(admin: Clients, dataset: Dataset) -> None:
    qos = admin.provider.qos
    requirement = await qos.add(dataset.root, "anyStorage", replicas=1)
    assert (await qos.get(requirement)).status == "fulfilled"
    more = await qos.add(dataset.root, "anyStorage", replicas=2)
    summary = await qos.summary(dataset.root)
    assert summary.requirements == {requirement: "fulfilled", more: "impossible"}
    await qos.delete(requirement)
    with pytest.raises(errors.NotFound):
        await qos.get(requirement)
    with pytest.raises(errors.NotFound):
        await qos.delete(QosRequirementId(NOBODY))


async def test_an_expression_is_evaluated_or_refused(admin: Clients, dataset: Dataset) -> None:
    (storage,) = await admin.provider.qos.evaluate(dataset.space, "anyStorage")
    assert storage.id == dataset.storage
    with pytest.raises(errors.Rejected) as caught:
        await admin.provider.qos.add(dataset.root, "anyStorage &")
    assert caught.value.error_id == "invalidQosExpression"


async def test_a_transfer_runs_its_course(admin: Clients, dataset: Dataset) -> None:
    here = (await admin.provider.configuration()).provider_id
    transfers = admin.provider.transfers
    transfer = await transfers.create("replication", dataset.root, replicating_provider=here)
    details = await transfers.get(transfer)
    assert details.replication_status in {"scheduled", "enqueued", "active", "completed"}
    again = await transfers.rerun(transfer)
    phases: tuple[TransferPhase, ...] = ("waiting", "ongoing", "ended")
    spaces = admin.provider.spaces
    listed = {found for phase in phases async for found in spaces.transfers(dataset.space, state=phase, page_items=1)}
    assert {transfer, again} <= listed


async def test_a_transfer_that_has_ended_cannot_be_cancelled(admin: Clients, dataset: Dataset) -> None:
    here = (await admin.provider.configuration()).provider_id
    transfer = await admin.provider.transfers.create("replication", dataset.root, replicating_provider=here)
    with pytest.raises(errors.Rejected) as caught:
        await admin.provider.transfers.cancel(transfer)
    assert caught.value.error_id == "transferAlreadyEnded"
    with pytest.raises(errors.NotFound):
        await admin.provider.transfers.get(TransferId(NOBODY))


async def test_a_stranger_gets_nothing(world: World, speak: Speak, dataset: Dataset) -> None:
    stranger = speak(world.person("Robin Example"))
    with pytest.raises(errors.Forbidden):
        await stranger.provider.files.attributes(dataset.root)
    with pytest.raises(errors.Unauthorized):
        await speak(None).provider.files.attributes(dataset.root)


async def test_files_below_are_asked_for_as_older_releases_want_it(serve: Serve, connect: Connect) -> None:
    def page(items: list[dict[str, object]], token: str | None) -> bytes:
        return reply(body=json.dumps({"files": items, "inaccessiblePaths": [], "nextPageToken": token}).encode())

    told = [{"path": "a/b", "type": "REG", "size": 5}]
    # They read no body here, and tell what they tell to everybody.
    server = await serve(page([{"fileId": "00", "path": "a/b"}], "t"), page(told, "t"), page(told, None))
    files = Oneprovider(connect(), server.origin).files
    found = [each async for each in files.below(FileId("00AB"), ["path", "type", "size"])]
    assert [(each.path, each.type, each.size) for each in found] == [("a/b", "REG", 5)] * 2
    path = "/api/v3/oneprovider/data/00AB/files"
    asked = f"{path}?attribute=path&attribute=type&attribute=size&limit=1000"
    assert [each.target for each in server.seen] == [path, asked, f"{asked}&token=t"]


async def test_the_last_page_of_files_below_is_the_last_though_it_has_a_token(serve: Serve, connect: Connect) -> None:
    body = {"files": [{"path": "a"}], "inaccessiblePaths": [], "nextPageToken": "t", "isLast": True}
    server = await serve(reply(body=json.dumps(body).encode()))
    files = Oneprovider(connect(), server.origin).files
    assert [each.path async for each in files.below(FileId("00AB"), ["path"])] == ["a"]
