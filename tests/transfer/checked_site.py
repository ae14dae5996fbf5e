"""A share with a manifest or without one, from a service that may do anything, and the folder that it is brought to."""

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fs2od.manifests import (
    PIECE_BYTES,
    SEAL,
    Digester,
    Manifest,
    dump_part,
    dump_seal,
    parse_part,
    part_name,
    seal_of,
)
from fs2od.testing.network import Broken, HostileShare, Reply, Request, listed, reply_of
from fs2od.transfer import (
    Download,
    Options,
    Patience,
    Report,
    parse_link,
)

__all__ = ["BIG", "BUSY", "CUT", "FEW", "MTIME_S", "QUICK", "REFUSED", "Site", "honest", "site", "spoil", "stop_now"]


BIG = random.Random(7).randbytes(3 * PIECE_BYTES + 12_345)


QUICK = Options(jobs=4, patience=Patience(tries=4, first_pause_s=0.01, longest_pause_s=0.05))


MTIME_S = 1000


@dataclass
class Site:
    """A share, and the folder that it is brought to."""

    share: HostileShare
    out: Path

    def run(self, options: Options = QUICK, stop: threading.Event | None = None) -> Report:
        return self.download(options).run(stop=stop)

    def download(self, options: Options = QUICK) -> Download:
        return Download(parse_link(self.share.link), self.out, options)

    def offer(self, files: dict[str, bytes]) -> None:
        self.share.contents.update(files)
        self.share.items[:] = [listed(name, len(data), mtime=MTIME_S) for name, data in self.share.contents.items()]

    def promise(self, files: dict[str, bytes], *, sealed: bool = False, parts: int = 1) -> None:
        """Put a manifest beside the files, as so many parts."""
        entries = []
        for name, data in files.items():
            digester = Digester()
            digester.update(data)
            entries.append(digester.entry(name, MTIME_S * 10**9))
        each = -(-len(entries) // parts)
        made = [dump_part(number + 1, entries[number * each : (number + 1) * each]) for number in range(parts)]
        seal = dump_seal(seal_of(Manifest(map(parse_part, made))))
        self.share.items.append(listed("fs2od-sidecar", kind="DIR"))
        inside = [listed("manifest", kind="DIR"), *([listed(SEAL, len(seal))] if sealed else [])]
        self.serve_folder("fs2od-sidecar", inside)
        names = [part_name(number + 1) for number in range(parts)]
        self.serve_folder("manifest", [listed(name, len(part)) for name, part in zip(names, made, strict=True)])
        self.share.contents |= {**dict(zip(names, made, strict=True)), SEAL: seal}

    def serve_folder(self, name: str, items: list[dict[str, object]]) -> None:
        page = {"children": items, "isLast": True, "nextPageToken": None}
        self.share.answers[f"children of id-{name}"] = lambda _: reply_of(page)

    def ranges(self, name: str = "big.mrc") -> list[tuple[int, int | None] | None]:
        return [asked.range for asked in self.share.asked if asked.path.endswith(f"id-{name}/content")]

    def found(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.out.iterdir() if path.is_file()}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with HostileShare() as share:
        yield Site(share, tmp_path / "out")


def honest(site: Site, request: Request, name: str = "big.mrc") -> Reply:
    data, wanted = site.share.contents[name], request.range
    if wanted is None:
        return reply_of(data, headers={"ETag": '"1"'})
    first, last = wanted[0], len(data) - 1 if wanted[1] is None else wanted[1]
    part = data[first : last + 1]
    said = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(data)}", "ETag": '"1"'}
    return reply_of(part, status=206, headers=said)


REFUSED = reply_of({"error": {"id": "forbidden"}}, status=403)


BUSY = reply_of(b"", status=503)


class _Broken:
    """A body that ends too early, and its connection with it, so that nobody waits for more; as often as it is asked for."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"{"
        raise Broken("cut")


CUT = Reply(200, {"Content-Length": "1000"}, _Broken())


FEW = {f"{number}.mrc": bytes([number]) * 1000 for number in range(6)}


def stop_now(stop: threading.Event) -> None:
    """Ask a download to stop, and return when it has noticed: the thread that waits for that has ended."""
    stop.set()
    for thread in threading.enumerate():
        if thread.name == "fs2od-stop":
            thread.join()


def spoil(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]
