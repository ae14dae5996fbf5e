"""What the list on a folder's page shows: a page of it in some order, or what a search found below it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from fs2od.node.index import Entry
from fs2od.node.index.ordering import Order, OrderedBy, Place
from fs2od.portal._items import Item
from fs2od.portal._paging import FIRST, LAST, Page, Position

__all__ = ["Listing", "Wanted", "key_of", "place_of", "wanted_of"]

_MOST_CHARACTERS = 255
_KEY = re.compile(r"(-?[0-9]{1,19})\.([0-9]{1,18})", re.ASCII)
_LARGEST = 2**63
_LARGEST_FIRST = ("size", "time")
_BY_NAME = Order()


@dataclass(frozen=True)
class Wanted:
    """What an address asks for: an order and a position in it, or names that hold a text."""

    order: Order = _BY_NAME
    position: Position = FIRST
    search: str = ""

    def by(self, by: OrderedBy) -> Wanted:
        """Return the first page in another order: largest and newest first, and the other way round when asked again."""
        if by == self.order.by and not self.search:
            return Wanted(self.order.turned)
        return Wanted(Order(by, descending=by in _LARGEST_FIRST))

    def at(self, position: Position) -> Wanted:
        """Return another page in the same order."""
        return replace(self, position=position)

    @property
    def query(self) -> dict[str, str]:
        """The parameters of its address, without those that need not be said."""
        if self.search:
            return {"search": self.search}
        at = self.position
        sort = f"{'-' if self.order.descending else ''}{self.order.by}"
        found = {
            "sort": "" if self.order == _BY_NAME else sort,
            "skipped": str(at.skipped or ""),
            "end": "1" if at.from_end else "",
        }
        given = {name: text for name, text in found.items() if text}
        return given if at.key is None else {**given, "before" if at.backwards else "after": at.key}


@dataclass(frozen=True)
class Listing:
    """What is listed of a folder. `ended` says how a search did: it saw all, there is more, or its time was over."""

    folder: Item
    wanted: Wanted
    page: Page[Item]
    ended: Literal["all", "limit", "time"] = "all"


def wanted_of(parameters: Mapping[str, str]) -> Wanted:
    """Return what the parameters of an address ask for; what makes no sense is as good as not said."""
    search = parameters.get("search", "").strip()
    if search:
        return Wanted(search=search[:_MOST_CHARACTERS])
    order = _order(parameters.get("sort", ""))
    return Wanted(order, _position(parameters, order))


def key_of(order: Order, entry: Entry) -> str:
    """Return where an entry stands in an order, as it stands in addresses."""
    place = order.place(entry)
    return str(place.value) if order.by == "name" else f"{place.value}.{place.row}"


def place_of(order: Order, key: str) -> Place | None:
    """Return the place of a key, or None if it is none."""
    if order.by == "name":
        return Place(key)
    found = _KEY.fullmatch(key)
    if found is None or abs(int(found[1])) >= _LARGEST:
        return None
    return Place(int(found[1]), int(found[2]))


def _order(text: str) -> Order:
    by = text.removeprefix("-")
    found: OrderedBy | None = next((known for known in get_args(OrderedBy) if known == by), None)
    return _BY_NAME if found is None else Order(found, descending=text.startswith("-"))


def _position(parameters: Mapping[str, str], order: Order) -> Position:
    from_end = parameters.get("end") == "1"
    before, after = parameters.get("before"), parameters.get("after")
    key = after if before is None else before
    if key is None or place_of(order, key) is None:
        return LAST if from_end else FIRST
    skipped = parameters.get("skipped", "")
    known = int(skipped) if skipped.isascii() and skipped.isdecimal() and len(skipped) < 10 else 0
    return Position(key, backwards=before is not None, skipped=known, from_end=from_end)
