from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from fs2od.client import Connection, Observer, Onepanel, Oneprovider, Onezone, Retries
from fs2od.configuration import Configuration
from fs2od.facility import DATABASE_NAME, JOURNAL_SCHEMA, DatasetRow, Datasets, Facility
from fs2od.facility.journal import Record, read_records
from fs2od.mail import Outbox
from fs2od.node.apps import provider_app, zone_app
from fs2od.node.running import Node, open_node
from fs2od.node.settings import NodeSettings
from fs2od.onedata.tokens import Token
from fs2od.sqlite import Database

OnePass = Callable[[], Awaitable[None]]
Letter = EmailMessage

ZONE, PROVIDER = "zone.test", "provider.test"

METADATA = """# written by the facility
ProjectName: Ribosomes
Technique: SPA
User:
  Fullname: Alex Example
  Email: alex@example.org
Sample:
  Name: 70S ribosome, grid 2
"""


@dataclass
class Clock:
    """A clock that stands unless it is moved, a little after the real one so that files have settled."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def move(self, **amount: float) -> None:
        self.now += timedelta(**amount)


class Both(httpx.AsyncBaseTransport):
    """Carries requests to the node's two applications, by host; `away` makes nobody answer."""

    def __init__(self, node: Node) -> None:
        self._zone = httpx.ASGITransport(zone_app(node.zone))
        self._provider = httpx.ASGITransport(provider_app(node.provider))
        self.away = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("nobody answers")
        inner = self._zone if request.url.host == ZONE else self._provider
        return await inner.handle_async_request(request)


class Requests:
    """Counts requests by operation."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    def before_request(self, method: str, operation: str) -> None:
        self.sent[f"{method} {operation}"] += 1

    def after_response(self, method: str, operation: str, status: int) -> None:
        """Nothing to count."""


@dataclass
class World:
    """A node, a watched folder, and a facility configured for both."""

    folder: Path
    node: Node
    transport: Both
    token_file: Path
    clock: Clock

    @property
    def watched(self) -> Path:
        return self.folder / "watched"

    @property
    def state(self) -> Path:
        return self.folder / "facility"

    @property
    def token(self) -> Token:
        return Token(self.token_file.read_text().strip())

    def configuration(self, **changes: dict[str, object]) -> Configuration:
        document: dict[str, object] = {
            "onedata": {
                "zone": f"https://{ZONE}",
                "provider": f"https://{PROVIDER}",
                "token_file": self.token_file,
                "provision": True,
            },
            "facility": {"contact": "desk@example.org", "name": "Test facility"},
            "mail": {"sender": "desk@example.org"},
            "watch": [{"path": self.watched, **changes.pop("watch", {})}],
        }
        for section, values in changes.items():
            document[section] = {**document.get(section, {}), **values}  # type: ignore[dict-item]  # every section is a mapping
        return Configuration.model_validate(document)

    def facility(
        self,
        *,
        configuration: Configuration | None = None,
        observer: Observer | None = None,
        fault_point: Callable[[str], None] = lambda _: None,
    ) -> Facility:
        return Facility(
            configuration or self.configuration(),
            data=self.state,
            connect=lambda token: self.connection(token, observer=observer),
            clock=self.clock,
            fault_point=fault_point,
        )

    def connection(self, token: Token | None = None, *, observer: Observer | None = None) -> Connection:
        return Connection(
            token=token or self.token, transport=self.transport, observer=observer, retries=Retries(tries=1)
        )

    @contextlib.asynccontextmanager
    async def onedata(self) -> AsyncIterator[tuple[Onezone, Oneprovider, Onepanel]]:
        async with self.connection() as connection:
            yield (
                Onezone(connection, f"https://{ZONE}"),
                Oneprovider(connection, f"https://{PROVIDER}"),
                Onepanel(connection, f"https://{PROVIDER}"),
            )

    def dataset(
        self, name: str = "20261103_P2", *, metadata: str = METADATA, files: int = 3, running: bool = False
    ) -> Path:
        folder = self.watched / name
        folder.mkdir(parents=True)
        for number in range(files):
            (folder / f"movie_{number}.mrc").write_bytes(b"x" * (100 + number))
        if running:
            (folder / ".running").touch()
        (folder / "SPA.yml").write_text(metadata)
        return folder

    def letters(self) -> list[Letter]:
        """The mails in the outbox folder, those of one second by subject."""
        paths = sorted((self.state / "outbox").glob("*.eml"))
        return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]

    def subjects(self) -> list[str]:
        """The subjects of the mails that lie in the outbox folder, newest first."""
        with self.database() as database:
            rows = Outbox(database).list_letters(limit=1000)
        there = {path.stem for path in (self.state / "outbox").glob("*.eml")}
        return [row.subject for row in rows if row.name in there]

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        with contextlib.closing(Database(self.state / DATABASE_NAME, JOURNAL_SCHEMA)) as database:
            yield database

    async def until(self, one_pass: OnePass, done: Callable[[], bool], *, step_s: float = 0.5, most: int = 300) -> None:
        """Make passes until it is done; the clock moves on, and the node starts its due imports, in between."""
        for _ in range(most):
            await one_pass()
            if done():
                return
            self.clock.move(seconds=step_s)
            await asyncio.to_thread(self.node.provider.imports.start_due)
            await asyncio.sleep(0.01)
        raise AssertionError(f"it did not come about: {self.rows()}")

    async def completed_dataset(self, name: str = "20261103_P2") -> Path:
        """Write a dataset, let a facility of its own bring it to its end, and return its folder."""
        async with self.facility().opened() as one_pass:
            folder = self.dataset(name, running=True)
            await self.until(one_pass, self.is_in("acquiring", name))
            (folder / ".running").unlink()
            await self.until(one_pass, self.is_in("complete", name))
        return folder

    def rows(self) -> dict[str, DatasetRow]:
        with self.database() as database:
            return {row.name: row for row in Datasets(database).list()}

    def history(self, name: str) -> list[str]:
        with self.database() as database:
            return [event.kind for event in Datasets(database).history(name)]

    def records(self) -> dict[str, Record]:
        with self.database() as database:
            return {record.name: record for record in read_records(database)}

    def trouble(self) -> str:
        with self.database() as database:
            return Datasets(database).onedata_trouble()

    def retry(self, name: str) -> None:
        with self.database() as database:
            Datasets(database).retry(name, self.clock())

    def is_in(self, state: str, *names: str) -> Callable[[], bool]:
        def holds() -> bool:
            rows = self.rows()
            return all(name in rows and rows[name].state == state for name in names)

        return holds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(tmp_path: Path, clock: Clock) -> AsyncIterator[World]:
    settings = NodeSettings(tmp_path / "node", zone_domain=ZONE, provider_domain=PROVIDER)
    with open_node(settings) as node:
        token_file = tmp_path / "token"
        node.ensure_administrator(token_file)
        (tmp_path / "watched").mkdir()
        async with node.working():
            yield World(tmp_path, node, Both(node), token_file, clock)
