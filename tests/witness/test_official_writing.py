"""Onedata's own Python clients write to the node, over TLS that they verify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from fs2od.testing.world import ServedWorld

pytestmark = pytest.mark.witness
Witness = Callable[[str, dict[str, Any]], dict[str, Any]]


# What of the suite fails because of the client itself, each with the reason. This may only shrink: to nothing, now.
CLIENTS_OWN: Mapping[str, str] = {}
LEAST_CASES = 79


def told(world: ServedWorld, *, size_bytes: int = 1 << 30) -> dict[str, Any]:
    """Return what a program has to know to write into a new space."""
    alex = world.person()
    world.results(alex, size_bytes=size_bytes)
    zone, ca = world.node.settings.zone_domain, str(world.ca)
    return {"zone": zone, "ca": ca, "token": alex.token.reveal(), "space": "results"}


def test_pyfilesystems_own_suite_passes(served: ServedWorld, witness: Witness) -> None:
    # Half a minute: it is the whole suite, over TLS, as its makers wrote it.
    saw = witness("fs_test_cases", told(served))
    assert {name: text for name, text in saw["wrong"].items() if name not in CLIENTS_OWN} == {}
    assert set(saw["wrong"]) == set(CLIENTS_OWN)
    assert saw["skipped"] == []
    assert len(saw["passed"]) >= LEAST_CASES


def test_every_writing_method_of_the_file_client_works(served: ServedWorld, witness: Witness) -> None:
    saw = witness("file_rest_writing", told(served, size_bytes=1_000_000))
    assert (saw["content"], saw["is_same"], saw["mode"]) == ("01abc56789", True, "660")
    assert saw["folder_mode"] == {"posixPermissions": "771"}
    assert (saw["xattrs"], saw["json"], saw["rdf"]) == ({"key": "value"}, {"a": 1}, "<rdf/>")
    assert "eexist" in saw["taken"]
    assert "enoent" in saw["no_parent"]
    assert "enospc" in saw["full"]
    assert saw["left"] == ["top"]
