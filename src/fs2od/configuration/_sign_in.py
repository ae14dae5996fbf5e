"""The sections about signing in, and what a node alone reads of the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from fs2od.configuration._values import shaped

__all__ = ["ClaimGrant", "IdentityProviderSection", "SignIn"]

Word = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Issuer = Annotated[str, shaped(r"https://[^\s?#@]+", "expected an address such as https://login.example.org")]
Key = Annotated[str, shaped(r"[a-z0-9-]{1,40}", "expected up to 40 small letters, digits and hyphens")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class ClaimGrant(_Section):
    """What it brings when a provider says a value under a claim; taken back when it says so no more."""

    claim: Word = Field(description="The claim's name, such as 'eduperson_entitlement' or 'groups'.")
    value: Word = Field(description="Its value, or one of its list.")
    group: str | None = Field(default=None, description="Id of the group whose member one becomes.")
    privileges: tuple[str, ...] = Field(default=(), description="Administrative privileges (oz_…) that one gets.")

    @model_validator(mode="after")
    def _brings_something(self) -> ClaimGrant:
        if self.group is None and not self.privileges:
            raise ValueError("set group, or privileges, or both")
        return self


class IdentityProviderSection(_Section):
    """One OpenID Connect provider. Register https://ZONE/sign-in/oidc/KEY/answer there as the redirect address."""

    name: Word = Field(description="What stands on its button.")
    key: Key | None = Field(default=None, description="Its part of our addresses; by default made from its name.")
    issuer: Issuer = Field(description="Its issuer, exactly as it says itself.")
    client_id: Word = Field(description="What it calls us.")
    client_secret_file: Path = Field(description="File (mode 0600) that holds the secret that it gave us.")
    scopes: tuple[str, ...] = Field(
        default=("openid", "email", "profile"), description="What is asked for; 'openid' must be among it."
    )
    sign_up: Literal["anyone", "invited"] | None = Field(
        default=None, description="Who may have a new account through it; by default as for everybody."
    )
    ca_file: Path | None = Field(default=None, description="Certificates to trust besides the system's.")
    grants: tuple[ClaimGrant, ...] = Field(default=(), description="What its claims bring.")

    @model_validator(mode="after")
    def _asks_for_an_identity(self) -> IdentityProviderSection:
        if "openid" not in self.scopes:
            raise ValueError("scopes must hold 'openid'")
        if not self.address_key:
            raise ValueError("set key: the name has no letter or digit to make it from")
        return self

    @property
    def address_key(self) -> str:
        """Return the key that stands in addresses."""
        return self.key or re.sub(r"[^a-z0-9]+", "-", self.name.lower())[:40].strip("-")


class SignIn(_Section):
    """How people sign in at the node."""

    sign_up: Literal["anyone", "invited"] = Field(
        default="anyone",
        description="Who may have an account: 'anyone' who can prove who they are, or only who was 'invited'. "
        "An account alone opens nothing.",
    )
    mail: bool = Field(default=True, description="Send one-time links by mail, by the settings of [mail].")
    oidc: tuple[IdentityProviderSection, ...] = Field(default=(), description="Providers of identities.")

    @model_validator(mode="after")
    def _providers_differ(self) -> SignIn:
        for values in ([each.address_key for each in self.oidc], [each.issuer for each in self.oidc]):
            if len(set(values)) != len(values):
                raise ValueError("oidc: two providers have the same key or the same issuer")
        return self
