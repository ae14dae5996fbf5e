"""Every page under Deque's rules (axe-core), in both languages, light and dark, on a phone and wide; and what stays in English.

Slow for a reason: some thirty pages, each in a real browser four times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.portal.browser.conftest import DESKTOP, PHONE, open_page, shoot
from tests.portal.conftest import describe, serve_portal
from tests.portal.members_scene import Scene
from tests.portal.npm import installed
from tests.portal.signing_in import HandClock

from fs2od.onedata.ids import ShareId, UserId
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.testing.world import Dataset, write_files

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

AXE = installed(Path(__file__).parents[1] / "axe") / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CHECK = """async ([tags, rules]) => {
    const found = await axe.run(document, rules.length ? { runOnly: rules } : { runOnly: { type: "tag", values: tags } });
    return found.violations.map(v => `${v.id}: ${v.help} :: ${v.nodes.map(n => n.html.slice(0, 160) + " " +
        (n.any[0]?.message ?? "")).slice(0, 4).join(" | ")}`);
}"""
# What people wrote, what programs are called and what goes into a shell is the same in every language.
SAID = """() => {
    const skipped = "code, pre, bdi, time, .command, [lang], .mono, script, style, svg, option[value]:not([value=''])";
    const found = new Set();
    const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (node.parentElement.closest("html [lang], code, pre, bdi, time, .mono, script, style")) continue;
        found.add(node.textContent.trim().replace(/\\s+/g, " "));
    }
    for (const each of document.querySelectorAll("[aria-label], [placeholder], [title]"))
        for (const name of ["aria-label", "placeholder", "title"])
            if (each.getAttribute(name) && !each.closest("bdi")) found.add(each.getAttribute(name).trim());
    return [...found].filter((text) => /[A-Za-z]{3}/.test(text));
}"""


@dataclass
class Site:
    """A node with a dataset, its people, its links and its invites."""

    scene: Scene
    share: ShareId
    invite: str

    @property
    def origin(self) -> str:
        return self.scene.world.node.settings.zone_url

    def guest_pages(self) -> list[str]:
        share = f"/share/{self.share}"
        return [
            "/", "/join", "/sign-in", share, f"{share}/files/Images", f"{share}/files/a.txt", f"{share}?search=a", "/none",
            f"{share}?search=nothing", f"{share}/files/nowhere", "/share/0123456789",
        ]  # fmt: skip

    def member_pages(self) -> list[str]:
        base, share = self.scene.base, f"/share/{self.share}"
        people, links = f"{base}/people", f"{base}/links"
        return [
            "/account", "/datasets", "/datasets?search=none", share, base, people, f"{people}/{self.scene.mary.id}/remove",
            f"{people}/invites/{self.invite}/end", f"{base}/leave", links, f"{links}/{self.share}/end", f"{base}/activity",
            "/tokens", "/tokens/new",
        ]  # fmt: skip

    def sign_in(self, page: Page, user: UserId) -> None:
        cookie = self.scene.zone.accounts.sessions.open(user, browser="Firefox on Linux", address="127.0.0.1")
        page.context.add_cookies([{"name": "__Host-fs2od", "value": cookie, "url": self.origin, "secure": True}])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve_portal(tmp_path) as (world, _):
        scene = Scene(world, HandClock())
        write_files(scene.dataset.folder, {"Images/a.mrc": b"m" * 900_000, "Images/b.mrc": b"n" * 50_000})
        world.rescan(scene.space)
        _tell(scene, scene.dataset)
        share = world.share(scene.olive, scene.dataset, name="ribosome")
        scene.joins("Nora New", label="Group of Novák")
        made = scene.zone.invite_book.make(
            scene.olive.caller, InviteToken(InviteType.USER_JOIN_GROUP, scene.members), label="for Brno"
        )
        yield Site(scene, share, str(made.id))


def _tell(scene: Scene, dataset: Dataset) -> None:
    since = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    own = {
        "title": "70S ribosome, grid 2", "instrument": "Titan Krios", "facility": "Example Facility", "state": "acquiring",
        "contact": "data@facility.example.org", "available_until": "2027-03-12", "since": since,
    }  # fmt: skip
    describe(scene.world, scene.olive, dataset, {"fs2od": own, "Technique": "SPA", "Pixel size": "0.83 Å"})


def violations(page: Page) -> list[str]:
    """Return what the rules say against a page, in light and in dark."""
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(CHECK, [WCAG, []])
    page.emulate_media(color_scheme="dark")
    found += [f"dark {each}" for each in page.evaluate(CHECK, [WCAG, ["color-contrast"]])]
    page.emulate_media(color_scheme="light")
    return found


def slug(path: str) -> str:
    return re.sub(r"[^a-z]+", "-", re.sub(r"[0-9a-f]{30}\w*", "x", path)).strip("-") or "front"


def looked_at(page: Page, origin: str, paths: list[str], name: str) -> tuple[list[str], dict[str, set[str]]]:
    """Return what speaks against any of the pages, and what each of them says."""
    against: list[str] = []
    said: dict[str, set[str]] = {}
    for path in paths:
        page.goto(origin + path)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            against.append(f"{path}: wider than the screen")
        against += [f"{path}: {each}" for each in violations(page)]
        said[path] = set(page.evaluate(SAID))
        shoot(page, f"all-{name}-{slug(path)}")
    return against, said


def test_every_page_keeps_the_rules_and_is_said_in_czech_throughout(site: Site, browser: Browser) -> None:
    how: dict[str, Any] = {
        "wide": {"viewport": DESKTOP, "locale": "en-GB"},
        "phone": {"viewport": PHONE, "locale": "cs-CZ"},
    }
    against: list[str] = []
    said: dict[str, dict[str, set[str]]] = {}
    for name, options in how.items():
        page = open_page(browser, site.origin, **options)
        found, guest = looked_at(page, site.origin, site.guest_pages(), f"{name}-guest")
        site.sign_in(page, site.scene.olive.id)
        more, member = looked_at(page, site.origin, site.member_pages(), f"{name}-member")
        against += [f"{name} {each}" for each in (*found, *more)]
        said[name] = {**guest, **{f"member {path}": words for path, words in member.items()}}
    english = [
        f"{path}: {text}"
        for path, words in said["wide"].items()
        for text in sorted(words & said["phone"][path])
        if text not in ("Role", "Token") and not any(known in text for known in SAME)
    ]
    assert not against, "\n".join(against)
    assert not english, "in English still:\n" + "\n".join(english)


# What is written alike in both languages, or is nobody's language.
SAME = (
    "Example node", "70S ribosome", "Titan Krios", "fs2od", "Linux", "macOS", "Windows", "Cluster", "SHA256SUMS", "Metalink",
    "Python", "wget", "curl", "zip", ".tar", "aria2", "rclone", "name@example.org", "sha256sum", "shasum", "(UTC)", "Olive Owner",
)  # fmt: skip
