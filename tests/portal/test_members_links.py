"""Links that are not open to everybody, in the pages: for members by their sessions, with addresses of their own for downloads."""

from __future__ import annotations

import html
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.portal.signing_in import Hall, Person, open_hall

from fs2od.node.apps import provider_app
from fs2od.node.zone.accounts import Proof
from fs2od.node.zone.link_rules import Rule
from fs2od.node.zone.memberships import SPACE_USER
from fs2od.onedata.ids import ShareId, UserId
from fs2od.testing.world import Dataset

FILES = {"Images/a.mrc": b"a" * 3000, "Images/b c.mrc": b"b" * 200, "notes.txt": b"notes"}


class Closed:
    """A dataset whose link is for members, with a member, a stranger and a guest in front of its pages."""

    def __init__(self, hall: Hall) -> None:
        self.hall, self.world, self.zone = hall, hall.world, hall.node.zone
        self.owner = self.world.person("Olive Owner")
        self.dataset: Dataset = self.world.dataset(self.owner, FILES)
        self.share: ShareId = self.world.share(self.owner, self.dataset, name="70S ribosome")
        self.rule(Rule("members"))
        transport = httpx.ASGITransport(provider_app(hall.node.provider))
        self.provider = httpx.AsyncClient(transport=transport, base_url="https://provider.test", trust_env=False)

    @property
    def page(self) -> str:
        return f"/share/{self.share}"

    def rule(self, rule: Rule) -> None:
        self.zone.link_rules.set_for_share(self.owner.caller, self.share, rule, label="")

    def user(self, name: str) -> UserId:
        return self.zone.accounts.sign_in(Proof.of_address(f"{name}@example.org"), sign_up="invited")

    async def member(self) -> Person:
        blair = await self.hall.signed_in("blair@example.org")
        held = {"space_view", "space_read_data"}
        self.zone.memberships.add(SPACE_USER, self.dataset.space, self.user("blair"), held)
        return blair

    async def fetch(self, address: str, **headers: str) -> httpx.Response:
        return await self.provider.get(address, headers=headers)

    async def address_of(self, person: Person, path: str) -> str:
        await person.open(f"{self.page}/{path}")
        assert person.status == 302, person.page
        return person.place


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with open_hall(tmp_path) as opened:
        yield opened


@pytest.fixture
def closed(hall: Hall) -> Closed:
    return Closed(hall)


async def test_a_guest_is_told_that_it_is_for_members_and_comes_back_after_signing_in(closed: Closed) -> None:
    guest = closed.hall.person()
    page = ""
    for path in (closed.page, f"{closed.page}/files/Images?sort=size"):
        page = await guest.open(path)
        assert guest.status == 401
        assert "This link is for the members of the dataset" in page
        for secret in ("70S", "mrc", "notes"):
            assert secret not in page
    way = html.unescape(re.findall(r'<a class="button" href="([^"]*)"', page)[0])
    await guest.open(way)
    await guest.press("/sign-in/mail", {"address": "blair@example.org"})
    link = closed.hall.link()
    await closed.member()
    await guest.open(link)
    await guest.press(link)
    assert guest.place == f"{closed.page}/files/Images?sort=size"
    assert "a.mrc" in await guest.follow()


async def test_whoever_is_no_member_is_told_so_and_how_to_become_one(closed: Closed) -> None:
    stranger = await closed.hall.signed_in("stranger@example.org")
    page = await stranger.open(closed.page)
    assert stranger.status == 403
    assert "stranger is not one of them" in page
    assert 'href="/join"' in page
    assert "70S" not in page
    for path in ("content/notes.txt", "zip/Images", "files?format=json"):
        await stranger.open(f"{closed.page}/{path}")
        assert stranger.status == 403, path


async def test_a_member_sees_the_page_the_tree_and_the_twins(closed: Closed) -> None:
    blair = await closed.member()
    page = await blair.open(closed.page)
    assert blair.status == 200
    for words in ("70S ribosome", "notes.txt", "for members only", "--token-file fs2od.token", "/tokens/new?dataset="):
        assert words in page
    assert "SHA256SUMS</a>" not in page
    assert "b c.mrc" in await blair.open(f"{closed.page}/files/Images")
    assert "Get this file" in await blair.open(f"{closed.page}/files/notes.txt")
    assert "X-Auth-Token" in blair.page
    twin = json.loads(await blair.open(f"{closed.page}.json"))
    assert twin["files"] == 3
    assert not any(re.search(r"(?i)token [A-Za-z0-9]{20}", line) for line in twin["commands"].values())


async def test_a_member_gets_single_files_with_ranges_by_an_address_of_their_own(closed: Closed) -> None:
    blair = await closed.member()
    address = await closed.address_of(blair, "content/Images/b%20c.mrc")
    assert re.fullmatch(r"https://provider\.test/download/[\w-]{32}/b%20c\.mrc", address)
    assert (await closed.fetch(address)).content == b"b" * 200
    part = await closed.fetch(address, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, b"b" * 10)
    assert 'filename="b c.mrc"' in part.headers["Content-Disposition"]
    assert (await closed.fetch(f"/share/{closed.share}/files/notes.txt")).status_code == 404


async def test_a_member_gets_archives_of_everything_of_a_folder_and_of_a_selection(closed: Closed) -> None:
    blair = await closed.member()
    folder = await closed.fetch(await closed.address_of(blair, "zip/Images"))
    assert names_in(folder) == {"Images/a.mrc", "Images/b c.mrc"}
    assert names_in(await closed.fetch(await closed.address_of(blair, "tar/Images"))) == names_in(folder)
    await blair.open(closed.page)
    await blair.press(f"{closed.page}/archive", {"format": "tar"})
    assert blair.status == 303, blair.page
    assert names_in(await closed.fetch(blair.place)) == {*FILES}
    await blair.open(closed.page)
    await blair.press(f"{closed.page}/archive", {"format": "zip", "path": "notes.txt"})
    assert names_in(await closed.fetch(blair.place)) == {"notes.txt"}


async def test_a_members_selection_has_an_address_for_the_browser_and_one_that_asks_for_a_token(closed: Closed) -> None:
    blair = await closed.member()
    await blair.open(closed.page)
    await blair.send(f"{closed.page}/selection", {"path": "Images"})
    assert blair.status == 200
    for words in ("-H &#39;@fs2od.header&#39;", "--token-file fs2od.token", "/tokens/new?dataset="):
        assert words in blair.page
    (own,) = set(re.findall(r'href="(https://provider\.test/download/[\w-]{32})/', blair.page))
    (others,) = set(re.findall(r"https://provider\.test/download/[\w-]{32}", blair.page)) - {own}
    assert names_in(await closed.fetch(f"{own}/x.tar")) == {"Images/a.mrc", "Images/b c.mrc"}
    assert (await closed.fetch(f"{own}/chosen.txt")).text == "Images\n"
    for name in ("chosen.txt", "files.txt", "x.tar"):
        assert (await closed.fetch(f"{others}/{name}")).status_code == 404, name


def names_in(answer: httpx.Response) -> set[str]:
    """Return the files in an archive, below the folder that everything lies in."""
    assert answer.status_code == 200, answer.text
    if answer.headers["Content-Type"] == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
            names = opened.namelist()
    else:
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
            names = [each.name for each in tar if each.isfile()]
    return {name.partition("/")[2] for name in names if not name.endswith("/")}


async def test_a_form_of_another_site_makes_no_address(closed: Closed) -> None:
    blair = await closed.member()
    await blair.open(closed.page)
    await blair.press(f"{closed.page}/archive", {"format": "zip"}, origin="https://evil.example")
    assert (blair.status, blair.place) == (403, "")
    await blair.send(f"{closed.page}/archive", {"format": "zip"})
    assert blair.status == 403
    guest = closed.hall.person()
    await guest.send(f"{closed.page}/archive", {"format": "zip"})
    assert (guest.status, guest.place) == (401, "")


@pytest.mark.parametrize("ending", ["session", "all sessions", "membership", "link", "blocked"])
async def test_an_address_ends_with_the_session_the_membership_and_the_link(closed: Closed, ending: str) -> None:
    blair = await closed.member()
    user, provider = closed.user("blair"), closed.hall.node.provider
    addresses = [await closed.address_of(blair, path) for path in ("content/notes.txt", "zip/Images")]
    session = closed.zone.accounts.sessions.of(user)[0]
    caller = closed.zone.accounts.sessions.acting(session.id)
    running = provider.access.locate_share_root(caller, closed.share)
    assert all([(await closed.fetch(each)).status_code == 200 for each in addresses])
    assert provider.access.stands(running)
    match ending:
        case "session":
            closed.zone.accounts.sessions.end(user, session.id)
        case "all sessions":
            closed.zone.accounts.sessions.end_all(user)
        case "membership":
            closed.zone.memberships.remove(SPACE_USER, closed.dataset.space, user)
        case "link":
            closed.zone.shares.end(closed.owner.caller, closed.share)
        case "blocked":
            closed.zone.accounts.block(closed.world.administrator.caller, user, blocked=True)
    assert [(await closed.fetch(each)).status_code for each in addresses] == [404, 404]
    assert not provider.access.stands(running)
    await blair.open(closed.page)
    assert blair.status in (401, 403, 404)


async def test_an_address_that_is_used_outlives_an_idle_session(closed: Closed) -> None:
    blair = await closed.member()
    address = await closed.address_of(blair, "content/Images/a.mrc")
    for _ in range(60):
        closed.hall.clock.moment += timedelta(minutes=9)
        assert (await closed.fetch(address, Range="bytes=0-9")).status_code == 206
    await closed.hall.signed_in("casey@example.org")  # which clears away what nobody uses
    assert (await closed.fetch(address, Range="bytes=0-9")).status_code == 206
    await blair.open(closed.page)
    assert blair.status == 401
    closed.hall.clock.moment += timedelta(minutes=11)
    assert (await closed.fetch(address)).status_code == 404


async def test_an_embargo_is_passed_by_members_and_ends_by_itself(closed: Closed) -> None:
    closed.rule(Rule(from_s=closed.hall.clock.now_s() + 3600))
    blair, guest = await closed.member(), closed.hall.person()
    assert "for members for now" in await blair.open(closed.page)
    assert "5 November 2026, 13:00 UTC" in blair.page
    await guest.open(closed.page)
    assert guest.status == 401
    closed.hall.clock.moment += timedelta(hours=1)
    page = await guest.open(closed.page)
    assert (guest.status, "for members" in page) == (200, False)
    await guest.open(f"{closed.page}/content/notes.txt")
    assert guest.place == f"https://provider.test/share/{closed.share}/files/notes.txt"


async def test_a_single_file_can_be_a_members_link_too(closed: Closed) -> None:
    share = closed.world.share(closed.owner, closed.dataset, "notes.txt", name="Notes")
    closed.zone.link_rules.set_for_share(closed.owner.caller, share, Rule("members"), label="")
    blair = await closed.member()
    assert "curl -fLOJ -H &#39;@fs2od.header&#39;" in await blair.open(f"/share/{share}")
    await blair.open(f"/share/{share}/content")
    assert (await closed.fetch(blair.place)).content == b"notes"


async def test_no_address_of_a_member_is_kept_in_the_database(closed: Closed) -> None:
    blair = await closed.member()
    secret = (await closed.address_of(blair, "content/notes.txt")).split("/")[4]
    with closed.zone.database.reading() as db:
        assert secret not in str([tuple(row) for row in db.execute("SELECT * FROM download_session")])
