"""Shares, as a provider makes them."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import FileId, ShareId

__all__ = ["ProviderShares"]


class ProviderShares:
    """What is public of a provider's files. `Onezone.spaces.shares` lists them."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def create(self, root: FileId, name: str, *, description: str = "") -> ShareId:
        """Publish a file or a directory under a link (POST P/shares).

        Two calls make two shares, so it is not repeated when the answer is lost: look among the space's shares first.

        Args:
            root: What to publish. A directory publishes all below it, also what comes later.
            name: Shown on the public page.
            description: Markdown, shown there as well.

        Raises:
            PosixError: enoent: `root` does not exist.
            Forbidden: The user may not manage shares in this space (space_manage_shares).
        """
        # 21.02 takes rootFileId as well, but every release knows fileId.
        document = wire.ShareRequest(name=name, file_id=root, description=description)
        return (await self._service.read("create_share", wire.ShareCreated, document=document)).share_id

    async def get(self, share: ShareId) -> wire.ShareDetails:
        """Return a share (GET P/shares/{shid}).

        Raises:
            NotFound: There is no such share.
            Forbidden: The user is not in its space.
        """
        return await self._service.read("get_share", wire.ShareDetails, ids={"shid": share})

    async def change(
        self, share: ShareId, *, name: str | UnsetType = UNSET, description: str | UnsetType = UNSET
    ) -> None:
        """Change what is given (PATCH P/shares/{shid}).

        Raises:
            NotFound: There is no such share.
            Forbidden: The user may not (space_manage_shares).
        """
        document = wire.ShareChange(name=name, description=description)
        await self._service.do("update_share", ids={"shid": share}, document=document)

    async def delete(self, share: ShareId) -> None:
        """End a share; its files stay (DELETE P/shares/{shid}).

        Raises:
            NotFound: It is gone already, perhaps by a try whose answer was lost.
            Forbidden: The user may not (space_manage_shares).
        """
        await self._service.do("remove_share", ids={"shid": share})
