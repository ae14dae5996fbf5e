"""The tests that every storage has to pass: subclass `StorageContract` and give it a storage to look at.

```python
class TestOurStorage(StorageContract):
    @pytest.fixture
    def storage(self, source: Path) -> Storage:
        return OurStorage(...)  # holds what lies below `source`
```

The suite writes plain files and directories below `source` before it asks for the storage's view of them; a storage that
holds copies takes them over in its `refreshed` fixture. Needs pytest, and is therefore imported by its own name only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fs2od.storage import Kind, Storage

__all__ = ["StorageContract"]

_AWKWARD_NAMES = (
    "two\nlines", 'quo"ted', "it's", "-leading-dash", "with blank", " ", "#hash?query&", "%2e%2e", "\\back", "ünïcode",
    "名前", "a" * 255, "é" * 127, "...", "~", "*", "tab\there",
)  # fmt: skip


class StorageContract:
    """What holds for every storage."""

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
        """Thousands of them do not run out of file descriptors."""
        for number in range(3):
            (source / str(number)).touch()
        refreshed()
        for _ in range(3000):
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
