from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.storage.conftest import radosgw

from fs2od.testing.world import ServedWorld, serve_world

__all__ = ["radosgw", "served", "witness"]

PYTHON = Path(__file__).parents[2] / ".venv-witness" / "bin" / "python"
PROGRAMS = Path(__file__).with_name("programs")
LONGEST_S = 120


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedWorld]:
    with serve_world(tmp_path) as world:
        yield world


@pytest.fixture
def witness() -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    """Return a function that runs a program of a client that others wrote and returns what it saw."""

    def run(program: str, told: dict[str, Any]) -> dict[str, Any]:
        assert PYTHON.exists(), "the environment of clients that others wrote is missing: ./test makes it"
        done = subprocess.run(
            [str(PYTHON), str(PROGRAMS / f"{program}.py")],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        saw: dict[str, Any] = json.loads(done.stdout)
        return saw

    return run
