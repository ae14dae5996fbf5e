from __future__ import annotations

import runpy
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from fs2od.testing.descriptions import Description, judge_error, judge_keys
from fs2od.testing.world import Person, World, open_world

FOLDER = Path(__file__).parents[3] / "shared" / "onedata" / "openapi"
KEYS: Mapping[str, Mapping[str, str]] = runpy.run_path(str(Path(__file__).with_name("operations.py")))["KEYS"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if FOLDER.exists():
        return
    mark = pytest.mark.skip(reason="the published API descriptions are not here")
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(mark)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture
def ask(world: World) -> Callable[..., Awaitable[httpx.Response]]:
    """Return a function that makes one published request and judges the answer."""

    async def asked(
        operation: str,
        who: Person | None = None,
        *,
        status: int = 200,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        content: bytes | None = None,
        error: str | None = None,
        **path: str,
    ) -> httpx.Response:
        service = operation.partition("/")[0]
        description = Description(FOLDER, service)
        found = description.operations[operation]
        client = {"onezone": world.zone, "oneprovider": world.provider, "onepanel": world.panel}[service]
        answer = await client.request(
            found.method,
            found.url(*path.values()),
            headers=who.headers if who else {},
            params=params,
            json=body,
            content=content,
        )
        assert answer.status_code == status, (operation, answer.status_code, answer.text)
        judge(description, operation, answer, error)
        return answer

    return asked


def judge(description: Description, operation: str, answer: httpx.Response, error: str | None) -> None:
    description.judge(operation, answer)
    if answer.status_code >= 400:
        judge_error(answer, error)
    elif operation in KEYS:
        judge_keys(answer.json(), KEYS[operation])
    if answer.status_code == 204:
        assert answer.content == b""
