"""Somebody who mounts a space and writes into it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from fs2od.onedata.tokens import Token
from fs2od.testing.mounting import Mounted, mounted
from fs2od.testing.system import tree
from fs2od.testing.world import Dataset, Person, ServedWorld

__all__ = ["Desk"]

LONGEST_S = 60.0


class Desk:
    """Somebody with a token that may write, and a space that takes files."""

    def __init__(self, world: ServedWorld, home: Path, *, size_bytes: int = 1 << 30) -> None:
        self.world = world
        self.home = home
        self.home.mkdir(exist_ok=True)
        self.alex: Person = world.person()
        self.dataset: Dataset = world.results(self.alex, size_bytes=size_bytes)
        self.spool = home / ".cache" / "fs2od" / "unsent"

    def words(self, token: Token | None = None, *, name: str = "job.token") -> list[str]:
        file = self.home / name
        file.write_text((token or self.alex.token).reveal())
        return ["--zone", self.world.node.settings.zone_url, "--token-file", str(file)]

    def mounted(self, *more: str, home: str = "", token: Token | None = None) -> AbstractContextManager[Mounted]:
        folder = self.home / home if home else self.home
        words = self.words(token, name=f"{home or 'job'}.token")
        return mounted(self.dataset.space, folder, self.world.ca, *words, *more)

    def there(self) -> dict[str, str]:
        """Return what the space's storage has; the index says the same."""
        found = {path: what for path, what in tree(self.dataset.folder).items() if ".fs2od-partial" not in path}
        with self.world.node.provider.indexes.using(self.dataset.space) as index:
            root = index.get(1)
            assert root is not None
            listed = {path for path, _ in index.walk(root)}
        assert listed == set(found)
        return found

    def downloaded(self, into: Path) -> dict[str, str]:
        words = [sys.executable, "-m", "fs2od", "download", self.dataset.space, str(into), "--ca", str(self.world.ca)]
        subprocess.run([*words, *self.words()], check=True, capture_output=True, timeout=LONGEST_S)
        return tree(into)
