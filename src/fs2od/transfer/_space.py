"""A space, or a folder in it, as a member reads it with an access token: from the nearest provider that has it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass
from typing import Any, Callable, Final, Iterator, Mapping
from urllib.parse import quote, urlsplit

from fs2od.errors import Fs2odError
from fs2od.manifests import SIDECAR
from fs2od.transfer._ahead import Ahead
from fs2od.transfer._answers import DataAddress, data_address, document_of, text_of
from fs2od.transfer._dataset import MOST_ENTRIES, Dataset
from fs2od.transfer._early_sidecar import EarlySidecar
from fs2od.transfer._entrance import Entrance
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errors import Busy, ConnectionLost, MalformedAnswer, NotFound, ServiceError, TokenRefused
from fs2od.transfer._http import Answer, Proxies, Timeouts
from fs2od.transfer._links import SpacePlace, UnknownSpace
from fs2od.transfer._patience import Patience, patiently
from fs2od.transfer._store import Addressed, Store, address_in
from fs2od.transfer._tokens import AccessToken
from fs2od.transfer._tree import Tree
from fs2od.transfer._whole import Whole

__all__ = ["SpaceDataset"]

_AVOIDED_S: Final = 30.0
_MOST_NAMED: Final = 10


@dataclass(frozen=True)
class _Space:
    """A space as a token reaches it: where it is to be had, the preferred provider first."""

    id: str
    name: str
    domains: tuple[str, ...]


class SpaceDataset(Dataset):
    """A dataset that a token gives.

    Providers are asked in turn: the preferred one or else the one that answers first; one that is away is left alone for
    half a minute while there is another.
    """

    def __init__(
        self,
        place: SpacePlace,
        *,
        token: AccessToken,
        prefer: str | None = None,
        ca_file: str | None = None,
        timeouts: Timeouts | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        proxies: Proxies | None = None,
        straight: bool = True,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare to read; nothing is asked yet. See `Dataset` for the arguments that are not named here.

        Args:
            place: The space.
            token: Shown to the zone and to the space's providers.
            prefer: The domain of the provider to ask first.
            ca_file: See there.
            timeouts: See there.
            patience: See there.
            sleep: See there.
            proxies: See there.
            straight: Whether bytes that are checked may come from a store, where the provider leads there.
            say: Told in one sentence why a store is left alone.

        Raises:
            Forbidden: The token is of another zone: it must not be shown to this one.
        """
        super().__init__(
            token=token, ca_file=ca_file, timeouts=timeouts, patience=patience, sleep=sleep, proxies=proxies
        )
        token.require_of(place.zone_url)
        self.place = place
        self._held = token
        self._prefer = prefer
        self._lock = threading.Lock()
        self._space: _Space | None = None
        self._whole: Whole | None = None
        self._avoided: dict[str, float] = {}
        self._store = Store(self.http, self._store_address, say=say) if straight else None

    def name(self) -> str:
        """Return what the space is called, or the folder in it.

        Raises:
            UnknownSpace: The token gives no such space.
        """
        space = self._reached(again=True)
        return self.place.path.rpartition("/")[2] or space.name

    def root(self) -> Entry:
        """Return the space's root, or the folder or file in it.

        Raises:
            UnknownSpace: The token gives no such space, or there is no such folder in it.
        """
        while True:
            domain = self._domains()[0]
            try:
                return self._at(self.place.path)
            except ServiceError as error:
                # A provider that got the space just now may not know it yet, or not all that is in it.
                if self._avoid(domain) and not isinstance(error, TokenRefused):
                    continue
                if isinstance(error, NotFound):
                    raise UnknownSpace(f"there is nothing at {self.place}") from error
                raise

    def whole(self, root: Entry) -> Whole | None:
        """Return the dataset that the folder or file is a part of, by the sidecar in the space's root: any other is a copy."""
        path = self.place.path
        if self._whole is None and path:
            # A token for the part alone shows nothing above it.
            with contextlib.suppress(ServiceError):
                sidecar = self._at(SIDECAR)
                is_file = root.kind is EntryKind.FILE
                above, _, name = path.rpartition("/")
                folder = above if is_file else path
                self._whole = Whole(sidecar, f"{folder}/" if folder else "", name if is_file else None)
        return self._whole

    def _at(self, path: str) -> Entry:
        """Return what lies at a path of the space.

        Raises:
            NotFound: Nothing does.
        """
        space = self._reached()
        names = [f"{space.name}@{space.id}", *path.split("/")]
        asked = "/".join(quote(name, safe="") for name in names if name)

        def ask() -> str:
            with self._at_provider("POST", f"/lookup-file-id/{asked}", headers={}, body=b"") as answer:
                return text_of(document_of(answer), "fileId")

        return self.facts(patiently(ask, self._patience, self._sleep, self.news))

    def entrance(self, *, most: int = MOST_ENTRIES) -> Entrance:
        """Return the space's root, where its files are to be had in bulk, what is in the root, and where its checksums are.

        Raises:
            UnknownSpace: The token gives no such space, or there is no such folder in it.
        """
        discovery = Ahead(self._discovered)
        root = self.root()
        is_folder = root.kind is EntryKind.FOLDER
        listing = Ahead(lambda: self.children(root, most=most)) if is_folder else None
        found = self._members_address(discovery.result(), root)
        if found is None:
            return Entrance(root, None, listing)
        early = EarlySidecar(self, lambda: found) if is_folder else None
        tree = Tree(self, lambda: found) if is_folder else None
        return Entrance(root, found if is_folder else None, listing, early, tree, f"{found.url}/SHA256SUMS")

    def sums_url(self, root: Entry) -> str | None:
        """Return where the checksums are to be had that the node knows of the space, or the folder or file in it."""
        found = self._members_address(self._discovered(), root)
        return None if found is None else f"{found.url}/SHA256SUMS"

    def _discovered(self) -> bytes | None:
        return self._discovery(self.place.zone_url)

    def _members_address(self, discovery: bytes | None, root: Entry) -> DataAddress | None:
        """Return where members have the data of a file or folder, at the provider whose turn it is."""
        found = data_address(discovery or b"", "members", self.place.zone_url, {"id": root.file_id})
        if found is None:
            return None
        return DataAddress(f"https://{self._domains()[0]}{urlsplit(found.url).path}", found.bulk_paths)

    def _store_address(self, file: Entry, start: int, count: int) -> Addressed | None:
        """Return where the store of the provider whose turn it is has a range; None where it has no copy."""
        body = json.dumps({"ranges": [{"offset": start, "size": count}]}).encode()
        headers = {"Content-Type": "application/json"}
        rest = f"/fs2od/data/{quote(file.file_id, safe='')}/addresses"
        with self._at_provider("POST", rest, headers=headers, body=body) as answer:
            return address_in(document_of(answer), start, count, beside=urlsplit(answer.url).hostname or "")

    @contextlib.contextmanager
    def _opened(self, rest: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Iterator[Answer]:
        with self._at_provider("GET", f"/data{rest}", headers=headers, body=body) as answer:
            yield answer

    @contextlib.contextmanager
    def _at_provider(
        self, method: str, rest: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Iterator[Answer]:
        """Yield the answer of the provider whose turn it is. One that is away is avoided from then on."""
        domain = self._domains()[0]
        url = f"https://{domain}/api/v3/oneprovider{rest}"
        try:
            with self._authorised(method, url, headers=headers, body=body) as answer:
                yield answer
        except (ConnectionLost, Busy):
            # Whatever stands before a provider that is away may answer in its place that it is busy.
            self._avoid(domain)
            raise

    def _avoid(self, domain: str) -> bool:
        """Leave a provider alone for a while, and say whether there is another that is not left alone."""
        now_s = time.monotonic()
        with self._lock:
            self._avoided[domain] = now_s + _AVOIDED_S
            space = self._space
            return space is not None and any(self._avoided.get(each, 0.0) < now_s for each in space.domains)

    def _domains(self) -> list[str]:
        """Return the providers, those to ask first at the front."""
        domains = self._reached().domains
        now_s = time.monotonic()
        with self._lock:
            return sorted(domains, key=lambda domain: max(0.0, self._avoided.get(domain, 0.0) - now_s) > 0)

    def _reached(self, *, again: bool = False) -> _Space:
        with self._lock:
            found = None if again else self._space
        if found is None:
            # Which providers are there changes: none is, while the only one is started anew.
            found = patiently(self._chosen, self._patience, self._sleep, self.news)
            ordered = self._by_nearness(found.domains)
            found = _Space(found.id, found.name, ordered)
            with self._lock:
                self._space = found
        return found

    def _chosen(self) -> _Space:
        url = f"{self.place.zone_url}/api/v3/onezone/tokens/infer_access_token_scope"
        headers = {"Content-Type": "application/json"}

        while True:
            used = self._held.text()
            body = json.dumps({"token": used}).encode()
            with self.http.opened("POST", url, headers=headers, body=body) as answer:
                # What is no valid token is a bad value in the body here.
                if answer.status not in {400, 401}:
                    document = document_of(answer)
                    self._held.worked()
                    return _chosen(document, self.place)
            self._held.renew(used, self._sleep)

    def _by_nearness(self, domains: tuple[str, ...]) -> tuple[str, ...]:
        """Return providers in the order in which they answer, the preferred one before all others."""
        if len(domains) < 2:
            return domains
        took: dict[str, float] = {}

        def measure(domain: str) -> None:
            began_s = time.monotonic()
            with contextlib.suppress(Fs2odError), self.http.opened(
                "GET", f"https://{domain}/api/v3/oneprovider/configuration"
            ) as answer:
                if answer.status == 200:
                    took[domain] = time.monotonic() - began_s

        threads = [threading.Thread(target=measure, args=(each,), daemon=True) for each in domains]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(3.0)
        return tuple(sorted(domains, key=lambda each: (each != self._prefer, took.get(each, float("inf")))))


def _chosen(scope: Mapping[str, Any], place: SpacePlace) -> _Space:
    """Return the space that is meant among those that a token gives.

    Raises:
        UnknownSpace: It is not among them, or several have its name.
        MalformedAnswer: The answer is no scope.
    """
    reached = scope.get("dataAccessScope")
    if not isinstance(reached, dict):
        raise TokenRefused("the access token gives no data")
    try:
        named = {str(each): str(known["name"]) for each, known in reached["spaces"].items()}
        wanted, _, by_id = place.space.rpartition("@")
        matching = [
            each for each, name in named.items() if place.space in {each, name} or (by_id == each and wanted == name)
        ]
        if len(matching) != 1:
            raise UnknownSpace(_said(place.space, named, several=len(matching) > 1))
        space = matching[0]
        providers = reached["providers"]
        online = [
            each for each in reached["spaces"][space]["supports"] if each in providers and providers[each]["online"]
        ]
        domains = tuple(str(providers[each]["domain"]) for each in online)
    except (LookupError, TypeError, AttributeError) as error:
        raise MalformedAnswer("the zone does not say where the space is to be had") from error
    if not domains:
        raise ConnectionLost(f"no provider of the space {place.space} is there just now")
    return _Space(space, named[space], domains)


def _said(wanted: str, named: Mapping[str, str], *, several: bool) -> str:
    given = ", ".join(f"{name} ({each})" for each, name in list(named.items())[:_MOST_NAMED])
    if several:
        return f"several spaces are called {wanted}: give the id: {given}"
    return (
        f"the access token gives no space {wanted}; it gives: {given}" if named else "the access token gives no space"
    )
