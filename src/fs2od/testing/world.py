"""A whole node inside a test: real services, real databases, real folders, and clients for every API.

`open_world` answers without sockets; `serve_world` puts the same node on two free ports of this machine, over TLS.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from fs2od.node.apps import provider_app, zone_app
from fs2od.node.certificates import ServerCertificate, ensure_certificate
from fs2od.node.clock import Clock
from fs2od.node.origins import SocketOrigins
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.running import Node, open_node
from fs2od.node.serving import Service, listen, serve
from fs2od.node.settings import NodeSettings, ReplicationSettings
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.memberships import GROUP_USER, SPACE_GROUP, SPACE_USER
from fs2od.node.zone.providers import Provider
from fs2od.node.zone.shares import RootType
from fs2od.onedata import privileges
from fs2od.onedata.ids import FileId, FileRef, GroupId, ShareId, SpaceId, StorageId, UserId, file_id
from fs2od.onedata.tokens import Caveat, Token
from fs2od.storage import Kind

__all__ = ["STORE_HOSTS", "Dataset", "NoSockets", "Person", "ServedWorld", "Site", "World", "open_world", "serve_world"]

_LONGEST_IMPORT_S = 20.0
_LONGEST_START_S = 20.0
_SUPPORT_BYTES = 1 << 30

STORE_HOSTS = ("127.0.0.1", "localhost")
"""Where the stores of tests are: a node reaches them there only because it is told so."""


@dataclass(frozen=True)
class Person:
    """A user and their unconfined access token."""

    id: UserId
    token: Token

    @property
    def caller(self) -> Caller:
        """The person as the services know them, with nothing taken away by a token."""
        return Caller(self.id)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that say who they are."""
        return {"X-Auth-Token": self.token.reveal()}


@dataclass(frozen=True)
class Dataset:
    """A supported space, and the folder whose files it shows."""

    space: SpaceId
    storage: StorageId
    folder: Path
    root: FileId


@dataclass
class World:
    """A node, the person who administers it, and ways to put people and data into it.

    Set-up goes straight to the services; what is tested goes through the clients.
    """

    node: Node
    folder: Path
    administrator: Person
    _transports: dict[str, httpx.AsyncBaseTransport]
    _tokens: int = field(default=0)

    @property
    def transports(self) -> Mapping[str, httpx.AsyncBaseTransport]:
        """The way to each origin, for clients of one's own."""
        return self._transports

    @property
    def zone(self) -> httpx.AsyncClient:
        """A new client of the zone's API."""
        return self._client(f"{self.node.settings.zone_url}/api/v3/onezone")

    @property
    def provider(self) -> httpx.AsyncClient:
        """A new client of the provider's API."""
        return self._client(f"{self.node.settings.provider_url}/api/v3/oneprovider")

    @property
    def panel(self) -> httpx.AsyncClient:
        """A new client of the panel's API."""
        return self._client(f"{self.node.settings.provider_url}/api/v3/onepanel")

    def site(self, name: str = "centre", *, administrator: Person | None = None) -> Site:
        """Return a new further site, administered by a person, the world's administrator by default."""
        provider = self.node.sites.get(self.node.zone.providers.add(self.administrator.caller, name).id)
        if administrator is not None:
            self.node.zone.users.join_cluster(administrator.id, provider.record.cluster, privileges.CLUSTER_ADMIN)
        return Site(self, provider)

    def person(
        self,
        name: str = "Alex Example",
        *,
        zone_privileges: Collection[str] = (),
        cluster_privileges: Collection[str] | None = None,
    ) -> Person:
        """Return a new user; with `cluster_privileges` a member of the provider's cluster."""
        user = self.node.zone.users.add(name, zone_privileges=zone_privileges)
        if cluster_privileges is not None:
            self.node.zone.users.join_cluster(user, self.node.provider.record.cluster, cluster_privileges)
        return Person(user, self.node.zone.tokens.issue_named(user, "access").token)

    def token(self, person: Person, *caveats: Caveat) -> Token:
        """Return another access token of a person, confined by `caveats`."""
        self._tokens += 1
        return self.node.zone.tokens.issue_named(person.id, f"token {self._tokens}", caveats=caveats).token

    def group(self, owner: Person, name: str = "group", *, parent: GroupId | None = None) -> GroupId:
        """Return a new group that `owner` administers."""
        return self.node.zone.groups.create(owner.caller, name, parent=parent)

    def join_group(
        self, group: GroupId, person: Person, held: Collection[str] = frozenset(privileges.GROUP_MEMBER)
    ) -> None:
        """Make a person a member of a group."""
        self.node.zone.memberships.add(GROUP_USER, group, person.id, held)

    def join_space(
        self, space: SpaceId, member: Person | GroupId, held: Collection[str] = frozenset(privileges.SPACE_MEMBER)
    ) -> None:
        """Make a person or a group a member of a space."""
        if isinstance(member, Person):
            self.node.zone.memberships.add(SPACE_USER, space, member.id, held)
        else:
            self.node.zone.memberships.add(SPACE_GROUP, space, member, held)

    def space(self, owner: Person | GroupId, name: str = "space") -> SpaceId:
        """Return a new space that nobody supports yet, owned by a person or by a group of the administrator's."""
        if isinstance(owner, Person):
            return self.node.zone.spaces.create_for_user(owner.caller, name)
        return self.node.zone.spaces.create_for_group(self.administrator.caller, owner, name)

    def dataset(
        self,
        owner: Person | GroupId,
        files: Mapping[str, bytes] | None = None,
        *,
        name: str = "dataset",
        readonly: bool = True,
    ) -> Dataset:
        """Return a new space over a new folder that holds `files` (by relative path), imported."""
        space = self.space(owner, name)
        folder = self.folder / "storage" / space
        folder.mkdir(parents=True)
        write_files(folder, files or {})
        storage = self.node.provider.storages.add_posix(name, str(folder), imported=True, readonly=readonly)
        return self.support(space, storage, folder)

    def results(self, owner: Person | GroupId, *, name: str = "results", size_bytes: int = _SUPPORT_BYTES) -> Dataset:
        """Return a new space that its members write into, and the folder that what they write lies in."""
        space = self.space(owner, name)
        above = self.folder / "written"
        above.mkdir(exist_ok=True)
        provider, zone = self.node.provider, self.node.zone
        known = map(provider.storages.get, provider.storages.every())
        storage = next((each.id for each in known if each.place == above), None) or provider.storages.add_posix(
            "results", str(above)
        )
        with zone.database.writing() as db:
            provider.supports.grant(db, space, storage, size_bytes=size_bytes)
        zone.epoch.move()
        return Dataset(space, storage, above / space, FileId(provider.files.root_id(space)))

    def also_support(self, space: SpaceId, provider: Oneprovider, *, size_bytes: int = _SUPPORT_BYTES) -> StorageId:
        """Support a space at a further site as well, with a new empty folder as its storage."""
        folder = self.folder / "storage" / f"{provider.record.id} {space}"
        folder.mkdir(parents=True)
        storage = provider.storages.add_posix("disk", str(folder))
        with self.node.zone.database.writing() as db:
            provider.supports.grant(db, space, storage, size_bytes=size_bytes)
        self.node.zone.epoch.move()
        return storage

    def support(self, space: SpaceId, storage: StorageId, folder: Path) -> Dataset:
        """Support a space with an imported storage, and wait for its files."""
        provider, zone = self.node.provider, self.node.zone
        with zone.database.writing() as db:
            provider.supports.grant(db, space, storage, size_bytes=_SUPPORT_BYTES)
        zone.epoch.move()
        provider.imports.start_due()
        self.settle(space)
        return Dataset(space, storage, folder, FileId(provider.files.root_id(space)))

    def rescan(self, space: SpaceId) -> None:
        """Import what changed in a space, and wait for it."""
        self.settle(space)
        self.node.provider.imports.force_start(space)
        self.settle(space)

    def settle(self, space: SpaceId) -> None:
        """Wait until the scan of a space has ended, well or not."""
        ended = ("completed", "failed", "aborted")
        wait_until(lambda: self.node.provider.imports.info(space).status in ended, _LONGEST_IMPORT_S)

    def share(self, owner: Person, dataset: Dataset, path: str = "", *, name: str = "share") -> ShareId:
        """Return a new share of a file or directory, made by a member who may."""
        located = self.node.provider.access.locate(owner.caller, self.id_of(dataset, path))
        kind: RootType = "dir" if located.entry.kind is Kind.DIRECTORY else "file"
        return self.node.zone.shares.create(owner.caller, located.ref, kind, name).id

    def id_of(self, dataset: Dataset, path: str = "", *, share: ShareId | None = None) -> FileId:
        """Return the object id of a path in a dataset, as its members or the readers of a share see it."""
        with self.node.provider.indexes.using(dataset.space) as index:
            entry = index.lookup(path.split("/") if path else [])
            if entry is None:
                raise FileNotFoundError(path)
            ref: FileRef = index.ref(entry.row)
        return file_id(ref.through(share))

    def client(self, base: str) -> httpx.AsyncClient:
        """Return a new client of an API of one of the node's origins."""
        return self._client(base)

    def _client(self, base: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=base, transport=_Origins(self._transports), trust_env=False)


@dataclass(frozen=True)
class Site:
    """A further site of a world's node."""

    world: World
    node_provider: Oneprovider

    @property
    def provider(self) -> httpx.AsyncClient:
        """A new client of its provider's API."""
        return self.world.client(f"{self.node_provider.record.url}/api/v3/oneprovider")

    @property
    def panel(self) -> httpx.AsyncClient:
        """A new client of its panel's API."""
        return self.world.client(f"{self.node_provider.record.url}/api/v3/onepanel")


@dataclass
class ServedWorld(World):
    """A world that also answers on two ports of this machine. `ca` is the certificate that its clients trust."""

    ca: Path = Path()


class _Everywhere(dict[str, httpx.AsyncBaseTransport]):
    """One way to every origin."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        super().__init__()
        self._transport = transport

    def __missing__(self, origin: str) -> httpx.AsyncBaseTransport:
        return self._transport


class _Origins(httpx.AsyncBaseTransport):
    """All origins of a node behind one client, so that what leads from one to the other can be followed.

    Cheaper than a client's own mounts, which prepare for TLS each time.
    """

    def __init__(self, transports: Mapping[str, httpx.AsyncBaseTransport]) -> None:
        self._transports = transports

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the request's origin does."""
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        return await self._transports[origin].handle_async_request(request)


class NoSockets:
    """Serves further sites at https://NAME.test, for the world's own clients only."""

    def __init__(self, transports: dict[str, httpx.AsyncBaseTransport]) -> None:
        self._transports = transports

    def reserve(self, asked: Provider) -> str:
        """Return the domain of a site."""
        return f"{asked.name.replace(' ', '-')}.test"

    def serve(self, provider: Oneprovider) -> None:
        """Answer there."""
        app = provider_app(provider)
        self._transports[provider.record.url] = httpx.ASGITransport(app, raise_app_exceptions=False)

    def leave(self, provider: Oneprovider) -> None:
        """Answer there no more."""
        del self._transports[provider.record.url]


@contextmanager
def open_world(
    folder: Path,
    *,
    clock: Clock | None = None,
    plain: bool = False,
    replication: ReplicationSettings | None = None,
    store_hosts: tuple[str, ...] = STORE_HOSTS,
) -> Iterator[World]:
    """Yield a new node in `folder`, at https://zone.test and https://provider.test for its own clients only."""
    settings = NodeSettings(
        folder / "node",
        "zone.test",
        "provider.test",
        plain=plain,
        replication=replication or ReplicationSettings(),
        store_hosts=store_hosts,
        own_authority=True,
    )
    with open_node(settings, clock=clock) as node:
        apps = {
            settings.zone_url: zone_app(node.zone),
            settings.provider_url: provider_app(node.provider, front=node.sites.front),
        }
        transports: dict[str, httpx.AsyncBaseTransport] = {
            origin: httpx.ASGITransport(app, raise_app_exceptions=False) for origin, app in apps.items()
        }
        node.sites.open_all(NoSockets(transports))
        yield World(node, folder, _administrator(node), transports)


@contextmanager
def serve_world(
    folder: Path,
    *,
    clock: Clock | None = None,
    plain: bool = False,
    address: str = "127.0.0.1",
    ports: tuple[int, int] = (0, 0),
    replication: ReplicationSettings | None = None,
) -> Iterator[ServedWorld]:
    """Yield a new node in `folder` that answers over TLS at https://localhost:PORT, two free ports, in a thread.

    With another `address` of this machine, such as 127.0.0.2, what stands before it can take the same ports of 127.0.0.1:
    its links then lead there.
    """
    sockets = [listen(port, address=address) for port in ports]
    zone_port, provider_port = (found.getsockname()[1] for found in sockets)
    settings = NodeSettings(
        folder / "node",
        f"localhost:{zone_port}",
        f"localhost:{provider_port}",
        plain=plain,
        replication=replication or ReplicationSettings(),
        store_hosts=STORE_HOSTS,
    )
    certificate = ensure_certificate(folder / "certificates", ["localhost"])
    with open_node(settings, clock=clock) as node:
        transport = httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=str(certificate.ca)))
        transports = _Everywhere(transport)
        origins = SocketOrigins(
            "localhost", address, 0, app=provider_app, certify=partial(ensure_certificate, folder / "certificates")
        )
        node.sites.open_all(origins)
        world = ServedWorld(node, folder, _administrator(node), transports, ca=certificate.ca)
        services = [
            Service(zone_app(node.zone), sockets[0]),
            Service(provider_app(node.provider, front=node.sites.front), sockets[1]),
        ]
        with _in_thread(node, services, certificate, origins):
            yield world


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their relative paths, and the directories that they lie in."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def wait_until(holds: Callable[[], bool], limit_s: float) -> None:
    """Look every few milliseconds until `holds`.

    Raises:
        TimeoutError: It did not within `limit_s` seconds.
    """
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited for {limit_s} s")
        time.sleep(0.005)


def _administrator(node: Node) -> Person:
    node.ensure_administrator(node.settings.data / "admin.token")
    user = node.zone.users.by_username("admin").id
    return Person(user, node.zone.tokens.named_by_name(user, "administrator").token)


@contextmanager
def _in_thread(
    node: Node, services: list[Service], certificate: ServerCertificate, origins: SocketOrigins
) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    ready, stop = asyncio.Event(), asyncio.Event()
    up = threading.Event()

    async def run() -> None:
        async with node.working(), asyncio.TaskGroup() as group:
            origins.started()
            every = [*services, *origins.services]
            group.create_task(serve(every, certificate, stop=stop, ready=ready, later=origins.later))
            await ready.wait()
            up.set()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), name="served world")
    thread.start()
    try:
        if not up.wait(_LONGEST_START_S):
            raise TimeoutError("the node did not start")
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
