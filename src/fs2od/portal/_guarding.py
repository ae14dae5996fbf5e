"""Pages that only some may enter, and their forms: one guard before each handler, whatever decides who they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from fs2od.errors import Fs2odError
from fs2od.node.http.routing import Route
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.zone import Zone
from fs2od.onedata.ids import UserId
from fs2od.portal._problems import Problem
from fs2od.portal._rendering import wants_twin
from fs2od.portal._sentences import sentence
from fs2od.portal.signin import Desk, Form, to

__all__ = ["Guarded", "Guest", "sign_in_first"]


class Guest(Protocol):
    """Whoever was let in."""

    @property
    def user(self) -> UserId:
        """Who they are."""
        ...


Let = TypeVar("Let", bound=Guest)


@dataclass(frozen=True)
class Guarded(ABC, Generic[Let]):
    """Makes routes whose handlers only those reach who may; others are led to the sign-in, or told what is the matter."""

    desk: Desk

    @property
    def zone(self) -> Zone:
        """The zone."""
        return self.desk.zone

    @abstractmethod
    def enter(self, request: Request, caller: Caller) -> Let:
        """Return who comes in, as handlers know them.

        Raises:
            Fs2odError: They may not.
        """

    @abstractmethod
    def explain(self, request: Request, error: Fs2odError) -> Problem:
        """Return the words for an error."""

    @property
    @abstractmethod
    def sign_in_first(self) -> Problem:
        """The words for programs of those who are not signed in."""

    def seen(self, path: str, handler: Callable[[Let], Response]) -> list[Route]:
        """Return the routes of a page and its JSON twin."""

        def answer(request: Request) -> Response:
            return self._guarded(request, handler)

        return [Route(f"{path}.json", answer), Route(path, answer, methods=["GET"])]

    def asked(self, path: str, handler: Callable[[Let], Response]) -> Route:
        """Return the route of a page that asks before something is done; it has no twin."""
        return Route(path, lambda request: self._guarded(request, handler), methods=["GET"])

    def pressed(self, path: str, handler: Callable[[Let, Form], Response]) -> Route:
        """Return the route of a form; it is taken only from our own pages."""

        async def guarded(request: Request, form: Form) -> Response:
            return await anyio.to_thread.run_sync(
                lambda: self._guarded(request, lambda visit: handler(visit, form), path)
            )

        return self.desk.async_button(path, guarded)

    def _guarded(self, request: Request, handler: Callable[[Let], Response], done_at: str = "") -> Response:
        visitor = self.desk.visitor(request)
        if visitor.caller is None:
            return self.desk.problem(request, self.sign_in_first) if wants_twin(request) else to(visitor.sign_in)
        try:
            visit = self.enter(request, visitor.caller)
            answer = handler(visit)
        except Fs2odError as error:
            return self.desk.problem(request, self.explain(request, error))
        if done_at and answer.status_code < 400:
            self.zone.audit.record(visit.user, f"page {done_at}", request.url.path)
        return answer


def sign_in_first(who_sees_it: str) -> Problem:
    """Return the words for programs of those who are not signed in; `who_sees_it` is one sentence, marked for translation."""
    return Problem(401, sentence("Sign in first"), who_sees_it, sentence("Open /sign-in in a browser."))
