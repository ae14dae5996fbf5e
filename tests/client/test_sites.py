"""Sites of our own node through the client: added, asked for storage, answering."""

from __future__ import annotations

import pytest
from tests.client.conftest import Speak
from tests.storage.conftest import bucket, radosgw

from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.onedata.errors import Conflict, Forbidden, NotFound, Rejected
from fs2od.onedata.ids import ProviderId, StorageId
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.onedata.wire.direct import DirectReading
from fs2od.onedata.wire.sites import JobTokenRequest, Offer
from fs2od.storage.s3 import S3Settings
from fs2od.testing.world import World

__all__ = ["bucket", "radosgw"]

GB = 10**9


async def test_a_site_is_added_asked_and_answers(world: World, speak: Speak) -> None:
    admin, owner = speak(world.administrator), world.person("Olive Example")
    member = speak(owner)
    added = await admin.zone.sites.add("centre")
    assert (added.name, added.online, added.administered) == ("centre", True, True)
    # The panel of the node's own provider speaks for the rest: a site's has the same calls.
    site, offers, folder = world.node.provider.record.id, admin.panel.offers, world.folder / "disk"
    folder.mkdir()
    storage = StorageId(world.node.provider.storages.add_posix("disk", str(folder)))
    await offers.set(Offer(accepts=True, largest=5 * GB, hint="tape behind", results_storage_id=storage))
    assert (await offers.get()).results_storage_id == storage
    listed = {each.name: each for each in await member.zone.sites.list()}
    assert (listed["facility"].accepts, listed["facility"].hint, listed["centre"].accepts) == (
        True,
        "tape behind",
        False,
    )
    space = world.space(owner, "grid 7")
    first = await member.zone.sites.request(space, site, GB, note="please")
    with pytest.raises(Conflict):
        await member.zone.sites.request(space, site, GB)
    await member.zone.sites.withdraw(first)
    second = await member.zone.sites.request(space, site, GB)
    await offers.decline(second, answer="not now")
    third = await member.zone.sites.request(space, site, GB)
    (waiting,) = [each for each in await offers.requests() if each.state == "waiting"]
    assert waiting.request_id == third
    await offers.approve(third, storage=storage, size_bytes=2 * GB)
    states = {each.request_id: each.state for each in await member.zone.sites.requests(space)}
    assert states == {first: "withdrawn", second: "declined", third: "approved"}
    assert world.node.zone.spaces.known(space).supports == {site: 2 * GB}


async def test_a_token_for_a_job_is_made(world: World, speak: Speak) -> None:
    owner = world.person()
    dataset = world.dataset(owner, {"a": b"1"}, name="grid 7")
    made = await speak(owner).zone.sites.job_token(dataset.space, JobTokenRequest(name="one job", networks=("::1",)))
    assert {caveat["type"] for caveat in made.caveats} == {"time", "ip", "data.path", "data.readonly"}
    assert made.results_space_id is None
    assert made.token.reveal() not in repr(made)


async def test_a_bucket_is_opened_to_clients_and_a_disk_is_not(world: World, speak: Speak, bucket: S3Settings) -> None:
    storages, added = speak(world.administrator).panel.storages, world.node.provider.storages
    keys = Credentials(bucket.access_key, bucket.secret_key)
    objects = added.add_s3("objects", Bucket(bucket.endpoint, bucket.bucket), keys)
    assert await storages.direct(objects) == DirectReading()
    wanted = DirectReading(allowed=True, hostname="https://s3.example.org")
    await storages.set_direct(objects, wanted)
    assert await storages.direct(objects) == wanted
    (world.folder / "disk").mkdir()
    with pytest.raises(Rejected):
        await storages.set_direct(added.add_posix("disk", str(world.folder / "disk")), wanted)


async def test_it_is_told_how_copies_stand(world: World, speak: Speak) -> None:
    owner = world.person()
    dataset = world.dataset(owner, {"a": b"1", "b": b"22"})
    world.also_support(dataset.space, world.site("centre").node_provider)
    provider = speak(owner).provider
    await provider.qos.add(dataset.root, "anyStorage", replicas=3)
    told = await provider.spaces.replication(dataset.space)
    (requirement,) = told.requirements
    assert (requirement.status, requirement.replicas_num) == ("impossible", 3)
    assert requirement.problem == "2 of the space's storages match, and copies on 3 are asked for"


async def test_it_is_told_what_the_end_of_a_support_loses(world: World, speak: Speak) -> None:
    owner = world.person()
    dataset, panel = world.dataset(owner, {"a": b"1", "b": b"22"}, name="grid 7"), speak(world.administrator).panel
    told = await panel.spaces.ending(dataset.space)
    assert (told.space_name, told.is_home, told.is_only_support, told.files, told.size) == ("grid 7", True, True, 2, 3)
    assert told.files_lost == 2
    world.also_support(dataset.space, world.site("centre").node_provider)
    told = await panel.spaces.ending(dataset.space)
    assert (told.is_only_support, told.files_lost) == (False, 2)
    with pytest.raises(Forbidden):
        await speak(owner).panel.spaces.ending(dataset.space)


async def test_a_dataset_is_wanted_at_a_site_and_no_more(world: World, speak: Speak) -> None:
    owner = world.person()
    dataset, centre = world.dataset(owner, {"a": b"1"}), world.site("centre").node_provider
    provider, site = speak(owner).provider, centre.record.id
    await provider.spaces.want(dataset.space, site)
    (wish,) = await provider.spaces.wishes(dataset.space)
    assert (wish.provider_id, wish.user_id, wish.qos_requirement_id) == (site, owner.id, None)
    world.also_support(dataset.space, centre)
    world.node.sites.front.wishes.begin_due()
    (wish,) = await provider.spaces.wishes(dataset.space)
    (requirement,) = (await provider.spaces.replication(dataset.space)).requirements
    assert (requirement.qos_requirement_id, requirement.expression) == (wish.qos_requirement_id, f"providerId={site}")
    await provider.spaces.want_no_more(dataset.space, site)
    assert await provider.spaces.wishes(dataset.space) == ()
    assert (await provider.spaces.replication(dataset.space)).requirements == ()
    await provider.spaces.want(dataset.space)
    (wish,) = await provider.spaces.wishes(dataset.space)
    assert wish.provider_id is None
    with pytest.raises(Rejected) as refused:
        await provider.spaces.want(dataset.space, ProviderId("0" * 32))
    assert refused.value.error_id == "badValueIdNotFound"
    with pytest.raises(Forbidden):
        await speak(world.person()).provider.spaces.want(dataset.space, site)


async def test_a_site_is_removed(world: World, speak: Speak) -> None:
    zone = speak(world.administrator).zone
    added = await zone.sites.add("centre")
    await zone.providers.remove(added.provider_id)
    with pytest.raises(NotFound):
        await zone.providers.remove(added.provider_id)
    with pytest.raises(Rejected):
        await zone.providers.remove(world.node.provider.record.id)


async def test_the_members_of_a_cluster_come_and_go(world: World, speak: Speak) -> None:
    clusters, lee = speak(world.administrator).zone.clusters, world.person("Lee Local")
    cluster = world.node.provider.record.cluster
    assert (await clusters.mine(), (await clusters.get(cluster)).type) == ((cluster,), "oneprovider")
    kind = InviteToken(InviteType.USER_JOIN_CLUSTER, cluster)
    token = (await speak(world.administrator).zone.tokens.create_named("in", kind, usage_limit=1)).token
    assert await speak(lee).zone.clusters.join(token) == cluster
    assert lee.id in await clusters.users(cluster)
    assert (await clusters.user(cluster, lee.id)).full_name == "Lee Local"
    assert await clusters.user_privileges(cluster, lee.id) == ("cluster_view",)
    await clusters.remove_user(cluster, lee.id)
    with pytest.raises(NotFound):
        await clusters.remove_user(cluster, lee.id)
