"""Everything at a node that a dataset leaves behind, counted through REST: there must be one of each, whatever went wrong meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from fs2od.testing.system import System

__all__ = ["Things", "require_one_of_everything"]


@dataclass(frozen=True)
class Things:
    """What there is at a node, by its ids."""

    spaces: frozenset[str]
    storages: frozenset[str]
    groups: frozenset[str]
    tokens: frozenset[str]

    @classmethod
    def at(cls, node: System, http: httpx.Client) -> Things:
        """Count through REST."""
        zone, panel = f"{node.facts['zone']}/api/v3/onezone", f"{node.facts['provider']}/api/v3/onepanel"

        def ids(url: str, key: str) -> frozenset[str]:
            return frozenset(http.get(url).raise_for_status().json()[key])

        return cls(
            ids(f"{zone}/user/effective_spaces", "spaces"),
            ids(f"{panel}/provider/storages", "ids"),
            ids(f"{zone}/user/effective_groups", "groups"),
            ids(f"{zone}/user/tokens/named", "tokens"),
        )


def require_one_of_everything(node: System, http: httpx.Client, before: Things, *, provisioned: int) -> Things:
    """Make sure that since `before` there is one new dataset's worth of things, and `provisioned` groups of the facility."""
    zone = f"{node.facts['zone']}/api/v3/onezone"
    after = Things.at(node, http)
    (space,) = after.spaces - before.spaces
    assert len(after.storages - before.storages) == 1
    assert len(after.groups - before.groups) == 2 + provisioned
    tokens = [
        http.get(f"{zone}/tokens/named/{token}").raise_for_status().json() for token in after.tokens - before.tokens
    ]
    assert sorted(token["name"].rpartition(" ")[2] for token in tokens) == ["members", "owners"]
    assert len(http.get(f"{zone}/spaces/{space}/shares").raise_for_status().json()["shares"]) == 1
    assert len(http.get(f"{zone}/spaces/{space}/groups").raise_for_status().json()["groups"]) == 3
    return after
