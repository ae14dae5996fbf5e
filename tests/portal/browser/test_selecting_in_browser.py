"""Choosing files and getting them in a real browser: over pages, with the keyboard, and without scripts."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.portal.browser.conftest import PHONE, assert_accessible, assert_fits, open_page, shoot
from tests.portal.conftest import serve_portal

from fs2od.testing.world import Dataset, World, write_files

pytestmark = pytest.mark.browser

FILES = {
    **{f"Movies/movie_{number:03}.mrc": b"m" * 1000 for number in range(250)},
    "Movies/gain & dark.mrc": b"g" * 500_000,
    "Atlas/atlas.jpg": b"j" * 20_000,
    "EpuSession.dm": b"s" * 80_000,
}


@dataclass
class Site:
    world: World
    dataset: Dataset
    link: str


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve_portal(tmp_path) as (world, _):
        owner = world.person()
        dataset = world.dataset(owner, FILES)
        share = world.share(owner, dataset, name="ribosome")
        yield Site(world, dataset, world.node.zone.public_url(share))


def tick(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).check()


def names_in(page: Page, button: str, target: Path, *, role: Literal["button", "link"] = "button") -> set[str]:
    """Press a button or link that starts a download of a ZIP file, and return what it holds, without the top folder."""
    with page.expect_download() as started:
        page.get_by_role(role, name=button, exact=True).click()
    started.value.save_as(target)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        return {name.partition("/")[2] for name in archive.namelist() if not name.endswith("/")}


def test_one_button_brings_everything(site: Site, browser: Browser, tmp_path: Path) -> None:
    page = open_page(browser, site.link, accept_downloads=True)
    assert names_in(page, "Download everything (.zip, 850 kB)", tmp_path / "all.zip") == set(FILES)


def test_a_selection_lasts_over_pages_and_folders_and_says_what_it_adds_up_to(
    site: Site, browser: Browser, tmp_path: Path
) -> None:
    page = open_page(browser, site.link, accept_downloads=True)
    said = page.locator("[data-chosen]")
    expect(page.locator(".chosen button[value=zip]")).to_be_disabled()
    tick(page, "Atlas")
    expect(said).to_have_text("1 file, 20.0 kB")
    page.get_by_role("link", name="Movies", exact=True).click()
    tick(page, "gain & dark.mrc", "movie_000.mrc")
    page.get_by_role("link", name="Next →").click()
    expect(said).to_have_text("3 files, 521 kB")
    tick(page, "movie_249.mrc")
    expect(said).to_have_text("4 files, 522 kB")
    found = names_in(page, ".zip", tmp_path / "some.zip")
    assert found == {"Atlas/atlas.jpg", "Movies/gain & dark.mrc", "Movies/movie_000.mrc", "Movies/movie_249.mrc"}
    page.get_by_role("link", name="← Previous").click()
    expect(page.get_by_role("checkbox", name="Select movie_000.mrc")).to_be_checked()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("checkbox", name="Select movie_000.mrc")).not_to_be_checked()
    expect(said).to_contain_text("Tick files")


def test_all_on_a_page_are_ticked_at_once_and_a_folder_covers_what_it_holds(site: Site, browser: Browser) -> None:
    page = open_page(browser, f"{site.link}/files/Movies")
    everything = page.get_by_role("checkbox", name="Select all on this page")
    everything.check()
    expect(page.locator("[data-chosen]")).to_contain_text("200 files")
    page.get_by_role("checkbox", name="Select movie_000.mrc").uncheck()
    assert everything.evaluate("box => box.indeterminate")
    page.goto(site.link)
    tick(page, "Movies")
    expect(page.locator("[data-chosen]")).to_have_text("251 files, 750 kB")


def test_a_range_is_ticked_with_the_shift_key(site: Site, browser: Browser) -> None:
    page = open_page(browser, f"{site.link}/files/Movies")
    tick(page, "movie_010.mrc")
    page.get_by_role("checkbox", name="Select movie_019.mrc").click(modifiers=["Shift"])
    expect(page.locator("[data-chosen]")).to_contain_text("10 files")


def test_what_is_ticked_stays_ticked_while_the_list_is_renewed(site: Site, browser: Browser) -> None:
    page = open_page(browser, site.link)
    tick(page, "Atlas")
    write_files(site.dataset.folder, {"Later/new.mrc": b"n"})
    site.world.rescan(site.dataset.space)
    expect(page.locator("#listing")).to_contain_text("Later", timeout=60_000)
    expect(page.get_by_role("checkbox", name="Select Atlas")).to_be_checked()
    expect(page.locator("[data-chosen]")).to_have_text("1 file, 20.0 kB")


def test_without_scripts_a_form_does_it(site: Site, browser: Browser, tmp_path: Path) -> None:
    page = open_page(browser, site.link, java_script_enabled=False, accept_downloads=True)
    assert names_in(page, "Download everything (.zip, 850 kB)", tmp_path / "all.zip") == set(FILES)
    page.get_by_role("link", name="Movies", exact=True).click()
    tick(page, "movie_000.mrc", "gain & dark.mrc")
    found = names_in(page, ".zip", tmp_path / "some.zip")
    assert found == {"Movies/movie_000.mrc", "Movies/gain & dark.mrc"}
    page.get_by_role("button", name="Commands and lists").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your selection")
    expect(page.locator(".command").first).to_contain_text("--files-from")
    assert names_in(page, "Download these (.zip, 501 kB)", tmp_path / "again.zip", role="link") == found
    with page.expect_download() as started:
        page.get_by_role("link", name="addresses.txt").click()
    started.value.save_as(tmp_path / "addresses.txt")
    lines = (tmp_path / "addresses.txt").read_text().splitlines()
    assert [line.rpartition("/files/")[2] for line in lines] == ["Movies/gain%20%26%20dark.mrc", "Movies/movie_000.mrc"]


def test_systems_are_chosen_by_click_and_key_also_without_scripts(site: Site, browser: Browser) -> None:
    page = open_page(browser, site.link, java_script_enabled=False)
    visible = page.locator(".tab:visible")
    expect(visible).to_have_count(1)
    expect(visible.locator(".command").first).to_contain_text("python3 -")
    page.locator("#on-linux").focus()
    page.keyboard.press("ArrowRight")
    expect(visible).to_have_class(re.compile("for-cluster"))
    expect(visible.locator(".command").first).to_contain_text("get.py")
    page.get_by_text("Windows", exact=True).first.click()
    expect(visible).to_have_class(re.compile("for-windows"))
    expect(visible.locator(".command").first).to_contain_text("py get.py")


def test_sorting_and_searching_by_hand(site: Site, browser: Browser) -> None:
    page = open_page(browser, f"{site.link}/files/Movies", java_script_enabled=False)
    page.get_by_role("link", name="Size", exact=True).click()
    expect(page.locator("tbody th").first).to_have_text("gain & dark.mrc")
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Size")
    page.get_by_role("link", name="Last", exact=True).click()
    expect(page.locator("tbody th").last).to_have_text("movie_000.mrc")
    page.goto(site.link)
    page.get_by_role("searchbox").fill("MOVIE_24")
    page.keyboard.press("Enter")
    expect(page.locator(".found")).to_contain_text("10 results")
    expect(page.locator("tbody th").first).to_contain_text("in Movies")
    page.get_by_role("link", name="All files").click()
    expect(page.locator("#listing")).to_contain_text("EpuSession.dm")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_new_pages_fit_a_phone_and_everybody_s_hands(site: Site, browser: Browser, scheme: str) -> None:
    page = open_page(browser, f"{site.link}/files/Movies", viewport=PHONE, color_scheme=scheme, is_mobile=True)
    tick(page, "movie_000.mrc")
    assert_fits(page)
    assert_accessible(page)
    shoot(page, f"selecting-phone-{scheme}")
    page.get_by_role("button", name="Commands and lists").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your selection")
    assert_fits(page)
    assert_accessible(page)
    shoot(page, f"selection-phone-{scheme}")
    page.goto(f"{site.link}/files?search=movie")
    assert_fits(page)
    assert_accessible(page)
