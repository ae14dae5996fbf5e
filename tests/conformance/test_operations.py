"""Every operation that the node serves is published, and has a test that names it."""

from __future__ import annotations

import re
import runpy
from collections.abc import Mapping
from pathlib import Path

import pytest

from fs2od.node.apps import endpoints_of
from fs2od.node.http import Endpoint
from fs2od.testing.descriptions import Description
from fs2od.testing.world import World

HERE = Path(__file__).parent
FOLDER = HERE.parents[1].parent / "shared" / "onedata" / "openapi"
TESTS: Mapping[str, str] = runpy.run_path(str(HERE / "operations.py"))["TESTS"]
# Other spellings of served operations, for clients of other releases; their tests are those of the operation.
ALIASES = {
    ("GET", "/shares/data/{}"),
    ("DELETE", "/qos-requirements/{}"),
    ("GET", "/data/{}/qos_summary"),
}
LEAST = 147


def published_of(world: World) -> list[tuple[str, Endpoint]]:
    """Return the endpoints that Onedata has, too: all but those that are marked as ours, below a path of their own."""
    every = endpoints_of(world.node.provider)
    assert all(found.operation.startswith("fs2od_") == found.path.startswith("/fs2od/") for _, found in every)
    return [(service, found) for service, found in every if not found.operation.startswith("fs2od_")]


def test_the_table_of_operations_only_grows() -> None:
    assert len(TESTS) >= LEAST


def test_every_operation_that_is_served_has_a_test(world: World) -> None:
    served = {f"{service}/{found.operation}" for service, found in published_of(world)}
    assert served == set(TESTS)


def test_every_operation_is_published_with_that_method_and_path(world: World) -> None:
    for service, found in published_of(world):
        published = Description(FOLDER, service).operations[f"{service}/{found.operation}"]
        ours = (found.method, re.sub(r"\{[^}]*\}", "{}", found.path))
        theirs = (published.method, re.sub(r"\{[^}]*\}", "{}", published.path))
        assert ours in ALIASES or ours == theirs


@pytest.mark.parametrize("operation", sorted(TESTS))
def test_a_listed_test_exists_and_names_its_operation(operation: str) -> None:
    file, _, name = TESTS[operation].partition("::")
    source = (HERE / file).read_text()
    body = source.partition(f"def {name}(")[2].partition("\nasync def ")[0]
    assert body
    service, _, word = operation.partition("/")
    assert f'"{operation}"' in body or f'"{word}"' in body or f'f"{{service}}/{word}"' in body, (service, word)
