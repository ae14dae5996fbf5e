"""Counts what leaves through links: around the provider's application, where every byte passes."""

from __future__ import annotations

import asyncio
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fs2od.node.provider.provider import Oneprovider
from fs2od.onedata import errors
from fs2od.onedata.ids import InvalidFileId, ShareId, parse_file_id

__all__ = ["LinkCounter"]

_SHARE = re.compile(r"/share/(?P<share>[0-9a-h]+)/")
_CONTENT = re.compile(r"/api/v3/oneprovider/data/(?P<file>[^/]+)/content")
_DOWNLOAD = re.compile(r"/download/(?P<secret>[^/]+)(?P<name>/.*)?")


class LinkCounter:
    """Passes everything on, and counts the bytes of successful answers for the link that they leave through."""

    def __init__(self, app: ASGIApp, provider: Oneprovider) -> None:
        self._app = app
        self._provider = provider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        share = await self._share(scope) if scope["type"] == "http" else None
        if share is None:
            await self._app(scope, receive, send)
            return
        counts = False

        async def counted(message: Message) -> None:
            nonlocal counts
            await send(message)
            if message["type"] == "http.response.start":
                counts = message["status"] in (200, 206)
            elif counts and (body := message.get("body", b"")):
                self._provider.zone.link_rules.count_sent(share, len(body))

        await self._app(scope, receive, counted)

    async def _share(self, scope: Scope) -> ShareId | None:
        path = scope["path"]
        if found := _SHARE.match(path):
            return ShareId(found["share"])
        if found := _CONTENT.match(path):
            return _share_of(found["file"])
        if found := _DOWNLOAD.fullmatch(path):
            # Its handler looks the same up again: it costs a look into an index.
            return await asyncio.to_thread(self._behind, found["secret"], is_session=bool(found["name"]))
        return None

    def _behind(self, secret: str, *, is_session: bool) -> ShareId | None:
        try:
            if is_session:
                return self._provider.sessions.redeem(secret).share
            found = self._provider.tickets.redeem(secret).share
        except errors.ServiceError:
            return None
        return found.id if found else None


def _share_of(file: str) -> ShareId | None:
    try:
        return parse_file_id(file).share
    except InvalidFileId:
        return None
