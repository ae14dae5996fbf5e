"""The public pages in a real browser, over real HTTPS. Screenshots go to test-results/screenshots."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.portal.browser.conftest import PHONE, SCREENSHOTS, assert_accessible, assert_fits, open_page, shoot
from tests.portal.conftest import describe, serve_portal

from fs2od.onedata.ids import ShareId
from fs2od.testing.microscope import Session, write
from fs2od.testing.world import Dataset, Person, World, write_files

pytestmark = pytest.mark.browser

GROWTH_MS = 60_000


@dataclass
class Site:
    """A node with its pages and one growing dataset on it."""

    world: World
    owner: Person
    dataset: Dataset
    share: ShareId

    @property
    def link(self) -> str:
        return self.world.node.zone.public_url(self.share)

    def grow(self, files: dict[str, bytes]) -> None:
        write_files(self.dataset.folder, files)
        self.world.rescan(self.dataset.space)

    def say(self, state: str, **more: str) -> None:
        since = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
        own = {
            "title": "70S ribosome, grid 2",
            "instrument": "Titan Krios",
            "facility": "Example Facility",
            "state": state,
        }
        own |= {"contact": "data@facility.example.org", "available_until": "2027-03-12", "since": since, **more}
        metadata = {
            "fs2od": own,
            "Technique": "SPA",
            "Sample": {"Name": "E. coli 70S ribosome", "Keywords": ["ribosome", "translation"]},
            "Project": "Simulated project",
            "Acceleration voltage": "300 kV",
            "Pixel size": "0.83 Å",
            "Total dose": "40 e/Å²",
            "Detector": "simulated",
        }
        describe(self.world, self.owner, self.dataset, metadata)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve_portal(tmp_path) as (world, _):
        owner = world.person()
        dataset = world.dataset(
            owner, {"EpuSession.dm": b"s" * 80_000, "Images-Disc1/GridSquare_1/a.mrc": b"m" * 900_000}
        )
        made = Site(world, owner, dataset, world.share(owner, dataset, name="ribosome"))
        made.say("acquiring")
        yield made


def test_the_count_rises_twice_without_a_reload(site: Site, browser: Browser) -> None:
    page = open_page(browser, site.link)
    page.evaluate("window.untouched = true")
    count = page.locator("[data-word=files]")
    expect(count).to_have_text("2")
    site.grow({"Images-Disc1/GridSquare_1/b.mrc": b"m" * 900_000})
    expect(count).to_have_text("3", timeout=GROWTH_MS)
    site.grow({"Atlas/atlas.jpg": b"j", "Images-Disc1/GridSquare_1/c.mrc": b"m" * 900_000})
    expect(count).to_have_text("5", timeout=GROWTH_MS)
    expect(page.locator("#listing")).to_contain_text("Atlas", timeout=GROWTH_MS)
    assert page.evaluate("window.untouched")


def test_the_state_turns_without_a_reload_and_is_announced(site: Site, browser: Browser) -> None:
    page = open_page(browser, site.link)
    expect(page.locator("#state")).to_contain_text("acquiring")
    expect(page.locator("[data-live]")).to_be_visible()
    page.wait_for_function("document.querySelector('[data-as-of] time').title !== ''")
    with page.expect_response("**/share/*.json"):
        pass  # one look, so that the turn is one
    site.say("complete", completed=datetime.now(UTC).isoformat())
    expect(page.locator("#state")).to_contain_text("complete", timeout=GROWTH_MS)
    expect(page.locator("[data-announce]")).to_contain_text("complete", timeout=GROWTH_MS)
    shoot(page, "dataset-complete")


def test_without_scripts_a_reload_shows_the_growth_and_everything_works(site: Site, browser: Browser) -> None:
    page = open_page(browser, site.link, java_script_enabled=False)
    expect(page.locator("[data-word=files]")).to_have_text("2")
    expect(page.get_by_text("reload for newer numbers")).to_be_visible()
    site.grow({"b.mrc": b"2"})
    page.reload()
    expect(page.locator("[data-word=files]")).to_have_text("3")
    site.grow({"c.mrc": b"3"})
    page.reload()
    expect(page.locator("[data-word=files]")).to_have_text("4")
    page.get_by_role("link", name="Images-Disc1", exact=True).click()
    page.get_by_role("link", name="GridSquare_1", exact=True).click()
    page.get_by_role("link", name="a.mrc", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("a.mrc")


def test_a_file_and_a_folder_are_downloaded_by_a_click(site: Site, browser: Browser, tmp_path: Path) -> None:
    page = open_page(browser, site.link, accept_downloads=True)
    with page.expect_download() as started:
        page.get_by_role("link", name="Download EpuSession.dm").click()
    started.value.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == b"s" * 80_000
    with page.expect_download() as started:
        page.get_by_role("link", name="Download Images-Disc1 as ZIP").click()
    assert started.value.suggested_filename == "Images-Disc1.zip"


def test_the_keyboard_alone_reaches_everything(site: Site, browser: Browser) -> None:
    page = open_page(browser, site.link)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    seen = []
    for _ in range(50):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("(document.activeElement.ariaLabel || document.activeElement.textContent).trim()"))
        outlined = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        if page.evaluate("document.activeElement !== document.body"):
            assert outlined != "none"
    for words in (
        "Command for Python on Linux",
        "Copy",
        "save fs2od-ca.pem",
        "EpuSession.dm",
        "Download EpuSession.dm",
    ):
        assert words in seen
    page.get_by_role("link", name="Images-Disc1", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Images-Disc1")


def test_focusing_a_command_selects_it_and_a_button_copies_it(site: Site, browser: Browser) -> None:
    page = open_page(browser, site.link, permissions=["clipboard-read", "clipboard-write"])
    command = page.locator(".command").first
    command.focus()
    ours = f"{site.link} ribosome --ca fs2od-ca.pem"
    expected = f"curl -fsS --cacert fs2od-ca.pem {site.link.partition('/share/')[0]}/get.py | python3 - {ours}"
    assert page.evaluate("getSelection().toString().trim()") == expected
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == expected


def test_a_swapped_list_keeps_the_focus(site: Site, browser: Browser) -> None:
    page = open_page(browser, site.link)
    page.get_by_role("link", name="EpuSession.dm", exact=True).focus()
    site.grow({"Atlas/atlas.jpg": b"j"})
    expect(page.locator("#listing")).to_contain_text("Atlas", timeout=GROWTH_MS)
    expect(page.get_by_role("link", name="EpuSession.dm", exact=True)).to_be_focused()


def test_times_are_shown_in_the_reader_s_zone_and_name_it(site: Site, browser: Browser) -> None:
    page = open_page(browser, site.link, timezone_id="Asia/Tokyo")
    expect(page.locator("#listing thead")).to_contain_text("GMT+9")
    expect(page.locator("#state time")).to_contain_text("GMT+9")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_every_page_without_scrolling_sideways(site: Site, browser: Browser, scheme: str) -> None:
    site.grow({f"Images-Disc1/FoilHole_{'9' * 120}_Fractions.mrc": b"1"})
    page = open_page(browser, site.link, viewport=PHONE, color_scheme=scheme, is_mobile=True, device_scale_factor=2)
    assert_fits(page)
    shoot(page, f"dataset-phone-{scheme}")
    origin = site.world.node.settings.zone_url
    for path in (
        f"{site.link}/files/Images-Disc1",
        f"{site.link}/files/EpuSession.dm",
        f"{origin}/",
        f"{origin}/join",
        f"{origin}/share/no",
    ):
        page.goto(path)
        assert_fits(page)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(238, 242, 245)"
    assert dark == (scheme == "dark")


def test_every_page_has_headings_in_order_landmarks_and_named_controls(site: Site, browser: Browser) -> None:
    origin = site.world.node.settings.zone_url
    page = open_page(browser, site.link)
    for url in (
        site.link,
        f"{site.link}/files/Images-Disc1",
        f"{site.link}/files/EpuSession.dm",
        f"{origin}/",
        f"{origin}/join",
        f"{origin}/x",
    ):
        page.goto(url)
        assert_accessible(page)


def test_nothing_is_refused_by_the_page_s_own_policy(site: Site, browser: Browser) -> None:
    said: list[str] = []
    page = browser.new_context(ignore_https_errors=True).new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(site.link)
    page.wait_for_timeout(300)
    assert said == []


def test_a_server_that_falls_silent_is_said_so(site: Site, browser: Browser) -> None:
    page = open_page(browser, site.link)
    page.context.route("**/share/*.json", lambda route: route.abort())
    expect(page.locator("[data-announce]")).to_contain_text("not current", timeout=GROWTH_MS)
    assert page.locator("main[data-stale]").count() == 1
    page.context.unroute("**/share/*.json")
    expect(page.locator("main[data-stale]")).to_have_count(0, timeout=GROWTH_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_photographed(site: Site, browser: Browser, scheme: str) -> None:
    page = open_page(browser, site.link, color_scheme=scheme)
    origin = site.world.node.settings.zone_url
    for name, url in {
        "dataset": site.link,
        "folder": f"{site.link}/files/Images-Disc1",
        "file": f"{site.link}/files/EpuSession.dm",
        "front": f"{origin}/",
        "join": f"{origin}/join",
        "problem": f"{origin}/share/no",
    }.items():
        page.goto(url)
        shoot(page, f"{name}-{scheme}")
        assert (SCREENSHOTS / f"{name}-{scheme}.png").stat().st_size > 5_000


def test_a_simulated_session_is_photographed_for_the_readme(site: Site, browser: Browser, tmp_path: Path) -> None:
    session = Session.of_files(250, total_bytes=60_000_000)
    write(session, tmp_path / "session")
    for each in site.dataset.folder.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    shutil.copytree(tmp_path / "session", site.dataset.folder, dirs_exist_ok=True)
    site.world.rescan(site.dataset.space)
    closed = site.world.id_of(site.dataset, session.metadata_file)
    site.world.node.provider.files.set_mode(site.owner.caller, closed, 0o660)
    page = open_page(browser, site.link, viewport={"width": 1120, "height": 900})
    expect(page.locator("[data-word=files]")).to_have_text(str(session.file_count))
    shoot(page, "readme")
