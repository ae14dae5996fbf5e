"""The table of operations: published, tested, and named in the docstring of the method that makes the call."""

import ast
import inspect
import pkgutil
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from tests.client.conftest import descriptions
from tests.client.operations import TESTED

import fs2od.client
from fs2od.client import OPERATIONS, Operation
from fs2od.onedata.errors import Rejected

LETTERS = {"onezone": "Z", "oneprovider": "P", "onepanel": "N", "cdmi": "/cdmi"}
# May only be raised.
FEWEST_OPERATIONS = 138


def operations() -> list[Operation]:
    return list(OPERATIONS.values())


def published() -> list[Operation]:
    """Return the operations that are Onedata's; ours are marked, and have paths of their own."""
    assert all(one.operation_id.startswith("fs2od_") == one.path.startswith("/fs2od/") for one in operations())
    return [one for one in operations() if not one.operation_id.startswith("fs2od_") and one.service != "cdmi"]


def test_every_operation_has_a_test_and_their_number_only_grows() -> None:
    assert set(TESTED) == set(OPERATIONS)
    assert len(TESTED) >= FEWEST_OPERATIONS


@pytest.mark.parametrize("place", sorted(set(TESTED.values())))
def test_the_named_test_exists(place: str) -> None:
    file, _, name = place.partition("::")
    assert name in functions_of(file)


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((Path(__file__).parent / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)}


@pytest.mark.skipif(not descriptions(), reason="the published API descriptions are not here")
@pytest.mark.parametrize("operation", published(), ids=lambda one: f"{one.service}-{one.operation_id}")
def test_an_operation_is_the_published_one(operation: Operation) -> None:
    methods = descriptions()[operation.service]["paths"][operation.path]
    assert methods[operation.method.lower()]["operationId"] == operation.operation_id


@pytest.mark.parametrize("operation", operations(), ids=lambda one: f"{one.service}-{one.operation_id}")
def test_some_method_names_the_operation_as_its_endpoint(operation: Operation) -> None:
    path = re.escape(f"{LETTERS[operation.service]}{operation.path}").replace("/\\{subpath\\}", "/")
    named = re.compile(rf"\b(?:{operation.method}|or|,) {path}(?![\w{{])|\b{operation.method} [^.]*{path}(?![\w{{/])")
    assert any(named.search(text) for text in docstrings())


@cache
def docstrings() -> list[str]:
    found = []
    for module in pkgutil.walk_packages(fs2od.client.__path__, "fs2od.client."):
        for _, thing in inspect.getmembers(import_module(module.name), inspect.isclass):
            members = [thing, *(member for _, member in inspect.getmembers(thing, inspect.isfunction))]
            found += [" ".join(text.split()) for text in map(inspect.getdoc, members) if text]
    return found


def test_every_public_method_says_what_it_raises() -> None:
    silent = []
    for package in ("zone", "provider", "panel"):
        module = import_module(f"fs2od.client.{package}")
        for name in module.__all__:
            for method, function in inspect.getmembers(getattr(module, name), inspect.iscoroutinefunction):
                if not method.startswith("_") and "Raises:" not in (inspect.getdoc(function) or ""):
                    silent.append(f"{name}.{method}")
    assert silent == []


def test_what_is_not_repeatable_creates_or_acts_and_is_a_post_but_for_two() -> None:
    others = {one.operation_id for one in operations() if not one.repeatable and one.method != "POST"}
    assert others == {"create_file_at_path", "cdmi_put"}
    repeatable_posts = {one.operation_id for one in operations() if one.repeatable and one.method == "POST"}
    assert repeatable_posts == {
        "infer_access_token_scope", "examine_token", "confine_token", "verify_access_token", "verify_identity_token",
        "verify_invite_token", "lookup_file_id", "evaluate_qos_expression", "fs2od_end_invite", "fs2od_make_wish",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "quoted"), [("a b", "a%20b"), ("a/b", "a%2Fb"), ("?#%", "%3F%23%25"), ("é", "%C3%A9"), ("a..b", "a..b")]
)
def test_values_are_quoted(value: str, quoted: str) -> None:
    operation = OPERATIONS["onezone", "get_named_token_of_current_user_by_name"]
    assert operation.url_path({"name": value}) == f"/api/v3/onezone/user/tokens/named/name/{quoted}"


@pytest.mark.parametrize("path", ["a//b", "../a", "a/./b", "a/..", "/a", "a/"])
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(Rejected) as caught:
        OPERATIONS["oneprovider", "lookup_file_id"].url_path({"path": path})
    assert caught.value.error_id == "badValueFilePath"


def test_public_names_are_sorted_and_there() -> None:
    for name in ("", ".zone", ".provider", ".panel"):
        module = import_module(f"fs2od.client{name}")
        assert list(module.__all__) == sorted(module.__all__, key=lambda word: (not word.isupper(), word))
        assert all(hasattr(module, word) for word in module.__all__)
