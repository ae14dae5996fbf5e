"""What waits to be sent: kept whatever becomes of the notes about it, and never older than what was written."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path

import pytest
from tests.nobody import as_nobody

from fs2od.errors import StorageError
from fs2od.mount import clear_spools, is_served, kept_in
from fs2od.mount._drafts import Draft
from fs2od.mount._spool import Spool
from fs2od.mount._spool_folder import unsent_in
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
    clear_spools(known)
    assert not kept_in(known)
    assert spool.folder.is_dir()
    spool.folder.chmod(0o770)
    assert not kept_in(known)
    shutil.rmtree(spool.folder)
    assert not kept_in(known)
    assert link.is_symlink()
    clear_spools(known)
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
    assert list(top.iterdir()) == []


def killed(top: Path, *, kept: bool = False) -> Path:
    """Return the folder that a killed mount leaves."""
    spool = open_spool(top)
    spool.new("sent", is_whole=True).close(keep=kept)
    os.close(spool._locked)
    return spool.folder


def test_what_killed_mounts_left_is_removed_and_nothing_else_in_that_folder(top: Path) -> None:
    left = killed(top)
    (left / "000002-half.note").write_text("{}")
    theirs = [
        top / "project" / "lock",
        top / "project" / "notes.txt",
        top / "20260101T000000-77" / "lock",
        top / "20260101T000000-78" / "lock" / "deep",
        top / "20260101T000000-78" / "mount.json",
        top / left.name.replace("T", "T1") / "lock",
        top / "20260101T000000-79" / "lock",
        top / "20260101T000000-79" / "mount.json",
        top / "20260101T000000-79" / "thesis.tex",
    ]
    for each in theirs:
        each.parent.mkdir(parents=True, exist_ok=True)
        each.write_text(
            json.dumps({"place": "", "mountpoint": "", "host": json.loads((left / "mount.json").read_text())["host"]})
        )
    (top / "link").symlink_to(top.parent / "unmounted now")
    os.utime(top / "link", (1, 1), follow_symlinks=False)
    kept_in(top)
    assert left.is_dir()
    clear_spools(top)
    assert not left.exists()
    assert [each for each in theirs if not each.is_file()] == []
    assert (top / "link").is_symlink()


def test_a_mount_that_goes_on_or_has_files_to_send_stays(top: Path) -> None:
    going_on, left = open_spool(top), killed(top / "b", kept=True)
    for _ in range(2):
        clear_spools(top, top / "b")
        assert [kept.file.parent for kept in kept_in(top, top / "b")] == [left]
    assert going_on.folder.is_dir()
    going_on.close()
    assert not going_on.folder.exists()


def test_of_a_mount_on_another_machine_nobody_can_say_whether_it_goes_on(top: Path) -> None:
    empty, full = killed(top / "a"), killed(top / "b", kept=True)
    for folder in (empty, full):
        about = json.loads((folder / "mount.json").read_text())
        (folder / "mount.json").write_text(json.dumps({**about, "host": "node7"}))
    clear_spools(top / "a", top / "b")
    assert empty.is_dir()
    assert [kept.host for kept in kept_in(top / "b")] == ["node7"]
    there = top / "there"
    assert not kept_in(top / "b", mountpoint=there)
    assert not is_served(top / "b", there)
    for folder in (empty, full):
        os.utime(folder, (1, 1))
    clear_spools(top / "a", top / "b")
    assert not empty.exists()
    assert [kept.host for kept in kept_in(top / "b")] == [""]


@pytest.mark.parametrize("hostile", ["pipe", "zeros", "nested", "folder", "long"])
@pytest.mark.parametrize("name", ["mount.json", "lock", "000001-sent.note"])
def test_whatever_stands_for_a_note_keeps_nobody_waiting_and_loses_nothing(top: Path, name: str, hostile: str) -> None:
    left = killed(top, kept=True)
    (left / name).unlink()
    match hostile:
        case "pipe":
            os.mkfifo(left / name)
        case "zeros":
            (left / name).symlink_to("/dev/zero")
        case "nested":
            (left / name).write_text("[" * 50_000)
        case "folder":
            (left / name).mkdir()
        case _:
            (left / name).write_text(json.dumps("x" * 100_000))
    kept_in(top)
    clear_spools(top)
    handle = os.open(left, os.O_RDONLY)
    is_one = unsent_in(handle, until_s=0.0)
    os.close(handle)
    assert (left / "000001-sent").exists()
    assert bool(is_one) == (name not in ("mount.json", "lock") or hostile in ("nested", "long"))


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


def test_a_folder_of_spools_that_cannot_be_read_holds_none(top: Path) -> None:
    left = killed(top, kept=True)
    top.chmod(0)
    with as_nobody():
        assert kept_in(top) == []
        clear_spools(top)
    top.chmod(0o700)
    assert [kept.file.parent for kept in kept_in(top)] == [left]


def test_two_who_look_at_once_do_not_take_each_other_for_the_mount(top: Path) -> None:
    left = killed(top, kept=True)
    with (left / "lock").open("r+") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert [kept.file.parent for kept in kept_in(top)] == [left]
        assert not is_served(top, top.parent / "there")
        clear_spools(top)
    assert left.is_dir()


def test_what_is_kept_is_told_by_a_path_that_holds_in_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spool = open_spool(Path("unsent"))
    assert spool.new("a.txt", is_whole=True).kept.file.parent.parent == tmp_path / "unsent"
