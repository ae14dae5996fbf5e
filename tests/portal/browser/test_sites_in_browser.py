"""A site's administrator in a real browser: what is asked for is granted, changed and ended, on a phone and without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.portal.browser.conftest import PHONE, assert_accessible, assert_fits, let_in, open_page, shoot
from tests.portal.conftest import serve_portal
from tests.portal.members_scene import Scene
from tests.portal.signing_in import HandClock
from tests.portal.sites_scene import TB, Centre

from fs2od.testing.world import Person, write_files

pytestmark = pytest.mark.browser


@dataclass
class Hall:
    """The centre, served."""

    centre: Centre

    @property
    def origin(self) -> str:
        return self.centre.scene.world.node.settings.zone_url

    def signed_in(self, browser: Browser, person: Person, **how: object) -> Page:
        cookie = self.centre.scene.zone.accounts.sessions.open(person.id, browser="Chromium", address="127.0.0.1")
        return let_in(open_page(browser, "about:blank", **how), cookie, self.origin)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with serve_portal(tmp_path) as (world, _):
        yield Hall(Centre(Scene(world, HandClock())))


def test_every_page_of_a_site_fits_and_can_be_used_by_all(hall: Hall, browser: Browser) -> None:
    centre, scene = hall.centre, hall.centre.scene
    centre.asked(note="Motion correction of the whole session, and the results for a month")
    results = centre.supports(scene.world.space(scene.olive, "x" * 90))
    centre.supports(scene.world.space(scene.olive, "class averages"))
    write_files(centre.folder, {"a": b""})
    broken = scene.world.folder / "gone"
    broken.mkdir()
    lost = centre.provider.storages.add_posix("old scratch", str(broken))
    broken.rmdir()
    centre.provider.storages.tried(lost)
    looks: dict[str, dict[str, object]] = {
        "desktop-light": {"color_scheme": "light"},
        "phone-dark": {"color_scheme": "dark", "viewport": PHONE},
    }
    for look, how in looks.items():
        page = hall.signed_in(browser, centre.ada, **how)
        for path in (
            "/sites",
            "",
            "/spaces",
            f"/spaces/{results}",
            f"/spaces/{results}/end",
            "/storages",
            "/offer",
            "/people",
            f"/people/{centre.vic.id}/remove",
        ):
            page.goto(hall.origin + (path if path == "/sites" else centre.base + path))
            assert_accessible(page)
            assert_fits(page)
            name = (
                re.sub(r"[^a-z]+", "-", path.replace(results, "one").replace(centre.vic.id, "one")).strip("-")
                or "requests"
            )
            shoot(page, f"site-{name}-{look}")


def test_storage_is_granted_raised_and_ended_without_scripts(hall: Hall, browser: Browser) -> None:
    centre = hall.centre
    centre.asked(2 * TB)
    page = hall.signed_in(browser, centre.ada, viewport=PHONE, java_script_enabled=False)
    page.goto(f"{hall.origin}/datasets")
    page.get_by_role("link", name="Sites").click()
    page.get_by_role("link", name="centre").click()
    page.get_by_label("Size in all").fill("3 TB")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Nobody waits for anything.")).to_be_visible()
    page.get_by_role("navigation", name="This site").get_by_role("link", name="Datasets").click()
    page.get_by_role("row", name=re.compile("3.00 TB")).get_by_role("link").click()
    page.get_by_label("Size in all").fill("4TB")
    page.get_by_role("button", name="Change the size").click()
    expect(page.get_by_text("0 B of 4.00 TB used.")).to_be_visible()
    page.get_by_role("link", name="End this support").click()
    page.get_by_role("button", name="End the support").click()
    expect(page.get_by_text("This site supports no dataset yet.")).to_be_visible()
    page.get_by_role("navigation", name="This site").get_by_role("link", name="Requests").click()
    page.get_by_role("textbox", name="Support token").fill(centre.token())
    page.get_by_label("Size", exact=True).fill("5 TB")
    page.get_by_role("button", name="Grant").click()
    expect(page.get_by_text("0 B of 5.00 TB used.")).to_be_visible()


def test_people_are_invited_and_taken_out_without_scripts(hall: Hall, browser: Browser) -> None:
    centre = hall.centre
    page = hall.signed_in(browser, centre.ada, viewport=PHONE, java_script_enabled=False)
    page.goto(hall.origin + centre.base)
    page.get_by_role("navigation", name="This site").get_by_role("link", name="People").click()
    page.get_by_role("radio", name="administrator").check()
    page.get_by_role("button", name="Make the invite").click()
    expect(page.get_by_text("becomes an administrator of the site")).to_be_visible()
    assert_fits(page)
    shoot(page, "site-invite-phone")
    link = page.get_by_role("group", name="Link of the invite").inner_text().strip()
    guest = hall.signed_in(browser, centre.scene.world.person("Lee Local"))
    guest.goto(link)
    guest.get_by_role("button", name="Accept as Lee Local").click()
    expect(guest.get_by_role("heading", name="centre")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("No invite is open.")).to_be_visible()
    page.get_by_role("link", name="Take out: Vic Viewer").click()
    page.get_by_role("button", name="Take out").click()
    expect(page.get_by_text("3 people")).to_be_visible()
    expect(page.get_by_text("Vic Viewer")).to_have_count(0)
