"""Judging what a provider of identities says. Pure: the clock and the keys are arguments.

Sources: OpenID Connect Core 1.0 §3.1.3.7 (ID token), §5.3.2 (userinfo), Discovery 1.0 §4.3, RFC 9207 (issuer in the answer).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from fs2od.node.zone.accounts import Flow, Grant, Proof
from fs2od.portal._sentences import sentence
from fs2od.portal.signin._refusal import IdentityRefused
from fs2od.portal.signin._settings import IdentityProvider

__all__ = [
    "Discovered",
    "discovered",
    "grants_of",
    "judge_answer",
    "judge_id_token",
    "judge_userinfo",
    "proof_of",
]

# Clocks of servers differ; more than this means that one of them is wrong.
_SKEW = timedelta(minutes=2)
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LONGEST_SUBJECT = 255

Claims = Mapping[str, Any]


@dataclass(frozen=True)
class Discovered:
    """Where a provider is asked what."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    says_issuer: bool = False
    algorithms: tuple[str, ...] = field(default=_ALGORITHMS)


def discovered(provider: IdentityProvider, document: object) -> Discovered:
    """Return what a discovery document says.

    Raises:
        IdentityRefused: It is another issuer's, or lacks something.
    """
    said = document if isinstance(document, dict) else {}
    if said.get("issuer") != provider.issuer:
        raise IdentityRefused(
            sentence(
                "%(provider)s calls itself another issuer than the configured one: tell the facility.",
                provider=provider.name,
            )
        )
    places = [said.get(f"{name}_endpoint") for name in ("authorization", "token")] + [said.get("jwks_uri")]
    if not all(isinstance(place, str) and place.startswith("https://") for place in places):
        raise IdentityRefused(
            sentence("%(provider)s does not say where it is asked: tell the facility.", provider=provider.name)
        )
    userinfo = said.get("userinfo_endpoint")
    offered = said.get("id_token_signing_alg_values_supported")
    algorithms = tuple(each for each in _ALGORITHMS if not isinstance(offered, list) or each in offered)
    # An empty list would leave the choice to the library.
    if not algorithms:
        raise IdentityRefused(
            sentence("%(provider)s signs in no way that can be checked: tell the facility.", provider=provider.name)
        )
    return Discovered(
        str(places[0]),
        str(places[1]),
        str(places[2]),
        userinfo if isinstance(userinfo, str) and userinfo.startswith("https://") else "",
        says_issuer=said.get("authorization_response_iss_parameter_supported") is True,
        algorithms=algorithms,
    )


def judge_answer(provider: IdentityProvider, found: Discovered, answer: Mapping[str, str]) -> str:
    """Return the code of an answer that came back through the browser.

    Raises:
        IdentityRefused: The person declined, the provider failed, or another provider answered.
    """
    issuer = answer.get("iss")
    if (issuer is not None or found.says_issuer) and issuer != provider.issuer:
        raise IdentityRefused(
            sentence(
                "The answer did not come from %(provider)s: start again from the sign-in page.", provider=provider.name
            )
        )
    if answer.get("error") == "access_denied":
        raise IdentityRefused(
            sentence("You did not let %(provider)s tell us who you are, so nothing was done.", provider=provider.name)
        )
    if "error" in answer or not answer.get("code"):
        raise IdentityRefused(
            sentence("%(provider)s could not sign you in: try again, or another way.", provider=provider.name)
        )
    return answer["code"]


def judge_id_token(
    provider: IdentityProvider, found: Discovered, token: str, keys: KeySet, flow: Flow, now: datetime
) -> Claims:
    """Return the claims of an ID token that can be believed.

    Raises:
        IdentityRefused: Its signature, issuer, audience, nonce or times are wrong.
    """
    try:
        claims = dict(jwt.decode(token, keys, algorithms=list(found.algorithms)).claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise IdentityRefused(
            sentence("The signature of what %(provider)s says is wrong: tell the facility.", provider=provider.name)
        ) from error
    if claims.get("iss") != provider.issuer:
        raise IdentityRefused(
            sentence("What %(provider)s says was issued by somebody else: tell the facility.", provider=provider.name)
        )
    _judge_audience(provider, claims)
    _judge_times(provider, claims, now)
    if claims.get("nonce") != flow.nonce:
        raise IdentityRefused(sentence("The answer belongs to another sign-in: start again from the sign-in page."))
    _subject(provider, claims)
    return claims


def judge_userinfo(provider: IdentityProvider, claims: Claims, said: object) -> Claims:
    """Return what is known of a person from both the ID token and the userinfo; where they differ, the token counts.

    Raises:
        IdentityRefused: The userinfo is about somebody else.
    """
    if not isinstance(said, dict) or said.get("sub") != claims["sub"]:
        raise IdentityRefused(
            sentence("%(provider)s spoke of two different people: tell the facility.", provider=provider.name)
        )
    return {**said, **claims}


def proof_of(provider: IdentityProvider, claims: Claims) -> Proof:
    """Return who the claims are about. An address counts only if the provider says that it verified it."""
    address = claims.get("email")
    verified = claims.get("email_verified") is True and isinstance(address, str)
    name = claims.get("name") or claims.get("preferred_username")
    return Proof(
        "oidc",
        provider.issuer,
        _subject(provider, claims),
        address=address if verified and isinstance(address, str) and len(address) < 255 else "",
        name=name if isinstance(name, str) else "",
    )


def grants_of(provider: IdentityProvider, claims: Claims) -> list[Grant]:
    """Return what the claims bring, by the configured mapping."""
    return [each.grant for each in provider.grants if each.value in _values(claims.get(each.claim))]


def _values(said: object) -> list[str]:
    if isinstance(said, list):
        return [each for each in said if isinstance(each, str)]
    return [said] if isinstance(said, str) else []


def _subject(provider: IdentityProvider, claims: Claims) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise IdentityRefused(
            sentence("%(provider)s does not say who you are: tell the facility.", provider=provider.name)
        )
    return subject


def _judge_audience(provider: IdentityProvider, claims: Claims) -> None:
    audience = _values(claims.get("aud"))
    party = claims.get("azp")
    named = provider.client_id in audience
    if not named or (len(audience) > 1 and party is None) or (party is not None and party != provider.client_id):
        raise IdentityRefused(
            sentence("What %(provider)s says is meant for another service: tell the facility.", provider=provider.name)
        )


def _judge_times(provider: IdentityProvider, claims: Claims, now: datetime) -> None:
    issued, ends = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int | float) or not isinstance(ends, int | float):
        raise IdentityRefused(
            sentence("%(provider)s does not say until when its word holds: tell the facility.", provider=provider.name)
        )
    now_s, skew_s = now.timestamp(), _SKEW.total_seconds()
    if issued > now_s + skew_s or ends <= now_s - skew_s:
        raise IdentityRefused(
            sentence(
                "The clocks of %(provider)s and of this server differ too much: tell the facility.",
                provider=provider.name,
            )
        )
