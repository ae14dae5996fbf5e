"""A dataset wanted at a site: copies begin by themselves once it lends storage, and one letter says when all is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.replication.moments import Moments
from tests.node.test_notices import delivered, somebody

from fs2od.mail import CopiesNews, render_copies
from fs2od.node.copy_problems import PROBLEMS
from fs2od.node.provider.access import Located, Need
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.wishes import LOST, Wish
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.memberships import SPACE_USER
from fs2od.node.zone.offers import Offer
from fs2od.onedata import roles
from fs2od.onedata.errors import Forbidden
from fs2od.onedata.ids import ProviderId
from fs2od.testing.world import Dataset, Person, World, open_world

GB = 10**9
FILES = {"a.mrc": b"0123456789", "deep/b.mrc": bytes(range(256))}


class Stage:
    """A dataset, its owner, and a computing centre with a disk that supports nothing yet."""

    def __init__(self, world: World, moments: Moments) -> None:
        self.world, self.moments = world, moments
        self.owner: Person = somebody(world, "Olive Example")
        self.dataset: Dataset = world.dataset(self.owner, FILES, name="grid 7")
        self.centre: Oneprovider = world.site("centre").node_provider
        folder = world.folder / "centre disk"
        folder.mkdir()
        self.storage = self.centre.storages.add_posix("disk", str(folder))
        world.node.zone.offers.set(world.administrator.caller, self.site, Offer(accepts=True))
        moments.forward(60)

    @property
    def site(self) -> ProviderId:
        return self.centre.record.id

    @property
    def wishes(self) -> list[Wish]:
        return self.world.node.sites.front.wishes.of_space(self.dataset.space)

    def want(self, site: ProviderId | None) -> None:
        self.world.node.sites.front.wishes.make(self.owner.caller, self.dataset.space, site)

    def work(self) -> None:
        """Let the node's clockwork come by, until what it began has ended."""
        sites = self.world.node.sites
        for _ in range(2):
            self.moments.forward(2)
            sites.front.wishes.begin_due()
            sites.replicator.start_due()
            sites.replicator.wait(self.dataset.space, 60)

    def say(self, state: str) -> None:
        files = self.world.node.provider.files
        located = self.world.node.provider.access.locate(self.owner.caller, self.dataset.root)
        files.put_metadata(located, "json", {"": {"fs2od": {"state": state}}})

    def support(self) -> None:
        with self.world.node.zone.database.writing() as db:
            self.centre.supports.grant(db, self.dataset.space, self.storage, size_bytes=GB)
        self.world.node.zone.epoch.move()

    async def approve(self, request: str) -> None:
        panel = self.world.client(f"{self.centre.record.url}/api/v3/onepanel")
        path, body = f"/fs2od/support_requests/{request}/approve", {"storageId": self.storage}
        answer = await panel.post(path, json=body, headers=self.world.administrator.headers)
        assert answer.status_code == 204, answer.text


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    moments = Moments()
    with open_world(tmp_path, clock=moments) as world:
        yield Stage(world, moments)


async def test_copies_begin_when_the_request_is_approved_and_one_letter_says_when_all_is_there(stage: Stage) -> None:
    requests = stage.world.node.zone.support_requests
    request = requests.ask(stage.owner.caller, stage.dataset.space, stage.site, GB)
    stage.want(stage.site)
    stage.want(stage.site)
    stage.work()
    assert [wish.requirement for wish in stage.wishes] == [None]
    await stage.approve(request)
    delivered(stage.world)
    stage.work()
    (wish,) = stage.wishes
    assert wish.requirement is not None
    ((to, subject, text),) = delivered(stage.world)
    assert (to, subject) == ("olive@example.org", "centre has all of it: grid 7")
    assert "2 files, 266 B" in text
    assert f"https://zone.test/space/{stage.dataset.space}/compute?site={stage.site}\r\n" in text
    assert f"ONECLIENT_PROVIDER_HOST=centre.test fs2od mirror {stage.dataset.space} FOLDER" in text
    assert " --token-file fs2od.token --ca fs2od-ca.pem\r\n" in text
    stage.work()
    assert delivered(stage.world) == []


def test_a_support_token_that_anybody_uses_starts_the_copies(stage: Stage) -> None:
    stage.want(None)
    stage.work()
    assert [(wish.provider, wish.requirement) for wish in stage.wishes] == [(None, None)]
    stage.support()
    stage.work()
    (wish,) = stage.wishes
    assert wish.provider == stage.site
    assert [subject for _, subject, _ in delivered(stage.world)] == ["centre has all of it: grid 7"]


def test_nothing_is_called_ready_while_the_microscope_writes(stage: Stage) -> None:
    stage.say("acquiring")
    stage.support()
    stage.want(stage.site)
    stage.work()
    assert delivered(stage.world) == []
    stage.say("complete")
    stage.world.node.sites.replicator.look_now(stage.dataset.space)
    stage.work()
    assert len(delivered(stage.world)) == 1


def test_what_is_needed_no_longer_asks_for_no_copies_and_leaves_those_that_are_there(stage: Stage) -> None:
    stage.support()
    stage.want(stage.site)
    stage.work()
    stage.world.node.sites.front.wishes.drop(stage.owner.caller, stage.dataset.space, stage.site)
    assert stage.wishes == []
    assert stage.world.node.provider.qos.of_space(stage.owner.caller, stage.dataset.space) == []
    assert (stage.world.folder / "centre disk" / stage.dataset.space / "a.mrc").read_bytes() == FILES["a.mrc"]


def another(stage: Stage) -> Person:
    """Somebody else who may ask for copies of the dataset."""
    other = somebody(stage.world, "Olga Other")
    stage.world.join_space(stage.dataset.space, other, roles.OWNER_IN_SPACE)
    return other


def requirements(stage: Stage) -> int:
    return len(stage.world.node.provider.qos.of_space(stage.owner.caller, stage.dataset.space))


@pytest.mark.parametrize("when", ["before it is lent", "while it is copied", "when all is there"])
def test_each_who_wants_it_at_a_site_gets_one_letter_and_it_ends_with_the_last(stage: Stage, when: str) -> None:
    other, wishes, space = another(stage), stage.world.node.sites.front.wishes, stage.dataset.space
    stage.want(stage.site)
    if when == "when all is there":
        stage.support()
        stage.work()
        assert len(delivered(stage.world)) == 1
    elif when == "while it is copied":
        stage.say("acquiring")
        stage.support()
        stage.work()
    wishes.make(other.caller, space, stage.site)
    wishes.make(other.caller, space, stage.site)
    stage.support() if when == "before it is lent" else stage.say("complete")
    stage.world.node.sites.replicator.look_now(space)
    stage.work()
    told = {"olive@example.org", "olga@example.org"} - ({"olive@example.org"} if when == "when all is there" else set())
    assert sorted(to for to, _, _ in delivered(stage.world)) == sorted(told)
    assert (len(stage.wishes), requirements(stage)) == (2, 1)
    stage.work()
    assert delivered(stage.world) == []
    wishes.drop(stage.owner.caller, space, stage.site)
    wishes.drop(stage.owner.caller, space, stage.site)
    assert ([wish.user for wish in stage.wishes], requirements(stage)) == ([other.id], 1)
    wishes.drop(other.caller, space, stage.site)
    assert (stage.wishes, requirements(stage)) == ([], 0)


def test_letters_to_several_are_written_once_also_by_a_node_that_was_killed_between_them(stage: Stage) -> None:
    stage.say("acquiring")
    stage.support()
    stage.want(stage.site)
    stage.world.node.sites.front.wishes.make(another(stage).caller, stage.dataset.space, stage.site)
    stage.say("complete")
    stage.world.node.sites.replicator.look_now(stage.dataset.space)
    stage.work()
    with stage.world.node.zone.database.writing() as db:
        db.execute("UPDATE wish SET told = NULL WHERE id = (SELECT max(id) FROM wish)")
    stage.world.node.sites.replicator.look_now(stage.dataset.space)
    stage.work()
    assert len(delivered(stage.world)) == 2


def test_whoever_is_out_of_the_dataset_keeps_no_copies_coming(stage: Stage) -> None:
    other, wishes, space = another(stage), stage.world.node.sites.front.wishes, stage.dataset.space
    stage.support()
    wishes.make(other.caller, space, stage.site)
    stage.world.node.zone.memberships.remove(SPACE_USER, space, other.id)
    wishes.drop(stage.owner.caller, space, stage.site)
    assert (stage.wishes, requirements(stage)) == ([], 0)


def test_a_wish_ends_with_its_requirement(stage: Stage) -> None:
    stage.support()
    stage.want(stage.site)
    (requirement,) = (wish.requirement for wish in stage.wishes)
    assert requirement is not None
    stage.world.node.provider.qos.remove(stage.owner.caller, requirement)
    assert stage.wishes == []


def test_the_letter_is_written_once_also_by_a_node_that_was_killed_in_between(tmp_path: Path) -> None:
    moments = Moments()
    with open_world(tmp_path, clock=moments) as world:
        stage = Stage(world, moments)
        stage.support()
        stage.want(stage.site)
        stage.work()
        # As a kill right after the letter leaves it.
        with world.node.zone.database.writing() as db:
            db.execute("UPDATE wish SET told = NULL")
    with open_world(tmp_path, clock=moments) as world:
        stage.world = world
        stage.work()
        assert len(delivered(world)) == 1
        with world.node.zone.database.reading() as db:
            assert db.execute("SELECT count(*) FROM wish WHERE told IS NULL").fetchone()[0] == 0


def test_only_who_may_ask_for_copies_can_want_them_and_as_long_as_they_may(stage: Stage) -> None:
    wishes = stage.world.node.sites.front.wishes
    mary = stage.world.person("Mary Member")
    stage.world.join_space(stage.dataset.space, mary, roles.MEMBER_IN_SPACE)
    with pytest.raises(Forbidden):
        wishes.make(mary.caller, stage.dataset.space, stage.site)
    other = stage.world.person("Olga Owner")
    stage.world.join_space(stage.dataset.space, other, roles.OWNER_IN_SPACE)
    wishes.make(Caller(other.id), stage.dataset.space, stage.site)
    stage.world.node.zone.memberships.remove(SPACE_USER, stage.dataset.space, other.id)
    stage.support()
    stage.work()
    assert stage.wishes == []


def test_who_is_out_of_the_dataset_by_now_reads_nothing_of_it_in_letters(stage: Stage) -> None:
    other = somebody(stage.world, "Olga Owner")
    stage.world.join_space(stage.dataset.space, other, roles.OWNER_IN_SPACE)
    stage.support()
    stage.world.node.sites.front.wishes.make(other.caller, stage.dataset.space, stage.site)
    stage.world.node.zone.memberships.remove(SPACE_USER, stage.dataset.space, other.id)
    stage.work()
    (wish,) = stage.wishes
    assert wish.requirement is not None, "what was asked for while they might stays until somebody ends it"
    assert delivered(stage.world) == []


def test_two_wishes_for_one_site_that_come_due_at_once_are_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.want(None)
    stage.support()
    access = stage.world.node.sites.front.access
    locate = access.locate

    def overtaken(caller: Caller, given: str, need: Need = Need.READ) -> Located:
        monkeypatch.undo()
        stage.want(stage.site)  # after the other one was found due, and before it begins
        return locate(caller, given, need)

    monkeypatch.setattr(access, "locate", overtaken)
    stage.work()
    begun = [wish for wish in stage.wishes if wish.requirement is not None]
    assert [wish.provider for wish in begun] == [stage.site]
    assert len(delivered(stage.world)) == 1


def test_who_waits_for_hours_is_told_once_what_is_in_the_way(stage: Stage) -> None:
    stage.support()
    disk = stage.world.folder / "centre disk"
    disk.rename(disk.with_name("away"))
    stage.want(stage.site)
    replicator = stage.world.node.sites.replicator
    for hours, letters in ((0, 0), (5, 0), (2, 1), (20, 0)):
        stage.moments.forward(hours * 3600)
        replicator.look_now(stage.dataset.space)
        stage.work()
        told = delivered(stage.world)
        assert len(told) == letters, (hours, told)
        for to, subject, text in told:
            assert (to, subject) == ("olive@example.org", "Something is in the way at centre: grid 7")
            assert "folder or bucket is not there" in " ".join(text.split())
    disk.with_name("away").rename(disk)
    replicator.look_now(stage.dataset.space)
    stage.work()
    assert [subject for _, subject, _ in delivered(stage.world)] == ["centre has all of it: grid 7"]


def test_who_lost_the_storage_is_told_too(stage: Stage) -> None:
    stage.say("acquiring")
    stage.support()
    stage.want(stage.site)
    stage.work()
    stage.centre.supports.end(stage.dataset.space)
    replicator = stage.world.node.sites.replicator
    for _ in range(2):
        stage.moments.forward(7 * 3600)
        replicator.look_now(stage.dataset.space)
        stage.work()
    ((_, _, text),) = delivered(stage.world)
    assert "lends it no storage any more" in " ".join(text.split())


@pytest.mark.parametrize("problem", sorted({LOST, *PROBLEMS}))
def test_what_is_in_the_way_is_said_in_czech(problem: str) -> None:
    news = CopiesNews("Facility", "grid 7", "centre", "https://zone.test/space/1/compute", problem=problem)
    words = render_copies(news, event="copies-stuck", language="cs")
    assert "se tam už několik hodin nedaří" in " ".join(words.text.split())
    assert problem not in " ".join(words.text.split())
