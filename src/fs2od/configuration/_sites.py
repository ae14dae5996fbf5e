"""Further sites of the node with their storages, as the configuration file says them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fs2od.configuration._values import shaped

__all__ = ["Site", "SiteStorage", "require_different"]

_Name = Annotated[
    str,
    shaped(
        r"[\w()][\w() .-]{0,126}[\w()]",
        "expected 2 to 128 letters, digits, parentheses, and between them spaces, dots and hyphens",
    ),
]


class SiteStorage(BaseModel):
    """A storage of the site. It is known by its name, added as soon as it can be used, and reached anew when this changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    name: _Name = Field(description="Its name at the site.")
    folder: Path | None = Field(
        default=None, description="A directory of the node's machine, absolute; without it, a bucket."
    )
    endpoint: Annotated[str, shaped(r"(https?://[^\s?#@]+)?", "expected an address such as https://s3.example.org")] = (
        Field(default="", description="The address of an S3 store.")
    )
    bucket: str = Field(default="", description="The bucket, which must be there.")
    access_key: str = Field(default="", description="The name of its credentials.")
    secret_file: Path | None = Field(default=None, description="File (mode 0600) that holds their secret.")
    region: str = Field(default="", description="The region that requests are signed for.")
    ca_file: Path | None = Field(
        default=None, description="Certificates of who signed the store's, where that is no public authority."
    )
    qos: dict[str, str] = Field(default_factory=dict, description="What QoS expressions can ask for.")

    @model_validator(mode="after")
    def _is_one_of_them(self) -> SiteStorage:
        if (self.folder is None) == (not self.endpoint):
            raise ValueError("give either folder or endpoint")
        if self.folder is not None and not self.folder.is_absolute():
            raise ValueError(f"folder must be absolute, not '{self.folder}'")
        if self.endpoint and not (self.bucket and bool(self.access_key) == (self.secret_file is not None)):
            raise ValueError("endpoint needs bucket, and access_key together with secret_file")
        return self


class Site(BaseModel):
    """A further site of the node: a provider with an origin, a panel and storages of its own, such as a computing centre's."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    name: _Name = Field(description="Its name. It is known by it: under another name it is another site.")
    host: Annotated[str, shaped(r"[A-Za-z0-9.-]{0,253}", "expected a host such as data.example.org")] = Field(
        default="", description="Its public host name; by default the node's."
    )
    port: int = Field(default=0, ge=0, le=65535, description="Its port; 0: the next free one after the node's own.")
    storage: tuple[SiteStorage, ...] = Field(default=(), max_length=64, description="Its storages.")

    @model_validator(mode="after")
    def _storages_differ(self) -> Site:
        if len({each.name for each in self.storage}) != len(self.storage):
            raise ValueError("storage: the same name is given twice")
        return self


def require_different(sites: Iterable[Site]) -> None:
    """Let only sites pass whose names differ.

    Raises:
        ValueError: Two have the same one.
    """
    names = [site.name for site in sites]
    if len(set(names)) != len(names):
        raise ValueError("site: the same name is given twice")
