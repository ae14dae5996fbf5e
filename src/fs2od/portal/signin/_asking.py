"""Asking a provider of identities, over HTTPS: what it offers, its keys, and a code's worth."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from fs2od.errors import ConfigurationError
from fs2od.node.clock import Clock
from fs2od.node.zone.accounts import Flow
from fs2od.portal._sentences import sentence
from fs2od.portal.signin._judging import Claims, Discovered, discovered, judge_answer, judge_id_token, judge_userinfo
from fs2od.portal.signin._refusal import IdentityRefused
from fs2od.portal.signin._settings import IdentityProvider
from fs2od.trust import trusting

__all__ = ["ProviderClient"]

_ANSWER_WITHIN_S = 10.0
_MOST_BYTES = 1 << 20
_REMEMBERED_S = 600.0


@dataclass
class ProviderClient:
    """One provider, asked as this node's client. What it offers is remembered for ten minutes."""

    provider: IdentityProvider
    redirect_uri: str
    clock: Clock
    _offer: Discovered | None = field(default=None, init=False)
    _keys: KeySet | None = field(default=None, init=False, repr=False)
    _until_s: float = field(default=0.0, init=False)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        try:
            return trusting(None if self.provider.ca_file is None else str(self.provider.ca_file))
        except OSError as error:
            raise ConfigurationError(f"signin: the CA file {self.provider.ca_file} cannot be read") from error

    async def address(self, flow: Flow) -> str:
        """Return where the browser is sent to sign in.

        Raises:
            IdentityRefused: The provider cannot be reached, or its discovery document cannot be used.
        """
        found = await self._discover()
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.provider.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        return f"{found.authorization}{'&' if '?' in found.authorization else '?'}{urlencode(asked)}"

    async def claims(self, flow: Flow, answer: Mapping[str, str]) -> Claims:
        """Return what the provider says of the person whose answer came back through the browser.

        Raises:
            IdentityRefused: It says nothing, or nothing that can be believed.
        """
        found = await self._discover()
        code = judge_answer(self.provider, found, answer)
        said = await self._redeem(found, code, flow)
        token = said.get("id_token")
        if not isinstance(token, str):
            raise IdentityRefused(
                sentence("%(provider)s does not say who you are: tell the facility.", provider=self.provider.name)
            )
        claims = await self._judged(found, token, flow)
        access = said.get("access_token")
        if not found.userinfo or not isinstance(access, str):
            return claims
        more = await self._ask("GET", found.userinfo, headers={"Authorization": f"Bearer {access}"})
        return judge_userinfo(self.provider, claims, more)

    async def _redeem(self, found: Discovered, code: str, flow: Flow) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": flow.verifier,
        }
        secret = self.provider.client_secret.get_secret_value()
        said = await self._ask("POST", found.token, form=form, secret=secret)
        return said if isinstance(said, dict) else {}

    async def _judged(self, found: Discovered, token: str, flow: Flow) -> Claims:
        keys, fresh = await self._key_set(found)
        try:
            return judge_id_token(self.provider, found, token, keys, flow, self.clock.now())
        except IdentityRefused:
            if fresh:
                raise
        # Providers change their keys: what was remembered may be old.
        self._keys = None
        keys, _ = await self._key_set(found)
        return judge_id_token(self.provider, found, token, keys, flow, self.clock.now())

    async def _key_set(self, found: Discovered) -> tuple[KeySet, bool]:
        if self._keys is not None:
            return self._keys, False
        document = await self._ask("GET", found.keys)
        try:
            self._keys = KeySet.import_key_set(_signing_keys(document))
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise IdentityRefused(
                sentence("The keys of %(provider)s cannot be read: tell the facility.", provider=self.provider.name)
            ) from error
        return self._keys, True

    async def _discover(self) -> Discovered:
        if self._offer is None or time.monotonic() > self._until_s:
            place = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
            self._offer = discovered(self.provider, await self._ask("GET", place))
            self._keys = None
            self._until_s = time.monotonic() + _REMEMBERED_S
        return self._offer

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        secret: str | None = None,
    ) -> object:
        """Return the JSON of a bounded answer. No redirect is followed, for it would carry secrets elsewhere."""
        auth = None if secret is None else httpx.BasicAuth(*_basic(self.provider.client_id, secret))
        try:
            async with (
                asyncio.timeout(_ANSWER_WITHIN_S),
                self._http() as client,
                client.stream(method, url, data=form, headers=headers, auth=auth) as answer,
            ):
                body = await _bounded(answer)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise IdentityRefused(
                sentence(
                    "%(provider)s cannot be reached at the moment: try again later, or sign in another way.",
                    provider=self.provider.name,
                )
            ) from error
        if answer.status_code != httpx.codes.OK or body is None:
            raise IdentityRefused(
                sentence(
                    "%(provider)s refused to say who you are: start again from the sign-in page.",
                    provider=self.provider.name,
                )
            )
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise IdentityRefused(
                sentence(
                    "%(provider)s answered with something unreadable: tell the facility.", provider=self.provider.name
                )
            ) from error

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=self._tls, timeout=_ANSWER_WITHIN_S, trust_env=False, headers={"Accept": "application/json"}
        )


async def _bounded(answer: httpx.Response) -> bytes | None:
    body = b""
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > _MOST_BYTES:
            return None
    return body


def _basic(client_id: str, secret: str) -> tuple[str, str]:
    """Return name and password as RFC 6749 §2.3.1 wants them: each form-encoded first."""
    name, password = (urlencode({"": value})[1:] for value in (client_id, secret))
    return name, password


def _signing_keys(document: object) -> Any:  # noqa: ANN401 - what joserfc wants: JSON
    keys = document.get("keys") if isinstance(document, dict) else None
    usable = (
        [each for each in keys if isinstance(each, dict) and each.get("use") != "enc"] if isinstance(keys, list) else []
    )
    return {"keys": usable}
