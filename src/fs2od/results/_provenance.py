"""Where results came from, written down with them: JSON metadata of the space that names each dataset once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fs2od.client import Connection, Onezone, parse_share_link
from fs2od.onedata.errors import PosixError, not_found
from fs2od.onedata.tokens import Token
from fs2od.onedata.wire import JsonValue
from fs2od.onedata.wire.results import DERIVED_FROM
from fs2od.results._target import Target, space_of

__all__ = ["Origin", "find_origin", "record_origin"]


@dataclass(frozen=True)
class Origin:
    """A dataset that results were made from: its name, and its space's id or the link that it was read by."""

    name: str
    space: str | None = None
    link: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as it stands in the metadata."""
        facts = {"name": self.name, "space": self.space, "link": self.link}
        return {key: value for key, value in facts.items() if value}


async def find_origin(connection: Connection, zone_url: str, token: Token, dataset: str) -> Origin:
    """Return the dataset that a share's link, or a space's name or id, means.

    Raises:
        NotFound: There is no such share, or the token reaches no such space.
        ConfigurationError: It is no link to a share, or several spaces have that name.
    """
    if "://" in dataset:
        link = parse_share_link(dataset)
        found = await Onezone(connection, link.zone).shares.public(link.share)
        return Origin(found.name, link=f"{link.zone}/share/{link.share}")
    scope = await Onezone(connection, zone_url).tokens.infer_access_token_scope(token)
    if scope.data_access_scope is None:
        raise not_found()
    space = space_of(scope.data_access_scope, dataset)
    return Origin(scope.data_access_scope.spaces[space].name, space=space)


async def record_origin(target: Target, origin: Origin) -> None:
    """Name a dataset in the metadata of the results' space; what stands there stays.

    Raises:
        PosixError: eacces: the token may not write there.
    """
    metadata = target.provider.files.json_metadata
    try:
        known: JsonValue = await metadata.get(target.root)
    except PosixError as error:
        if error.errno != "enodata":
            raise
        known = {}
    document: dict[str, Any] = dict(known) if isinstance(known, dict) else {"value": known}
    listed = document.get(DERIVED_FROM, [])
    origins = listed if isinstance(listed, list) else [listed]
    if origin.document() not in origins:
        await metadata.put(target.root, {**document, DERIVED_FROM: [*origins, origin.document()]})
