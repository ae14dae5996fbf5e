"""Shared datasets as an fsspec file system, so that pandas, mrcfile, zarr and others read them where they lie.

```python
import fsspec

with fsspec.open("fs2od://zone.example.org/share/1a2b3c…/Grids/movie.mrc", ca_file="fs2od-ca.pem") as movie:
    header = movie.read(1024)
```

Addresses are `fs2od://HOST[:PORT]/share/ID/path`; paths within a file system have no host: `path`. It is for reading only,
and reads ranges: what a program does not ask for is not brought. Source: fsspec's `AbstractFileSystem`.

Symbolic links are followed, as fsspec's file system of the local disk follows them. Listings show a link to a file as that file; links to folders and
to nothing are not in them, so that no walk runs in circles, and neither is what is for members only, which a link never gives.

Libraries open addresses on their own, so that this is a front end as a command is: it reads the token and the proxy from the environment,
or takes the token that `fs2od login` keeps.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem
from fsspec.utils import infer_storage_options

from fs2od.kept_tokens import KeptTokens
from fs2od.manifests import straight_target
from fs2od.transfer import (
    AccessToken,
    Entry,
    EntryKind,
    FileChanged,
    InvalidLink,
    NotFound,
    SharedDataset,
    SteadyFile,
    given_token,
    parse_link,
    proxies_of,
)

__all__ = ["Fs2odFile", "Fs2odFileSystem"]

T = TypeVar("T")

_TYPES = {EntryKind.FILE: "file", EntryKind.FOLDER: "directory"}
_OTHERS_READ = 0o4
_BLOCK_BYTES = 1 << 20
_SHARE_NAMES = 2


class Fs2odFileSystem(AbstractFileSystem):
    """The files of one share. Instances are kept and used again by fsspec; any number of threads may read."""

    protocol: ClassVar[str] = "fs2od"
    root_marker: ClassVar[str] = ""
    cachable: ClassVar[bool] = True

    def __init__(
        self,
        link: str = "",
        *,
        ca_file: str | None = None,
        token_file: str | None = None,
        block_size: int = _BLOCK_BYTES,
        **options: object,
    ) -> None:
        """Prepare to read; nothing is asked yet.

        Args:
            link: The share's link, as it stands in the mail. Addresses that begin with fs2od:// say it themselves.
            ca_file: Certificates (PEM) to trust besides the system's.
            token_file: Holds an access token, for links for members; else FS2OD_TOKEN or ONECLIENT_ACCESS_TOKEN is taken, or what
                `fs2od login` keeps for the link's zone.
            block_size: How many bytes open files read ahead.
            options: What fsspec itself understands, such as `skip_instance_cache`.

        Raises:
            InvalidLink: It is no link to a share.
            UntrustedCertificate: `ca_file` cannot be read.
            ConfigurationError: The token or the proxy of the environment is none, or others can read the kept token.
        """
        super().__init__(**options)
        self.link = parse_link(link)
        self._block_bytes = block_size
        token = given_token(token_file, os.environ) or _kept_token(self.link.zone_url)
        self._shared = SharedDataset(self.link, token=token, ca_file=ca_file, proxies=proxies_of(os.environ))
        self._lock = threading.Lock()
        self._places: dict[str, str] = {}
        """Where the paths lead that links are on, as far as they were asked for."""
        # fsspec keeps instances; whoever forgets one must not leave connections open.
        weakref.finalize(self, self._shared.close)

    def close(self) -> None:
        """Close the connections that are not in use; reading again opens others."""
        self._shared.close()

    @classmethod
    def _strip_protocol(cls, path: str | list[str]) -> Any:  # noqa: ANN401 - a text or a list, as `path` is
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        text = str(path)
        if not text.startswith("fs2od://"):
            return text.strip("/")
        names = text[len("fs2od://") :].split("/")
        return "/".join(names[1 + _SHARE_NAMES :]).strip("/")

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, str]:
        if not path.startswith("fs2od://"):
            return {}
        found = infer_storage_options(path)
        if not found.get("host"):
            raise InvalidLink("An address looks like fs2od://zone.example.org/share/1a2b3c…/path")
        names = path[len("fs2od://") :].split("/")
        return {"link": f"https://{'/'.join(names[: 1 + _SHARE_NAMES])}"}

    def unstrip_protocol(self, name: str) -> str:
        """Return the whole address of a path."""
        return f"fs2od://{str(self.link).partition('://')[2]}/{self._strip_protocol(name)}"

    def info(self, path: str, **_: object) -> dict[str, Any]:
        """Return what the service says of a file or folder.

        Raises:
            FileNotFoundError: There is none.
            Fs2odError: The service cannot be asked, or the link has ended.
        """
        stripped = self._strip_protocol(path)
        return _info(stripped, self._told(stripped, self._stat), self._told(stripped, self._link))

    def ls(self, path: str, detail: bool = True, **_: object) -> list[Any]:
        """Return what lies in a folder and can be had, as it is now; of a file, itself.

        Raises:
            FileNotFoundError: There is none.
            Fs2odError: The service cannot be asked, or the link has ended.
        """
        stripped = self._strip_protocol(path)
        entry = self._told(stripped, self._stat)
        if entry.kind is EntryKind.FOLDER:
            below = f"{stripped}/" if stripped else ""
            found = [_info(below + each.name, behind, each) for each, behind in self._told(stripped, self._listing)]
        else:
            found = [_info(stripped, entry, self._told(stripped, self._link))]
        return found if detail else [each["name"] for each in found]

    def invalidate_cache(self, path: str | None = None) -> None:
        """Look anew at a path and at all below it, or at everything."""
        super().invalidate_cache(path)
        stripped = "" if path is None else self._strip_protocol(path)
        with self._lock:
            self._shared.forget(stripped)
            for each in [each for each in self._places if f"{each}/".startswith(f"{stripped}/" if stripped else "")]:
                self._shared.forget(self._places.pop(each))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: object) -> bytes:
        """Return the bytes of a file, or a part of them as slices have it: all of one state of the file.

        Raises:
            FileChanged: The file is another one than was looked at. Calling again looks at it anew.
        """
        entry = self._file(path)
        first, last, _step = slice(start, end).indices(entry.size_bytes)
        return self.read_steadily(self._strip_protocol(path), SteadyFile(self._shared, entry), first, last)

    def read_steadily(self, path: str, file: SteadyFile, start: int, end: int) -> bytes:
        """Return bytes of a file that was looked at before; if it is another one now, the next look is a new one.

        Raises:
            FileChanged: It is another one now.
            NotFound: It is there no more.
        """
        try:
            return file.read(start, max(0, end - start))
        except (FileChanged, NotFound):
            self.invalidate_cache(path)
            raise

    def modified(self, path: str) -> datetime:
        """Return when a file was modified last, in UTC."""
        return datetime.fromtimestamp(self.info(path)["mtime"], UTC)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        *,
        size: int | None = None,  # noqa: ARG002 - fsspec tells what it knew; the service knows better
        state: str | None = None,
        **options: object,
    ) -> Fs2odFile:
        """Return an open file; `state` is the one that an open file was of when it was pickled.

        Raises:
            FileChanged: The file is of another state now.
        """
        if mode != "rb":
            # What fsspec's own read-only file systems raise, and its callers expect.
            raise NotImplementedError("a share's files can be read only")
        stripped = self._strip_protocol(path)
        entry = self._file(path) if state is None else self._file_of(stripped, state)
        opened = SteadyFile(self._shared, entry)
        return Fs2odFile(self, stripped, opened, entry, block_size or self._block_bytes, **options)

    def _file(self, path: str) -> Entry:
        stripped = self._strip_protocol(path)
        entry = self._told(stripped, self._stat)
        if entry.kind is EntryKind.FOLDER:
            raise IsADirectoryError(path)
        return entry

    def _file_of(self, path: str, state: str) -> Entry:
        for _ in range(2):
            entry = self._file(path)
            # What is known may be older than the pickled file, or newer.
            with suppress(NotFound):
                if entry.state() == state == self._shared.facts(entry.file_id).state():
                    return entry
            self.invalidate_cache(path)
        raise FileChanged(f"{path} is another file now than the one that was pickled: open it again")

    def _stat(self, path: str) -> Entry:
        with self._lock:
            return self._behind(path)

    def _link(self, path: str) -> Entry | None:
        """Return the link that lies at a path itself."""
        folder, _, name = path.rpartition("/")
        with self._lock:
            return self._link_at(f"{self._place(folder)}/{name}".strip("/"))

    def _listing(self, path: str) -> list[tuple[Entry, Entry]]:
        """Return what lies in a folder, each with what is behind it: itself, or the file that a link leads to."""
        with self._lock:
            place = self._place(path)
            found = []
            for each in self._shared.listing(place):
                with suppress(NotFound):
                    is_link = each.kind is EntryKind.SYMLINK
                    behind = self._behind(f"{place}/{each.name}".strip("/")) if is_link else each
                    if _is_given(behind) and not (is_link and behind.kind is EntryKind.FOLDER):
                        found.append((each, behind))
            return found

    def _behind(self, path: str) -> Entry:
        """Return what lies at a path, behind all links.

        Raises:
            NotFound: Nothing does.
        """
        entry = self._shared.stat(self._place(path))
        if entry.kind is EntryKind.SYMLINK:
            raise NotFound(f"{path}: the links lead round in a circle")
        return entry

    def _place(self, path: str) -> str:
        """Return the path on which no link is that leads to the same place.

        Raises:
            NotFound: It leads out of what is shared.
        """

        def target_of(place: str) -> str | None:
            link = self._link_at(place)
            return None if link is None else link.target

        place = straight_target("", path, target_of)
        if place is None:
            raise NotFound(f"{path}: the link leads out of what is shared")
        place = "" if place == "." else place
        if place != path:
            self._places[path] = place
        return place

    def _link_at(self, place: str) -> Entry | None:
        """Return the link that lies at a place that no link is on the way to; None where none does."""
        folder, _, name = place.rpartition("/")
        try:
            if not name or self._shared.stat(folder).kind is not EntryKind.FOLDER:
                return None
            entry = self._shared.stat(place)
        except NotFound:
            return None
        return entry if entry.kind is EntryKind.SYMLINK else None

    @staticmethod
    def _told(path: str, ask: Callable[[str], T]) -> T:
        """Return what `ask` returns; what is not there is what Python programs expect of files."""
        try:
            return ask(path)
        except NotFound as error:
            raise FileNotFoundError(path) from error


class Fs2odFile(AbstractBufferedFile):
    """An open file: fsspec's caches decide what is read ahead. All that is read is of one state of the file, or reading fails."""

    def __init__(
        self, fs: Fs2odFileSystem, path: str, opened: SteadyFile, entry: Entry, block_size: int, **options: object
    ) -> None:
        self._files = fs
        self._opened = opened
        # What fsspec does not know, as the state, goes back to `_open` when a pickled file is loaded.
        known = {"size": entry.size_bytes, "state": entry.state()}
        super().__init__(fs, path, mode="rb", block_size=block_size, **known, **options)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self._files.read_steadily(self.path, self._opened, start, end)


def _kept_token(zone_url: str) -> AccessToken | None:
    """Return the token that `fs2od login` keeps for a zone; it is read again where it ends."""
    kept = KeptTokens.of(os.environ)
    return None if kept.token(zone_url) is None else AccessToken(lambda: kept.token(zone_url) or "")


def _is_given(entry: Entry) -> bool:
    """Say whether a link gives it: links give what others may read by the modes that the service tells."""
    return entry.mode is None or bool(entry.mode & _OTHERS_READ)


def _info(path: str, entry: Entry, shown: Entry | None) -> dict[str, Any]:
    """Return what fsspec wants to know of what lies at a path; `shown` is what lies there itself, perhaps a link to it."""
    is_folder = entry.kind is EntryKind.FOLDER
    is_link = shown is not None and shown.kind is EntryKind.SYMLINK
    return {
        "name": path,
        "size": 0 if is_folder else entry.size_bytes,
        "type": _TYPES.get(entry.kind, "other"),
        "mtime": entry.mtime_s,
        **({"islink": True, "destination": shown.target} if shown is not None and is_link else {}),
    }
