"""A share as anybody reads it who has its link, and a link for members with their token."""

from __future__ import annotations

import contextlib
import time
from typing import Any, Callable, Final, Iterator, Mapping
from urllib.parse import urlsplit

from fs2od.transfer._ahead import Ahead
from fs2od.transfer._answers import DataAddress, data_address, document_of, text_of
from fs2od.transfer._dataset import MOST_ENTRIES, Dataset
from fs2od.transfer._early_sidecar import EarlySidecar
from fs2od.transfer._entrance import Entrance
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errors import Busy, ConnectionLost, Forbidden, NotFound, TokenRefused
from fs2od.transfer._http import Answer, Proxies, Timeouts
from fs2od.transfer._links import Link, UnknownLink
from fs2od.transfer._patience import Patience, patiently
from fs2od.transfer._tokens import AccessToken
from fs2od.transfer._tree import Tree

__all__ = ["SharedDataset"]

_FIRST_CONNECTIONS: Final = 4
_FIRST_CONNECTIONS_FAR: Final = 10


class SharedDataset(Dataset):
    """A dataset behind a link.

    ```python
    with SharedDataset(parse_link(text)) as shared:
        for entry in shared.listing("Grids"):
            print(entry.name, entry.size_bytes)
        header = shared.read("Grids/movie.mrc", 0, 1024)
    ```

    A token is shown only where the link is for members, and only to the zone that the token is of and to its providers.
    """

    def __init__(
        self,
        link: Link,
        *,
        token: AccessToken | None = None,
        ca_file: str | None = None,
        timeouts: Timeouts | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        proxies: Proxies | None = None,
    ) -> None:
        """Prepare to read; nothing is asked yet. See `Dataset` for the arguments that are not named here.

        Args:
            link: The share.
            token: For links that are for members.
            ca_file: See there.
            timeouts: See there.
            patience: See there.
            sleep: See there.
            proxies: See there.
        """
        super().__init__(ca_file=ca_file, timeouts=timeouts, patience=patience, sleep=sleep, proxies=proxies)
        self.link = link
        self._offered = token
        self._zone = f"{link.zone_url}/api/v3/onezone"
        self._nearest: str | None = None

    def name(self) -> str:
        """Return what the share is called.

        Raises:
            UnknownLink: There is no such share, or it has ended.
        """
        return text_of(self._public(), "name")

    def root(self) -> Entry:
        """Return the share's root: a folder or a single file.

        Raises:
            UnknownLink: There is no such share, or it has ended.
        """
        return self._root(text_of(self._public(), "rootFileId"))

    def entrance(self, *, most: int = MOST_ENTRIES) -> Entrance:
        """Return the share's root, where its data is to be had in bulk, and what is in the root and the sidecar.

        Raises:
            UnknownLink: There is no such share, or it has ended.
        """
        address = Ahead(self._opened_address)
        public = self._public()
        root_id = text_of(public, "rootFileId")
        top = Entry("", EntryKind.FOLDER, root_id)
        # What is known to be no file is listed beside the question what it is.
        is_known = public.get("fileType") == "dir"
        listing = Ahead(lambda: self.children(top, most=most)) if is_known else None
        early = EarlySidecar(self, address.result) if is_known else None
        tree = Tree(self, address.result) if is_known else None
        root = self._root(root_id)
        found = address.result()
        is_folder = root.kind is EntryKind.FOLDER
        if not is_folder:
            return Entrance(root, None, sums_url=_sums_of(found))
        return Entrance(root, found, listing, early, tree, sums_url=_sums_of(found))

    def sums_url(self, root: Entry) -> str | None:  # noqa: ARG002 - a link has one list, whatever its root is
        """Return where the checksums are to be had that the node knows of what is shared."""
        return _sums_of(self._data_address())

    def _root(self, file_id: str) -> Entry:
        try:
            return self.facts(file_id)
        except NotFound as error:
            raise _unknown(self.link) from error

    def _data_address(self) -> DataAddress | None:
        body = self._discovery(self.link.zone_url)
        return data_address(body or b"", "data", self.link.zone_url, {"id": self.link.share})

    def _opened_address(self) -> DataAddress | None:
        address = self._data_address()
        if address is not None:
            # Where the zone leads for the files, too, but only with its next answer; those who list folders need some at once.
            self.http.open_ahead(address.url, _FIRST_CONNECTIONS_FAR if self.http.is_far else _FIRST_CONNECTIONS)
        return address

    def _public(self) -> dict[str, Any]:
        try:
            return patiently(self._asked_publicly, self._patience, self._sleep, self.news)
        except NotFound as error:
            raise _unknown(self.link) from error
        except Forbidden as error:
            if self._token is not None or isinstance(error, TokenRefused):
                raise
        self._use_token()
        return self._public()

    def _asked_publicly(self) -> dict[str, Any]:
        with self._authorised("GET", f"{self._zone}/shares/{self.link.share}/public") as answer:
            return document_of(answer)

    def _use_token(self) -> None:
        """Show the token from now on.

        Raises:
            Forbidden: There is none, or it is of another zone: it must not be shown here.
        """
        zone = self.link.zone_url
        if self._offered is None:
            raise Forbidden(f"the link is not for everybody: members need an access token of {zone}")
        if not self._offered.is_of(zone):
            raise Forbidden(f"the link is not for everybody, and the access token is not of {zone}")
        self._token = self._offered

    @contextlib.contextmanager
    def _opened(self, rest: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Iterator[Answer]:
        """Yield the answer of the provider that the zone names; once it is known, it is asked without this detour."""
        base = self._nearest or f"{self._zone}/shares/data"
        try:
            # Only the zone says which providers may see the token.
            with self._authorised(
                "GET", base + rest, headers=headers, body=body, onwards=self._nearest is None
            ) as answer:
                if self._nearest is None and answer.status in {200, 206}:
                    self._nearest = _base_of(answer.url, rest)
                yield answer
        except (ConnectionLost, Busy):
            # Another provider may have it, and the zone knows which are there.
            self._nearest = None
            raise


def _sums_of(address: DataAddress | None) -> str | None:
    return None if address is None else f"{address.url}/SHA256SUMS"


def _unknown(link: Link) -> UnknownLink:
    return UnknownLink(f"{link} leads nowhere: it has ended, or is not complete; ask whoever sent it")


def _base_of(url: str, rest: str) -> str | None:
    """Return what stands before `rest` in an address that redirects have led to, if it ends so."""
    plain = urlsplit(url)._replace(query="", fragment="").geturl()
    return plain[: -len(rest)] if plain == url and plain.endswith(rest) else None
