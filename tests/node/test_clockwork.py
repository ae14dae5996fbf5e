"""What a node does by itself while it runs: a mistake that ends it is not passed over in silence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fs2od.node import NodeSettings, open_node
from fs2od.testing.world import wait_until


async def test_a_clockwork_that_breaks_says_so_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a mistake")

    with open_node(NodeSettings(tmp_path, "zone.test", "provider.test")) as node:
        monkeypatch.setattr(node.sites.front.wishes, "begin_due", fail)
        async with node.working():
            await asyncio.to_thread(wait_until, lambda: "a part of the node has stopped" in caplog.text, 30)
    assert "a mistake" in caplog.text
