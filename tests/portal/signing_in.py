"""People in front of the pages of signing in, without a browser: they keep cookies and fill in the forms that they see."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import httpx

from fs2od.mail import FolderTransport
from fs2od.node.apps import zone_app
from fs2od.node.running import Node
from fs2od.node.zone.accounts import SealedTransport
from fs2od.portal.public import public_pages
from fs2od.portal.signin import SignInSettings
from fs2od.testing.world import World, open_world

ORIGIN = "https://zone.test"
FORM = re.compile(r"<form[^>]*action=\"(?P<action>[^\"]*)\"[^>]*>(?P<inside>.*?)</form>", re.DOTALL)
FIELD = re.compile(r"<input type=\"hidden\" name=\"([^\"]*)\" value=\"([^\"]*)\"")


@dataclass
class HandClock:
    """A clock that a test moves."""

    moment: datetime = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def now_s(self) -> int:
        return int(self.moment.timestamp())


@dataclass
class Person:
    """Somebody with a browser of their own, at an address of the network of their own."""

    client: httpx.AsyncClient
    page: str = ""
    status: int = 0
    place: str = ""
    headers: httpx.Headers = field(default_factory=httpx.Headers)

    async def open(self, path: str, *, accept: str = "text/html") -> str:
        return self._seen(await self.client.get(path, headers={"Accept": accept}))

    async def press(
        self,
        action: str,
        more: Mapping[str, str] | None = None,
        *,
        origin: str | None = ORIGIN,
        site: str | None = None,
    ) -> str:
        """Send the form of the page last seen whose action this is."""
        form = next(each for each in FORM.finditer(self.page) if html.unescape(each["action"]) == action)
        fields = {name: html.unescape(value) for name, value in FIELD.findall(form["inside"])}
        return await self.send(action, {**fields, **(more or {})}, origin=origin, site=site)

    async def send(
        self, path: str, form: Mapping[str, str], *, origin: str | None = ORIGIN, site: str | None = None
    ) -> str:
        headers = {name: value for name, value in (("Origin", origin), ("Sec-Fetch-Site", site)) if value is not None}
        return self._seen(await self.client.post(path, data=dict(form), headers=headers))

    async def follow(self) -> str:
        return await self.open(self.place)

    def _seen(self, answer: httpx.Response) -> str:
        self.page, self.status, self.headers = answer.text, answer.status_code, answer.headers
        self.place = answer.headers.get("Location", "")
        return self.page


@dataclass
class Hall:
    """A node with its pages, and whoever comes."""

    world: World
    clock: HandClock
    settings: SignInSettings

    @property
    def node(self) -> Node:
        return self.world.node

    def person(
        self, address: str = "127.0.0.1", *, browser: str = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
    ) -> Person:
        app = zone_app(self.node.zone, pages=public_pages(self.node.zone, self.node.provider, sign_in=self.settings))
        transport = httpx.ASGITransport(app, client=(address, 1))
        return Person(
            httpx.AsyncClient(transport=transport, base_url=ORIGIN, trust_env=False, headers={"User-Agent": browser})
        )

    def link(self) -> str:
        """Return the path of the link in the letter that came last."""
        return links_in(self.node, self.clock.now())[-1]

    async def signed_in(self, address: str = "alex@example.org", **how: str) -> Person:
        person = self.person(**how)
        await person.open("/sign-in")
        await person.press("/sign-in/mail", {"address": address})
        assert person.status == 200, person.page
        link = self.link()
        await person.open(link)
        await person.press(link)
        assert person.status == 303, person.page
        return person


def links_in(node: Node, now: datetime) -> list[str]:
    """Deliver what is due, and return the paths of the links in all letters, oldest first."""
    folder = node.settings.data / "outbox"
    node.zone.outbox.deliver(SealedTransport(FolderTransport(folder), node.zone.keys), now, limit=100)
    letters = sorted(folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    texts = [message_from_bytes(path.read_bytes(), policy=default).get_body(("plain",)) for path in letters]
    contents = [str(part.get_content()) for part in texts if part is not None]
    return [
        found for text in contents for found in re.findall(r"^https://[^/]+(/sign-in/link/\S+)$", text, re.MULTILINE)
    ]


@contextmanager
def open_hall(folder: Path, settings: SignInSettings | None = None) -> Iterator[Hall]:
    clock = HandClock()
    with open_world(folder, clock=clock) as world:
        yield Hall(world, clock, settings or SignInSettings())
