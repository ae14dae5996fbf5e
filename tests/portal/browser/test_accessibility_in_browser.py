"""Every page under Deque's rules (axe-core), in both languages, light and dark, on a phone and wide; and what stays in English.

Slow for a reason: some thirty pages, each in a real browser four times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.portal.browser.conftest import DESKTOP, PHONE, let_in, open_page, shoot, violations
from tests.portal.conftest import KEY, describe, in_thread, needs_you, open_operator_world, serve_portal
from tests.portal.members_scene import Scene
from tests.portal.signing_in import HandClock, links_in

from fs2od.facility import Supported
from fs2od.facility.journal import Phase
from fs2od.node.certificates import ensure_certificate
from fs2od.node.serving import Service, listen
from fs2od.node.zone.offers import Offer
from fs2od.onedata.ids import ShareId, UserId
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.testing.world import Dataset, write_files

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

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

FOCUSED = """() => {
    const here = document.activeElement;
    // A radio button that cannot be seen shows its focus on its label.
    const shown = here.matches("input.hidden") ? here.nextElementSibling : here;
    return {
        index: [...document.querySelectorAll("*")].indexOf(here), text: here.textContent.trim(),
        outline: parseFloat(getComputedStyle(shown).outlineWidth), width: shown.getBoundingClientRect().width,
    };
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
            f"{people}/invites/{self.invite}/end", f"{base}/leave", links, f"{links}/{self.share}/end", f"{base}/activity", f"{base}/compute", "/device",
            "/tokens", "/tokens/new",
        ]  # fmt: skip

    def administrator_pages(self) -> list[str]:
        own = f"/sites/{self.scene.world.node.provider.record.id}"
        support = f"{own}/spaces/{self.scene.space}"
        return ["/sites", own, f"{own}/spaces", support, f"{support}/end", f"{own}/storages", f"{own}/offer"]

    def sign_in(self, page: Page, user: UserId) -> None:
        cookie = self.scene.zone.accounts.sessions.open(user, browser="Firefox on Linux", address="127.0.0.1")
        let_in(page, cookie, self.origin)


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
        _at_sites(scene)
        yield Site(scene, share, str(made.id))


def _at_sites(scene: Scene) -> None:
    """Have the dataset copied to one site, which never comes to an end, and another one asked for storage."""
    node, administrator = scene.world.node, scene.world.administrator.caller
    for name in ("centre", "other", "third"):
        site, folder = scene.world.site(name).node_provider, scene.world.folder / name
        folder.mkdir()
        storage = site.storages.add_posix("results", str(folder))
        scene.zone.offers.set(administrator, site.record.id, Offer(True, 10**13, "S3", storage))
        if name == "centre":
            scene.world.also_support(scene.space, site)
        if name == "other":
            scene.zone.support_requests.ask(scene.olive.caller, scene.space, site.record.id, 10**9)
        if name != "third":
            node.sites.front.wishes.make(scene.olive.caller, scene.space, site.record.id)


def _tell(scene: Scene, dataset: Dataset) -> None:
    since = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    own = {
        "title": "70S ribosome, grid 2", "instrument": "Titan Krios", "facility": "Example Facility", "state": "acquiring",
        "contact": "data@facility.example.org", "available_until": "2027-03-12", "since": since,
    }  # fmt: skip
    describe(scene.world, scene.olive, dataset, {"fs2od": own, "Technique": "SPA", "Pixel size": "0.83 Å"})


def slug(path: str) -> str:
    return re.sub(r"[^a-z]+", "-", re.sub(r"[0-9a-f]{30}\w*", "x", path)).strip("-") or "front"


@dataclass
class Reader:
    """Somebody who looks at pages in one language, and notes what speaks against them and what they say."""

    origin: str
    page: Page
    name: str
    against: list[str] = field(default_factory=list)
    said: dict[str, set[str]] = field(default_factory=dict)

    def look(self, where: str) -> None:
        self.against += [f"{self.name} {where}: {each}" for each in violations(self.page)]
        if self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self.against.append(f"{self.name} {where}: wider than the screen")
        self.said[where] = set(self.page.evaluate(SAID)) | {self.page.title()}
        shoot(self.page, f"all-{self.name}-{slug(where)}")

    def read(self, who: str, paths: list[str]) -> None:
        for path in paths:
            self.page.goto(self.origin + path)
            self.look(f"{who} {path}")

    def press(self, selector: str, where: str) -> None:
        self.page.locator(selector).first.click()
        self.page.wait_for_load_state()
        self.look(where)


def join(reader: Reader, site: Site, address: str) -> None:
    """From the link of an invitation to the page that says that one is in, and out again."""
    page = reader.page
    made = site.scene.zone.invite_book.make(
        site.scene.olive.caller, InviteToken(InviteType.USER_JOIN_GROUP, site.scene.members), label=address
    )
    page.goto(f"{site.origin}/join#{made.token.reveal()}")
    page.wait_for_selector("form[action='/join/forget']", state="attached")
    reader.look("invitation")
    page.locator("a.button").click()
    page.locator("input[name=address]").fill(address)
    reader.press("form[action='/sign-in/mail'] button", "letter sent")
    page.goto(site.origin + links_in(site.scene.world.node, datetime.now(UTC))[-1])
    reader.look("link of the letter")
    reader.press("main form button", "invitation of somebody who is signed in")
    reader.press("form[action='/join/accept'] button", "joined")


def work(reader: Reader, site: Site) -> None:
    """What members do: choose files, and make a token, an invite and a link."""
    page = reader.page
    page.goto(f"{site.origin}/share/{site.share}/files")
    page.locator("input[name=path]").first.check()
    reader.press("button[formaction$='/selection']", "selection")
    page.goto(f"{site.origin}/tokens/new?dataset={site.scene.space}")
    page.locator("input[name=name]").fill(f"laptop {reader.name}")
    reader.press("button[value=look]", "token looked at")
    reader.press("button[value=make]", "token made")
    page.goto(f"{site.origin}/tokens")
    reader.press("main a[href^='/tokens/']:not([href='/tokens/new'])", "token")
    compute = f"{site.origin}{site.scene.base}/compute"
    page.goto(compute)
    page.locator("select[name=results]").select_option(index=1)
    reader.press("form[action$='/job'] button", "token for a job made")
    page.goto(compute)
    reader.press("form[action$='/support-token'] button", "support token made")
    page.goto(compute)
    page.locator("input[name=hours]").fill("none")
    reader.press("form[action$='/job'] button", "hours that are none")
    page.goto(f"{site.origin}{site.scene.base}/people")
    page.locator("input[name=label]").fill("Group of Novák")
    reader.press("form[action$='/people/invites'] button", "invite made")
    reader.read("member", [f"{site.scene.base}/links/new", f"{site.scene.base}/links/{site.share}", "/device"])
    page.locator("input[name=code]").fill("BCDF-GHJK")
    reader.press("form[action='/device'] button", "wrong code of a machine")


def test_every_page_keeps_the_rules_and_is_said_in_czech_throughout(site: Site, browser: Browser) -> None:
    how: dict[str, Any] = {
        "wide": {"viewport": DESKTOP, "locale": "en-GB"},
        "phone": {"viewport": PHONE, "locale": "cs-CZ"},
    }
    readers = [Reader(site.origin, open_page(browser, site.origin, **options), name) for name, options in how.items()]
    for reader in readers:
        reader.read("guest", site.guest_pages())
        site.sign_in(reader.page, site.scene.olive.id)
        reader.read("member", site.member_pages())
        work(reader, site)
        site.sign_in(reader.page, site.scene.world.administrator.id)
        reader.read("administrator", site.administrator_pages())
        reader.page.context.clear_cookies()
        join(reader, site, f"{reader.name}@example.org")
    assert_all_is_well(*readers)


def test_the_keyboard_reaches_everything_in_order_and_is_always_seen(site: Site, browser: Browser) -> None:
    page = open_page(browser, f"{site.origin}/share/{site.share}", viewport=PHONE)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    seen: list[dict[str, Any]] = []
    for _ in range(60):
        seen.append(page.evaluate(FOCUSED))
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
    assert all(each["outline"] >= 2 and each["width"] > 0 for each in seen), seen
    assert [each["index"] for each in seen] == sorted(each["index"] for each in seen)
    assert seen[-1]["text"] == "English"


def test_the_operator_s_pages_keep_the_rules_and_are_said_in_czech(browser: Browser, tmp_path: Path) -> None:
    world = open_operator_world(tmp_path)
    world.add("20261105_A", Phase.ACQUIRING)
    own = Supported("p0", "facility", 10 << 40, is_own=True)
    stuck = Supported(
        "p2", "cloud", 10**12, files=4120, copied_files=118, size_bytes=10**12, problem="fs2od: it is full"
    )
    world.supported(world.add("20261104_B", Phase.COMPLETE), own, stuck)
    world.add("20261103_P2", Phase.SEEN, problem=needs_you("SPA.yml line 7: expected a mapping, found a list"))
    world.letter("Your data from Titan Krios: 70S ribosome, grid 2")
    listening = listen(0)
    origin = f"https://localhost:{listening.getsockname()[1]}"
    certificate = ensure_certificate(tmp_path / "certificates", ["localhost"])
    app = world.app(origin=origin, real_time=True)
    with closing(world.database), in_thread([Service(app, listening)], certificate):
        readers = [
            Reader(origin, open_page(browser, origin, viewport=DESKTOP, locale=each), each)
            for each in ("en-GB", "cs-CZ")
        ]
        for reader in readers:
            reader.look("sign-in")
            reader.page.locator("#key").fill("wrong")
            reader.press("main form button", "wrong key")
            reader.page.locator("#key").fill(KEY)
            reader.page.keyboard.press("Enter")
            reader.page.wait_for_selector("#rows")
            reader.read(
                "operator",
                [
                    "/",
                    "/dataset/20261103_P2",
                    "/dataset/20261105_A",
                    "/dataset/20261104_B",
                    "/outbox",
                    "/outbox/1",
                    "/none",
                ],
            )
        assert_all_is_well(*readers)


def assert_all_is_well(english: Reader, czech: Reader) -> None:
    against = [*english.against, *czech.against]
    assert not against, "\n".join(against)
    assert english.said.keys() == czech.said.keys()
    left = [
        f"{where}: {text}"
        for where, words in english.said.items()
        for text in sorted(words & czech.said[where])
        if text not in SAME and not any(known in text for known in SAME_PARTS)
    ]
    assert not left, "in English still:\n" + "\n".join(left)


# What is written alike in both languages, or is nobody's language.
SAME = {
    "Role", "Token", "(UTC)", "sha256sum", "shasum", "Id", "Slurm", "addresses.txt", "chosen.txt", "files.txt", "files.meta4", "Onedata",
    "Olive Owner", "Example node", "Example Facility", "facility", "Administrator", "posix",
}  # fmt: skip
SAME_PARTS = (
    # What the journal notes.
    "detected", "https://zone.test", "· Example Facility", "· facility",
    "centre", "other: S3", "third", "70S ribosome", "Titan Krios", "fs2od", "Linux", "macOS", "Windows", "Cluster", "SHA256SUMS", "Metalink",
    "Python", "wget", "curl", "zip", ".tar", "aria2", "rclone", "name@example.org", "@example.org",
)  # fmt: skip
