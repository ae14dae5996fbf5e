"""A real browser, and what every page has to stand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from tests.portal.npm import installed

SCREENSHOTS = Path(__file__).parents[3] / "test-results" / "screenshots"
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
AXE = installed(Path(__file__).parents[1] / "axe") / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_CHECK = """async ([rules]) => {
    const found = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
    return found.violations.map((each) => `${each.id}: ${each.help}: ` +
        each.nodes.slice(0, 4).map((node) => `${node.html.slice(0, 200)} ${node.any[0]?.message ?? ""}`).join(" | "));
}"""
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
# As long as Playwright waits for a page: how busy the machine is decides nothing.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. No longer than for a module: while it is there, no test of its thread can be asynchronous."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """A browser that knows nothing yet. Name it after the site in a test's arguments: no connection is left when that ends."""
    yield chromium
    for context in chromium.contexts:
        context.close()


def open_page(browser: Browser, url: str, **how: Any) -> Page:  # noqa: ANN401 - Playwright's own options
    page = browser.new_context(**{"ignore_https_errors": True, "viewport": DESKTOP, **how}).new_page()
    page.goto(url)
    return page


def let_in(page: Page, cookie: str, origin: str) -> Page:
    """Give a browser the cookie of somebody's session."""
    page.context.add_cookies(
        [{"name": "__Host-fs2od", "value": cookie, "url": origin, "secure": True, "httpOnly": True}]
    )
    return page


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def violations(page: Page) -> list[str]:
    """Return what Deque's rules (WCAG 2.2 AA, and more) say against a page, in light and in dark."""
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(_CHECK, [_RULES])
    page.emulate_media(color_scheme="light" if is_dark else "dark")
    found += page.evaluate(_CHECK, [["color-contrast"]])
    page.emulate_media(color_scheme="dark" if is_dark else "light")
    return found


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def assert_accessible(page: Page) -> None:
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(following <= level + 1 for level, following in pairwise(levels))
    assert page.locator("main").count() == page.locator("header.bar").count() == page.locator("footer").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.title()
    assert violations(page) == []
    unnamed = """[...document.querySelectorAll('a,button,input')].filter(e => e.type !== 'hidden' &&
        !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)"""
    assert page.evaluate(unnamed) == []
    assert page.evaluate("[...document.images].filter(i => !i.hasAttribute('alt')).length") == 0
    assert page.evaluate(
        "new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size === document.querySelectorAll('[id]').length"
    )
    assert page.evaluate("[...document.querySelectorAll('th')].every(th => th.scope)")
