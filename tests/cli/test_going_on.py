"""The line that goes on with what was stopped: what was given, so that nothing else is brought than was asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests.noise import noise

from fs2od.cli.going_on import for_shell, going_on
from fs2od.testing.world import ServedWorld, serve_world, wait_until

big = partial(noise, 96 << 20)
ODD = "it's for $HOME & me"


@dataclass
class Desk:
    """Somebody before a large dataset, of which only some files are wanted."""

    world: ServedWorld
    folder: Path
    space: str

    @property
    def access(self) -> list[str]:
        zone = self.world.node.settings.zone_url
        return ["--zone", zone, "--token-file", str(self.folder / "job.token"), "--ca", str(self.world.ca)]

    def stopped(self, *words: str) -> str:
        """Return the line that a command says when it is stopped in the middle."""
        process = subprocess.Popen(
            [sys.executable, "-m", "fs2od", *words], stderr=subprocess.PIPE, text=True, env=self.environment
        )
        wait_until(self._has_begun, 60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
        return said.strip().rpartition("To go on: ")[2]

    def in_shell(self, line: str) -> int:
        return subprocess.run(["bash", "-c", line], env=self.environment, timeout=120, check=False).returncode

    @property
    def environment(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("FS2OD_", "ONECLIENT_"))}
        return {**clean, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "HOME": str(self.folder)}

    def _has_begun(self) -> bool:
        found = self.folder.rglob("*.partial")
        return sum(512 * path.stat().st_blocks for path in found) > 1 << 20


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "desk"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "fs2od").write_text(
        for_shell(["exec", sys.executable, "-m", "fs2od"]).join(["#!/bin/sh\n", ' "$@"\n'])
    )
    (folder / "bin" / "fs2od").chmod(0o755)
    with serve_world(tmp_path / "world") as world:
        dataset = world.dataset(world.administrator, {f"{ODD}.mrc": big(), "huge.tif": b"not wanted"}, name="grid")
        (folder / "job.token").write_text(world.administrator.token.reveal())
        yield Desk(world, folder, dataset.space)


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("mirror", ["--limit-rate", "40M", "--through-provider", "--delete", "--yes"]),
        ("stage in", ["--through-provider"]),
        ("download", ["--limit-rate", "40M", "--report", "what came.json"]),
    ],
)
def test_the_line_has_the_options_that_were_given_and_goes_on_with_nothing_else(
    desk: Desk, command: str, more: list[str]
) -> None:
    place, folder = f"{desk.space}", str(desk.folder / f"to {ODD}")
    more = [desk.folder.joinpath(word).as_posix() if word.endswith(".json") else word for word in more]
    given = ["-j", "2", "--include", "*.mrc", "--include", f"{ODD}*", "--exclude", "-x[yz]"]
    line = desk.stopped(*command.split(), place, folder, *desk.access, *given, *more)
    assert line.startswith(f"fs2od {command} ")
    assert "--include '*.mrc'" in line
    for word in more:
        assert word in line
    assert desk.world.administrator.token.reveal() not in line
    assert desk.in_shell(line) == 0
    assert [path.name for path in Path(folder).iterdir() if path.name != ".fs2od-mirror"] == [f"{ODD}.mrc"]
    assert (Path(folder) / f"{ODD}.mrc").read_bytes() == big()


def test_every_word_comes_through_a_shell_as_it_was() -> None:
    words = ["plain", "", "it's", "*.mrc", "a b\nc", "$HOME", "données", os.fsdecode(b"\xff 'x\\n"), "-x", "\x1b[1m"]
    said = subprocess.run(["bash", "-c", f"printf '%s\\0' {for_shell(words)}"], capture_output=True, check=True)
    assert [os.fsdecode(each) for each in said.stdout.split(b"\0")[:-1]] == words


def test_words_that_look_like_options_come_last() -> None:
    @click.group()
    def top() -> None:
        pass

    @top.command()
    @click.argument("files", nargs=-1)
    @click.option("-n", "--number", default=3)
    @click.option("--yes", is_flag=True)
    @click.option("--secretly", hidden=True)
    def act(**_: object) -> None:
        click.echo(going_on())

    def line(*words: str) -> str:
        return CliRunner().invoke(top, ["act", *words]).output.strip()

    assert line("a", "-n", "3", "--secretly", "x") == "fs2od act a"
    assert line("-n", "4", "--yes", "--", "-a", "b") == "fs2od act --number 4 --yes -- -a b"
