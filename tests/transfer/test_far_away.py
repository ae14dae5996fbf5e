"""What does not need each other is asked for at once: far away, every question takes its time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fs2od.manifests import MANIFEST, PIECE_BYTES, SEAL, SIDECAR
from fs2od.testing.network import HostileShare, Reply, Request, listed, reply_of
from fs2od.testing.sidecars import extend_sidecar
from fs2od.transfer import Download, SharedDataset, parse_link
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._pace import Pace
from fs2od.transfer._run import Ending, Wanted
from fs2od.transfer._sidecar import Sidecar
from fs2od.transfer._work import Work

LONG_S = 20.0
ROOT = Entry("", EntryKind.FOLDER, "root")


@pytest.fixture
def share() -> Iterator[HostileShare]:
    with HostileShare([listed("a", 3)], {"a": b"abc"}) as running:
        yield running


class Together:
    """Answers several questions only when all of them have been asked."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count, timeout=LONG_S)

    def held(self, answer: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        def answered(request: Request) -> Reply:
            if not self._barrier.broken and self._barrier.n_waiting < self._barrier.parties:
                self._barrier.wait()
            return answer(request)

        return answered


def in_folder(*items: dict[str, object]) -> Callable[[Request], Reply]:
    return lambda _: reply_of({"children": list(items), "isLast": True, "nextPageToken": None})


def test_what_a_link_leads_to_is_asked_together(share: HostileShare, tmp_path: Path) -> None:
    first, second = Together(2), Together(2)
    public = share.link.replace("/share/", "/api/v3/onezone/shares/").removeprefix(share.url) + "/public"
    told = {"name": "share", "rootFileId": "root", "fileType": "dir"}
    share.answers = {
        public: first.held(lambda _: reply_of(told)),
        "/.well-known/fs2od.json": first.held(lambda _: reply_of({}, status=404)),
        "facts of root": second.held(lambda _: reply_of(listed("root", kind="DIR", fileId="root"))),
        "children of root": second.held(in_folder(listed("a", 3))),
    }
    report = Download(parse_link(share.link), tmp_path / "out").run()
    assert report.exit_code == 0, report.summary()
    assert (tmp_path / "out" / "a").read_bytes() == b"abc"
    asked = [request.path for request in share.asked]
    assert len(asked) == len(set(asked)), "nothing is asked for twice"


def test_the_manifest_is_asked_for_together(share: HostileShare, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(name.encode() * 3)
        extend_sidecar(tmp_path, seal=name == "c")
    parts = sorted((tmp_path / SIDECAR / MANIFEST).iterdir())
    seal = tmp_path / SIDECAR / SEAL
    share.contents = {path.name: path.read_bytes() for path in (*parts, seal)}
    items = [listed(path.name, path.stat().st_size) for path in parts]
    first, second = Together(2), Together(3)
    share.answers = {
        "children of root": in_folder(listed(SIDECAR, kind="DIR")),
        f"children of id-{SIDECAR}": in_folder(listed(MANIFEST, kind="DIR"), listed(SEAL, len(share.contents[SEAL]))),
        f"content of id-{SEAL}": first.held(lambda _: reply_of(share.contents[SEAL])),
        f"children of id-{MANIFEST}": first.held(in_folder(*items)),
        **{f"content of id-{path.name}": second.held(as_it_is(path)) for path in parts},
    }
    sidecar = Sidecar()
    with SharedDataset(parse_link(share.link)) as dataset:
        sidecar.look(dataset, ROOT, most=1000)
        sidecar.read(dataset)
    assert sidecar.sealed
    assert sorted(sidecar.manifest) == ["a", "b", "c"]


def as_it_is(path: Path) -> Callable[[Request], Reply]:
    return lambda _: reply_of(path.read_bytes())


def test_small_files_are_shared_out_by_their_bytes() -> None:
    work = Work(Pace(4), Ending(lambda: None), in_bulk=True)
    work.put(small=[Wanted((), Entry(f"{number}", EntryKind.FILE, "", PIECE_BYTES // 2)) for number in range(32)])
    work.listing_ended()
    sizes = []
    while (job := work.next()) is not None:
        sizes.append(len(job.batch))
        work.done(job)
    assert sum(sizes) == 32
    assert sizes[0] == 8
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1
