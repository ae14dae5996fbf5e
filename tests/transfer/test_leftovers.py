"""What a download that was killed left in a folder that another one fills at the same time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fs2od.testing.network import HostileShare, Reply, Request, listed, reply_of
from fs2od.transfer import Download, Entry, EntryKind, Mirror, Options, parse_link
from fs2od.transfer import _leftovers as leftovers
from fs2od.transfer._partials import PartialName, partial_name

MTIME_S = 1000


@pytest.fixture
def share() -> Iterator[HostileShare]:
    with HostileShare([listed(name, 1, mtime=MTIME_S) for name in "ab"], {"a": b"a", "b": b"b"}) as share:
        yield share


def partial_of(name: str) -> PartialName:
    return partial_name(name, Entry(name, EntryKind.FILE, f"id-{name}", 1, MTIME_S).state())


def begun_by_another(share: HostileShare, out: Path, *names: str) -> None:
    """Let another process make files in the folder after `a` was put into its place, and before `b` is."""

    def meanwhile(_: Request) -> Reply:
        assert (out / "a").exists()
        for name in names:
            (out / name).touch()
        return reply_of(b"b")

    share.answers["content of id-b"] = meanwhile


def run(share: HostileShare, out: Path) -> set[str]:
    """Download, and return what is in the folder then."""
    report = Download(parse_link(share.link), out, Options(jobs=1)).run()
    assert report.files_done == 2
    return {path.name for path in out.iterdir()}


def test_what_the_dead_left_beside_a_whole_file_is_removed(
    share: HostileShare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_UNTOUCHED_NS", 0)
    begun_by_another(share, tmp_path, str(partial_of("a")), "notes.txt")
    assert run(share, tmp_path) == {"a", "b", "notes.txt"}


def test_notes_without_their_partial_file_are_removed_too(
    share: HostileShare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_UNTOUCHED_NS", 0)
    begun_by_another(share, tmp_path, partial_of("a").notes)
    assert run(share, tmp_path) == {"a", "b"}


def test_what_somebody_may_still_write_to_stays(share: HostileShare, tmp_path: Path) -> None:
    begun_by_another(share, tmp_path, str(partial_of("a")))
    assert run(share, tmp_path) == {"a", "b", str(partial_of("a"))}


def test_what_belongs_to_no_file_that_is_whole_here_stays(
    share: HostileShare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_UNTOUCHED_NS", 0)
    other = str(partial_of("c"))
    begun_by_another(share, tmp_path, other)
    assert run(share, tmp_path) == {"a", "b", other}


GONE = partial_name("gone.mrc", "0123456789ab", etag="tag")
LEFT = {str(GONE), GONE.notes}


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A folder with what somebody left in it, something of a file that is listed, and a folder of such a name."""
    for name in (*LEFT, str(partial_of("a")._replace(state="0" * 12))):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / str(GONE._replace(stem="mine"))).mkdir()
    return tmp_path


@pytest.fixture
def abandoned(left: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, where nobody goes on with any of it."""
    monkeypatch.setattr(leftovers, "_ABANDONED_NS", 0)
    return left


def test_what_is_left_of_a_file_that_is_no_more_is_named_and_a_mirror_removes_it(
    share: HostileShare, abandoned: Path
) -> None:
    mirror = Mirror(parse_link(share.link), abandoned, Options(exclude=("b",)))
    report = mirror.run()
    assert (report.exit_code, set(report.leftovers)) == (0, LEFT)
    said = "; 2 unfinished files here are of nothing in the dataset: gone.mrc.0123456789ab-"
    assert said in report.summary()
    assert said in report.summary(names=0)
    assert report.document("out")["leftovers"] == sorted(LEFT)
    extras = mirror.extras()
    assert {each.path[-1] for each in extras if not each.why_kept} == LEFT
    mirror.remove(extras)
    assert {each.name for each in abandoned.iterdir()} == {"a", ".fs2od-mirror", str(GONE._replace(stem="mine"))}
    assert mirror.run().leftovers == ()


def test_a_pattern_that_leaves_a_file_out_leaves_what_is_left_of_it(share: HostileShare, abandoned: Path) -> None:
    mirror = Mirror(parse_link(share.link), abandoned, Options(exclude=("gone.*",)))
    assert (mirror.run().leftovers, mirror.extras()) == ((), [])
    mirror = Mirror(parse_link(share.link), abandoned, Options(exclude=("*.tmp",)))
    assert {each.path[-1] for each in mirror.extras()} == LEFT


def test_what_somebody_may_still_write_of_it_is_neither_named_nor_removed(share: HostileShare, left: Path) -> None:
    mirror = Mirror(parse_link(share.link), left, Options())
    assert (mirror.run().leftovers, mirror.extras()) == ((), [])
