"""A share as no honest Onedata gives one: it speaks the public REST, and says in it what a test wants."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from fs2od.testing.network._messages import Reply, Request, reply_of
from fs2od.testing.network._serving import Server

__all__ = ["HostileShare", "asked_for", "listed"]

_SHARE = "5f785efc3a98d2190a03813a097ff8eacha577"
_DATA = re.compile(r"/api/v3/(?:onezone/shares|oneprovider)/data/([^/]+)(?:/(children|content))?")


def listed(
    name: str, size: object = 0, *, kind: str = "REG", mtime: object = 1000, **more: object
) -> dict[str, object]:
    """Return an entry of a listing, as Onedata has it; its file id is "id-" and the name."""
    return {"fileId": f"id-{name}", "name": name, "type": kind, "size": size, "mtime": mtime, **more}


class HostileShare:
    """One service for zone and provider. Use it as a context manager; `link` leads to it.

    Every attribute may be changed at any time. `answers` has the first word: what it has for a path, or for "children of
    ID", "content of ID" and "facts of ID", is answered in the place of what an honest service would.
    """

    def __init__(
        self,
        items: Iterable[Mapping[str, object]] = (),
        contents: Mapping[str, bytes] | None = None,
        *,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Listen; nobody is answered before it is entered.

        Args:
            items: The root folder's entries, see `listed`.
            contents: The bytes of files, by name.
            context: For TLS; None is plain HTTP.
        """
        self.items = [dict(item) for item in items]
        self.contents = dict(contents or {})
        self.answers: dict[str, Callable[[Request], Reply]] = {}
        self.asked: list[Request] = []
        self._lock = threading.Lock()
        self._scheme = "http" if context is None else "https"
        self._server = Server(self._respond, context=context)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def url(self) -> str:
        """The origin of both, without a trailing slash."""
        return f"{self._scheme}://localhost:{self._server.ports[0]}"

    @property
    def link(self) -> str:
        """The share's link."""
        return f"{self.url}/share/{_SHARE}"

    def _respond(self, request: Request) -> Reply:
        with self._lock:
            self.asked.append(request)
        found = _DATA.fullmatch(request.path)
        file_id, what = (found[1], found[2] or "facts") if found else ("", "")
        answer = self.answers.get(f"{what} of {file_id}") or self.answers.get(request.path)
        if answer is not None:
            return answer(request)
        if request.path == f"/api/v3/onezone/shares/{_SHARE}/public":
            return reply_of(self._public())
        if what == "children":
            return reply_of({"children": self.items, "isLast": True, "nextPageToken": None})
        if what == "content":
            return self._content(file_id, request)
        return reply_of(self._facts(file_id)) if what else _not_found()

    def _facts(self, file_id: str) -> Mapping[str, object]:
        root = listed("root", kind="DIR", fileId="root")
        return next((item for item in self.items if item["fileId"] == file_id), root)

    def _content(self, file_id: str, request: Request) -> Reply:
        data = self.contents.get(file_id.removeprefix("id-"))
        if data is None:
            return _not_found()
        if request.range is None:
            return reply_of(data)
        first, last = request.range
        if first >= len(data):
            return reply_of(b"", status=416, headers={"Content-Range": f"bytes */{len(data)}"})
        part = data[first : len(data) if last is None else last + 1]
        said = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(data)}"}
        return reply_of(part, status=206, headers=said)

    def _public(self) -> dict[str, Any]:
        return {
            "shareId": _SHARE,
            "name": "share",
            "description": "",
            "publicUrl": self.link,
            "publicRestUrl": f"{self.url}/api/v3/onezone/shares/{_SHARE}/public",
            "rootFileId": "root",
            "fileType": "dir",
            "handleId": None,
            "creationTime": 1,
        }


def asked_for(request: Request) -> dict[str, Any]:
    """Return the JSON object that came with a request; empty where there was none."""
    found: dict[str, Any] = json.loads(request.body or b"{}")
    return found


def _not_found() -> Reply:
    return reply_of({"error": {"id": "notFound", "description": "gone"}}, status=404)
