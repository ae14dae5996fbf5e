"""Who makes a request, and what the token they showed leaves of their rights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fs2od.onedata import errors
from fs2od.onedata.ids import InvalidFileId, SpaceId, UserId, parse_file_id
from fs2od.onedata.tokens import DataAccess

__all__ = ["GUEST", "Caller"]


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Caller:
    """A user, or a guest with None.

    Attributes:
        data: What the data.* caveats of the token leave.
        data_only: The token is for data access only, so that it opens nothing else.
        until_s: When the token ends, in seconds since 1970, if it does.
        is_bound: A caveat of the token asks who shows it, or from where.
        still_holds: Judges the token again: revoked tokens and removed users hold no longer.
    """

    user: UserId | None
    data: DataAccess = field(default_factory=DataAccess)
    data_only: bool = False
    until_s: int | None = None
    is_bound: bool = False
    still_holds: Callable[[], bool] = field(default=_always, compare=False, repr=False)

    def require_all_access(self) -> None:
        """Let only tokens pass that are not for data access alone.

        Raises:
            Unauthorized: tokenCaveatUnverified.
        """
        if self.data_only:
            said = "The token is confined to data access, and this is something else."
            raise errors.unauthorized(errors.error_of("tokenCaveatUnverified", said, {"caveat": {"type": "data"}}))

    def sees_space(self, space: SpaceId) -> bool:
        """Say whether the token leaves anything of `space`."""
        return self.data.leads_on(f"/{space}") and all(
            any(_space_of(object_id) == space for object_id in allowed) for allowed in self.data.object_ids
        )

    def require_space(self, space: SpaceId) -> None:
        """Let only tokens pass that leave something of `space`.

        Raises:
            Forbidden: The token is confined to other spaces.
        """
        if not self.sees_space(space):
            raise errors.forbidden()


def _space_of(object_id: str) -> SpaceId | None:
    try:
        return parse_file_id(object_id).space
    except InvalidFileId:
        return None


GUEST = Caller(None)
