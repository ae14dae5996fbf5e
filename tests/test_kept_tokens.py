"""Tokens that are kept where there is no home folder, as in containers, or no room in it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from fs2od.errors import StorageError
from fs2od.home import home
from fs2od.kept_tokens import KeptTokens
from fs2od.testing.small_disks import small_disk

UNKNOWN = 54321
ZONE = "https://zone.example.org"


def test_whoever_has_no_home_has_no_token_and_can_keep_none(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody whom no system knows")
    monkeypatch.delenv("HOME")
    os.setreuid(UNKNOWN, 0)
    try:
        with pytest.raises(RuntimeError):
            Path.home()
        kept = KeptTokens.of({})
        assert not home().exists()
    finally:
        os.setreuid(0, 0)
    assert (kept.zone(), kept.token(ZONE), kept.forget(ZONE)) == (None, None, False)


def test_of_a_token_that_finds_no_room_nothing_is_left(tmp_path: Path) -> None:
    with small_disk(tmp_path / "home", size_mb=1) as disk:
        kept = KeptTokens.of({"XDG_CONFIG_HOME": str(disk)})
        kept.keep(ZONE, "before", in_keyring=False)
        with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(1 << 12))
        with pytest.raises(StorageError, match="No space left"):
            kept.keep(ZONE, "after", in_keyring=False)
        assert sorted(path.name for path in (disk / "fs2od").iterdir()) == ["zone", "zone.example.org.token"]
        assert kept.token(ZONE) == "before"
