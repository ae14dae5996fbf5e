"""Counts what leaves, and who takes it: around the provider's application, where every byte passes."""

from __future__ import annotations

import asyncio
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fs2od.node.provider.located import Located
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.sessions import Session
from fs2od.node.zone.activity import Taker
from fs2od.onedata import errors
from fs2od.onedata.ids import InvalidFileId, ShareId, parse_file_id

__all__ = ["Counter", "count_taken", "say_who_takes"]

_SHARE = re.compile(r"/share/(?P<share>[0-9a-h]+)/")
_CONTENT = re.compile(r"/api/v3/oneprovider/data/(?P<file>[^/]+)/content")
_DOWNLOAD = re.compile(r"/download/(?P<secret>[^/]+)(?P<name>/.*)?")
_KEY = "fs2od.taker"


class _Found:
    """Where a handler leaves who takes what it answers with."""

    taker: Taker | None = None


def say_who_takes(scope: Scope, located: Located) -> None:
    """Let what a request is answered with be counted for whoever was let in to it."""
    found = scope.get(_KEY)
    if isinstance(found, _Found):
        found.taker = _taker_of(located)


def count_taken(provider: Oneprovider, located: Located, size_bytes: int) -> None:
    """Count bytes that do not pass here, for whoever was told where they are had."""
    _count(provider, _taker_of(located), size_bytes)


class Counter:
    """Passes everything on, and counts the bytes of successful answers for the link or the person that they leave through."""

    def __init__(self, app: ASGIApp, provider: Oneprovider) -> None:
        self._app = app
        self._provider = provider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = _Found()
        found.taker = await self._taker(scope)
        counts = False

        async def counted(message: Message) -> None:
            nonlocal counts
            await send(message)
            if message["type"] == "http.response.start":
                counts = message["status"] in (200, 206) and found.taker is not None
            elif counts and (body := message.get("body", b"")):
                _count(self._provider, found.taker, len(body))

        await self._app({**scope, _KEY: found}, receive, counted)

    async def _taker(self, scope: Scope) -> Taker | None:
        path = scope["path"]
        if found := _SHARE.match(path):
            return Taker(share=ShareId(found["share"]))
        if found := _CONTENT.match(path):
            share = _share_of(found["file"])
            # Of a member's file its handler says who takes it.
            return None if share is None else Taker(share=share)
        if found := _DOWNLOAD.fullmatch(path):
            # Its handler looks the same up again: it costs a look into an index.
            return await asyncio.to_thread(self._behind, found["secret"], is_session=bool(found["name"]))
        return None

    def _behind(self, secret: str, *, is_session: bool) -> Taker | None:
        try:
            if is_session:
                return self._taker_by(self._provider.sessions.redeem(secret))
            return _taker_of(self._provider.tickets.redeem(secret))
        except errors.ServiceError:
            return None

    def _taker_by(self, session: Session) -> Taker:
        if not session.browser:
            return Taker(share=session.share)
        zone = self._provider.zone
        user = zone.accounts.sessions.acting(session.browser).user
        return Taker(zone.shares.known(session.share).space, user, session.share)


def _count(provider: Oneprovider, taker: Taker | None, size_bytes: int) -> None:
    if taker is None or not size_bytes:
        return
    provider.zone.activity.count_taken(taker, size_bytes)
    if taker.share is not None:
        provider.zone.link_rules.count_sent(taker.share, size_bytes)


def _taker_of(located: Located) -> Taker:
    share, user = located.share, located.caller.user
    # What everybody may take by a link, is taken by the link, whoever it is.
    is_public = share is not None and share.rule.audience == "public"
    return Taker(None if is_public else located.space, None if is_public else user, share.id if share else None)


def _share_of(file: str) -> ShareId | None:
    try:
        return parse_file_id(file).share
    except InvalidFileId:
        return None
