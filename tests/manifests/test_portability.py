import ast
import importlib
import inspect
import sys
from pathlib import Path

import pytest

import fs2od.manifests

ROOM = Path(inspect.getfile(fs2od.manifests)).parent
MODULES = sorted(ROOM.glob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_is_python_3_8_and_needs_only_the_standard_library(module: Path) -> None:
    tree = ast.parse(module.read_text(), feature_version=(3, 8))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    names = {each.module or "" for each in imported if isinstance(each, ast.ImportFrom)}
    names |= {alias.name for each in imported if isinstance(each, ast.Import) for alias in each.names}
    for name in names:
        ours = name == "fs2od.errors" or name.startswith("fs2od.manifests")
        assert ours or name.partition(".")[0] in sys.stdlib_module_names, name
    if module.name != "__init__.py":
        assert "from __future__ import annotations" in module.read_text()


def test_the_room_exports_exactly_what_it_says() -> None:
    room = importlib.import_module("fs2od.manifests")
    assert room.__all__ == sorted(room.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert all(inspect.getdoc(getattr(room, name)) for name in room.__all__)
