"""The first start of `fs2od up`, where it cannot succeed."""

from __future__ import annotations

from pathlib import Path

from fs2od.configuration import Watch
from fs2od.facility.watching import holding
from fs2od.testing.system import System


def test_a_first_start_that_fails_does_not_fix_the_folder(system: System, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    arguments = ["--data", str(system.data), "--port", str(system.port), "--watch", str(taken)]
    with holding([Watch(path=taken)]):
        failed = system.run("up", *arguments)
        assert failed.returncode == 9
        assert f"{taken} is watched by another fs2od" in failed.stderr
        assert f"take the folder out of {system.data / 'fs2od.toml'} and --watch" in failed.stderr
    assert not (system.data / "fs2od.toml").exists()


def test_an_ipv6_address_stands_in_brackets_in_every_address(system: System) -> None:
    facts = system.start_node("--host", "::1")
    assert (facts["zone"], facts["provider"]) == (f"https://[::1]:{system.port}", f"https://[::1]:{system.port + 1}")
    system.stop()
    assert system.start_node("--host", "[::1]")["zone"] == facts["zone"]
