"""Access that ends in a page ends everywhere at once: files, archives and addresses under way, and pages in browsers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.portal.members_scene import Scene, open_members_scene

from fs2od.node.provider.located import Located
from fs2od.node.zone.link_rules import Rule
from fs2od.onedata.ids import ShareId, UserId
from fs2od.testing.world import Person as Account


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_members_scene(tmp_path) as opened:
        yield opened


class Reader:
    """Somebody who came in by an invite, and reads in every way that there is."""

    def __init__(self, scene: Scene) -> None:
        self.scene, node = scene, scene.world.node
        self.user: UserId = scene.joins("Blair Example", label="to be ended")
        self.account = Account(self.user, node.zone.tokens.issue_named(self.user, "laptop").token)
        self.share: ShareId = scene.world.share(scene.olive, scene.dataset, name="for members")
        scene.zone.link_rules.set_for_share(scene.olive.caller, self.share, Rule("members"), label="")
        access = node.provider.access
        self.running: dict[str, Located] = {
            "file": access.locate(self.account.caller, scene.world.id_of(scene.dataset, "a.txt")),
            "through the link": access.locate_share_root(self.account.caller, self.share),
        }
        self.addresses: dict[str, str] = {}

    async def begin(self) -> None:
        """Get the addresses of an archive, and of a file and an archive in the browser; they work."""
        root = self.scene.dataset.root
        moved = await self.scene.world.provider.get(f"/data/{root}/content", headers=self.account.headers)
        self.addresses["archive by token"] = moved.headers["Location"]
        self.browser = self.scene.browser(self.user)
        for what in ("content/a.txt", "tar"):
            await self.browser.open(f"/share/{self.share}/{what}")
            assert self.browser.status in (302, 303), self.browser.page
            self.addresses[f"{what} in the browser"] = self.browser.place
        await self.browser.open(f"/share/{self.share}")
        assert self.browser.headers["Cache-Control"] == "no-store"
        assert await self.open() == set(self.running) | set(self.addresses) | {"page", "people", "list"}

    async def open(self) -> set[str]:
        """Return what still works."""
        access = self.scene.world.node.provider.access
        works = {name for name, located in self.running.items() if access.stands(located)}
        for name, address in self.addresses.items():
            answer = await self.scene.world.provider.get(address)
            assert answer.status_code in (200, 404), answer.text
            works |= {name} if answer.status_code == 200 else set()
        await self.browser.open(f"/share/{self.share}")
        works |= {"page"} if self.browser.status == 200 else set()
        await self.browser.open(f"{self.scene.base}/people")
        works |= {"people"} if self.browser.status == 200 else set()
        twin = json.loads(await self.browser.open("/datasets.json"))
        return works | ({"list"} if twin["datasets"] else set())


async def taken_out(reader: Reader) -> None:
    olive, path = reader.scene.browser(reader.scene.olive), f"{reader.scene.base}/people/{reader.user}/remove"
    await olive.open(path)
    await olive.press(path)
    assert olive.status == 303


async def left(reader: Reader) -> None:
    await reader.browser.open(f"{reader.scene.base}/leave")
    await reader.browser.press(f"{reader.scene.base}/leave")
    assert reader.browser.status == 303


async def invite_ended(reader: Reader) -> None:
    scene = reader.scene
    olive = scene.browser(scene.olive)
    (invite,) = scene.zone.invite_book.of_target(scene.olive.caller, "group", scene.members)
    path = f"{scene.base}/people/invites/{invite.id}/end"
    await olive.open(path)
    await olive.press(path, {"memberships": "1"})
    assert olive.status == 303


@pytest.mark.parametrize("end", [taken_out, left, invite_ended])
async def test_a_membership_that_ends_ends_everything_at_once(
    scene: Scene, end: Callable[[Reader], Awaitable[None]]
) -> None:
    reader = Reader(scene)
    await reader.begin()
    await end(reader)
    assert await reader.open() == set()


async def test_a_link_that_ends_ends_what_goes_through_it_and_nothing_else(scene: Scene) -> None:
    reader = Reader(scene)
    await reader.begin()
    olive, path = scene.browser(scene.olive), f"{scene.base}/links/{reader.share}/end"
    await olive.open(path)
    await olive.press(path)
    assert await reader.open() == {"file", "archive by token", "people", "list"}


async def test_a_token_that_is_revoked_ends_what_it_began_and_nothing_else(scene: Scene) -> None:
    reader = Reader(scene)
    node = scene.world.node
    caller = node.zone.credentials.authenticate(
        reader.account.token.reveal(), service=f"opw-{node.provider.record.id}", peer_ip=None, data_access=True
    )
    reader.running["file"] = node.provider.access.locate(caller, scene.world.id_of(scene.dataset, "a.txt"))
    await reader.begin()
    node.zone.tokens.change(node.zone.tokens.named_by_name(reader.user, "laptop").id, revoked=True)
    works = await reader.open()
    assert works == {"through the link", "content/a.txt in the browser", "tar in the browser", "page", "people", "list"}


async def test_an_owner_who_is_a_member_again_loses_what_only_owners_may(scene: Scene) -> None:
    blair = scene.joins("Blair Example")
    scene.zone.people.change_role(scene.olive.caller, scene.space, blair, "owner")
    browser = scene.browser(blair)
    await browser.open(f"{scene.base}/links/new?path=")
    assert browser.status == 200
    page = browser.page
    scene.zone.people.change_role(scene.olive.caller, scene.space, blair, "member")
    browser.page = page
    await browser.press(f"{scene.base}/links/new", {"name": "too late", "audience": "public"})
    assert browser.status == 403
    assert scene.zone.shares.of_space(scene.olive.caller, scene.space) == []
