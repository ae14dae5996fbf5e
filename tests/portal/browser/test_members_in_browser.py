"""The people of a dataset in a real browser: from the personal link to an invite that is ended with its memberships."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.portal.browser.conftest import PHONE, assert_accessible, assert_fits, let_in, open_page, shoot
from tests.portal.conftest import serve_portal
from tests.portal.members_scene import Scene
from tests.portal.signing_in import HandClock, links_in

from fs2od.node.zone.activity import Taker
from fs2od.onedata import roles
from fs2od.onedata.tokens import InviteToken, InviteType

pytestmark = pytest.mark.browser


@dataclass
class Site:
    """The scene, and where it is served."""

    scene: Scene

    @property
    def origin(self) -> str:
        return self.scene.world.node.settings.zone_url

    @property
    def base(self) -> str:
        return self.origin + self.scene.base

    def personal_link(self) -> str:
        """Return the link of the facility's mail that makes whoever uses it the owner."""
        kind = InviteToken(InviteType.USER_JOIN_GROUP, self.scene.owners)
        # As the facility does it: by Onedata's own call, in the name of its user, who is a member again for that.
        self.scene.world.join_group(self.scene.owners, self.scene.facility, roles.OWNER_IN_GROUP)
        made = self.scene.zone.tokens.issue_named(
            self.scene.facility.id, "owners", kind=kind, usage_limit=1, privileges=roles.OWNER_IN_GROUP
        )
        return f"{self.origin}/join#{made.token.reveal()}"

    def sign_in_link(self) -> str:
        return self.origin + links_in(self.scene.world.node, datetime.now(UTC))[-1]

    def signed_in(self, browser: Browser, person: str, **how: object) -> Page:
        """Return a page of somebody of the scene who is signed in."""
        user = {"olive": self.scene.olive, "mary": self.scene.mary}[person].id
        cookie = self.scene.zone.accounts.sessions.open(user, browser="Chromium", address="127.0.0.1")
        return let_in(open_page(browser, "about:blank", **how), cookie, self.origin)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve_portal(tmp_path) as (world, _):
        yield Site(Scene(world, HandClock()))


def join(page: Page, site: Site, link: str, address: str) -> None:
    page.goto(link)
    page.get_by_role("link", name="Sign in to accept").click()
    page.get_by_label("Your mail address").fill(address)
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    page.goto(site.sign_in_link())
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=re.compile("Accept as")).click()
    expect(page.get_by_text("You are in")).to_be_visible()


def test_an_owner_brings_a_collaborator_in_sees_them_and_takes_it_back(site: Site, browser: Browser) -> None:
    share = site.scene.world.share(site.scene.olive, site.scene.dataset, name="70S ribosome")
    owner = open_page(browser, "about:blank")
    join(owner, site, site.personal_link(), "erin@example.org")
    owner.get_by_role("link", name="Open its page").click()
    owner.get_by_role("navigation", name="This dataset").get_by_role("link", name="People").click()
    owner.get_by_label("Name of the invite").fill("Group of Novák")
    owner.get_by_label("member may see it").check()
    owner.get_by_role("button", name="Make the invite").click()
    expect(owner.get_by_role("heading", name="The invite is ready")).to_be_visible()
    assert_accessible(owner)
    assert_fits(owner)
    shoot(owner, "invite-made")
    link = owner.get_by_role("group", name="Link of the invite").inner_text()
    collaborator = open_page(browser, "about:blank", viewport=PHONE)
    join(collaborator, site, link, "casey@example.org")
    collaborator.goto(f"{site.origin}/share/{share}")
    expect(collaborator.get_by_role("navigation", name="This dataset")).to_be_visible()
    collaborator.goto(f"{site.base}/people")
    expect(collaborator.get_by_text("erin")).to_be_visible()
    expect(collaborator.get_by_text("Invite somebody")).to_have_count(0)
    owner.goto(f"{site.base}/people")
    expect(owner.get_by_text("by the invite “Group of Novák”")).to_be_visible()
    owner.get_by_role("link", name="End: Group of Novák").click()
    expect(owner.get_by_text("casey")).to_be_visible()
    assert_accessible(owner)
    shoot(owner, "invite-end")
    owner.get_by_role("button", name="End the invite and their memberships").click()
    expect(owner.get_by_role("heading", name="People", exact=True)).to_be_visible()
    collaborator.reload()
    expect(collaborator.get_by_role("heading", name="This is for members of the dataset")).to_be_visible()
    collaborator.goto(f"{site.origin}/datasets")
    expect(collaborator.get_by_text("70S ribosome")).to_have_count(0)


def test_every_page_fits_and_can_be_used_by_all(site: Site, browser: Browser) -> None:
    scene = site.scene
    scene.joins("Blair Example", label="Group of Novák")
    scene.joins("Věra Velmi-Dlouhá z Univerzity s dlouhým jménem", label="x" * 100)
    share = scene.world.share(scene.olive, scene.dataset, name="70S ribosome")
    scene.world.share(scene.olive, scene.dataset, "sub", name="for the reviewers")
    scene.zone.activity.count_taken(Taker(share=share), 1_840_000_000)
    scene.zone.activity.count_taken(Taker(space=scene.space, user=scene.mary.id), 3_200_000)
    looks: dict[str, dict[str, object]] = {
        "desktop-light": {"color_scheme": "light"},
        "phone-dark": {"color_scheme": "dark", "viewport": PHONE},
    }
    for look, how in looks.items():
        page = site.signed_in(browser, "olive", **how)
        for path in (
            "people",
            "links",
            f"links/{share}",
            f"links/{share}/end",
            "activity",
            "leave",
            "links/new?path=sub",
        ):
            page.goto(f"{site.base}/{path}")
            assert_accessible(page)
            assert_fits(page)
            name = re.sub(r"[^a-z]+", "-", path.replace(share, "one").partition("?")[0])
            shoot(page, f"members-{name}-{look}")
        page.goto(f"{site.origin}/share/{share}")
        assert_fits(page)
        shoot(page, f"members-dataset-{look}")


def test_everything_works_without_scripts_and_by_keyboard(site: Site, browser: Browser) -> None:
    page = site.signed_in(browser, "olive", java_script_enabled=False)
    page.goto(f"{site.base}/people")
    page.get_by_label("Name of the invite").focus()
    page.keyboard.type("by hand")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The invite is ready")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("by hand")).to_be_visible()
