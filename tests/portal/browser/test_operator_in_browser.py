"""The operator's pages in a real browser, over real HTTPS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.portal.browser.conftest import PHONE, assert_accessible, assert_fits, open_page, shoot
from tests.portal.conftest import KEY, OperatorWorld, in_thread, needs_you, open_operator_world

from fs2od.facility.journal import Phase
from fs2od.node.certificates import ensure_certificate
from fs2od.node.serving import Service, listen

pytestmark = pytest.mark.browser


@dataclass
class Desk:
    """The operator's pages on a port of this machine."""

    world: OperatorWorld
    origin: str


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    world = open_operator_world(tmp_path)
    listening = listen(0)
    origin = f"https://localhost:{listening.getsockname()[1]}"
    certificate = ensure_certificate(tmp_path / "certificates", ["localhost"])
    with (
        closing(world.database),
        in_thread([Service(world.app(origin=origin, real_time=True), listening)], certificate),
    ):
        yield Desk(world, origin)


def fill(desk: Desk) -> None:
    world = desk.world
    world.add("20261105_A", Phase.ACQUIRING)
    world.add("20261104_B", Phase.COMPLETE)
    world.add("20261105_C", Phase.FINISHING)
    world.add("20261106_D", Phase.ONBOARDING)
    world.add("20261103_P2", Phase.SEEN, problem=needs_you("SPA.yml line 7: expected a mapping, found a list"))
    world.add(
        "20261101_K1", Phase.ONBOARDING, problem=needs_you("support refused: the quota of storage 'krios1' is used up")
    )
    record = world.journal.records()[0]
    for kind, said in [("space", "made"), ("share", "published"), ("announced", "mail written")]:
        world.journal.write(record, kind=kind, said=said, now=datetime.now(UTC))
    world.letter("Your data from Titan Krios: 70S ribosome, grid 2")


def sign_in(browser: Browser, desk: Desk, **how: object) -> Page:
    page = open_page(browser, desk.origin, **how)
    page.get_by_label("Operator's key").fill(KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Datasets")).to_be_visible()
    return page


def test_a_wrong_key_is_said_so_and_the_right_one_opens(desk: Desk, browser: Browser) -> None:
    page = open_page(browser, desk.origin)
    page.get_by_label("Operator's key").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("That is not the key")
    page.get_by_label("Operator's key").fill(KEY)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1, name="Datasets")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1, name="Operator's page")).to_be_visible()


def test_new_datasets_appear_without_a_reload(desk: Desk, browser: Browser) -> None:
    page = sign_in(browser, desk)
    page.evaluate("window.untouched = true")
    expect(page.locator("#rows")).to_contain_text("No datasets yet")
    desk.world.add("20261105_A", Phase.ACQUIRING)
    expect(page.locator("#rows")).to_contain_text("20261105_A", timeout=60_000)
    desk.world.add("20261103_P2", Phase.SEEN, problem=needs_you("SPA.yml line 7: expected a mapping"))
    expect(page.locator("#stuck")).to_contain_text("SPA.yml line 7", timeout=60_000)
    assert page.evaluate("window.untouched")


def test_everything_works_without_scripts(desk: Desk, browser: Browser) -> None:
    fill(desk)
    page = sign_in(browser, desk, java_script_enabled=False)
    page.get_by_role("button", name="Try again: 20261103_P2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("20261103_P2")
    assert len(desk.world.journal.wishes()) == 1
    page.get_by_role("link", name="Outbox").click()
    page.get_by_role("link", name="Your data from Titan Krios").click()
    expect(page.get_by_text("Hello Alex").first).to_be_visible()


def test_the_letter_s_html_can_run_nothing(desk: Desk, browser: Browser) -> None:
    letter = desk.world.letter("Evil", html="<p id='p'>as sent</p><script>document.body.textContent = 'ran'</script>")
    page = sign_in(browser, desk)
    page.goto(f"{desk.origin}/outbox/{letter}")
    page.get_by_text("As HTML").click()
    expect(page.frame_locator("iframe").locator("#p")).to_have_text("as sent")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_can_be_used_by_all(desk: Desk, browser: Browser, scheme: str) -> None:
    fill(desk)
    page = open_page(browser, desk.origin, viewport=PHONE, color_scheme=scheme)
    assert_accessible(page)
    assert_fits(page)
    page = sign_in(browser, desk, viewport=PHONE, color_scheme=scheme, device_scale_factor=2)
    for path in ("/", "/outbox", "/dataset/20261105_A", "/dataset/20261103_P2", "/outbox/1", "/none"):
        page.goto(desk.origin + path)
        assert_fits(page)
        assert_accessible(page)
    page.goto(desk.origin)
    shoot(page, f"operator-phone-{scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_photographed(desk: Desk, browser: Browser, scheme: str) -> None:
    fill(desk)
    page = open_page(browser, desk.origin, color_scheme=scheme)
    shoot(page, f"operator-sign-in-{scheme}")
    page = sign_in(browser, desk, color_scheme=scheme)
    for name, path in {
        "operator": "/",
        "operator-history": "/dataset/20261105_A",
        "operator-stuck": "/dataset/20261103_P2",
        "operator-outbox": "/outbox",
        "operator-letter": "/outbox/1",
    }.items():
        page.goto(desk.origin + path)
        shoot(page, f"{name}-{scheme}")
