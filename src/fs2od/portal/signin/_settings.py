"""How people may sign in, as the configuration says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from fs2od.node.zone.accounts import Grant, SignUp

__all__ = ["ClaimGrant", "IdentityProvider", "SignInSettings"]


@dataclass(frozen=True)
class ClaimGrant:
    """What it brings when a provider says `value` under `claim`: either the claim's value, or one of its list."""

    claim: str
    value: str
    grant: Grant


@dataclass(frozen=True)
class IdentityProvider:
    """One OpenID Connect provider.

    Attributes:
        key: Its part of our addresses: small letters, digits and hyphens. Register REDIRECT = ZONE/sign-in/oidc/KEY/answer there.
        name: What stands on its button.
        issuer: Its issuer, an https address, exactly as it says itself.
        sign_up: Who may have a new account through it; None: as for everybody.
        ca_file: Certificates to trust besides the system's.
    """

    key: str
    name: str
    issuer: str
    client_id: str
    client_secret: SecretStr
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    grants: tuple[ClaimGrant, ...] = ()
    sign_up: SignUp | None = None
    ca_file: Path | None = None


@dataclass(frozen=True)
class SignInSettings:
    """All ways in.

    Attributes:
        sign_up: Who may have a new account. Anyone by default: an account alone opens nothing, what it may is given by
            invites; and whoever is handed an invite token shall not have to ask the facility first.
        by_mail: Whether links are sent by mail.
        providers: The providers of identities, in the order of their buttons.
    """

    sign_up: SignUp = "anyone"
    by_mail: bool = True
    providers: tuple[IdentityProvider, ...] = field(default=())

    def by_key(self) -> Mapping[str, IdentityProvider]:
        """Return the providers by their keys."""
        return {provider.key: provider for provider in self.providers}
