"""Datasets and folders as people name them in the form of a token, and as tokens name them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from fs2od.manifests import folder_name
from fs2od.node.provider.access import Need
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.catalogue import Choice
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.ids import ShareId, SpaceId
from fs2od.portal._sentences import sentence
from fs2od.portal.mine._summaries import Summaries
from fs2od.portal.mine._token_form import FieldRefused

__all__ = ["Goal", "Places"]

_SHARE = "/share/"


@dataclass(frozen=True)
class Goal:
    """What a command with a token is about: the place to download, a folder's name for it, and the file id of its top."""

    place: str = ""
    folder: str = "dataset"
    root: str = ""


@dataclass(frozen=True)
class Places:
    """Finds datasets and folders."""

    provider: Oneprovider
    summaries: Summaries

    def bring_up_to_date(self, caller: Caller) -> None:
        """Let what somebody is in be called as its pages call it now."""
        self.summaries.bring_up_to_date(self.provider.zone.catalogue.reached(caller))

    def path_of(self, caller: Caller, text: str) -> str:
        """Return the canonical path of a dataset or folder that somebody is in.

        Args:
            caller: Who names it.
            text: A dataset's title, name, id or link, and perhaps a folder in it: "20261105_P2/Images".

        Raises:
            FieldRefused: There is no such dataset for them, or no such folder in it.
        """
        if _SHARE in text:
            return self._of_link(caller, text)
        title, _, below = text.strip("/").partition("/")
        space = self._named(caller, text.strip("/"))
        if space is not None:
            below = ""
        else:
            space = self._named(caller, title)
        if space is None:
            raise FieldRefused(sentence("You are in no dataset that is called %(name)s, or in several.", name=title))
        return self._checked(caller, space, below)

    def name_of(self, id_: str) -> str:
        """Return what people call a space, group or user; the id itself where there is none."""
        return self.provider.zone.catalogue.name_of(id_) or id_

    def goal(self, caller: Caller, paths: Collection[str] | None) -> Goal:
        """Return what a command should be about, where a token leaves just one place."""
        if paths is None or len(paths) != 1:
            return Goal()
        _, space, *folders = next(iter(paths)).split("/")
        (listed,) = self.provider.zone.catalogue.shelf(caller, Choice(spaces=[SpaceId(space)])).rows or (None,)
        name = folders[-1] if folders else listed.name if listed else self.name_of(space)
        place = "/".join([space, *folders])
        if listed is not None and listed.share is not None and not folders:
            place = self.provider.zone.public_url(listed.share)
            name = self.provider.zone.shares.known(listed.share).name
        quoted = place if " " not in place and "'" not in place else f"'{place}'"
        root = "" if folders else self.provider.files.root_id(SpaceId(space))
        return Goal(quoted if "'" not in place else "", folder_name(name, unnamed=space), root)

    def _named(self, caller: Caller, name: str) -> SpaceId | None:
        found = self.provider.zone.catalogue.shelf(caller, Choice(named=name, limit=2)).rows if name else ()
        return found[0].space if len(found) == 1 else None

    def _of_link(self, caller: Caller, text: str) -> str:
        share, _, rest = unquote(urlsplit(text).path).partition(_SHARE)[2].partition("/")
        below = rest.removeprefix("files").strip("/")
        try:
            root = self.provider.access.locate_share_root(caller, ShareId(share))
        except ServiceError as error:
            raise FieldRefused(sentence("This link leads to no dataset of yours.")) from error
        return self._checked(caller, root.space, "/".join(filter(None, (root.path, below))))

    def _checked(self, caller: Caller, space: SpaceId, below: str) -> str:
        names = [name for name in below.split("/") if name]
        try:
            return self.provider.access.locate_path(caller, space, names, Need.LOOK).canonical_path
        except ServiceError as error:
            raise FieldRefused(sentence("There is nothing at %(path)s in that dataset.", path=below or "/")) from error
