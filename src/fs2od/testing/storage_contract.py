"""The tests that every storage has to pass: subclass `StorageContract` and give it a storage to look at.

```python
class TestOurStorage(StorageContract):
    @pytest.fixture
    def storage(self, source: Path) -> Storage:
        return OurStorage(...)  # holds what lies below `source`
```

The suite writes plain files and directories below `source` before it asks for the storage's view of them; a storage that
holds copies takes them over in its `refreshed` fixture. What it writes is looked at through the storage alone.
Needs pytest, and is therefore imported by its own name only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from fs2od.errors import DirectoryNotEmpty
from fs2od.storage import Can, Chunk, Kind, Storage, Upload, facts_of

__all__ = ["StorageContract"]

_AWKWARD_NAMES = (
    "two\nlines", 'quo"ted', "it's", "-leading-dash", "with blank", " ", "#hash?query&", "%2e%2e", "\\back", "ünïcode",
    "名前", "a" * 255, "é" * 127, "...", "~", "*", "tab\there",
)  # fmt: skip


def _content(storage: Storage, path: str) -> bytes:
    with storage.open(path) as file:
        return file.read()


def _names(storage: Storage, path: str = "") -> set[str]:
    return {seen.name for seen in storage.list(path)}


def _needs(storage: Storage, ability: Can) -> None:
    if ability not in storage.can:
        pytest.skip(f"this storage cannot {ability.name}")


class StorageContract:
    """What holds for every storage."""

    many: ClassVar[int] = 3000
    """How often a thing is done that must not pile up. Less where each is a request to a distant store."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        """Return the directory that the storage's tree is made in."""
        source = tmp_path / "source"
        source.mkdir()
        return source

    @pytest.fixture
    def storage(self, source: Path) -> Storage:
        """Return the storage under test. Subclasses must define it."""
        raise NotImplementedError

    @pytest.fixture
    def refreshed(self) -> Callable[[], None]:
        """Return what brings the storage in line with `source`; nothing for a storage that is that directory."""
        return lambda: None

    def test_the_root_is_a_directory(self, storage: Storage) -> None:
        """The empty path is the root."""
        assert storage.stat("").kind is Kind.DIRECTORY
        assert list(storage.list("")) == []

    def test_a_file_is_shown_with_its_size_and_read_whole(
        self, source: Path, storage: Storage, refreshed: Callable[[], None]
    ) -> None:
        """Listing, stat and open agree."""
        (source / "movies").mkdir()
        (source / "movies" / "one.mrc").write_bytes(b"0123456789")
        refreshed()
        seen = storage.stat("movies/one.mrc")
        assert (seen.name, seen.kind, seen.size_bytes, seen.refused) == ("one.mrc", Kind.FILE, 10, None)
        assert list(storage.list("movies")) == [seen]
        with storage.open("movies/one.mrc") as file:
            assert facts_of(file) == (seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode)
            assert file.read() == b"0123456789"

    def test_reading_starts_anywhere_and_ends_at_the_end(
        self, source: Path, storage: Storage, refreshed: Callable[[], None]
    ) -> None:
        """What `open` returns is seekable, and says at the end that it is one."""
        (source / "data").write_bytes(bytes(range(256)))
        refreshed()
        with storage.open("data") as file:
            assert file.seek(250) == 250
            assert file.read(100) == bytes(range(250, 256))
            assert file.read(1) == b""
            file.seek(10)
            assert file.read(2) == bytes((10, 11))

    def test_an_empty_file_is_a_file(self, source: Path, storage: Storage, refreshed: Callable[[], None]) -> None:
        """No bytes are bytes, too."""
        (source / "empty").touch()
        refreshed()
        assert storage.stat("empty").size_bytes == 0
        with storage.open("empty") as file:
            assert file.read(1) == b""

    def test_a_change_of_content_shows_in_the_facts(
        self, source: Path, storage: Storage, refreshed: Callable[[], None]
    ) -> None:
        """Something of size, times and inode moves when a file is replaced."""
        (source / "file").write_bytes(b"one")
        refreshed()
        before = storage.stat("file")
        (source / "other").write_bytes(b"two")
        (source / "other").replace(source / "file")
        refreshed()
        assert storage.stat("file") != before

    @pytest.mark.parametrize("name", _AWKWARD_NAMES, ids=range(len(_AWKWARD_NAMES)))
    def test_awkward_names_are_names(
        self, source: Path, storage: Storage, refreshed: Callable[[], None], name: str
    ) -> None:
        """Every name that a POSIX file can have in UTF-8 comes back as it is."""
        (source / name).write_bytes(name.encode())
        refreshed()
        assert [(seen.name, seen.refused) for seen in storage.list("")] == [(name, None)]
        with storage.open(name) as file:
            assert file.read() == name.encode()

    def test_names_that_differ_only_in_case_are_two(
        self, source: Path, storage: Storage, refreshed: Callable[[], None]
    ) -> None:
        """Case counts."""
        (source / "File").write_bytes(b"1")
        (source / "file").write_bytes(b"22")
        refreshed()
        assert {seen.name: seen.size_bytes for seen in storage.list("")} == {"File": 1, "file": 2}

    @pytest.mark.parametrize("path", ["nothing", "nothing/below", "file/below", "dir/../file", ".", "..", "dir/.", "a//b",
                                      "/file", "file/", "nul\0", "n" * 256])  # fmt: skip
    def test_what_is_not_there_is_not_found(
        self, source: Path, storage: Storage, refreshed: Callable[[], None], path: str
    ) -> None:
        """Also paths that a client made up."""
        (source / "dir").mkdir()
        (source / "file").touch()
        refreshed()
        with pytest.raises(FileNotFoundError):
            storage.stat(path)
        with pytest.raises(FileNotFoundError):
            storage.open(path)
        with pytest.raises(FileNotFoundError):
            list(storage.list(path))

    def test_a_directory_is_no_file_and_a_file_no_directory(
        self, source: Path, storage: Storage, refreshed: Callable[[], None]
    ) -> None:
        """Each is refused by the other's method."""
        (source / "dir").mkdir()
        (source / "dir" / "file").touch()
        refreshed()
        with pytest.raises(FileNotFoundError):
            storage.open("dir")
        with pytest.raises(FileNotFoundError):
            storage.open("")
        with pytest.raises(FileNotFoundError):
            list(storage.list("dir/file"))

    def test_a_listing_that_is_left_early_leaves_nothing_open(
        self, source: Path, storage: Storage, refreshed: Callable[[], None]
    ) -> None:
        """Many of them do not run out of file descriptors."""
        for number in range(3):
            (source / str(number)).touch()
        refreshed()
        for _ in range(self.many):
            next(storage.list(""))

    def test_several_threads_use_it_at_once(
        self, source: Path, storage: Storage, refreshed: Callable[[], None]
    ) -> None:
        """Every method is safe in threads."""
        for number in range(20):
            (source / str(number)).write_bytes(str(number).encode() * 1000)
        refreshed()
        wrong: list[str] = []

        def read_all() -> None:
            for seen in storage.list(""):
                with storage.open(seen.name) as file:
                    if file.read() != seen.name.encode() * 1000:
                        wrong.append(seen.name)

        threads = [threading.Thread(target=read_all) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert wrong == []

    @pytest.fixture
    def part_bytes(self) -> int:
        """Return a size of parts that the storage takes as it is."""
        return 1000

    def test_a_file_is_written_whole_from_chunks_of_any_size(self, storage: Storage) -> None:
        """What comes back are its facts."""
        chunks: list[Chunk] = [b"one", bytearray(b""), memoryview(b"two"), b"x" * 100_000]
        seen = storage.write("file", iter(chunks))
        assert (seen.name, seen.kind, seen.size_bytes) == ("file", Kind.FILE, 100_006)
        assert storage.stat("file") == seen
        assert _content(storage, "file") == b"onetwo" + b"x" * 100_000

    def test_a_file_of_no_chunks_is_empty(self, storage: Storage) -> None:
        """No bytes are bytes, too."""
        assert storage.write("file", []).size_bytes == 0
        assert _content(storage, "file") == b""

    @pytest.mark.parametrize("chunks", [[], [b"small"], [b"large" * 1_800_000]])
    def test_what_was_written_may_be_checked(self, storage: Storage, chunks: list[bytes]) -> None:
        """Also what is empty, or came in several parts."""
        assert storage.write("file", chunks, check=True).size_bytes == len(b"".join(chunks))
        assert _content(storage, "file") == b"".join(chunks)

    def test_writing_replaces_a_file_only_where_it_may(self, storage: Storage) -> None:
        """The old content stays until the new is whole."""
        storage.write("file", [b"old"])
        with pytest.raises(FileExistsError):
            storage.write("file", [b"new"], replace=False)
        assert _content(storage, "file") == b"old"
        storage.write("file", [b"newer"])
        assert _content(storage, "file") == b"newer"
        storage.write("other", [b"first"], replace=False)
        assert _content(storage, "other") == b"first"

    @pytest.mark.parametrize(
        "error", [OSError(28, "of the source"), ValueError("of the source"), FileNotFoundError(2, "gone")]
    )
    def test_a_source_that_fails_leaves_no_file_and_its_own_error(self, storage: Storage, error: Exception) -> None:
        """Nothing stands under the name, and nothing else is to be seen."""

        def failing() -> Iterator[bytes]:
            yield b"x" * 100_000
            raise error

        with pytest.raises(type(error)) as caught:
            storage.write("file", failing())
        assert caught.value is error
        assert _names(storage) == set()

    def test_what_is_not_whole_is_not_to_be_seen(self, storage: Storage, part_bytes: int) -> None:
        """Neither while it is written, nor as an upload."""
        upload = storage.begin_upload("upload", size_bytes=2 * part_bytes, part_bytes=part_bytes)
        storage.put_part(upload, 0, b"x" * part_bytes)

        def looking() -> Iterator[bytes]:
            yield b"half"
            assert _names(storage) == set()
            yield b"whole"

        storage.write("file", looking())
        assert _names(storage) == {"file"}
        storage.abort_upload(upload)

    @pytest.mark.parametrize("name", _AWKWARD_NAMES, ids=range(len(_AWKWARD_NAMES)))
    def test_awkward_names_are_written(self, storage: Storage, name: str) -> None:
        """Files and directories of every name that a POSIX file can have in UTF-8."""
        storage.make_directory(name)
        storage.write(f"{name}/{name}", [name.encode()])
        assert _names(storage) == {name}
        assert _names(storage, name) == {name}
        assert _content(storage, f"{name}/{name}") == name.encode()
        storage.delete(f"{name}/{name}")
        with pytest.raises(FileNotFoundError):
            storage.open(f"{name}/{name}")

    @pytest.mark.parametrize(
        "path", ["dir/../new", "..", ".", "dir/.", "a//b", "/new", "new/", "nul\0", "\ud800", "n" * 2000]
    )
    def test_no_path_that_no_entry_can_have_is_written(self, storage: Storage, path: str) -> None:
        """Paths that a client made up change nothing."""
        storage.make_directory("dir")
        storage.write("dir/file", [b"kept"])
        for act in (
            lambda: storage.write(path, [b"new"]),
            lambda: storage.begin_upload(path, size_bytes=1, part_bytes=1),
            lambda: storage.make_directory(path),
            lambda: storage.delete(path),
            lambda: storage.rename("dir/file", path),
            lambda: storage.rename(path, "dir/new"),
        ):
            with pytest.raises(FileNotFoundError):
                act()
        assert _names(storage) == {"dir"}
        assert _names(storage, "dir") == {"file"}

    def test_a_directory_is_made_with_all_that_lead_to_it_and_again(self, storage: Storage) -> None:
        """Making it is repeatable."""
        for _ in range(2):
            storage.make_directory("a/b/c")
        storage.write("a/b/c/file", [b"x"])
        assert [storage.stat(path).kind for path in ("a", "a/b", "a/b/c")] == [Kind.DIRECTORY] * 3
        assert (_names(storage), _names(storage, "a"), _names(storage, "a/b/c")) == ({"a"}, {"b"}, {"file"})

    def test_an_empty_directory_is_there_where_they_are_kept(self, storage: Storage) -> None:
        """And a file needs the directory that it lies in."""
        _needs(storage, Can.KEEP_DIRECTORIES)
        storage.make_directory("empty")
        assert list(storage.list("empty")) == []
        with pytest.raises(FileNotFoundError):
            storage.write("nothing/file", [b"x"])
        storage.write("file", [b"x"])
        with pytest.raises(FileExistsError):
            storage.make_directory("file/below")
        with pytest.raises(FileExistsError):
            storage.write("empty", [b"x"])
        with pytest.raises(FileExistsError):
            storage.begin_upload("empty", size_bytes=1, part_bytes=1)

    def test_deleting_takes_files_and_empty_directories_only(self, storage: Storage) -> None:
        """What has something in it stays."""
        storage.make_directory("dir")
        storage.write("dir/file", [b"x"])
        with pytest.raises(DirectoryNotEmpty):
            storage.delete("dir")
        storage.delete("dir/file")
        with pytest.raises(FileNotFoundError):
            storage.delete("dir/file")
        if Can.KEEP_DIRECTORIES in storage.can:
            storage.delete("dir")
        with pytest.raises(FileNotFoundError):
            storage.stat("dir")

    def test_renaming_moves_a_file_and_replaces_one(self, storage: Storage) -> None:
        """Within a directory and between two."""
        storage.make_directory("dir")
        storage.write("one", [b"1"])
        storage.write("dir/two", [b"22"])
        storage.rename("one", "dir/three")
        storage.rename("dir/three", "dir/two")
        assert _names(storage) == {"dir"}
        assert _names(storage, "dir") == {"two"}
        assert _content(storage, "dir/two") == b"1"
        with pytest.raises(FileNotFoundError):
            storage.rename("one", "two")

    def test_renaming_moves_a_directory_with_all_in_it(self, storage: Storage) -> None:
        """But never into itself, nor onto what is there."""
        storage.make_directory("from/deep")
        storage.write("from/deep/file", [b"x"])
        storage.write("from/other", [b"y"])
        storage.make_directory("there")
        storage.write("there/file", [b"z"])
        storage.write("file", [b"f"])
        for to in ("from/deep/new", "there", "file"):
            with pytest.raises(FileExistsError):
                storage.rename("from", to)
        with pytest.raises(FileExistsError):
            storage.rename("file", "there")
        storage.rename("from", "to")
        assert _names(storage) == {"to", "there", "file"}
        assert _content(storage, "to/deep/file") == b"x"
        assert _content(storage, "to/other") == b"y"

    def test_bytes_are_written_anywhere_in_a_file_that_is_there(self, storage: Storage) -> None:
        """Also beyond its end."""
        _needs(storage, Can.WRITE_AT)
        storage.write("file", [b"0123456789"])
        assert storage.write_at("file", 3, [b"ab", b"c"]).size_bytes == 10
        assert storage.write_at("file", 12, [b"end"]).size_bytes == 15
        assert _content(storage, "file") == b"012abc6789\0\0end"
        assert storage.truncate("file", 4).size_bytes == 4
        assert storage.truncate("file", 6).size_bytes == 6
        assert _content(storage, "file") == b"012a\0\0"
        for path in ("nothing", "dir", ""):
            with pytest.raises(FileNotFoundError):
                storage.write_at(path, 0, [b"x"])

    def test_an_upload_of_parts_in_any_order_becomes_the_file(self, storage: Storage, part_bytes: int) -> None:
        """Parts may be put again; which are there is known to a later process, too."""
        content = bytes(range(256)) * (part_bytes * 5 // 2 // 256 + 1)
        content = content[: part_bytes * 5 // 2]
        upload = storage.begin_upload("file", size_bytes=len(content), part_bytes=part_bytes)
        assert (upload.count, upload.part_bytes, storage.parts_of(upload)) == (3, part_bytes, frozenset())
        storage.put_part(upload, 2, content[2 * part_bytes :])
        storage.put_part(upload, 0, b"?" * part_bytes)
        with pytest.raises(ValueError, match="missing"):
            storage.complete_upload(upload)
        again = Upload(upload.path, upload.id, upload.size_bytes, upload.part_bytes)
        assert storage.parts_of(again) == {0, 2}
        storage.put_part(again, 0, content[:part_bytes])
        storage.put_part(again, 1, content[part_bytes : 2 * part_bytes])
        seen = storage.complete_upload(again)
        assert (seen.name, seen.size_bytes) == ("file", len(content))
        assert _content(storage, "file") == content
        with pytest.raises(FileNotFoundError):
            storage.parts_of(upload)
        with pytest.raises(FileNotFoundError):
            storage.complete_upload(upload)

    def test_a_part_of_another_length_or_number_is_refused(self, storage: Storage, part_bytes: int) -> None:
        """So no part can write into another's place."""
        upload = storage.begin_upload("file", size_bytes=part_bytes + 1, part_bytes=part_bytes)
        for number, length in ((0, 1), (1, part_bytes), (2, 1), (-1, part_bytes)):
            with pytest.raises(ValueError, match="part"):
                storage.put_part(upload, number, b"x" * length)
        storage.abort_upload(upload)

    def test_an_upload_that_is_given_up_leaves_nothing(self, storage: Storage, part_bytes: int) -> None:
        """Giving up twice is no error."""
        upload = storage.begin_upload("file", size_bytes=2 * part_bytes, part_bytes=part_bytes)
        storage.put_part(upload, 0, b"x" * part_bytes)
        for _ in range(2):
            storage.abort_upload(upload)
        with pytest.raises(FileNotFoundError):
            storage.put_part(upload, 1, b"x" * part_bytes)
        assert _names(storage) == set()
        assert storage.sweep(before_ns=2**62) == 0

    def test_a_copy_is_whole_before_it_appears_and_its_file_stays(self, storage: Storage, part_bytes: int) -> None:
        """Where renames copy."""
        if Can.RENAME_ATOMICALLY in storage.can:
            pytest.skip("a rename is one step")
        content = bytes(range(256)) * (part_bytes // 256 + 1)
        storage.write("dir/file", [content])
        upload = storage.begin_copy("dir/file", "copy")
        assert storage.parts_of(upload) == frozenset(range(upload.count))
        assert _names(storage) == {"dir"}
        assert storage.complete_upload(upload).size_bytes == len(content)
        assert _content(storage, "copy") == _content(storage, "dir/file") == content
        with pytest.raises(FileNotFoundError):
            storage.begin_copy("nothing", "copy")
        assert storage.sweep(before_ns=2**62) == 0

    def test_an_upload_of_nothing_makes_an_empty_file(self, storage: Storage, part_bytes: int) -> None:
        """It has one part, which need not be put."""
        upload = storage.begin_upload("file", size_bytes=0, part_bytes=part_bytes)
        assert storage.complete_upload(upload).size_bytes == 0

    def test_old_leftovers_are_swept_and_uploads_that_go_on_are_kept(self, storage: Storage, part_bytes: int) -> None:
        """By their age, and by their names."""
        kept, left = (storage.begin_upload(name, size_bytes=part_bytes, part_bytes=part_bytes) for name in "ab")
        assert storage.sweep(before_ns=0) == 0
        assert storage.sweep(before_ns=2**62, keep={kept.id}) == 1
        assert storage.parts_of(kept) == frozenset()
        with pytest.raises(FileNotFoundError):
            storage.parts_of(left)
        storage.abort_upload(kept)

    def test_the_space_that_is_left_is_a_number_where_it_is_told(self, storage: Storage) -> None:
        """In bytes."""
        left = storage.space_left()
        assert (left is not None and left > 0) if Can.TELL_SPACE in storage.can else left is None

    def test_several_threads_write_at_once(self, storage: Storage) -> None:
        """Also to one name, which then has one's content whole."""
        wrong: list[object] = []

        def write_some(letter: bytes) -> None:
            try:
                for number in range(10):
                    storage.write("one", [letter * 1000, letter * 1000])
                    storage.write(f"{letter.decode()}{number}", [letter])
            except Exception as error:  # noqa: BLE001  # whatever it is, it is what the test shows
                wrong.append(error)

        threads = [threading.Thread(target=write_some, args=(letter,)) for letter in (b"a", b"b", b"c")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert wrong == []
        assert len(set(_content(storage, "one"))) == 1
        assert len(_names(storage)) == 31
