"""Providers of identities for tests: a real, certified one on loopback, and one that lies as a test tells it to."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tests.portal.conftest import in_thread
from tests.portal.npm import installed

from fs2od.node.certificates import LocalCertificate
from fs2od.node.http.routing import Route
from fs2od.node.serving import Service, listen
from fs2od.portal.signin import ClaimGrant, IdentityProvider

HERE = Path(__file__).parent / "oidc"
SECRET = "a secret: of & the client"
_READY_WITHIN_S = 60.0


@contextmanager
def real_provider(
    certificate: LocalCertificate, redirect: str, *, grants: tuple[ClaimGrant, ...] = ()
) -> Iterator[IdentityProvider]:
    """Yield a running provider that knows us; anybody can sign in there under any name."""
    told = {
        "key": str(certificate.key),
        "certificate": str(certificate.certificate),
        "redirect": redirect,
        "secret": SECRET,
        "module": str(installed(HERE) / "oidc-provider" / "lib" / "index.js"),
    }
    with subprocess.Popen(
        ["node", str(HERE / "provider.mjs"), json.dumps(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield _configured(_issuer(process), certificate, grants)
        finally:
            process.terminate()


def _issuer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    watch = threading.Timer(_READY_WITHIN_S, process.kill)
    watch.start()
    try:
        return str(json.loads(process.stdout.readline())["issuer"])
    finally:
        watch.cancel()


def _configured(issuer: str, certificate: LocalCertificate, grants: tuple[ClaimGrant, ...] = ()) -> IdentityProvider:
    return IdentityProvider(
        key="lab",
        name="Example Lab",
        issuer=issuer,
        client_id="fs2od",
        client_secret=SecretStr(SECRET),
        scopes=("openid", "email", "profile", "groups"),
        grants=grants,
        ca_file=certificate.ca,
    )


@cache
def first_key() -> RSAKey:
    """Return the key that a provider has until a test changes it; made once, for it takes a tenth of a second."""
    return RSAKey.generate_key(2048, {"kid": "1"})


@dataclass
class Liar:
    """A provider that answers as it should, but for what a test changes."""

    certificate: LocalCertificate
    issuer: str = ""
    key: RSAKey = field(default_factory=first_key)
    announced: RSAKey | None = None
    now_s: Callable[[], float] = time.time
    nonce: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    discovery: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    token_status: int = 200
    raw_token: str | None = None

    @property
    def provider(self) -> IdentityProvider:
        return _configured(self.issuer, self.certificate)

    def app(self) -> Starlette:
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/token", self._token, methods=["POST"]),
            Route("/jwks", self._jwks),
            Route("/userinfo", self._userinfo),
        ]
        return Starlette(routes=routes)

    def _discovery(self, _: Request) -> Response:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
        }
        return JSONResponse(document | self.discovery)

    async def _token(self, request: Request) -> Response:
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        self.asked.append({**form, "authorization": request.headers.get("Authorization", "")})
        token = self._id_token() if self.raw_token is None else self.raw_token
        return JSONResponse({"access_token": "x", "id_token": token}, self.token_status)

    def _id_token(self) -> str:
        now_s = int(self.now_s())
        claims = {
            "iss": self.issuer, "aud": "fs2od", "sub": "kim", "nonce": self.nonce, "iat": now_s, "exp": now_s + 300, **self.claims,
        }  # fmt: skip
        claims = {key: value for key, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": "1"}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])

    def _jwks(self, _: Request) -> Response:
        return JSONResponse({"keys": [(self.announced or self.key).as_dict(private=False)]})

    def _userinfo(self, request: Request) -> Response:
        assert request.headers["Authorization"] == "Bearer x"
        return JSONResponse({"sub": "kim", "email": "kim@example.org", "email_verified": True, **self.userinfo})


@contextmanager
def lying_provider(certificate: LocalCertificate) -> Iterator[Liar]:
    """Yield a running provider that lies as it is told."""
    socket = listen(0)
    liar = Liar(certificate, f"https://localhost:{socket.getsockname()[1]}")
    with in_thread([Service(liar.app(), socket)], certificate):
        yield liar
