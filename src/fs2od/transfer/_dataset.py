"""A dataset as somebody reads it from afar: listing, facts, bytes. What differs is how it is reached: by link or by token."""

from __future__ import annotations

import abc
import contextlib
import json
import time
from dataclasses import replace
from typing import Any, Callable, Final, Generator, Iterator, Mapping, Sequence, TypeVar
from urllib.parse import quote

from fs2od.errors import Fs2odError, Interrupted
from fs2od.transfer._answers import Content, DataAddress, checked_range, document_of, entry_of
from fs2od.transfer._entrance import Entrance
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errors import AttributeRefused, ConnectionLost, MalformedAnswer, NotFound, ServiceError
from fs2od.transfer._file_state import FileState
from fs2od.transfer._http import Answer, Http, Proxies, Timeouts
from fs2od.transfer._patience import News, Patience, Tries, may_pass, patiently
from fs2od.transfer._refusals import raise_refusal, said_of
from fs2od.transfer._store import Store
from fs2od.transfer._tokens import AccessToken
from fs2od.transfer._whole import Whole

__all__ = ["MOST_ENTRIES", "Dataset"]

T = TypeVar("T")
_ATTRIBUTES: Final = ("fileId", "name", "type", "size", "mtime", "symlinkValue", "posixPermissions")
# Some releases tell the public neither of the last two; what a release tells if nothing is asked for is enough as well.
_LESS: Final = {_ATTRIBUTES: _ATTRIBUTES[:5], _ATTRIBUTES[:5]: ()}
_TOLD: Final = frozenset({"type", "size", "mtime"})
# No more is published; releases before 21.02.8 refuse it.
_PAGE: Final = 1_000
_SOME_TRIES: Final = 5
_FEW_TRIES: Final = 3
_MOST_METADATA_BYTES: Final = 256 << 10
_MOST_TREE_BYTES: Final = 16 << 20
_STEP_BYTES: Final = 256 << 10
MOST_ENTRIES: Final = 1_000_000
"""Entries in one folder that are still believed."""


class Dataset(abc.ABC):
    """A dataset for reading. Safe for any number of threads. Close it, or use it as a context manager.

    Every method may raise, besides what its own docstring names:

    - ConnectionLost, Busy: the service is away, and was so for about a minute: try again later.
    - UntrustedCertificate: give the file of the authority that signed the service's certificate.
    - TokenRefused: the access token is not accepted, and no new one came.
    - Forbidden, NotFound: the link or the token does not give it, or not any more.
    - MalformedAnswer: tell the service's operator, or us.

    What comes by any of them tells the others that the service is there: `news` counts it.

    For implementers: `_opened` is the one way to data by file id; `root`, `entrance` and `sums_url` say the rest.
    """

    def __init__(
        self,
        *,
        token: AccessToken | None = None,
        ca_file: str | None = None,
        timeouts: Timeouts | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        proxies: Proxies | None = None,
    ) -> None:
        """Prepare to read; nothing is asked yet.

        Args:
            token: Shown where a token is needed.
            ca_file: Certificates (PEM) to trust besides the system's.
            timeouts: How long to wait for an answer.
            patience: How often to ask again.
            sleep: Pauses between tries.
            proxies: What stands between this machine and the services.
        """
        self.http = Http(ca_file=ca_file, timeouts=timeouts, proxies=proxies)
        self.news = News()
        self._token = token
        self._patience = patience or Patience()
        self._sleep = sleep
        self._known: dict[str, Entry] = {}
        self._attributes: tuple[str, ...] = _ATTRIBUTES
        self._store: Store | None = None

    def __enter__(self: T) -> T:  # noqa: PYI019 - typing.Self came with Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are not in use."""
        self.http.close()

    @abc.abstractmethod
    def name(self) -> str:
        """Return what the dataset is called.

        Raises:
            NoSuchDataset: There is none, or it has ended.
        """

    @abc.abstractmethod
    def root(self) -> Entry:
        """Return its root: a folder or a single file.

        Raises:
            NoSuchDataset: There is none, or it has ended.
        """

    @abc.abstractmethod
    def entrance(self, *, most: int = MOST_ENTRIES) -> Entrance:
        """Return the root, and what whoever brings everything needs besides, asked for at once as far as that can be.

        Args:
            most: Entries in one folder that are still believed.

        Raises:
            NoSuchDataset: There is none, or it has ended.
        """

    @abc.abstractmethod
    def sums_url(self, root: Entry) -> str | None:
        """Return where the checksums are to be had that an fs2od node knows of it; None where there are none. See `Entrance`.

        Args:
            root: Its root.
        """

    def whole(self, root: Entry) -> Whole | None:  # noqa: ARG002 - what is reached by token needs it
        """Return the dataset that this is a folder or a file of; None where it is whole, or where nothing above it is seen.

        Asked again, it looks again as long as there was none.

        Args:
            root: Its own root.
        """
        return None

    @abc.abstractmethod
    def _opened(
        self, rest: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> contextlib.AbstractContextManager[Answer]:
        """Yield the answer to GET …/data + `rest` of a provider."""

    def facts(self, file_id: str) -> Entry:
        """Return what the service says of one file or folder now."""
        document = self._asked(f"/{quote(file_id, safe='')}")
        return entry_of({**document, "fileId": file_id})

    def answers(self, entry: Entry) -> bool:
        """Say whether the service answers about a file or folder just now; it is not waited for longer than some seconds."""

        def ask() -> None:
            with self._opened(f"/{quote(entry.file_id, safe='')}", headers={}) as answer:
                document_of(answer)

        try:
            patiently(ask, replace(self._patience, tries=min(_SOME_TRIES, self._patience.tries)), self._sleep)
        except Fs2odError:
            return False
        return True

    def metadata(self, entry: Entry, *, needed: bool = False) -> bytes:
        """Return the JSON metadata of a file or folder as they were sent; b"" where there are none that can be had.

        They are not what a dataset is read for, so that what goes wrong with them alone does not count, and is soon given up.

        Raises:
            ConnectionLost, Busy: They are `needed`, and do not come.
        """
        tries = self._patience.tries if needed else min(_FEW_TRIES, self._patience.tries)

        def ask() -> bytes:
            with self._opened(f"/{quote(entry.file_id, safe='')}/metadata/json", headers={}) as answer:
                if answer.status != 200:
                    raise_refusal(answer)
                return answer.read_all(_MOST_METADATA_BYTES)

        try:
            return patiently(ask, replace(self._patience, tries=tries), self._sleep)
        except Interrupted:
            raise
        except Fs2odError as error:
            if needed and may_pass(error):
                raise
            return b""

    def children(self, folder: Entry, *, most: int = MOST_ENTRIES) -> list[Entry]:
        """Return a folder's entries, in the service's order.

        Raises:
            MalformedAnswer: It has more than `most` entries, or its pages do not come to an end.
        """
        entries: list[Entry] = []
        token: str | None = None
        while True:
            begun = {"token": token} if token else {}
            page = self._asked(f"/{quote(folder.file_id, safe='')}/children", limit=_PAGE, **begun)
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
        """Return the entry at a path below the root, such as "Grids/movie.mrc"; "" is the root.

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

    def forget(self, path: str = "") -> None:
        """Have `stat` look anew at a path and at all below it; "" is everything."""
        names = [each for each in path.split("/") if each]
        known, above = "/".join(names), "".join(f"{each}/" for each in names)
        for each in [each for each in tuple(self._known) if each == known or each.startswith(above)]:
            self._known.pop(each, None)

    def read(
        self, file: str | Entry, start: int, count: int, *, checked: bool = False, state: FileState | None = None
    ) -> bytes:
        """Return `count` bytes of a file from byte `start` on; fewer where it ends before.

        Args:
            file: The file, or its path.
            start: The first byte.
            count: How many.
            checked: Whether the caller compares them with a checksum, so that they may come straight from a store.
            state: What other reads of the file have in common with this one: all are of one state, or fail.

        Raises:
            NotFound: There is no such file.
            FileChanged: It was replaced or written to while it was read.
            IntegrityFailure: The file is not of the size that was listed.
        """
        entry = self.stat(file) if isinstance(file, str) else file
        buffer = bytearray(max(0, min(count, entry.size_bytes - start)))
        view = memoryview(buffer)
        arriving = self._arriving(
            entry, start, len(buffer), lambda filled: view[filled:], checked=checked, state=state or FileState()
        )
        for _ in arriving:
            pass
        return bytes(buffer)

    def stream(
        self, file: Entry, start: int, count: int, *, checked: bool = False
    ) -> Generator[memoryview, None, None]:
        """Yield bytes of a file as they come. Each view is good until the next one: its room is used again.

        See `read` for what is given, and what may be raised.
        """
        count = max(0, min(count, file.size_bytes - start))
        room = memoryview(bytearray(min(_STEP_BYTES, count)))
        arriving = self._arriving(
            file, start, count, lambda filled: room[: count - filled], checked=checked, state=FileState()
        )
        for got in arriving:
            yield room[:got]

    def _arriving(
        self,
        entry: Entry,
        start: int,
        count: int,
        room: Callable[[int], memoryview],
        *,
        checked: bool,
        state: FileState,
    ) -> Iterator[int]:
        """Yield how many bytes have come each time, put where `room` says for the number of those that came before."""
        filled = 0
        tries = Tries(self._patience, self._sleep, self.news)
        while filled < count:
            try:
                with self.opened(entry, start + filled, count - filled, etag=state.etag, checked=checked) as content:
                    state.note(content.etag)
                    if content.start != start + filled:
                        raise MalformedAnswer("the service does not give parts of files")
                    while filled < count:
                        got = content.read_into(room(filled))
                        if not got:
                            raise ConnectionLost("the answer ended before it was whole")
                        filled += got
                        tries.progressed()
                        yield got
            except Fs2odError as error:
                tries.missed(error)

    @contextlib.contextmanager
    def opened(
        self, file: Entry, start: int, count: int, *, etag: str | None = None, checked: bool = False
    ) -> Iterator[Content]:
        """Yield `count` bytes of a file from `start` on; from its beginning if the service ignores ranges. Tried once.

        What the caller compares with a checksum (`checked`) may come straight from a store.

        Raises:
            IntegrityFailure: The answer is about a file of another size.
            MalformedAnswer: It is about other bytes than were asked for.
            RangeRefused: The file has become shorter.
        """
        with contextlib.ExitStack() as stack:
            straight = self._store.opened(stack, file, start, count) if checked and self._store else None
            if straight is not None:
                yield straight
                return
        headers: dict[str, str] = {}
        if (start, count) != (0, file.size_bytes):
            headers["Range"] = f"bytes={start}-{start + count - 1}"
            if etag:
                headers["If-Range"] = etag
        with self._opened(f"/{quote(file.file_id, safe='')}/content", headers=headers) as answer:
            if answer.status not in {200, 206}:
                raise_refusal(answer)
            first = checked_range(answer, file.size_bytes, start, count)
            tag = answer.header("etag")
            yield Content(answer.read_into, first, None if tag is None or tag.startswith("W/") else tag)

    @contextlib.contextmanager
    def folder_archive(self, folder: Entry) -> Iterator[Answer]:
        """Yield a folder with all below it as a TAR stream of unknown length. Tried once."""
        with self._opened(f"/{quote(folder.file_id, safe='')}/content", headers={}) as answer:
            if answer.status != 200:
                raise_refusal(answer)
            yield answer

    @contextlib.contextmanager
    def bulk(self, address: DataAddress, paths: Sequence[str], *, gzip: bool = False) -> Iterator[Answer]:
        """Yield exactly these files, in this order, as a TAR stream. Tried once.

        Args:
            address: Where they are had.
            paths: Which files.
            gzip: Whether the stream is to be compressed, if the node can do that: its type tells.
        """
        body = json.dumps({"paths": list(paths), **({"gzip": True} if gzip else {})}).encode()
        headers = {"Content-Type": "application/json"}
        with self._authorised("POST", f"{address.url}/bulk", headers=headers, body=body) as answer:
            if answer.status != 200:
                raise_refusal(answer)
            yield answer

    def tree(self, address: DataAddress) -> bytes:
        """Return what an fs2od node answers that is asked for all folders at once. Tried once."""
        with self._authorised("GET", f"{address.url}/tree.json.gz") as answer:
            if answer.status != 200:
                raise_refusal(answer)
            return answer.read_all(_MOST_TREE_BYTES)

    @contextlib.contextmanager
    def sums(self, url: str) -> Iterator[Answer]:
        """Yield the list of checksums at `sums_url`. Tried once."""
        with self._authorised("GET", url) as answer:
            if answer.status != 200:
                raise_refusal(answer)
            yield answer

    def _discovery(self, zone_url: str) -> bytes | None:
        """Return the document in which an fs2od node names its further addresses; None at a plain Onedata."""

        def ask() -> bytes | None:
            with self.http.opened("GET", f"{zone_url}/.well-known/fs2od.json") as answer:
                if answer.status == 200:
                    return answer.read_all(64 << 10)
                if answer.status not in {400, 401, 403, 404, 405, 410}:
                    raise_refusal(answer)
                return None

        try:
            return patiently(ask, self._patience, self._sleep, self.news)
        except (ServiceError, MalformedAnswer):
            return None

    @contextlib.contextmanager
    def _authorised(  # one place that shows tokens, and that waits where they have ended
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        onwards: bool = False,
    ) -> Iterator[Answer]:
        """Yield the answer to a request that shows the token, if there is any; renewed if it has ended meanwhile.

        Args:
            method: The request's method.
            url: Its address.
            headers: Its headers but for the token's.
            body: Its body.
            onwards: Whether the token goes along where the answer redirects to: a zone's redirects lead to its providers.
        """
        token = self._token
        while True:
            used = token.text() if token is not None else None
            shown = {"X-Auth-Token": used} if used is not None else {}
            with self.http.opened(
                method, url, headers=headers, body=body, secrets=shown, carries_secrets=onwards
            ) as answer:
                if token is None or used is None or answer.status != 401:
                    if token is not None and answer.status < 300:
                        token.worked()
                    yield answer
                    return
                said = said_of(answer)
            token.renew(used, self._sleep, said=said)

    def _asked(self, rest: str, **wanted: object) -> dict[str, Any]:
        headers, attributes = {"Content-Type": "application/json"}, self._attributes

        def ask() -> dict[str, Any]:
            body = json.dumps({**wanted, **({"attributes": attributes} if attributes else {})}).encode()
            with self._opened(rest, headers=headers, body=body) as answer:
                return document_of(answer)

        while True:
            try:
                return patiently(ask, self._patience, self._sleep, self.news)
            except AttributeRefused:
                if attributes not in _LESS:
                    raise
                self._attributes = attributes = _LESS[attributes]

    def _complete(self, item: object) -> Entry:
        if not isinstance(item, dict):
            raise MalformedAnswer("an entry of a listing is none")
        if "fileId" not in item:
            item = {**item, "fileId": item.get("file_id", item.get("id"))}
        # Releases before 21.02.5 list only ids and names, whatever is asked for.
        if not item.keys() >= _TOLD and isinstance(item["fileId"], str):
            return self.facts(item["fileId"])
        return entry_of(item)

    def _remember(self, folder: tuple[str, ...], entry: Entry) -> list[Entry]:
        entries = self.children(entry)
        for each in entries:
            self._known["/".join((*folder, each.name))] = each
        return entries
