"""Access information into the metadata file: everything else in it stays as it was."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fs2od.errors import Fs2odError, StorageError, StorageFull
from fs2od.facility.metadata import (
    NEVER_IMPORTED,
    AccessInformation,
    MetadataProblem,
    NotWritable,
    _whole_files,
    write_access_file,
    write_into_metadata,
)
from fs2od.facility.metadata._whole_files import storage_error
from fs2od.facility.metadata._writing_back import _with_tag

ACCESS = AccessInformation("https://zone.example.org", "0123", "https://zone.example.org/share/45", "MDAxTOKEN")
FILE = """\
# Written by the facility's software. Do not edit.
Zeta: 1   # first on purpose
Alpha:
  - "quoted"
  - 'single'
Sample: {Name: "grid 2", Flow: [1, 2]}

Text: |
  several
  lines
Date: 2026-11-03
Octal: 0o17
Last: ~
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "watched" / "dataset"
    folder.mkdir(parents=True)
    path = folder / "SPA.yml"
    path.write_text(FILE)
    return path


def test_comments_order_and_every_other_line_stay(path: Path) -> None:
    assert write_into_metadata(path, ACCESS, tag="Onedata2")
    text = path.read_text()
    assert text.startswith(FILE)
    assert YAML(typ="safe").load(text)["Onedata2"] == ACCESS.document()


def test_mode_and_owner_stay(path: Path) -> None:
    path.chmod(0o640)
    before = path.stat()
    write_into_metadata(path, ACCESS, tag="Onedata2")
    after = path.stat()
    assert (stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid) == (0o640, before.st_uid, before.st_gid)


def test_written_once_nothing_is_written_again(path: Path) -> None:
    write_into_metadata(path, ACCESS, tag="Onedata2")
    before = path.stat()
    assert not write_into_metadata(path, ACCESS, tag="Onedata2")
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


def test_what_others_wrote_under_the_tag_stays_beside_ours(path: Path) -> None:
    path.write_text(FILE + "Onedata2:\n  RemovingTime: removed\n  PublicURL: old\n")
    write_into_metadata(path, ACCESS, tag="Onedata2")
    assert YAML(typ="safe").load(path.read_text())["Onedata2"] == {"RemovingTime": "removed", **ACCESS.document()}


def test_what_stands_behind_the_end_of_the_document_stays_there(path: Path) -> None:
    path.write_text(f"---\n{FILE}...\n# the end\n")
    assert write_into_metadata(path, ACCESS, tag="Onedata2")
    text = path.read_text()
    assert text.startswith(f"---\n{FILE}Onedata2:\n")
    assert text.endswith("\n...\n# the end\n")


def test_a_file_that_others_refer_to_under_the_tag_is_left_as_it_is(path: Path) -> None:
    path.write_text(shared := f"x: &x {{k: 1}}\nOnedata2: *x\n{FILE}")
    with pytest.raises(NotWritable, match=r"SPA\.yml cannot be written back without changing other values"):
        write_into_metadata(path, ACCESS, tag="Onedata2")
    assert path.read_text() == shared


def test_line_ends_of_windows_stay(path: Path) -> None:
    path.write_bytes(b"a: 1\r\nb: 2\r\n")
    write_into_metadata(path, ACCESS, tag="Onedata2")
    content = path.read_bytes()
    assert content.startswith(b"a: 1\r\nb: 2\r\n")
    assert content.count(b"\n") == content.count(b"\r\n")


def test_a_file_that_changed_meanwhile_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program writes between our reading and our rename, twice."""
    edits = iter(["Once: 1\n", "Twice: 2\n"])
    _meddle(monkeypatch, lambda: _append(path, next(edits, "")))
    assert write_into_metadata(path, ACCESS, tag="Onedata2")
    said = YAML(typ="safe").load(path.read_text())
    assert (said["Once"], said["Twice"]) == (1, 2)
    assert said["Onedata2"] == ACCESS.document()


def test_a_file_replaced_with_equal_size_and_time_is_noticed_by_its_inode(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[bool] = []

    def replace_quietly() -> None:
        if done:
            return
        done.append(True)
        status, other = path.stat(), path.with_name("other")
        other.write_text(FILE.replace("Zeta: 1", "Zeta: 2"))
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.rename(path)

    _meddle(monkeypatch, replace_quietly)
    write_into_metadata(path, ACCESS, tag="Onedata2")
    assert "Zeta: 2" in path.read_text()


def test_a_file_that_never_stands_still_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _meddle(monkeypatch, lambda: _append(path, "# busy\n"))
    with pytest.raises(StorageError, match="changed by others"):
        write_into_metadata(path, ACCESS, tag="Onedata2")
    assert "Onedata2" not in path.read_text()
    assert not _partials(path)


@pytest.mark.parametrize("content", [b"a: [1\n", b"", b"- list\n"])
def test_a_file_that_is_no_mapping_is_not_touched(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(MetadataProblem):
        write_into_metadata(path, ACCESS, tag="Onedata2")
    assert path.read_bytes() == content


def test_a_partial_file_never_lies_in_the_dataset(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    _meddle(monkeypatch, lambda: seen.append([each.name for each in path.parent.iterdir()]))
    write_into_metadata(path, ACCESS, tag="Onedata2")
    assert seen == [["SPA.yml"]]
    assert not _partials(path)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.dates()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    ).flatmap(
        lambda value: st.dictionaries(st.text("xyz", min_size=1, max_size=3), st.just(value), min_size=1, max_size=3)
    )
)
def test_whatever_the_file_says_it_still_says(document: dict[str, object]) -> None:
    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(document, text)
    content = text.getvalue().encode()
    changed = _with_tag(content, "SPA.yml", "Onedata2", ACCESS)
    if changed is None:
        return  # refused rather than changed
    said = YAML(typ="safe", pure=True).load(changed.decode())
    assert said.pop("Onedata2") == ACCESS.document()
    assert said == YAML(typ="safe", pure=True).load(content.decode())


def test_the_access_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "watched" / "dataset"
    folder.mkdir(parents=True)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        write_access_file(folder, ACCESS)
    monkeypatch.undo()
    assert list(folder.iterdir()) == []
    write_access_file(folder, ACCESS)
    assert stat.S_IMODE((folder / "fs2od-access.yml").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("number", "kind"), [(13, NotWritable), (30, NotWritable), (28, StorageFull), (122, StorageFull), (5, StorageError)]
)
def test_refusals_of_the_file_system_say_what_they_mean(number: int, kind: type[Fs2odError]) -> None:
    error = storage_error(Path("/data/a/SPA.yml"), OSError(number, os.strerror(number)))
    assert type(error) is kind


def test_what_a_death_left_behind_is_where_nobody_imports_it_and_goes_with_the_next_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Path] = []

    def die(partial: Path, *_: object) -> bool:
        partial.write_text("a token")
        places.append(partial)
        raise OSError(errno.EXDEV, "another file system") if len(places) == 1 else KeyboardInterrupt

    really = _whole_files._replace
    monkeypatch.setattr(_whole_files, "_replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_access_file(path.parent, ACCESS)
    above, inside = places
    assert above.parent == path.parent.parent
    assert inside.parent == path.parent
    assert inside.name in NEVER_IMPORTED
    assert _partials(path) == [inside]
    monkeypatch.setattr(_whole_files, "_replace", really)
    # Above, as if we had died there.
    above.write_text("a token")
    inside.unlink()
    write_access_file(path.parent, ACCESS)
    assert _partials(path) == []


def _meddle(monkeypatch: pytest.MonkeyPatch, meddle: Callable[[], object]) -> None:
    """Let another program act after our partial file is whole and before we compare."""
    really = _whole_files._replace

    def replace(
        partial: Path, path: Path, content: bytes, prepare: Callable[[int], None], still_right: Callable[[], bool]
    ) -> bool:
        def meddled() -> bool:
            meddle()
            return still_right()

        return really(partial, path, content, prepare, meddled)

    monkeypatch.setattr(_whole_files, "_replace", replace)


def _append(path: Path, text: str) -> None:
    if text:
        with path.open("a") as file:
            file.write(text)


def _partials(path: Path) -> list[Path]:
    above = list(path.parent.parent.glob(".*.partial"))
    return above + [each for each in path.parent.iterdir() if each.name.startswith(".")]
