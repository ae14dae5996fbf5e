"""A dataset brought to a computing centre in a real browser: one press, numbers that move by themselves, a token with its commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.portal.browser.conftest import PHONE, assert_accessible, assert_fits, shoot
from tests.portal.browser.test_members_in_browser import Site
from tests.portal.conftest import serve_portal
from tests.portal.members_scene import Scene
from tests.portal.signing_in import HandClock

from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.offers import Offer

pytestmark = pytest.mark.browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve_portal(tmp_path, settle_s=-60) as (world, _):
        yield Site(Scene(world, HandClock()))


@pytest.fixture
def centre(site: Site) -> Oneprovider:
    centre = site.scene.world.site("centre").node_provider
    site.scene.world.also_support(site.scene.space, centre)
    return centre


@pytest.mark.usefixtures("centre")
def test_one_press_brings_it_there_and_the_page_says_when_all_is_there(site: Site, browser: Browser) -> None:
    page = site.signed_in(browser, "olive", viewport=PHONE)
    page.goto(f"{site.base}/compute")
    page.get_by_role("button", name="Use here").click()
    bar = page.get_by_role("progressbar", name="Copied to centre")
    expect(bar).to_have_js_property("value", 0)
    expect(page.get_by_text("0 of 2 files, 0 B of 6 B", exact=True)).to_be_visible()
    assert_accessible(page)
    assert_fits(page)
    shoot(page, "compute-copying")
    page.get_by_role("button", name="No longer needed here").focus()
    replicator = site.scene.world.node.sites.replicator
    replicator.start_due()
    replicator.wait(site.scene.space, 30)
    expect(page.get_by_text("All of it: 2 files, 6 B, each copy checked.", exact=True)).to_be_visible(timeout=60_000)
    expect(bar).to_have_count(0, timeout=60_000)
    expect(page.get_by_role("button", name="No longer needed here")).to_be_focused()
    page.get_by_role("listitem").filter(has_text="centre").get_by_role("link", name="Token for a job here").click()
    expect(page.get_by_text("The job runs at centre")).to_be_visible()
    page.get_by_role("button", name="Make the token").click()
    command = page.get_by_role("group", name="Command for fs2od mirror")
    expect(command).to_contain_text(f"ONECLIENT_PROVIDER_HOST=centre.test fs2od mirror {site.scene.space}")
    assert_accessible(page)
    assert_fits(page)
    shoot(page, "compute-token")


@pytest.mark.usefixtures("centre")
def test_without_scripts_a_reload_shows_how_far_it_is(site: Site, browser: Browser) -> None:
    page = site.signed_in(browser, "olive", java_script_enabled=False)
    page.goto(f"{site.base}/compute")
    page.get_by_role("button", name="Use here").click()
    replicator = site.scene.world.node.sites.replicator
    replicator.start_due()
    replicator.wait(site.scene.space, 30)
    page.reload()
    expect(page.get_by_text("All of it: 2 files, 6 B, each copy checked.")).to_be_visible()
    page.get_by_role("button", name="No longer needed here").click()
    expect(page.get_by_text("What was copied stays until the site ends its support.")).to_be_visible()


def test_a_new_space_for_results_is_named_and_its_size_corrected(site: Site, browser: Browser) -> None:
    world, folder = site.scene.world, site.scene.world.folder / "results disk"
    folder.mkdir()
    centre = world.site("centre").node_provider
    offer = Offer(True, 10**13, "", centre.storages.add_posix("results", str(folder)))
    world.node.zone.offers.set(world.administrator.caller, centre.record.id, offer)
    page = site.signed_in(browser, "olive", viewport=PHONE)
    page.goto(f"{site.base}/compute")
    page.get_by_label("Results", exact=True).select_option(label="Also results, into a new space at centre")
    size = page.get_by_label("How large it may become")
    expect(size).to_be_hidden()
    page.get_by_text("Name and size of a new space for results").click()
    expect(size).to_have_value("1 TB")
    size.fill("20 TB")
    page.get_by_label("Its name").fill("Ribosome refined")
    assert_accessible(page)
    assert_fits(page)
    shoot(page, "compute-results")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_role("alert")).to_have_text("The site lends 10.0 TB at most.")
    expect(size).to_have_value("20 TB")
    size.fill("2 TB")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_role("link", name="Ribosome refined")).to_be_visible()
