"""A share as anybody reads it who has its link: listing, facts, bytes. Answers are checked, not believed."""

from __future__ import annotations

import contextlib
import json
import re
import time
from dataclasses import dataclass
from typing import Any, Callable, Final, Iterator, Mapping, Sequence
from urllib.parse import quote, urlsplit

from fs2od.errors import Fs2odError, IntegrityFailure
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errors import ConnectionLost, MalformedAnswer, NotFound, ServiceError
from fs2od.transfer._http import Answer, Http, Timeouts
from fs2od.transfer._links import Link, UnknownLink
from fs2od.transfer._patience import Patience, Tries, patiently
from fs2od.transfer._refusals import raise_refusal

__all__ = ["Content", "DataAddress", "SharedDataset"]

_ATTRIBUTES: Final = ("fileId", "name", "type", "size", "mtime", "symlinkValue")
_PAGE: Final = 2_000
_MOST_ENTRIES: Final = 1_000_000
_LATEST_S: Final = 253_402_300_799
_LARGEST_ANSWER_BYTES: Final = 64 << 20
_MOST_BULK_PATHS: Final = 20_000
_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_KINDS: Final[Mapping[str, EntryKind]] = {
    "REG": EntryKind.FILE,
    "LNK": EntryKind.FILE,
    "DIR": EntryKind.FOLDER,
    "SYMLNK": EntryKind.SYMLINK,
}


@dataclass(frozen=True)
class DataAddress:
    """Where an fs2od node gives a share's data in ways that Onedata has not: `url`/bulk brings many files at once."""

    url: str
    bulk_paths: int


class Content:
    """The answer that brings bytes of a file, from `start` on; `etag` identifies the file's state, if the service does."""

    def __init__(self, answer: Answer, start: int, etag: str | None) -> None:
        self.start = start
        self.etag = etag
        self.read_into = answer.read_into


class SharedDataset:
    """A dataset behind a link, for reading. Safe for any number of threads. Close it, or use it as a context manager.

    ```python
    with SharedDataset(parse_link(text)) as shared:
        for entry in shared.listing("Grids"):
            print(entry.name, entry.size_bytes)
        header = shared.read("Grids/movie.mrc", 0, 1024)
    ```

    Every method may raise, besides what its own docstring names:

    - ConnectionLost, Busy: the service is away, and was so for about a minute: try again later.
    - UntrustedCertificate: give the file of the authority that signed the service's certificate.
    - Forbidden, NotFound: the link does not give it, or not any more.
    - MalformedAnswer: tell the service's operator, or us.
    """

    def __init__(
        self,
        link: Link,
        *,
        ca_file: str | None = None,
        timeouts: Timeouts | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare to read; nothing is asked yet.

        Args:
            link: The share.
            ca_file: Certificates (PEM) to trust besides the system's.
            timeouts: How long to wait for an answer.
            patience: How often to ask again.
            sleep: Pauses between tries.
        """
        self.link = link
        self.http = Http(ca_file=ca_file, timeouts=timeouts)
        self._patience = patience or Patience()
        self._sleep = sleep
        self._zone = f"{link.zone_url}/api/v3/onezone"
        self._nearest: str | None = None
        self._known: dict[str, Entry] = {}

    def __enter__(self) -> SharedDataset:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are not in use."""
        self.http.close()

    def name(self) -> str:
        """Return what the share is called.

        Raises:
            UnknownLink: There is no such share, or it has ended.
        """
        return _text(self._public(), "name")

    def root(self) -> Entry:
        """Return the share's root: a folder or a single file.

        Raises:
            UnknownLink: There is no such share, or it has ended.
        """
        root = _text(self._public(), "rootFileId")
        try:
            return self.facts(root)
        except NotFound as error:
            raise _unknown(self.link) from error

    def facts(self, file_id: str) -> Entry:
        """Return what the service says of one file or folder now."""
        document = self._asked(f"/{quote(file_id, safe='')}", {"attributes": _ATTRIBUTES})
        return _entry({**document, "fileId": file_id})

    def children(self, folder: Entry, *, most: int = _MOST_ENTRIES) -> list[Entry]:
        """Return a folder's entries, in the service's order.

        Raises:
            MalformedAnswer: It has more than `most` entries, or its pages do not come to an end.
        """
        entries: list[Entry] = []
        token: str | None = None
        while True:
            wanted = {"attributes": _ATTRIBUTES, "limit": _PAGE, **({"token": token} if token else {})}
            page = self._asked(f"/{quote(folder.file_id, safe='')}/children", wanted)
            found = page.get("children")
            if not isinstance(found, list):
                raise MalformedAnswer("a listing has no entries")
            entries += [self._complete(item) for item in found]
            if len(entries) > most:
                raise MalformedAnswer(f"the service lists more than {most:,} entries in one folder")
            following = page.get("nextPageToken")
            if page.get("isLast") is not False:
                return entries
            if not found or not isinstance(following, str) or following == token:
                raise MalformedAnswer("the pages of a listing do not come to an end")
            token = following

    def stat(self, path: str) -> Entry:
        """Return the entry at a path below the share's root, such as "Grids/movie.mrc"; "" is the root.

        Raises:
            NotFound: There is none.
        """
        found = self._known.get("") or self._known.setdefault("", self.root())
        walked: tuple[str, ...] = ()
        for name in [each for each in path.split("/") if each]:
            key = "/".join((*walked, name))
            if key not in self._known:
                self._remember(walked, found)
            if key not in self._known:
                raise NotFound(f"{path}: there is no such file or folder")
            found, walked = self._known[key], (*walked, name)
        return found

    def listing(self, path: str = "") -> list[Entry]:
        """Return the entries of the folder at a path, as they are now.

        Raises:
            NotFound: There is no such folder.
        """
        folder = self.stat(path)
        if folder.kind is not EntryKind.FOLDER:
            raise NotFound(f"{path}: this is no folder")
        return self._remember(tuple(each for each in path.split("/") if each), folder)

    def read(self, file: str | Entry, start: int, count: int) -> bytes:
        """Return `count` bytes of a file from byte `start` on; fewer where it ends before.

        Raises:
            NotFound: There is no such file.
            IntegrityFailure: The file is not of the size that was listed.
        """
        entry = self.stat(file) if isinstance(file, str) else file
        count = max(0, min(count, entry.size_bytes - start))
        buffer = bytearray(count)
        view, filled, etag = memoryview(buffer), 0, None
        tries = Tries(self._patience, self._sleep)
        while filled < count:
            try:
                with self.opened(entry, start + filled, count - filled, etag=etag) as content:
                    if content.start != start + filled:
                        raise MalformedAnswer("the service does not give parts of files")
                    etag = content.etag
                    while filled < count:
                        got = content.read_into(view[filled:])
                        if not got:
                            raise ConnectionLost("the answer ended before it was whole")
                        filled += got
                        tries.progressed()
            except Fs2odError as error:
                tries.missed(error)
        return bytes(buffer)

    @contextlib.contextmanager
    def opened(self, file: Entry, start: int, count: int, *, etag: str | None = None) -> Iterator[Content]:
        """Yield `count` bytes of a file from `start` on; from its beginning if the service ignores ranges. Tried once.

        Raises:
            IntegrityFailure: The answer is about a file of another size.
            MalformedAnswer: It is about other bytes than were asked for.
            RangeRefused: The file has become shorter.
        """
        headers: dict[str, str] = {}
        if (start, count) != (0, file.size_bytes):
            headers["Range"] = f"bytes={start}-{start + count - 1}"
            if etag:
                headers["If-Range"] = etag
        with self._data(f"/{quote(file.file_id, safe='')}/content", headers=headers) as answer:
            if answer.status not in {200, 206}:
                raise_refusal(answer)
            first = _check_range(answer, file.size_bytes, start, count)
            tag = answer.header("etag")
            yield Content(answer, first, None if tag is None or tag.startswith("W/") else tag)

    @contextlib.contextmanager
    def folder_archive(self, folder: Entry) -> Iterator[Answer]:
        """Yield a folder with all below it as a TAR stream of unknown length. Tried once."""
        with self._data(f"/{quote(folder.file_id, safe='')}/content", headers={}) as answer:
            if answer.status != 200:
                raise_refusal(answer)
            yield answer

    def data_address(self) -> DataAddress | None:
        """Return where the share's data is to be had in bulk; None at a plain Onedata."""

        def ask() -> DataAddress | None:
            with self.http.opened("GET", f"{self.link.zone_url}/.well-known/fs2od.json") as answer:
                if answer.status == 200:
                    return _data_address(answer.read_all(64 << 10), self.link)
                if answer.status not in {400, 401, 403, 404, 405, 410}:
                    raise_refusal(answer)
                return None

        try:
            return patiently(ask, self._patience, self._sleep)
        except (ServiceError, MalformedAnswer):
            return None

    @contextlib.contextmanager
    def bulk(self, address: DataAddress, paths: Sequence[str]) -> Iterator[Answer]:
        """Yield exactly these files, in this order, as a TAR stream. Tried once."""
        body = json.dumps({"paths": list(paths)}).encode()
        headers = {"Content-Type": "application/json"}
        with self.http.opened("POST", f"{address.url}/bulk", headers=headers, body=body) as answer:
            if answer.status != 200:
                raise_refusal(answer)
            yield answer

    def _public(self) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            with self.http.opened("GET", f"{self._zone}/shares/{self.link.share}/public") as answer:
                return _document(answer)

        try:
            return patiently(ask, self._patience, self._sleep)
        except NotFound as error:
            raise _unknown(self.link) from error

    def _asked(self, rest: str, wanted: Mapping[str, object]) -> dict[str, Any]:
        body = json.dumps(wanted).encode()

        def ask() -> dict[str, Any]:
            with self._data(rest, headers={"Content-Type": "application/json"}, body=body) as answer:
                return _document(answer)

        return patiently(ask, self._patience, self._sleep)

    @contextlib.contextmanager
    def _data(self, rest: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Iterator[Answer]:
        """Yield the answer of the provider that the zone names; once it is known, it is asked without this detour."""
        base = self._nearest or f"{self._zone}/shares/data"
        try:
            with self.http.opened("GET", base + rest, headers=headers, body=body) as answer:
                if self._nearest is None and answer.status in {200, 206}:
                    self._nearest = _base_of(answer.url, rest)
                yield answer
        except ConnectionLost:
            self._nearest = None
            raise

    def _complete(self, item: object) -> Entry:
        if not isinstance(item, dict):
            raise MalformedAnswer("an entry of a listing is none")
        found = {**item, "fileId": item.get("fileId", item.get("file_id", item.get("id")))}
        # Releases before 21.02.5 list only ids and names, whatever is asked for.
        if isinstance(found["fileId"], str) and not {"type", "size", "mtime"} <= found.keys():
            return self.facts(found["fileId"])
        return _entry(found)

    def _remember(self, folder: tuple[str, ...], entry: Entry) -> list[Entry]:
        entries = self.children(entry)
        for each in entries:
            self._known["/".join((*folder, each.name))] = each
        return entries


def _unknown(link: Link) -> UnknownLink:
    return UnknownLink(f"{link} leads nowhere: it has ended, or is not complete; ask whoever sent it")


def _base_of(url: str, rest: str) -> str | None:
    """Return what stands before `rest` in an address that redirects have led to, if it ends so."""
    plain = urlsplit(url)._replace(query="", fragment="").geturl()
    return plain[: -len(rest)] if plain == url and plain.endswith(rest) else None


def _document(answer: Answer) -> dict[str, Any]:
    if answer.status != 200:
        raise_refusal(answer)
    try:
        document = json.loads(answer.read_all(_LARGEST_ANSWER_BYTES))
    except (ValueError, RecursionError) as error:
        raise MalformedAnswer("an answer is not JSON") from error
    if not isinstance(document, dict):
        raise MalformedAnswer("an answer is no JSON object")
    return document


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str):
        raise MalformedAnswer(f"an answer lacks '{key}'")
    return value


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else None


def _entry(facts: Mapping[str, Any]) -> Entry:
    kind = _KINDS.get(_text(facts, "type"), EntryKind.OTHER)
    size, target = _number(facts.get("size")), facts.get("symlinkValue")
    return Entry(
        name=_text(facts, "name"),
        kind=kind,
        file_id=_text(facts, "fileId"),
        size_bytes=0 if kind is EntryKind.FOLDER else -1 if size is None else size,
        mtime_s=max(0, min(_number(facts.get("mtime")) or 0, _LATEST_S)),
        target=target if isinstance(target, str) else None,
    )


def _check_range(answer: Answer, size: int, start: int, count: int) -> int:
    """Return which byte comes first, after making sure that it is about this file, and about the bytes asked for."""
    if answer.status == 200:
        if answer.left not in {None, size}:
            raise IntegrityFailure(f"{size:,} bytes were announced, and {answer.left:,} are offered")
        return 0
    told = _RANGE.fullmatch((answer.header("content-range") or "").strip())
    if told is None:
        raise MalformedAnswer("the service does not say which part of the file it sends")
    if told[3] not in {"*", str(size)}:
        raise IntegrityFailure(f"{size:,} bytes were announced, and the file has {int(told[3]):,}")
    if (int(told[1]), int(told[2])) != (start, start + count - 1) or answer.left not in {None, count}:
        raise MalformedAnswer("the service sends another part of the file than was asked for")
    return start


def _data_address(body: bytes, link: Link) -> DataAddress | None:
    try:
        document = json.loads(body)
        url, most = document["data"], document["bulk_paths"]
        if document["version"] != 1 or urlsplit(url).scheme != urlsplit(link.zone_url).scheme:
            return None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    known = _number(most)
    if not isinstance(url, str) or known is None or known < 1:
        return None
    return DataAddress(url.replace("{id}", link.share).rstrip("/"), min(known, _MOST_BULK_PATHS))
