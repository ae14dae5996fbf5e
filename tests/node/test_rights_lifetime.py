"""Access that ends: at once, everywhere, also for answers that are under way; and nothing of a removed space stays."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings
from fs2od.onedata.tokens import DataPath, Time, Token
from fs2od.testing.descriptions import judge_error
from fs2od.testing.world import Dataset, Person, World, open_world


class SteppedClock:
    """A clock that goes only where it is told to."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment

    def now_s(self) -> int:
        return int(self.moment.timestamp())


@pytest.fixture
def alex(world: World) -> Person:
    return world.person()


@pytest.fixture
def dataset(world: World, alex: Person) -> Dataset:
    return world.dataset(alex, {"a.txt": b"hello"})


class Access:
    """What a token was let in for: an answer under way, which asks from time to time whether it still stands."""

    def __init__(self, world: World, dataset: Dataset, shown: Token) -> None:
        service = f"opw-{world.node.provider.record.id}"
        caller = world.node.zone.credentials.authenticate(
            shown.reveal(), service=service, peer_ip=None, data_access=True
        )
        self.access = world.node.provider.access
        self.located = self.access.locate(caller, dataset.root)

    def stands(self) -> bool:
        return self.access.stands(self.located)


async def test_a_revoked_token_ends_what_it_started_and_can_come_back(
    world: World, alex: Person, dataset: Dataset
) -> None:
    issued = world.node.zone.tokens.issue_named(alex.id, "laptop")
    other = Access(world, dataset, alex.token)
    mine = Access(world, dataset, issued.token)
    assert mine.stands()
    headers = {"X-Auth-Token": issued.token.reveal()}
    moved = await world.provider.get(f"/data/{dataset.root}/content", headers=headers)
    await world.zone.patch(f"/tokens/named/{issued.id}", json={"revoked": True}, headers=alex.headers)
    assert not mine.stands()
    assert other.stands()
    details = judge_error(await world.zone.get("/user", headers=headers), "unauthorized")
    assert details["authError"]["id"] == "tokenRevoked"
    judge_error(await world.provider.get(moved.headers["Location"]), "notFound")
    await world.zone.patch(f"/tokens/named/{issued.id}", json={"revoked": False}, headers=alex.headers)
    assert mine.stands()
    assert (await world.zone.get("/user", headers=headers)).status_code == 200
    await world.zone.delete(f"/tokens/named/{issued.id}", headers=alex.headers)
    assert not mine.stands()


async def test_a_membership_that_ends_ends_what_it_gave(world: World, alex: Person, dataset: Dataset) -> None:
    blair = world.person("Blair Example")
    group = world.group(alex)
    world.join_group(group, blair)
    world.join_space(dataset.space, group, {"space_view", "space_read_data"})
    mine = Access(world, dataset, blair.token)
    assert mine.stands()
    path = f"/spaces/{dataset.space}/groups/{group}/privileges"
    await world.zone.patch(path, json={"revoke": ["space_read_data"]}, headers=alex.headers)
    assert not mine.stands()
    await world.zone.patch(path, json={"grant": ["space_read_data"]}, headers=alex.headers)
    assert mine.stands()
    await world.zone.delete(f"/user/groups/{group}", headers=blair.headers)
    assert not mine.stands()


async def test_a_share_that_ends_ends_for_those_who_are_reading(world: World, alex: Person, dataset: Dataset) -> None:
    share = world.share(alex, dataset)
    file_id = world.id_of(dataset, share=share)
    access = world.node.provider.access
    located = access.locate_share_root(alex.caller, share)
    moved = await world.provider.get(f"/data/{file_id}/content")
    assert access.stands(located)
    await world.provider.delete(f"/shares/{share}", headers=alex.headers)
    assert not access.stands(located)
    judge_error(await world.provider.get(f"/data/{file_id}"), "notFound")
    judge_error(await world.provider.get(moved.headers["Location"]), "notFound")
    judge_error(await world.zone.get(f"/shares/{share}/public"), "notFound")
    judge_error(await world.zone.get(f"/shares/data/{file_id}"), "notFound")


def test_a_token_ends_with_its_time_also_under_way(tmp_path: Path) -> None:
    clock = SteppedClock()
    with open_world(tmp_path, clock=clock) as world:
        alex = world.person()
        dataset = world.dataset(alex)
        shown = world.token(alex, Time(clock.now_s() + 60), DataPath((f"/{dataset.space}",)))
        mine = Access(world, dataset, shown)
        clock.moment += timedelta(seconds=59)
        assert mine.stands()
        clock.moment += timedelta(seconds=1)
        assert not mine.stands()


async def test_all_temporary_tokens_end_together(world: World, alex: Person, dataset: Dataset) -> None:
    first, second = (
        world.node.zone.tokens.issue_temporary(alex.id, caveats=[Time(int(time.time()) + 60)]) for _ in range(2)
    )
    mine = Access(world, dataset, first)
    await world.zone.delete("/user/tokens/temporary", headers=alex.headers)
    assert not mine.stands()
    answer = await world.zone.get("/user", headers={"X-Auth-Token": second.reveal()})
    assert judge_error(answer, "unauthorized")["authError"]["id"] == "tokenRevoked"
    assert Access(world, dataset, alex.token).stands()


async def test_nothing_of_a_removed_space_stays_but_its_files(world: World, alex: Person, dataset: Dataset) -> None:
    share, provider = world.share(alex, dataset), world.node.provider
    index = world.node.settings.data / "spaces" / f"{dataset.space}.db"
    mine = Access(world, dataset, alex.token)
    assert index.exists()
    answer = await world.zone.delete(f"/spaces/{dataset.space}", headers=alex.headers)
    assert answer.status_code == 204
    assert not index.exists()
    assert provider.supports.every() == []
    assert not mine.stands()
    assert (dataset.folder / "a.txt").read_bytes() == b"hello"
    judge_error(await world.zone.get(f"/shares/{share}/public"), "notFound")
    judge_error(await world.provider.get(f"/data/{dataset.root}", headers=alex.headers), "forbidden")
    removed = await world.panel.delete(f"/provider/storages/{dataset.storage}", headers=world.administrator.headers)
    assert removed.status_code == 204


async def test_a_space_can_be_supported_again(world: World, alex: Person, dataset: Dataset) -> None:
    old = world.id_of(dataset, "a.txt")
    admin = world.administrator
    answer = await world.panel.delete(f"/provider/spaces/{dataset.space}", headers=admin.headers)
    assert answer.status_code == 204
    judge_error(await world.provider.get(f"/data/{old}", headers=alex.headers), "spaceNotSupportedBy")
    again = world.support(dataset.space, dataset.storage, dataset.folder)
    assert again.root == dataset.root
    content = await world.provider.get(f"/data/{world.id_of(again, 'a.txt')}/content", headers=alex.headers)
    assert content.content == b"hello"


def test_an_index_without_its_space_is_dropped_at_the_next_start(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        dataset = world.dataset(world.person())
        with world.node.zone.database.writing() as db:
            db.execute("DELETE FROM space WHERE id = ?", (dataset.space,))
        path = world.node.settings.data / "spaces" / f"{dataset.space}.db"
        assert path.exists()
    with open_node(NodeSettings(tmp_path / "node", "zone.test", "provider.test")):
        assert not path.exists()


def test_tokens_and_people_survive_a_restart_and_the_database_holds_no_secret(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        alex = world.person()
        shown = alex.token
        temporary = world.node.zone.tokens.issue_temporary(alex.id, caveats=[Time(int(time.time()) + 60)])
    for path in (tmp_path / "node").rglob("*.db*"):
        assert shown.reveal().encode() not in path.read_bytes()
    with open_world(tmp_path) as world:
        for token in (shown, temporary):
            caller = world.node.zone.credentials.authenticate(
                token.reveal(), service="ozw-onezone", peer_ip=None, data_access=True
            )
            assert caller.user == alex.id
