"""What is renamed or removed while it is downloaded: the way of a dataset that grows, a failure in one that is complete."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fs2od.manifests import PIECE_BYTES, SEAL, Digester, Manifest, dump_part, dump_seal, parse_part, seal_of
from fs2od.testing.network import HostileShare, Reply, Request, listed, reply_of
from fs2od.transfer import Download, LinkEnded, Options, Patience, Report, parse_link, write_report

BIG = random.Random(9).randbytes(2 * PIECE_BYTES + 1_000)
QUICK = Options(jobs=4, patience=Patience(tries=4, first_pause_s=0.01, longest_pause_s=0.05))
GONE = reply_of({"error": {"id": "notFound", "description": "gone"}}, status=404)
MTIME_S = 1000


@dataclass
class Growing:
    """A share of a dataset that a test changes while it is read, and the folder that it is brought to."""

    share: HostileShare
    out: Path

    def run(self, options: Options = QUICK) -> Report:
        return Download(parse_link(self.share.link), self.out, options).run()

    def show(self, folder: str = "root", **files: bytes) -> None:
        """Let a folder list these files from now on; a double underscore stands for a dot."""
        named = {name.replace("__", "."): data for name, data in files.items()}
        self.share.contents.update(named)
        items = [listed(name, len(data), mtime=MTIME_S) for name, data in named.items()]
        self.serve(folder, items)

    def serve(self, folder: str, items: list[dict[str, object]]) -> None:
        self.share.items[:] = [*items, *self.share.items]  # what is asked for one by one
        self.share.answers[f"children of {folder}"] = lambda _: reply_of(
            {"children": items, "isLast": True, "nextPageToken": None}
        )

    def move(self, name: str, then: Callable[[], None]) -> None:
        """Let a file be gone as soon as its bytes are asked for; `then` says what is there in its place."""

        def gone(_: Request) -> Reply:
            then()
            return GONE

        self.share.answers[f"content of id-{name}"] = gone

    def promise(self, files: dict[str, bytes], *, sealed: bool = False) -> dict[str, object]:
        """Make a manifest, and return what lists it."""
        entries = []
        for name, data in files.items():
            digester = Digester()
            digester.update(data)
            entries.append(digester.entry(name, MTIME_S * 10**9))
        part = dump_part(1, entries)
        seal = dump_seal(seal_of(Manifest([parse_part(part)])))
        self.serve("id-manifest", [listed("000001.jsonl", len(part))])
        more = [listed(SEAL, len(seal))] if sealed else []
        self.serve("id-fs2od-sidecar", [listed("manifest", kind="DIR"), *more])
        self.share.contents |= {"000001.jsonl": part, SEAL: seal}
        return listed("fs2od-sidecar", kind="DIR")

    def found(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.out)): path.read_bytes() for path in self.out.rglob("*") if path.is_file()}


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    with HostileShare() as share:
        yield Growing(share, tmp_path / "out")


def test_what_was_renamed_comes_under_its_new_name_and_nobody_is_alarmed(growing: Growing, tmp_path: Path) -> None:
    growing.show(a__mrc=b"a", b__tmp=b"bb", c__tmp=b"c")
    for name in ("b.tmp", "c.tmp"):
        growing.move(name, lambda: growing.show(a__mrc=b"a", b__mrc=b"bb", c__mrc=b"c", d__mrc=b"dd"))
    report = growing.run(replace(QUICK, with_files=True))
    assert report.exit_code == 0
    assert growing.found() == {"a.mrc": b"a", "b.mrc": b"bb", "c.mrc": b"c", "d.mrc": b"dd"}
    assert (report.files_total, report.files_done, report.gone) == (4, 4, ("b.tmp", "c.tmp"))
    assert report.summary() == (
        "4 of 4 files, 6 B, checked by size only; 2 files were renamed or removed while the dataset grew"
    )
    write_report(str(tmp_path / "report.json"), report, "out")
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["complete"]
    assert told["renamed_or_removed"] == ["b.tmp", "c.tmp"]
    assert {file["path"]: file["state"] for file in told["files"]}["b.tmp"] == "gone"


def test_of_a_large_file_that_was_renamed_nothing_is_left(growing: Growing) -> None:
    growing.show(big__tmp=BIG)
    asked = []

    def give_the_first_piece(request: Request) -> Reply:
        asked.append(request.range)
        if request.range is None or request.range[0]:
            growing.show(big__mrc=BIG)
            return GONE
        first, last = request.range
        said = {"Content-Range": f"bytes {first}-{last}/{len(BIG)}"}
        return reply_of(BIG[: (last or 0) + 1], status=206, headers=said)

    growing.share.answers["content of id-big.tmp"] = give_the_first_piece
    report = growing.run(replace(QUICK, jobs=1))
    assert report.exit_code == 0, report.summary()
    assert len(asked) > 2
    assert growing.found() == {"big.mrc": BIG}
    assert report.summary().endswith("; 1 file was renamed or removed while the dataset grew")


@pytest.mark.parametrize("bulk", [True, False])
def test_a_folder_that_was_renamed_comes_under_its_new_name(growing: Growing, bulk: bool) -> None:
    """With `bulk` it goes when its files are asked for, else before it is listed."""
    growing.serve("root", [listed("Square.tmp", kind="DIR")])
    growing.show("id-Square.tmp", x__mrc=b"x")
    growing.show("id-Square", x__mrc=b"x", y__mrc=b"y")

    def rename() -> None:
        growing.serve("root", [listed("Square", kind="DIR")])
        growing.share.answers["children of id-Square.tmp"] = lambda _: GONE
        growing.share.answers.pop("content of id-x.mrc", None)

    if bulk:
        growing.move("x.mrc", rename)
    else:

        def gone(_: Request) -> Reply:
            rename()
            return GONE

        growing.share.answers["children of id-Square.tmp"] = gone
    report = growing.run()
    assert report.exit_code == 0, report.summary()
    assert {"Square/x.mrc", "Square/y.mrc"} == growing.found().keys()
    files = ("Square.tmp/x.mrc",) if bulk else ()
    assert report.gone == ("Square.tmp/", *files)
    said = "1 file and 1 folder were" if bulk else "1 folder was"
    assert report.summary().endswith(f"; {said} renamed or removed while the dataset grew")
    assert report.files_total == 2


def test_from_a_complete_dataset_nothing_may_vanish(growing: Growing) -> None:
    files = {"a.mrc": b"a", "b.mrc": b"b"}
    sidecar = growing.promise(files, sealed=True)
    growing.serve("root", [*(listed(name, 1, mtime=MTIME_S) for name in files), sidecar])
    growing.share.contents |= files
    growing.move("b.mrc", lambda: growing.serve("root", [listed("a.mrc", 1, mtime=MTIME_S), sidecar]))
    report = growing.run()
    assert [str(failure) for failure in report.failures] == ["b.mrc: it is not there any more"]
    assert (report.exit_code, report.gone) == (6, ())


@pytest.mark.parametrize(
    ("sidecar", "promised", "code"), [(False, False, 6), (True, True, 6), (True, False, 0)], ids=str
)
def test_what_is_listed_still_is_asked_for_once_more_and_forgiven_only_where_the_listing_may_lag(
    growing: Growing, sidecar: bool, promised: bool, code: int
) -> None:
    items = [listed("a.mrc", 1, mtime=MTIME_S)]
    growing.serve("root", [*items, *([growing.promise({"a.mrc": b"a"} if promised else {})] if sidecar else [])])
    growing.move("a.mrc", lambda: None)
    report = growing.run()
    assert report.exit_code == code
    assert len(report.gone) == (0 if code else 1)
    asked = [each for each in growing.share.asked if each.path.endswith("id-a.mrc/content")]
    assert len(asked) == 2


def test_what_is_there_again_comes(growing: Growing) -> None:
    growing.show(a__mrc=b"a", b__mrc=b"b")

    def write_b_longer() -> None:
        del growing.share.answers["content of id-b.mrc"]
        growing.show(a__mrc=b"a", b__mrc=b"longer")

    growing.move("a.mrc", lambda: growing.share.answers.__delitem__("content of id-a.mrc"))
    growing.move("b.mrc", write_b_longer)
    report = growing.run()
    assert (report.exit_code, report.files_total, report.files_fetched, report.gone) == (0, 2, 2, ())
    assert growing.found() == {"a.mrc": b"a", "b.mrc": b"longer"}


def test_what_failed_otherwise_is_not_tried_again_and_counted_once(growing: Growing) -> None:
    growing.show(a__tmp=b"a", bad__mrc=b"b", refused=b"c")
    growing.share.answers["content of id-refused"] = lambda _: reply_of({"error": {"id": "forbidden"}}, status=403)
    growing.share.answers["content of id-bad.mrc"] = lambda _: reply_of(b"much longer than it should be")
    growing.move("a.tmp", lambda: growing.show(a__mrc=b"a", bad__mrc=b"b", refused=b"c"))
    report = growing.run()
    assert {"/".join(failure.path) for failure in report.failures} == {"refused", "bad.mrc"}
    assert (report.exit_code, report.files_total, report.gone) == (8, 3, ("a.tmp",))
    assert growing.found() == {"a.mrc": b"a"}


def test_names_that_pass_for_ever_come_to_an_end(growing: Growing) -> None:
    number = 0

    def next_one() -> None:
        nonlocal number
        number += 1
        growing.serve("root", [listed(f"{number}.tmp", 1, mtime=MTIME_S)])
        growing.move(f"{number}.tmp", next_one)

    next_one()
    report = growing.run()
    assert report.exit_code == 0
    assert 2 <= number < 20
    assert len(report.gone) == number - 1


def test_a_link_that_ended_is_not_taken_for_a_dataset_that_grows(growing: Growing) -> None:
    growing.show(a__mrc=b"a", b__mrc=b"b")

    def end() -> None:
        for path in ("children of root", "content of id-a.mrc", "content of id-b.mrc"):
            growing.share.answers[path] = lambda _: GONE
        for request in growing.share.asked:
            if request.path.endswith("/public"):
                growing.share.answers[request.path] = lambda _: GONE

    growing.move("a.mrc", end)
    report = growing.run(replace(QUICK, jobs=1))
    assert isinstance(report.stopped_by, LinkEnded)
    assert (report.exit_code, report.gone) == (5, ())


def test_who_follows_hears_of_the_last_look_only(growing: Growing) -> None:
    growing.show(a__tmp=b"a")

    def finish() -> None:
        sidecar = growing.promise({"a.mrc": b"a"}, sealed=True)
        growing.share.contents["a.mrc"] = b"a"
        growing.serve("root", [listed("a.mrc", 1, mtime=MTIME_S), sidecar])

    growing.move("a.tmp", finish)
    report = growing.run(replace(QUICK, follow=True, follow_every_s=0.05))
    assert (report.exit_code, report.sealed, report.gone) == (0, True, ())
    assert growing.found()["a.mrc"] == b"a"


def test_a_seal_that_is_listed_still_and_was_taken_away_for_a_new_part_alarms_nobody(growing: Growing) -> None:
    """The facility takes seal and sums away when something changed; the service lists them until its next scan."""
    manifest = growing.promise({"a.mrc": b"a"}, sealed=True)
    growing.serve("root", [listed("a.mrc", 1), manifest])
    growing.share.contents["a.mrc"] = b"a"
    seal = len(growing.share.contents[SEAL])
    inside = [listed("manifest", kind="DIR"), listed(SEAL, seal), listed("SHA256SUMS", 70)]
    growing.serve("id-fs2od-sidecar", inside)
    for name in (SEAL, "SHA256SUMS"):
        growing.move(name, lambda: None)
    report = growing.run()
    assert (report.exit_code, report.sealed, report.manifest_error) == (0, False, None)
    assert report.gone == ("fs2od-sidecar/SHA256SUMS", "fs2od-sidecar/sealed.json")
    assert report.files_intact == 1
