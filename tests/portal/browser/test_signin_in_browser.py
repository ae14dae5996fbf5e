"""Signing in, in a real browser over real HTTPS: by a link, and at a real, certified OpenID Connect provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from socket import socket

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.portal.browser.conftest import PHONE, assert_accessible, assert_fits, open_page, shoot
from tests.portal.conftest import in_thread
from tests.portal.identities import real_provider
from tests.portal.signing_in import links_in

from fs2od.node.apps import zone_app
from fs2od.node.certificates import LocalCertificate, ensure_certificate
from fs2od.node.running import Node, open_node
from fs2od.node.serving import Service, listen
from fs2od.node.settings import NodeSettings
from fs2od.node.zone.accounts import Grant, Proof
from fs2od.node.zone.callers import Caller
from fs2od.onedata.ids import GroupId
from fs2od.portal.public import public_pages
from fs2od.portal.signin import ClaimGrant, IdentityProvider, SignInSettings

pytestmark = pytest.mark.browser


@dataclass
class Site:
    """A node with its pages on a port of this machine, and the certified provider that it knows."""

    node: Node
    origin: str
    staff: GroupId
    provider: IdentityProvider | None

    def link(self) -> str:
        return self.origin + links_in(self.node, datetime.now(UTC))[-1]


@contextmanager
def open_site(folder: Path, *, with_provider: bool) -> Iterator[Site]:
    listening = listen(0)
    domain = f"localhost:{listening.getsockname()[1]}"
    certificate = ensure_certificate(folder / "certificates", ["localhost"])
    settings = NodeSettings(
        folder / "node", domain, "localhost:1", name="Example node", facility_name="Example Facility"
    )
    with open_node(settings) as node:
        node.ensure_administrator(folder / "admin.token")
        staff = node.zone.groups.create(Caller(node.zone.users.by_username("admin").id), "staff")
        if not with_provider:
            with serving(node, listening, certificate, SignInSettings()):
                yield Site(node, f"https://{domain}", staff, None)
            return
        grants = (ClaimGrant("groups", "staff", Grant(group=staff)),)
        redirect = f"https://{domain}/sign-in/oidc/lab/answer"
        with (
            real_provider(certificate, redirect, grants=grants) as provider,
            serving(node, listening, certificate, SignInSettings(providers=(provider,))),
        ):
            yield Site(node, f"https://{domain}", staff, provider)


@contextmanager
def serving(node: Node, listening: socket, certificate: LocalCertificate, settings: SignInSettings) -> Iterator[None]:
    pages = public_pages(node.zone, node.provider, ca_pem=certificate.ca.read_bytes(), sign_in=settings)
    with in_thread([Service(zone_app(node.zone, pages=pages), listening)], certificate):
        yield


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path, with_provider=False) as opened:
        yield opened


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path, with_provider=True) as opened:
        yield opened


def sign_in_by_link(page: Page, site: Site, address: str) -> None:
    page.goto(f"{site.origin}/sign-in")
    page.get_by_label("Your mail address").fill(address)
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    page.goto(site.link())
    page.get_by_role("button", name="Sign in").click()


def at_the_lab(page: Page, name: str, *, decline: bool = False) -> None:
    """Sign in at the provider as anybody, and let it tell us, or not."""
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("anything")
    page.get_by_role("button", name="Sign-in").click()
    if decline:
        page.get_by_role("link", name="Cancel").click()
    else:
        page.get_by_role("button", name="Continue").click()


def test_a_link_signs_in_and_sessions_are_ended(site: Site, browser: Browser) -> None:
    page = open_page(browser, f"{site.origin}/join")
    page.get_by_role("link", name="Sign in", exact=True).click()
    assert_accessible(page)
    assert_fits(page)
    shoot(page, "sign-in")
    page.get_by_label("Your mail address").fill("alex@example.org")
    page.get_by_role("button", name="Send me a link").click()
    assert_accessible(page)
    page.goto(site.link())
    assert_accessible(page)
    shoot(page, "sign-in-link")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.origin}/join")
    page.get_by_role("link", name="alex", exact=True).click()
    expect(page.get_by_role("heading", name="Where you are signed in")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)
    shoot(page, "account")
    other = open_page(browser, site.origin, viewport=PHONE)
    sign_in_by_link(other, site, "alex@example.org")
    expect(other.get_by_role("heading", name="alex", exact=True)).to_be_visible()
    assert_fits(other)
    shoot(other, "account-phone")
    page.reload()
    page.get_by_role("button", name="End all others").click()
    expect(page.get_by_role("heading", name="alex", exact=True)).to_be_visible()
    other.reload()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()


def test_scripts_cannot_read_the_cookie_and_no_other_page_frames_ours(site: Site, browser: Browser) -> None:
    page = open_page(browser, site.origin)
    sign_in_by_link(page, site, "alex@example.org")
    expect(page.get_by_role("heading", name="alex", exact=True)).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    cookies = {each["name"]: each for each in page.context.cookies()}
    session = cookies["__Host-fs2od"]
    assert (session["secure"], session["httpOnly"], session["sameSite"], session["path"]) == (True, True, "Lax", "/")
    frame = page.context.new_page()
    frame.set_content(f'<iframe src="{site.origin}/account"></iframe>')
    expect(frame.frame_locator("iframe").get_by_role("heading", name="alex")).to_have_count(0)


def test_a_form_of_another_site_does_nothing(site: Site, browser: Browser, tmp_path: Path) -> None:
    page = open_page(browser, site.origin)
    sign_in_by_link(page, site, "alex@example.org")
    expect(page.get_by_role("heading", name="alex", exact=True)).to_be_visible()
    trap = tmp_path / "trap.html"
    trap.write_text(
        f'<form method="post" action="{site.origin}/account/sessions/end"><input name="session" value="all">'
        "<button>Win</button></form>"
    )
    evil = page.context.new_page()
    evil.goto(trap.as_uri())
    evil.get_by_role("button", name="Win").click()
    expect(evil.get_by_role("heading", name="That did not come from this page")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="alex", exact=True)).to_be_visible()


def test_a_certified_provider_signs_in_and_its_groups_count(lab: Site, browser: Browser) -> None:
    page = open_page(browser, f"{lab.origin}/sign-in?next=/join")
    shoot(page, "sign-in-ways")
    page.get_by_role("button", name="Sign in with Example Lab").click()
    at_the_lab(page, "kim")
    page.wait_for_url(f"{lab.origin}/join")
    page.get_by_role("link", name="kim Example").click()
    expect(page.get_by_text("Example Lab: kim@example.org")).to_be_visible()
    assert lab.provider is not None
    kim = lab.node.zone.accounts.sign_in(Proof("oidc", lab.provider.issuer, "kim"), sign_up="invited")
    assert lab.node.zone.users.groups(kim) == [lab.staff]


def test_who_declines_at_the_provider_is_told_that_nothing_happened(lab: Site, browser: Browser) -> None:
    page = open_page(browser, f"{lab.origin}/sign-in")
    page.get_by_role("button", name="Sign in with Example Lab").click()
    at_the_lab(page, "sam", decline=True)
    expect(page.get_by_role("alert")).to_contain_text("so nothing was done")
    assert page.url.startswith(f"{lab.origin}/sign-in/oidc/lab/answer")
    assert_accessible(page)


def test_both_ways_lead_to_one_account_once_they_are_linked(lab: Site, browser: Browser) -> None:
    page = open_page(browser, lab.origin)
    sign_in_by_link(page, lab, "alex@example.org")
    page.get_by_role("button", name="Add Example Lab").click()
    at_the_lab(page, "alexander")
    expect(page.get_by_text("Example Lab: alexander@example.org")).to_be_visible()
    other = open_page(browser, f"{lab.origin}/sign-in")
    other.get_by_role("button", name="Sign in with Example Lab").click()
    at_the_lab(other, "alexander")
    expect(other.get_by_role("heading", name="alex", exact=True)).to_be_visible()
    other.get_by_role("button", name="Remove: Link by mail to alex@example.org").click()
    expect(other.get_by_text("Link by mail")).to_have_count(0)
    other.get_by_role("button", name="Remove: Example Lab: alexander@example.org").click()
    expect(other.get_by_role("heading", name="This is the only way into your account")).to_be_visible()
