"""Clients of a real node, whose every request the published API descriptions judge; and a scripted server over real TLS."""

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import trustme
from tests.client.operations import TESTED

from fs2od.client import Connection, Observer, Onepanel, Oneprovider, Onezone, ProxyOf, Renewal, Retries, Timeouts
from fs2od.onedata.tokens import Token
from fs2od.testing.world import Person, World, open_world

DESCRIPTIONS = Path(__file__).parents[3] / "shared" / "onedata" / "openapi"
SERVICES = ("onezone", "oneprovider", "onepanel")
# The descriptions call these bodies strings; on the wire they are any document, and {"expression"}.
ANY_BODY = {"set_json_metadata", "set_rdf_metadata", "evaluate_qos_expression"}
# Bytes of files.
ANY_BODY |= {"create_file", "create_file_at_path", "update_file_content"}
# What services take although the descriptions do not say so.
UNDESCRIBED_KEYS = {
    "create_user_space": {"idGeneratorSeed"},
    "add_onezone_user": {"emails"},  # ours: where links to sign in are sent
    "create_share": {"fileId"},
    "create_transfer": {"fileId"},  # described, but only in a subclass that nothing refers to
}

HURRIED = Timeouts(
    connect=timedelta(seconds=5), silence=timedelta(milliseconds=150), answer=timedelta(milliseconds=400)
)


@dataclass(frozen=True)
class Described:
    """One operation of a published API description."""

    service: str
    method: str
    path: str
    document: Mapping[str, Any]

    @property
    def operation_id(self) -> str:
        return str(self.document["operationId"])

    @property
    def pattern(self) -> re.Pattern[str]:
        # A parameter that can be a path of its own may be empty, too.
        loose = re.sub(r"/\\\{(path|subpath)\\\}", "(?:/.+)?", re.escape(self.path))
        return re.compile(re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", loose))

    def parameters(self, place: str) -> list[dict[str, Any]]:
        return [parameter for parameter in self.document.get("parameters", []) if parameter["in"] == place]


@cache
def descriptions() -> dict[str, dict[str, Any]]:
    if not DESCRIPTIONS.exists():
        return {}
    found = {service: json.loads((DESCRIPTIONS / f"{service}-21.02.7.json").read_text()) for service in SERVICES}
    definitions = found["onezone"]["definitions"]
    del definitions["TokenPropertyTokenType"]["enum"]  # pseudo-code instead of values
    # Here the description has the answer's model by mistake; its twin for administrators is right.
    (group,) = found["onezone"]["paths"]["/user/groups"]["post"]["parameters"]
    group["schema"] = {"$ref": "#/definitions/GroupCreateRequest"}
    # Our node adds people without passwords.
    found["onepanel"]["definitions"]["OnezoneUserCreateRequest"]["required"] = ["username"]
    definitions["InviteTokenPropertyUsageLimit"] = {"oneOf": [{"type": "integer"}, {"enum": ["infinity"]}]}
    return found


@cache
def described() -> list[Described]:
    return [
        Described(service, method.upper(), path, document)
        for service, description in descriptions().items()
        for path, methods in description["paths"].items()
        for method, document in methods.items()
        if method != "parameters"
    ]


def judge(request: httpx.Request) -> None:
    """Hold a request to the published description of its service, if that is here."""
    if not descriptions() or "/fs2od/" in request.url.path:
        return  # Ours beyond Onedata is described nowhere else.
    _, service, path = re.split(r"^/api/v3/(\w+)", request.url.raw_path.decode().partition("?")[0])
    fitting = [one for one in described() if one.service == service and one.method == request.method]
    fitting = [one for one in fitting if one.pattern.fullmatch(path)]
    assert fitting, f"no description has {request.method} {request.url.path}"
    # The one with the most literal text is meant: /user/groups/join and not /user/groups/{gid}.
    best = min(fitting, key=lambda one: one.path.count("{"))
    names = {parameter["name"] for parameter in best.parameters("query")}
    assert set(request.url.params.keys()) <= names
    judge_body(best, request.content)


def judge_body(operation: Described, content: bytes) -> None:
    body = operation.parameters("body")
    if not content:
        assert not any(parameter.get("required") for parameter in body)
        return
    if operation.operation_id == "get_shared_data":
        return  # The zone passes the body on; the provider's description knows it.
    assert body, f"{operation.operation_id} takes no body"
    if operation.operation_id in ANY_BODY:
        return
    definitions = descriptions()[operation.service]["definitions"]
    schema, document = body[0]["schema"], json.loads(content)
    jsonschema.Draft4Validator({**schema, "definitions": definitions}).validate(document)
    known = keys_of(schema, definitions)
    assert not known or set(document) <= known | UNDESCRIBED_KEYS.get(operation.operation_id, set())


def keys_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> set[str]:
    """Return the keys that a schema names; none if it takes any."""
    if "$ref" in schema:
        return keys_of(definitions[schema["$ref"].removeprefix("#/definitions/")], definitions)
    named = set(schema.get("properties", {}))
    return named.union(*(keys_of(part, definitions) for part in schema.get("allOf", [])))


class Judged(httpx.AsyncBaseTransport):
    """Passes requests on to the applications of a node, by origin, after the descriptions have judged them."""

    def __init__(self, by_origin: Mapping[str, httpx.AsyncBaseTransport]) -> None:
        self._by_origin = by_origin
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.sent.append(request)
        if request.url.path.startswith("/api/"):
            judge(request)
        return await self._by_origin[f"https://{request.url.netloc.decode()}"].handle_async_request(request)


@dataclass
class Clients:
    """One person's clients of a node."""

    connection: Connection
    zone: Onezone
    provider: Oneprovider
    panel: Onepanel
    sent: list[httpx.Request]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture
def transport(world: World) -> Judged:
    return Judged(world._transports)


Speak = Callable[[Person | None], Clients]


class Operations:
    """Notes which operations succeed."""

    def __init__(self) -> None:
        self.done: set[str] = set()

    def before_request(self, method: str, operation: str) -> None:
        del method, operation

    def after_response(self, method: str, operation: str, status: int) -> None:
        del method
        if status < 300:
            self.done.add(operation)


@pytest.fixture
async def speak(world: World, transport: Judged, request: pytest.FixtureRequest) -> AsyncIterator[Speak]:
    """Return a person's clients, or a guest's; afterwards the test must have made the calls that the table says it makes."""
    operations = Operations()
    async with contextlib.AsyncExitStack() as stack:

        def clients(person: Person | None) -> Clients:
            connection = Connection(token=person.token if person else None, transport=transport, observer=operations)
            stack.push_async_callback(connection.close)
            zone, provider = world.node.settings.zone_url, world.node.settings.provider_url
            return Clients(
                connection,
                Onezone(connection, zone),
                Oneprovider(connection, provider),
                Onepanel(connection, provider),
                transport.sent,
            )

        yield clients
    here = f"{request.path.name}::{request.node.originalname}"
    promised = {operation for (_, operation), place in TESTED.items() if place == here}
    assert promised <= operations.done


@pytest.fixture
def admin(world: World, speak: Speak) -> Clients:
    return speak(world.administrator)


@dataclass(frozen=True)
class Seen:
    """A request as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Scripted:
    """A server over TLS that answers with what it is told, byte by byte, and closes each connection afterwards."""

    origin: str = ""
    replies: list[Reply] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            self.seen.append(await read_request(reader))
            reply = self.replies.pop(0) if self.replies else b""
            if isinstance(reply, bytes):
                writer.write(reply)
            else:
                await reply(writer)
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return Seen(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def reply(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """Return an answer; `_` in the names of headers stands for `-`."""
    given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    given = {"content-length": str(len(body)), "connection": "close"} | given
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body


def silent(for_s: float) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 Fine\r\ncontent-length: 1000\r\n\r\n")
        await asyncio.sleep(for_s)

    return talk


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


Serve = Callable[..., Awaitable[Scripted]]


@pytest.fixture
async def serve(authority: trustme.CA) -> AsyncIterator[Serve]:
    """Start scripted servers: `await serve(reply, reply, …)`."""
    servers: list[asyncio.Server] = []

    async def start(*replies: Reply, name: str = "localhost") -> Scripted:
        scripted = Scripted(replies=list(replies))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0, ssl=context)
        servers.append(server)
        scripted.origin = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        return scripted

    yield start
    for server in servers:
        server.close()


@dataclass
class Pauses:
    """A clock that only moves while somebody sleeps."""

    slept_s: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return sum(self.slept_s)

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


Connect = Callable[..., Connection]


@pytest.fixture
async def connect(ca_file: Path, pauses: Pauses) -> AsyncIterator[Connect]:
    """Return connections that trust the scripted servers and never really wait."""
    async with contextlib.AsyncExitStack() as stack:

        def new(
            *,
            token: str | None = None,
            timeouts: Timeouts | None = None,
            retries: Retries | None = None,
            trusted: Path | None = ca_file,
            observer: Observer | None = None,
            largest_answer_bytes: int = 1 << 20,
            clock: Callable[[], datetime] = lambda: datetime.now(UTC),
            renewal: Renewal | None = None,
            proxy_of: ProxyOf | None = None,
        ) -> Connection:
            connection = Connection(
                token=Token(token) if token else None,
                ca_file=trusted,
                timeouts=timeouts,
                retries=retries,
                monotonic=pauses.monotonic,
                sleep=pauses.sleep,
                chance=lambda: 0.5,
                observer=observer,
                largest_answer_bytes=largest_answer_bytes,
                clock=clock,
                renewal=renewal,
                proxy_of=proxy_of,
            )
            stack.push_async_callback(connection.close)
            return connection

        yield new
