"""Signing in at a provider of identities: to it, and back with its answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.http.routing import Route
from fs2od.node.zone.accounts import Blocked, Flow, NotInvited
from fs2od.onedata.errors import Conflict, NotFound
from fs2od.portal._places import local_path
from fs2od.portal._problems import NO_PAGE
from fs2od.portal._sentences import sentence
from fs2od.portal.signin._asking import ProviderClient
from fs2od.portal.signin._desk import Desk, Form, to
from fs2od.portal.signin._guests import ensure_guest, is_invited, remember
from fs2od.portal.signin._judging import Claims, grants_of, proof_of
from fs2od.portal.signin._pages import OTHER_ACCOUNT
from fs2od.portal.signin._refusal import IdentityRefused

__all__ = ["ProviderPages"]

_log = logging.getLogger(__name__)
_LONGEST_ANSWER = 8000
_UNKNOWN = IdentityRefused(
    sentence("This answer was used already, came too late, or belongs to another browser: start again here.")
)


@dataclass(frozen=True)
class ProviderPages:
    """The way to each configured provider and back."""

    desk: Desk
    clients: Mapping[str, ProviderClient]

    @classmethod
    def of(cls, desk: Desk) -> ProviderPages:
        """Return the pages for the providers of a desk's settings."""
        clients = {
            key: ProviderClient(provider, f"{desk.zone.settings.zone_url}/sign-in/oidc/{key}/answer", desk.zone.clock)
            for key, provider in desk.settings.by_key().items()
        }
        return cls(desk, clients)

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        return [
            self.desk.async_button("/sign-in/oidc/{key}", self.begin),
            Route("/sign-in/oidc/{key}/answer", self.answer),
        ]

    async def begin(self, request: Request, form: Form) -> Response:
        """Lead the browser to a provider; with `add` in the form, to add what it says to the visitor's account."""
        client = self.clients.get(str(request.path_params["key"]))
        if client is None:
            return self.desk.problem(request, NO_PAGE)
        caller = self.desk.visitor(request).caller if "add" in form else None
        guest, target = ensure_guest(request), local_path(form.get("next", ""))

        def begun() -> Flow:
            return self.desk.zone.flows.begin(
                client.provider.key,
                browser=guest,
                target=target,
                user=None if caller is None else caller.user,
                invited=is_invited(self.desk.zone, request),
            )

        flow = await anyio.to_thread.run_sync(begun)
        try:
            address = await client.address(flow)
        except IdentityRefused as error:
            _log.warning("sign-in at %s: %s (%r)", client.provider.key, error, error.__cause__)
            return self.desk.refused(request, error, target=target)
        # A page and no redirect: browsers hold redirects of a form to our policy, which keeps forms on this server.
        answer = self.desk.page(request, "to_provider.html", {"provider": client.provider, "address": address})
        remember(answer, guest)
        return answer

    async def answer(self, request: Request) -> Response:
        """Judge what a provider says, and sign in or add it to the account."""
        client = self.clients.get(str(request.path_params["key"]))
        if client is None:
            return self.desk.problem(request, NO_PAGE)
        try:
            flow = await anyio.to_thread.run_sync(self._flow, request, client.provider.key)
            claims = await client.claims(flow, dict(request.query_params))
            return await anyio.to_thread.run_sync(self._done, request, client, flow, claims)
        except (IdentityRefused, NotInvited, Blocked) as error:
            _log.info("sign-in at %s: %s (%r)", client.provider.key, error, error.__cause__)
            return self.desk.refused(request, error, target="/account")
        except Conflict:
            return self.desk.problem(request, OTHER_ACCOUNT)

    def _flow(self, request: Request, key: str) -> Flow:
        state = request.query_params.get("state", "")
        try:
            if len(request.url.query) > _LONGEST_ANSWER:
                raise _UNKNOWN
            return self.desk.zone.flows.end(key, state=state, browser=ensure_guest(request))
        except NotFound as error:
            raise _UNKNOWN from error

    def _done(self, request: Request, client: ProviderClient, flow: Flow, claims: Claims) -> Response:
        accounts, provider = self.desk.zone.accounts, client.provider
        proof = proof_of(provider, claims)
        if flow.user is not None:
            caller = self.desk.visitor(request).caller
            if caller is None or caller.user != flow.user:
                raise _UNKNOWN
            accounts.link(flow.user, proof)
        user = accounts.sign_in(
            proof,
            sign_up=provider.sign_up or self.desk.settings.sign_up,
            invited=flow.invited,
            grants=grants_of(provider, claims) if provider.grants else None,
        )
        return to("/account") if flow.user is not None else self.desk.begin_session(request, user, flow.target)
