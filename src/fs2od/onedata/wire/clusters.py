"""Clusters, as a zone keeps them: the panel of each provider, and its members."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from fs2od.onedata.ids import UserId
from fs2od.onedata.wire.codec import Document
from fs2od.onedata.wire.users import SubjectRef

__all__ = ["ClusterDetails", "ClusterIds", "ClusterVersion", "MemberDetails"]


class ClusterIds(Document, frozen=True, kw_only=True):
    """GET Z/clusters and Z/user/clusters."""

    clusters: tuple[str, ...]


class ClusterVersion(Document, frozen=True, kw_only=True):
    """What runs there."""

    release: str
    build: str
    gui: str


class ClusterDetails(Document, frozen=True, kw_only=True):
    """GET Z/clusters/{id} and Z/user/clusters/{id}. `online` is not in the published description."""

    cluster_id: str
    type: Literal["oneprovider", "onezone"]
    worker_version: ClusterVersion | UnsetType = UNSET
    onepanel_version: ClusterVersion | UnsetType = UNSET
    online: bool | UnsetType = UNSET
    onepanel_proxy: bool | UnsetType = UNSET
    creator: SubjectRef | UnsetType = UNSET
    creation_time: int | UnsetType = UNSET


class MemberDetails(Document, frozen=True, kw_only=True):
    """GET Z/clusters/{id}/users/{uid}."""

    user_id: UserId
    full_name: str
    username: str | None
    creation_time: int | UnsetType = UNSET
