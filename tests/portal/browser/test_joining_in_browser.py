"""From the link in a mail to the data on the disk, in a real browser: join, sign in, accept, my datasets, download, and a token."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.portal.browser.conftest import DESKTOP, PHONE, assert_accessible, assert_fits, open_page, shoot
from tests.portal.conftest import describe, serve_portal
from tests.portal.signing_in import links_in

from fs2od.mail import FolderTransport
from fs2od.node.zone.link_rules import Rule
from fs2od.node.zone.notice_letters import TokenTransport
from fs2od.onedata.ids import ShareId
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.testing.world import Dataset, Person, World

pytestmark = pytest.mark.browser

FACTS = {
    "title": "70S ribosome, grid 2",
    "instrument": "Titan Krios",
    "facility": "Example Facility",
    "state": "complete",
    "completed": "2026-11-06T09:00:00+00:00",
}
FILES = {"Images/a.mrc": b"a" * 30_000, "Images/b.mrc": b"b" * 20_000, "session.xml": b"<session/>"}


@dataclass
class Site:
    """A node with a dataset for members, its owner, and somebody who is invited by mail."""

    world: World
    ca: Path
    owner: Person
    dataset: Dataset
    share: ShareId

    @property
    def origin(self) -> str:
        return self.world.node.settings.zone_url

    def letters(self) -> list[str]:
        """Deliver what waits, and return the letters' texts, the oldest first."""
        node = self.world.node
        folder = node.settings.data / "outbox"
        transport = TokenTransport(FolderTransport(folder), node.zone.tokens)
        node.zone.outbox.deliver(transport, datetime.now(UTC), limit=100)
        found = sorted(folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        parts = [message_from_bytes(path.read_bytes(), policy=default).get_body(("plain",)) for path in found]
        return [str(part.get_content()) for part in parts if part is not None]

    def invite(self, address: str) -> str:
        """Let the owner invite somebody by mail, and return the link in the letter."""
        members = self.world.group(self.owner, "members")
        self.world.join_space(self.dataset.space, members, {"space_view", "space_read_data"})
        kind = InviteToken(InviteType.USER_JOIN_GROUP, members)
        book = self.world.node.zone.invite_book
        book.make(self.owner.caller, kind, uses=5, valid_for=timedelta(days=30), address=address)
        (link,) = re.findall(rf"{self.origin}/join#\w+", self.letters()[-1])
        return str(link)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve_portal(tmp_path) as (world, ca):
        owner = world.person("Olive Owner")
        dataset = world.dataset(owner, FILES, name="20261105_P2")
        describe(world, owner, dataset, {"fs2od": FACTS, "Sample": {"Name": "E. coli 70S"}})
        share = world.share(owner, dataset, name="70S ribosome")
        world.node.zone.link_rules.set_for_share(owner.caller, share, Rule("members"), label="")
        yield Site(world, ca, owner, dataset, share)


def look(page: Page, name: str) -> None:
    """Hold a page to what every page has to stand, and keep pictures of it: light, dark and on a phone."""
    assert_accessible(page)
    assert_fits(page)
    shoot(page, name)
    page.emulate_media(color_scheme="dark")
    shoot(page, f"{name}-dark")
    page.emulate_media(color_scheme="light")
    size = page.viewport_size
    page.set_viewport_size(PHONE)
    assert_fits(page)
    shoot(page, f"{name}-phone")
    if size is not None:
        page.set_viewport_size(size)


def test_from_the_link_in_a_mail_to_the_data_on_the_disk(site: Site, browser: Browser, tmp_path: Path) -> None:
    link = site.invite("blair@example.org")
    page = open_page(browser, "about:blank", accept_downloads=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(link)
    expect(page.get_by_role("heading", name="70S ribosome, grid 2")).to_be_visible()
    assert page.url == f"{site.origin}/join"
    token = link.partition("#")[2]
    assert not any(token in url for url in asked)
    assert token not in page.content()
    look(page, "join-card")
    page.get_by_role("link", name="Sign in to accept").click()
    page.get_by_label("Your mail address").fill("blair@example.org")
    page.get_by_role("button", name="Send me a link").click()
    page.goto(site.origin + links_in(site.world.node, datetime.now(UTC))[-1])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.origin}/join")
    page.get_by_role("button", name="Accept as blair").click()
    expect(page.get_by_text("It is among your datasets now.")).to_be_visible()
    look(page, "joined")
    page.get_by_role("link", name="All your datasets").click()
    expect(page.get_by_role("row", name=re.compile("70S ribosome, grid 2.*complete.*member"))).to_be_visible()
    look(page, "my-datasets")
    page.set_viewport_size({"width": 320, "height": 740})
    assert page.locator(".scroll").evaluate("(list) => list.scrollWidth <= list.clientWidth")
    page.set_viewport_size(DESKTOP)
    page.get_by_role("link", name="70S ribosome, grid 2").click()
    expect(page.get_by_text("for members only")).to_be_visible()
    look(page, "members-dataset")

    with page.expect_download() as caught:
        page.get_by_role("button", name=re.compile("Download everything")).click()
    assert names(caught.value.path()) == {*FILES}
    page.get_by_role("link", name="session.xml", exact=True).click()
    with page.expect_download() as caught:
        page.get_by_role("link", name=re.compile("^Download")).click()
    assert Path(caught.value.path()).read_bytes() == b"<session/>"
    assert token not in str(asked)
    page.go_back()
    page.get_by_role("link", name="make one for this dataset").click()
    make_a_token(page, site, tmp_path)


def make_a_token(page: Page, site: Site, folder: Path) -> None:
    page.get_by_label("What for").fill("laptop")
    page.get_by_role("button", name="Show what it could do").click()
    expect(page.get_by_text("Reads 70S ribosome, grid 2 and does nothing else")).to_be_visible()
    look(page, "token-form")
    page.get_by_role("button", name="Make it").click()
    look(page, "token-made")
    (folder / "fs2od.token").write_text(page.get_by_label("Token", exact=True).inner_text())
    (line,) = (each for each in page.locator(".command").all_inner_texts() if each.startswith("fs2od download"))
    words = line.replace("fs2od-ca.pem", str(site.ca)).split()[1:]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("FS2OD_", "ONECLIENT_"))}
    done = subprocess.run(
        [sys.executable, "-m", "fs2od", *words, "--json"], cwd=folder, env=clean, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files_total"] == len(FILES)
    assert (folder / words[2] / "Images/a.mrc").read_bytes() == FILES["Images/a.mrc"]
    page.get_by_role("link", name="To your tokens").click()
    expect(page.get_by_role("heading", name="laptop")).to_be_visible()
    look(page, "tokens")
    page.get_by_role("link", name="laptop").click()
    look(page, "token")
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("taken back", exact=True)).to_be_visible()


def names(path: Path) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(Path(path).read_bytes())) as archive:
        return {each.partition("/")[2] for each in archive.namelist() if not each.endswith("/")}


def test_without_scripts_the_link_is_pasted(site: Site, browser: Browser) -> None:
    link = site.invite("blair@example.org")
    page = open_page(browser, f"{site.origin}/join", java_script_enabled=False)
    page.get_by_label("Invite token, or the whole link of your invitation").fill(f' "{link}" ')
    page.get_by_role("button", name="Show what it is").click()
    expect(page.get_by_role("heading", name="70S ribosome, grid 2")).to_be_visible()


def test_a_wrong_token_and_a_closed_link_say_what_to_do(site: Site, browser: Browser) -> None:
    page = open_page(browser, f"{site.origin}/join#wrong")
    expect(page.get_by_role("alert")).to_contain_text("This is no token")
    assert page.url == f"{site.origin}/join"
    look(page, "join-wrong")
    page.goto(f"{site.origin}/share/{site.share}")
    expect(page.get_by_role("heading", name="For members")).to_be_visible()
    look(page, "members-only")
    page.get_by_role("link", name="Sign in", exact=True).last.click()
    assert f"next=%2Fshare%2F{site.share}" in page.url


def test_the_joining_page_cannot_be_framed_by_another_site(site: Site, browser: Browser) -> None:
    page = open_page(browser, "about:blank")
    page.set_content(f'<iframe src="{site.origin}/join"></iframe>')
    page.frames[-1].wait_for_url("chrome-error://**")
    assert "Join a dataset" not in page.frames[-1].content()
