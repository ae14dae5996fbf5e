"""A node with its pages, in process and over HTTPS; and a facility's journal with the operator's pages over it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.types import ASGIApp

from fs2od.facility import Supported
from fs2od.facility.journal import JOURNAL_SCHEMA, ONBOARDING, Facts, Journal, Phase, Problem, ProblemKind, Record, Step
from fs2od.facility.watching import Tally
from fs2od.mail import Letter, parse_mailbox, parse_recipients
from fs2od.node.apps import provider_app, zone_app
from fs2od.node.certificates import ServerCertificate, ensure_certificate
from fs2od.node.running import Node, open_node
from fs2od.node.serving import Service, listen, serve
from fs2od.node.settings import NodeSettings, ReplicationSettings
from fs2od.onedata.ids import ShareId
from fs2od.portal.operator import operator_app
from fs2od.portal.public import public_pages
from fs2od.sqlite import Database
from fs2od.testing.world import Dataset, NoSockets, Person, World, open_world

LONGEST_START_S = 20.0
KEY = "the-operator-s-key"
ORIGIN = "https://operator.test"
START = datetime(2026, 11, 5, 14, 0, tzinfo=UTC)


class Pages:
    """A world, one dataset in it, and a browserless reader of its pages."""

    def __init__(self, world: World, client: httpx.AsyncClient) -> None:
        self.world = world
        self.client = client
        self.owner = world.person()

    def publish(self, files: dict[str, bytes], *, name: str = "70S ribosome") -> tuple[Dataset, ShareId]:
        dataset = self.world.dataset(self.owner, files)
        return dataset, self.world.share(self.owner, dataset, name=name)

    def describe(self, dataset: Dataset, metadata: object) -> None:
        describe(self.world, self.owner, dataset, metadata)

    async def get(self, path: str, *, accept: str = "text/html", status: int = 200) -> str:
        answer = await self.client.get(path, headers={"Accept": accept})
        assert answer.status_code == status, answer.text
        return answer.text


def describe(world: World, owner: Person, dataset: Dataset, metadata: object) -> None:
    located = world.node.provider.access.locate(owner.caller, dataset.root)
    world.node.provider.files.put_metadata(located, "json", {"": metadata})


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    with open_world(tmp_path) as world:
        node = world.node
        zone = zone_app(node.zone, pages=public_pages(node.zone, node.provider))
        world._transports[node.settings.zone_url] = httpx.ASGITransport(zone)
        world._transports[node.settings.provider_url] = httpx.ASGITransport(provider_app(node.provider))
        async with world.client(node.settings.zone_url) as client:
            yield Pages(world, client)


@contextmanager
def serve_portal(folder: Path, *, settle_s: int = 10) -> Iterator[tuple[World, Path]]:
    """Yield a node with its pages at https://localhost:PORT, and the certificate that its clients trust.

    Files are copied elsewhere once they have stood for `settle_s` seconds; less than 0 is at once.
    """
    sockets = [listen(0), listen(0)]
    zone_port, provider_port = (found.getsockname()[1] for found in sockets)
    settings = NodeSettings(
        folder / "node",
        f"localhost:{zone_port}",
        f"localhost:{provider_port}",
        name="Example node",
        replication=ReplicationSettings(settle_s=settle_s),
    )
    certificate = ensure_certificate(folder / "certificates", ["localhost"])
    with open_node(settings) as node:
        pages = public_pages(node.zone, node.provider, ca_pem=certificate.ca.read_bytes(), sites=node.sites)
        apps = [zone_app(node.zone, pages=pages), provider_app(node.provider)]
        services = [Service(app, found) for app, found in zip(apps, sockets, strict=True)]
        node.sites.open_all(NoSockets({}))
        with in_thread(services, certificate):
            yield World(node, folder, administrator(node), {}), certificate.ca


def administrator(node: Node) -> Person:
    node.ensure_administrator(node.settings.data / "admin.token")
    user = node.zone.users.by_username("admin").id
    return Person(user, node.zone.tokens.named_by_name(user, "administrator").token)


@contextmanager
def in_thread(services: list[Service], certificate: ServerCertificate) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    ready, stop, up = asyncio.Event(), asyncio.Event(), threading.Event()

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(services, certificate, stop=stop, ready=ready))
            await ready.wait()
            up.set()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), name="portal")
    thread.start()
    try:
        assert up.wait(LONGEST_START_S)
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@dataclass
class OperatorWorld:
    """The journal, and the clock that the pages look at."""

    database: Database
    journal: Journal
    now: datetime = START + timedelta(hours=2)

    def app(self, *, origin: str = ORIGIN, real_time: bool = False) -> ASGIApp:
        clock = (lambda: datetime.now(UTC)) if real_time else (lambda: self.now)
        return operator_app(self.database, key=KEY, origin=origin, facility_name="Example Facility", clock=clock)

    def add(self, name: str, phase: Phase, *, said: str = "detected", problem: Problem | None = None) -> Record:
        registered = phase in {Phase.ACQUIRING, Phase.FINISHING, Phase.COMPLETE}
        record = Record(
            id=0,
            root="/data/krios1",
            relative=name,
            name=name,
            unique_name=name,
            device=1,
            inode=len(self.journal.records()) + 1,
            detected_at=START + timedelta(minutes=len(self.journal.records())),
            phase=phase,
            done=dict.fromkeys(ONBOARDING, "0a1b") if registered else {Step.SPACE: "0a1b"},
            facts=Facts(f"Title of {name}", "Titan Krios", "Alex Example", {}, ("alex@example.org",), (), ()),
            problem=problem,
            share_url="https://zone.test/share/0a1b" if registered else "",
            tally=Tally(4120, 1_840_000_000_000, 1, ("bad name",), 0, "") if registered else None,
        )
        return self.journal.add(record, said=said, now=record.detected_at)

    def supported(self, record: Record, *sites: Supported) -> None:
        """Let it have been heard where a dataset is supported."""
        asked_us = int((self.now - timedelta(minutes=1)).timestamp()) * 1_000_000
        with self.database.writing() as db:
            row = (record.id, asked_us, msgspec.json.encode(sites))
            db.execute("INSERT OR REPLACE INTO whereabouts VALUES (?, ?, ?)", row)

    def letter(
        self,
        subject: str,
        *,
        html: str = "<p>Hello <b>Alex</b></p>",
        text: str = "Hello Alex",
        to: str = "Alex Example <alex@example.org>",
    ) -> int:
        letter = Letter(
            sender=parse_mailbox("Facility <data@facility.example.org>"),
            to=parse_recipients(to).mailboxes,
            subject=subject,
            text=text,
            html=html,
        )
        with self.database.writing() as db:
            self.journal.outbox.enqueue(db, letter, key=subject, now=START)
        return self.journal.outbox.list_letters(limit=1)[0].id


def open_operator_world(folder: Path) -> OperatorWorld:
    database = Database(folder / "facility.db", JOURNAL_SCHEMA)
    return OperatorWorld(database, Journal(database))


def needs_you(said: str) -> Problem:
    return Problem(ProblemKind.METADATA, said, START)


class OperatorPages:
    """A browserless reader of the operator's pages."""

    def __init__(self, world: OperatorWorld, client: httpx.AsyncClient, app: ASGIApp) -> None:
        self.world = world
        self.client = client
        self.app = app

    async def sign_in(self) -> None:
        answer = await self.post("/sign-in", {"key": KEY})
        assert answer.headers["Location"] == "/", answer.text

    async def post(
        self, path: str, form: dict[str, str] | None = None, *, origin: str | None = ORIGIN
    ) -> httpx.Response:
        headers = {} if origin is None else {"Origin": origin}
        return await self.client.post(path, data=form or {}, headers=headers)

    async def get(self, path: str, *, status: int = 200) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[OperatorPages]:
    world = open_operator_world(tmp_path)
    app = world.app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN, trust_env=False) as client:
        yield OperatorPages(world, client, app)
    world.database.close()
