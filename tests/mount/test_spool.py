"""What waits to be sent: kept whatever becomes of the notes about it, and never older than what was written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fs2od.errors import StorageError
from fs2od.mount import kept_in
from fs2od.mount._drafts import Draft
from fs2od.mount._spool import Spool
from fs2od.mount._spool_links import shown_in
from fs2od.mount._tree import Node
from fs2od.transfer import Entry, EntryKind

BASE = Entry("a.txt", EntryKind.FILE, "1", size_bytes=6)


def open_spool(top: Path) -> Spool:
    return Spool(top, limit_bytes=1000, place="grid 7", mountpoint=top.parent / "there")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path / "unsent"


@pytest.mark.parametrize("note", ["", "{", None])
def test_bytes_whose_note_is_lost_are_told_and_stay(top: Path, note: str | None) -> None:
    spool = open_spool(top)
    spooled = spool.new("results/a.txt", is_whole=True)
    spooled.write(0, b"precious", new=8)
    written = spooled.kept.file.with_name(f"{spooled.kept.file.name}.note")
    if note is None:
        written.unlink()
    else:
        written.write_text(note)
    spooled.close(keep=True)
    spool.close()
    for _ in range(2):
        (kept,) = kept_in(top)
        assert kept.file.read_bytes() == b"precious"
        assert (kept.place, kept.mountpoint) == ("grid 7", str(top.parent / "there"))
        assert "note" in kept.reason


def test_a_note_that_cannot_be_written_anew_stays_as_it_was(top: Path) -> None:
    spool = open_spool(top)
    spooled = spool.new("results/a.txt", is_whole=True)
    spooled.write(0, b"precious", new=8)
    # As a full disk would, but for root as well.
    spooled.kept.file.with_name(f"{spooled.kept.file.name}.partial").mkdir()
    spooled.describe(spooled.kept)
    spooled.close(keep=True)
    spool.close()
    (kept,) = kept_in(top)
    assert (kept.path, kept.is_whole, kept.file.read_bytes()) == ("results/a.txt", True, b"precious")


def test_links_to_what_is_no_spool_of_ones_own_lead_nowhere(top: Path, tmp_path: Path) -> None:
    known, said = tmp_path / "known", list[str]()
    spool = open_spool(top)
    with shown_in(known, spool.folder, say=said.append):
        spool.new("a", is_whole=True).close(keep=True)
        spool.close()
    (link,) = known.iterdir()
    for name, to in {
        "file": "/etc/passwd",
        "folder": str(tmp_path),
        "itself": "itself",
        "gone": "/nowhere/a",
    }.items():
        (known / name).symlink_to(to)
    assert [kept.path for kept in kept_in(known, top)] == ["a"]
    assert [kept.path for kept in kept_in(known)] == ["a"]
    # Nothing behind a link is ever removed, also what looks as if it were over.
    for file in spool.folder.glob("[0-9]*"):
        file.unlink()
    assert not kept_in(known)
    assert spool.folder.is_dir()
    spool.folder.chmod(0o770)
    assert not kept_in(known)
    shutil.rmtree(spool.folder)
    assert not kept_in(known)
    assert not link.is_symlink()
    assert {each.name for each in known.iterdir()} == {"file", "folder", "itself", "gone"}
    assert not said


def test_a_spool_that_cannot_be_shown_is_said(top: Path, tmp_path: Path) -> None:
    (tmp_path / "known").write_bytes(b"")
    said: list[str] = []
    spool = open_spool(top)
    with shown_in(tmp_path / "known", spool.folder, say=said.append):
        spool.close()
    assert len(said) == 1
    assert str(top) in said[0]


def test_what_was_sent_leaves_nothing(top: Path) -> None:
    spool = open_spool(top)
    spool.new("results/a.note", is_whole=True).close(keep=False)
    spool.close()
    assert kept_in(top) == []
    assert list(top.iterdir()) == []


def test_what_the_disk_refuses_is_an_error_of_ours(top: Path) -> None:
    spooled = open_spool(top).new("a.txt", is_whole=True)
    spooled.close(keep=True)
    for act in (lambda: spooled.write(0, b"x", new=1), lambda: spooled.read(0, 1), lambda: spooled.cut(0, dropped=0)):
        with pytest.raises(StorageError):
            act()


def test_what_is_written_while_a_file_is_fetched_is_newer_than_what_comes(top: Path) -> None:
    def read(_: Entry, start: int, count: int) -> bytes:
        draft.write(2, b"NEW")
        return b"abcdef"[start : start + count]

    spooled = open_spool(top).new("a.txt", is_whole=False)
    draft = Draft(Node(2, ("a.txt",), BASE, parent=1), spooled, BASE, mode=0o664, read_base=read)
    draft.fill()
    assert draft.read(0, 10) == b"abNEWf"
