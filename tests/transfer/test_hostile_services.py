"""Against a service that misbehaves: real sockets, real TLS, and answers that no honest Onedata would give."""

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from fs2od.errors import IntegrityFailure
from fs2od.transfer import (
    ConnectionLost,
    Download,
    DownloadLimits,
    LinkEnded,
    MalformedAnswer,
    Options,
    Patience,
    Report,
    UnknownLink,
    parse_link,
    readable_size,
)

SHARE = "5f785efc3a98d2190a03813a097ff8eacha577"
DATA = bytes(range(256)) * 1024
HALF = len(DATA) // 2
QUICK = Patience(tries=4, first_pause_s=0, longest_pause_s=0)


@dataclass
class Asked:
    """One request: whose, what of it, and with which headers (lower case) and body."""

    file_id: str
    what: str
    headers: dict[str, str]
    body: dict[str, Any]


Reply = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


class Cut(Exception):  # an instruction to the server below
    """Break the connection off here."""


def answer(status: str, body: bytes, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def item(
    name: str, size: int = len(DATA), *, kind: str = "REG", mtime: int = 1000, **more: object
) -> dict[str, object]:
    return {"fileId": f"id-{name}", "name": name, "type": kind, "size": size, "mtime": mtime, **more}


@dataclass
class Zone:
    """A zone and provider in one, with a root folder whose listing and whose contents a test sets as it likes."""

    items: list[dict[str, object]] = field(default_factory=lambda: [item("a")])
    contents: dict[str, bytes] = field(default_factory=lambda: {"a": DATA})
    etag: str | None = '"1"'
    pages: Callable[[Asked], dict[str, object]] | None = None
    replies: dict[str, Reply] = field(default_factory=dict)
    ended: bool = False
    asked: list[Asked] = field(default_factory=list)
    open_connections: set[asyncio.Task[None]] = field(default_factory=set)
    port: int = 0

    def contents_asked(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.what == "content"]

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_connections.add(asyncio.create_task(self._serve(reader, writer)))

    async def close(self) -> None:
        for task in self.open_connections:
            task.cancel()
        await asyncio.gather(*self.open_connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _request(reader):
                path, headers, body = request
                await self._reply(path, headers, body, writer)
                await writer.drain()
        except (Cut, ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass
        finally:
            # Also with bytes left that nobody wants: the client went. It is over only when the loop has let go of the socket.
            writer.transport.abort()
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await writer.wait_closed()

    async def _reply(self, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        if self.ended or (SHARE not in path and "/data/" not in path):
            writer.write(answer("404 Not Found", b'{"error":{"id":"notFound","description":"gone"}}'))
        elif path.endswith("/public"):
            writer.write(answer("200 OK", json.dumps(self._public()).encode()))
        else:
            file_id, _, what = path.partition("/data/")[2].partition("/")
            asked = Asked(file_id, what, headers, json.loads(body or b"{}"))
            self.asked.append(asked)
            await self.replies.get(f"{file_id}/{what}", self._as_it_should_be)(asked, writer)

    async def _as_it_should_be(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        match asked.what:
            case "children":
                page = self.pages(asked) if self.pages else {"children": self.items, "isLast": True}
                writer.write(answer("200 OK", json.dumps({"nextPageToken": None, **page}).encode()))
            case "content":
                writer.write(self.content(asked))
            case _:
                root = item("root", kind="DIR") | {"fileId": "root"}
                found = next((i for i in self.items if i["fileId"] == asked.file_id), root)
                writer.write(answer("200 OK", json.dumps(found).encode()))

    def content(self, asked: Asked) -> bytes:
        data = self.contents[asked.file_id.removeprefix("id-")]
        tags = {"ETag": self.etag} if self.etag else {}
        if "range" not in asked.headers:
            return answer("200 OK", data, **tags)
        start, end = (int(word) for word in asked.headers["range"].removeprefix("bytes=").split("-"))
        if start >= len(data):
            return answer("416 Range Not Satisfiable", b"", Content_Range=f"bytes */{len(data)}")
        part = data[start : end + 1]
        told = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
        return answer("206 Partial Content", part, Content_Range=told, **tags)

    def _public(self) -> dict[str, object]:
        url = f"https://localhost:{self.port}"
        return {
            "shareId": SHARE,
            "name": "share",
            "description": "",
            "publicUrl": f"{url}/share/{SHARE}",
            "publicRestUrl": f"{url}/api/v3/onezone/shares/{SHARE}/public",
            "rootFileId": "root",
            "fileType": "dir",
            "handleId": None,
            "creationTime": 1,
        }


async def _request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes] | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first.split()[1], headers, await reader.readexactly(int(headers.get("content-length", "0")))


@dataclass
class Bench:
    """Starts zones, and downloads from them into one folder."""

    out: Path
    authority: trustme.CA
    authority_file: Path
    pauses: list[float] = field(default_factory=list)

    @asynccontextmanager
    async def serving(self, zone: Zone) -> AsyncIterator[Zone]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert("localhost").configure_cert(context)
        server = await asyncio.start_server(zone.accept, "127.0.0.1", 0, ssl=context)
        zone.port = server.sockets[0].getsockname()[1]
        async with server:
            yield zone
            await zone.close()

    async def download(
        self,
        zone: Zone,
        *,
        limits: DownloadLimits | None = None,
        patience: Patience = QUICK,
        stop: threading.Event | None = None,
    ) -> Report:
        options = Options(
            jobs=4,
            limits=limits or DownloadLimits(),
            patience=patience,
            sleep=self.pauses.append,
            ca_file=str(self.authority_file),
        )
        link = parse_link(f"https://localhost:{zone.port}/share/{SHARE}")
        return await asyncio.to_thread(Download(link, self.out, options).run, stop=stop)

    async def run(self, zone: Zone, *, limits: DownloadLimits | None = None) -> Report:
        async with self.serving(zone):
            return await self.download(zone, limits=limits)

    def found(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.out)): p.read_bytes() for p in self.out.rglob("*") if p.is_file()}

    def facts(self) -> dict[Path, tuple[int, int, int]]:
        facts = {path: path.lstat() for path in self.out.rglob("*")}
        return {path: (fact.st_ino, fact.st_size, fact.st_mtime_ns) for path, fact in facts.items()}


@pytest.fixture
def bench(tmp_path: Path, authority: trustme.CA, authority_file: Path) -> Bench:
    return Bench(tmp_path / "out", authority, authority_file)


async def test_an_honest_service_is_believed(bench: Bench) -> None:
    report = await bench.run(Zone())
    assert bench.found() == {"a": DATA}
    assert report.summary() == "1 of 1 files, 262 kB, checked by size only"
    assert (bench.out / "a").stat().st_mtime == 1000


@pytest.mark.parametrize("kind", ["REG", "DIR", "SYMLNK"])
@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..", "x/../../y", "a\0b"])
async def test_names_that_lead_out_are_refused_and_the_rest_arrives(bench: Bench, name: str, kind: str) -> None:
    bench.out.mkdir()
    before = sorted(bench.out.parent.rglob("*"))
    report = await bench.run(Zone([item(name, kind=kind, symlinkValue="a"), item("a")], {"a": DATA, name: DATA}))
    assert report.exit_code == 8
    assert [failure.path for failure in report.failures] == [(name,)]
    assert bench.found() == {"a": DATA}
    assert sorted(bench.out.parent.rglob("*")) == [*before, bench.out / "a"]


async def test_a_link_listed_as_a_folder_too_leads_nowhere(bench: Bench) -> None:
    zone = Zone([item("x", kind="SYMLNK", symlinkValue=".."), item("x", kind="DIR")])
    report = await bench.run(zone)
    assert report.exit_code == 8
    assert not (bench.out / "x").is_symlink()


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "b/../../x"])
async def test_a_link_that_leads_out_is_not_made(bench: Bench, target: str) -> None:
    report = await bench.run(Zone([item("x", kind="SYMLNK", symlinkValue=target), item("a")]))
    assert (report.exit_code, [failure.path for failure in report.left_out]) == (0, [("x",)])
    assert bench.found() == {"a": DATA}
    assert not (bench.out / "x").is_symlink()


async def test_a_listing_without_end_is_left_after_a_bound(bench: Bench) -> None:
    def endless(asked: Asked) -> dict[str, object]:
        page = int(asked.body.get("token", "0"))
        items = [item(f"{page}-{number}", kind="SYMLNK", symlinkValue="a") for number in range(100)]
        return {"children": items, "isLast": False, "nextPageToken": str(page + 1)}

    zone = Zone(pages=endless)
    report = await bench.run(zone, limits=DownloadLimits(folder_entries=1000))
    assert isinstance(report.failures[0].error, MalformedAnswer)
    assert report.exit_code == 4
    assert len(zone.asked) <= 25  # once for the manifest, once for the files


@pytest.mark.parametrize(
    "page",
    [
        {"children": [], "isLast": False, "nextPageToken": "same"},
        {"children": [item("b")], "isLast": False, "nextPageToken": None},
    ],
)
async def test_a_listing_that_turns_in_circles_is_left(bench: Bench, page: dict[str, object]) -> None:
    report = await bench.run(Zone(pages=lambda _: page))
    assert isinstance(report.failures[0].error, MalformedAnswer)


async def test_folders_within_folders_without_end_are_left(bench: Bench) -> None:
    zone = Zone([item("d", 0, kind="DIR")])
    report = await bench.run(zone, limits=DownloadLimits(depth=20))
    assert len(zone.asked) <= 25
    assert len(report.failures) == 1
    assert report.exit_code == 8


async def test_a_share_with_too_many_entries_altogether_stops_the_run(bench: Bench) -> None:
    report = await bench.run(Zone([item("d", 0, kind="DIR")]), limits=DownloadLimits(entries=5))
    assert isinstance(report.stopped_by, MalformedAnswer)


def whole(data: bytes, **headers: str) -> Reply:
    async def reply(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer("200 OK", data, **headers))

    return reply


def without_length(data: bytes) -> Reply:
    async def reply(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + data)
        await writer.drain()
        writer.close()

    return reply


def chunked(data: bytes) -> Reply:
    async def reply(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n")

    return reply


@pytest.mark.parametrize(
    "reply",
    [
        whole(DATA + b"!"),
        whole(DATA[:-1]),
        whole(b""),
        without_length(DATA + b"!"),
        chunked(DATA + b"!" * 5_000_000),
        whole(DATA, Content_Encoding="gzip"),
    ],
)
async def test_a_file_of_another_size_than_announced_never_gets_its_name(bench: Bench, reply: Reply) -> None:
    zone = Zone([item("a"), item("b")], {"b": DATA}, replies={"id-a/content": reply})
    report = await bench.run(zone)
    assert isinstance(report.failures[0].error, IntegrityFailure)
    assert report.exit_code == 8
    assert report.files_done == 1
    assert bench.found() == {"b": DATA}


@pytest.mark.parametrize("reply", [without_length(DATA), chunked(DATA)])
async def test_a_service_that_does_not_say_the_length_is_measured(bench: Bench, reply: Reply) -> None:
    report = await bench.run(Zone(replies={"id-a/content": reply}))
    assert report.exit_code == 0
    assert bench.found() == {"a": DATA}


async def test_fewer_bytes_than_announced_are_asked_for_again_and_not_for_ever(bench: Bench) -> None:
    report = await bench.run(zone := Zone(replies={"id-a/content": chunked(DATA[:10])}))
    assert isinstance(report.failures[0].error, ConnectionLost)
    assert report.exit_code == 4
    # Once more at the end, because the service answers.
    assert len(zone.contents_asked()) <= 2 * (QUICK.tries + 1)
    assert "a" not in bench.found()


def cut_at(zone: Zone, size: int, *, times: int) -> Reply:
    """Answer as one should, but break off after some bytes, the first few times."""
    left = times

    async def reply(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        data = zone.content(asked)
        if not left:
            writer.write(data)
            return
        left -= 1
        head = data.index(b"\r\n\r\n") + 4
        writer.write(data[: head + size])
        await writer.drain()
        raise Cut

    return reply


async def test_a_cut_connection_is_taken_up_where_it_broke_off(bench: Bench) -> None:
    zone = Zone()
    zone.replies["id-a/content"] = cut_at(zone, 70_000, times=3)
    report = await bench.run(zone)
    assert report.exit_code == 0
    assert bench.found() == {"a": DATA}
    starts = [asked.headers.get("range") for asked in zone.contents_asked()]
    assert starts == [None, *(f"bytes={start}-{len(DATA) - 1}" for start in (70_000, 140_000, 210_000))]
    assert report.bytes_fetched == len(DATA)


async def test_a_connection_that_is_always_cut_is_given_up_and_the_rest_arrives(bench: Bench) -> None:
    zone = Zone([item("a"), item("b")], {"a": DATA, "b": DATA})
    zone.replies["id-a/content"] = cut_at(zone, 0, times=1000)
    report = await bench.run(zone)
    assert report.exit_code == 4
    assert bench.found()["b"] == DATA
    assert "a" not in bench.found()


async def test_a_file_that_grows_while_it_is_read_is_taken_as_it_is_now(bench: Bench) -> None:
    zone = Zone()
    longer = DATA * 2

    async def grown(asked: Asked, writer: asyncio.StreamWriter) -> None:
        zone.items, zone.contents = [item("a", len(longer), mtime=2000)], {"a": longer}
        writer.write(zone.content(asked))

    zone.replies["id-a/content"] = grown
    report = await bench.run(zone)
    assert report.exit_code == 0
    assert bench.found() == {"a": longer}
    assert (bench.out / "a").stat().st_mtime == 2000


async def test_a_file_that_never_rests_is_reported_as_such(bench: Bench) -> None:
    zone, size = Zone(), len(DATA)

    async def growing(_: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal size
        size += 1
        zone.items = [item("a", size)]
        writer.write(answer("200 OK", b"x" * (size + 1)))

    zone.replies["id-a/content"] = growing
    report = await bench.run(zone)
    assert "still being written" in report.failures[0].reason


def ranges_answered_with(reply: Reply, zone: Zone) -> Reply:
    """Break off once, then answer every range as `reply` does, and everything else as one should."""
    first = cut_at(zone, HALF, times=1)
    done = False

    async def mixed(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal done
        if not done:
            done = True
            await first(asked, writer)
        elif "range" in asked.headers:
            await reply(asked, writer)
        else:
            writer.write(zone.content(asked))

    return mixed


def part(data: bytes, content_range: str) -> Reply:
    async def reply(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer("206 Partial Content", data, Content_Range=content_range, ETag='"1"'))

    return reply


@pytest.mark.parametrize(
    "reply",
    [
        whole(DATA, ETag='"1"'),
        part(DATA[:HALF], f"bytes 0-{HALF - 1}/{len(DATA)}"),
        part(DATA[HALF:], f"bytes {HALF + 1}-{len(DATA)}/{len(DATA) + 1}"),
        part(DATA[HALF:], f"bytes {HALF}-{len(DATA) - 1}/{len(DATA) + 7}"),
        part(DATA[HALF:], "bytes what-ever/*"),
        part(DATA[HALF:-5], f"bytes {HALF}-{len(DATA) - 6}/{len(DATA)}"),
    ],
)
async def test_a_service_that_cannot_resume_is_read_from_the_beginning(bench: Bench, reply: Reply) -> None:
    zone = Zone()
    zone.replies["id-a/content"] = ranges_answered_with(reply, zone)
    report = await bench.run(zone)
    assert report.exit_code == 0
    assert bench.found() == {"a": DATA}


async def test_a_service_that_asks_for_patience_is_obeyed(bench: Bench) -> None:
    zone, asked_before = Zone(), False

    async def busy_once(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal asked_before
        busy = answer("503 Service Unavailable", b"", Retry_After="7")
        writer.write(zone.content(asked) if asked_before else busy)
        asked_before = True

    zone.replies["id-a/content"] = busy_once
    report = await bench.run(zone)
    assert report.exit_code == 0
    assert max(bench.pauses) >= 7


async def test_a_service_that_is_always_busy_is_given_up(bench: Bench) -> None:
    async def busy(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer("503 Service Unavailable", b"", Retry_After="1"))

    zone = Zone(replies={"id-a/content": busy})
    report = await bench.run(zone)
    assert report.exit_code == 4
    assert len(zone.contents_asked()) <= 2 * QUICK.tries


async def test_a_refused_file_does_not_keep_the_others(bench: Bench) -> None:
    async def refused(_: Asked, writer: asyncio.StreamWriter) -> None:
        body = b'{"error":{"id":"posix","description":"no","details":{"errno":"eacces"}}}'
        writer.write(answer("400 Bad Request", body))

    zone = Zone([item("a"), item("b")], {"b": DATA}, replies={"id-a/content": refused})
    report = await bench.run(zone)
    assert report.exit_code == 0
    assert bench.found() == {"b": DATA}
    assert report.summary() == f"1 of 1 files, {readable_size(len(DATA))}, checked by size only; 1 for members only: a"


async def test_a_link_that_gives_nothing_at_all_is_not_a_success(bench: Bench) -> None:
    async def refused(_: Asked, writer: asyncio.StreamWriter) -> None:
        body = b'{"error":{"id":"posix","description":"no","details":{"errno":"eacces"}}}'
        writer.write(answer("400 Bad Request", body))

    zone = Zone([item("a")], {}, replies={"id-a/content": refused})
    assert (await bench.run(zone)).exit_code == 5


async def test_a_link_that_ends_in_the_middle_stops_the_run_and_keeps_what_came(bench: Bench) -> None:
    zone = Zone([item(f"f{number:02}") for number in range(50)], {f"f{number:02}": DATA for number in range(50)})

    async def end(asked: Asked, writer: asyncio.StreamWriter) -> None:
        zone.ended = True
        writer.write(zone.content(asked))

    zone.replies["id-f10/content"] = end
    report = await bench.run(zone)
    assert isinstance(report.stopped_by, LinkEnded)
    assert report.exit_code == 5
    assert 1 <= report.files_fetched < 50


async def test_an_unknown_link_is_told_apart(bench: Bench) -> None:
    with pytest.raises(UnknownLink, match="leads nowhere") as unknown:
        await bench.run(Zone(ended=True))
    assert unknown.value.exit_code == 6
    assert not bench.out.exists()


async def test_an_unreachable_service_is_given_up_after_a_bounded_number_of_failures(bench: Bench) -> None:
    names = [f"f{number:03}" for number in range(200)]

    async def cut(_: Asked, _writer: asyncio.StreamWriter) -> None:
        raise Cut

    zone = Zone([item(name) for name in names], replies={f"id-{name}/content": cut for name in names})
    report = await bench.run(zone)
    assert isinstance(report.stopped_by, ConnectionLost)
    assert report.exit_code == 4
    assert len(report.failures) < 20


async def test_a_zone_that_lists_only_names_and_ids_is_asked_for_the_rest(bench: Bench) -> None:
    zone = Zone(pages=lambda _: {"children": [{"id": "id-a", "name": "a"}], "isLast": True})
    report = await bench.run(zone)
    assert report.exit_code == 0
    assert bench.found() == {"a": DATA}


async def test_a_second_run_asks_for_no_content_and_changes_nothing(bench: Bench) -> None:
    zone = Zone([item("a"), item("e", 0), item("l", 1, kind="SYMLNK", symlinkValue="a"), item("d", 0, kind="DIR")])
    zone.pages = lambda asked: {"children": zone.items if asked.file_id == "root" else [], "isLast": True}
    async with bench.serving(zone):
        await bench.download(zone)
        before = bench.facts()
        zone.asked.clear()
        report = await bench.download(zone)
    assert zone.contents_asked() == []
    assert (report.files_present, report.bytes_fetched, report.exit_code) == (2, 0, 0)
    assert bench.facts() == before
    assert (bench.out / "d").is_dir()
    assert (bench.out / "l").readlink() == Path("a")


async def test_two_downloads_into_one_folder_at_once_end_right(bench: Bench) -> None:
    names = [f"f{number:02}" for number in range(40)]
    zone = Zone([item(name) for name in names], dict.fromkeys(names, DATA))
    async with bench.serving(zone):
        reports = await asyncio.gather(bench.download(zone), bench.download(zone))
    assert [report.summary() for report in reports] == ["40 of 40 files, 10.5 MB, checked by size only"] * 2
    assert bench.found() == dict.fromkeys(names, DATA)
