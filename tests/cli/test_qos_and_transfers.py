"""`fs2od qos`, `fs2od transfer` and `fs2od distribution`, at our node and at one that only has Onedata's own calls."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.cli.test_site_commands import Shell

from fs2od.cli.main import fs2od
from fs2od.cli.transfer_watching import TransferFailed
from fs2od.errors import Fs2odError
from fs2od.onedata.errors import Forbidden, NotFound, Rejected
from fs2od.onedata.ids import StorageId
from fs2od.testing.world import Dataset, ServedWorld, serve_world, wait_until

FILES = {"a.mrc": b"0123456789", "deep/b.mrc": bytes(90)}


@dataclass
class Stage:
    """A dataset at a facility and the empty storage that a centre lends it, and its owner, who types commands."""

    world: ServedWorld
    folder: Path
    dataset: Dataset
    centre: str
    storage: StorageId
    user: Shell

    @property
    def place(self) -> Path:
        """Where the centre's copies are."""
        return self.world.folder / "storage" / f"{self.centre} {self.dataset.space}"

    def transfers(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.user.json("transfer", "list", "grid 7", *words)
        return found


@pytest.fixture(params=[False, True], ids=["ours", "plain"])
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with serve_world(tmp_path / "world", plain=request.param) as world:
        olive = world.person("Olive Example")
        dataset, centre = world.dataset(olive, FILES, name="grid 7"), world.site("centre").node_provider
        storage = world.also_support(dataset.space, centre)
        yield Stage(world, tmp_path, dataset, centre.record.id, storage, Shell(world, tmp_path, olive))


def test_a_requirement_is_tried_made_met_seen_and_removed(stage: Stage) -> None:
    user, expression = stage.user, f"providerId = {stage.centre}"
    tried = user.run("qos", "add", "grid 7", expression, "--dry-run")
    assert tried.stdout == f"{stage.storage}  disk  at centre\n"
    assert user.json("qos", "list", "grid 7") == []
    made = user.run("qos", "add", "grid 7/deep", expression).stdout.strip()
    wait_until(lambda: user.json("qos", "show", made)["status"] == "fulfilled", 60)
    assert f"{made}  fulfilled   1 copy on providerId={stage.centre}  of /" in user.run("qos", "show", made).stdout
    assert [each["qosRequirementId"] for each in user.json("qos", "list", "grid 7/deep/b.mrc")] == [made]
    assert user.json("qos", "list", "grid 7") == []
    shares = user.run("distribution", "grid 7/deep/b.mrc").stdout
    assert f"centre: 90 B of 90 B (100 %) on {stage.storage}\n" in shares
    assert user.run("qos", "remove", made).exit_code == 0
    assert isinstance(user.run("qos", "show", made).exception, NotFound)
    assert (stage.place / stage.dataset.space / "deep/b.mrc").read_bytes() == FILES["deep/b.mrc"]


def test_a_requirement_that_cannot_be_met_says_so_before_and_after(stage: Stage) -> None:
    tried = stage.user.run("qos", "add", "grid 7", "geo=XX", "--replicas", "2", "--dry-run")
    assert (tried.exit_code, tried.stdout) == (0, "")
    assert "storages wanted: 2, that match: 0; the requirement would be impossible until more do" in tried.stderr
    made = stage.user.run("qos", "add", "grid 7", "anyStorage", "--replicas", "3", "--json")
    assert "the requirement is impossible until more do" in made.stderr
    assert "impossible  3 copies on anyStorage" in stage.user.run("qos", "list", "grid 7").stdout
    wrong = stage.user.run("qos", "add", "grid 7", "geo = ")
    assert isinstance(wrong.exception, Rejected)
    assert wrong.exception.error_id == "invalidQosExpression"


def test_a_transfer_copies_is_watched_listed_and_taken_back(stage: Stage) -> None:
    user = stage.user
    copied = user.run("transfer", "start", "replicate", "grid 7", "--to", "centre", "--watch")
    assert copied.exit_code == 0, (copied.output, copied.exception)
    assert "completed: 2 of 2 files, 2 copied, 100 B" in copied.stderr
    first = copied.stdout.strip()
    assert (stage.place / stage.dataset.space / "a.mrc").read_bytes() == FILES["a.mrc"]
    held = user.json("distribution", "grid 7/a.mrc")["distributionPerProvider"][stage.centre]
    assert held["distributionPerStorage"][stage.storage]["blocks"] == [[0, 10]]
    assert "centre: 100 B of 100 B (100 %)" in user.run("distribution", "grid 7").stdout
    evicted = user.json("transfer", "start", "evict", "grid 7/a.mrc", "--from", stage.centre, "--watch")
    assert (evicted["transferStatus"], evicted["filesEvicted"]) == ("completed", 1)
    assert not (stage.place / stage.dataset.space / "a.mrc").exists()
    again = user.json("transfer", "rerun", first)["transferId"]
    assert user.run("transfer", "watch", again).stdout.strip() == again
    assert (stage.place / stage.dataset.space / "a.mrc").read_bytes() == FILES["a.mrc"]
    assert [each["transferId"] for each in stage.transfers("--ended")] == [first, evicted["transferId"], again]
    assert stage.transfers() == []
    lines = user.run("transfer", "list", "grid 7", "--ended").stdout.splitlines()
    assert f"{first}  completed    replication to centre  2 of 2 files, 2 copied, 100 B  /" in lines[0]
    assert "eviction from centre" in user.run("transfer", "show", evicted["transferId"]).stdout


def test_a_transfer_that_waits_is_cancelled_and_watching_it_fails(stage: Stage) -> None:
    user = stage.user
    shutil.rmtree(stage.place)
    made = user.json("transfer", "start", "replicate", "grid 7", "--to", "centre")["transferId"]
    assert [each["transferId"] for each in stage.transfers()] == [made]
    assert isinstance(user.run("transfer", "rerun", made).exception, Rejected)
    assert user.run("transfer", "cancel", made).exit_code == 0
    watched = user.run("transfer", "watch", made)
    assert isinstance(watched.exception, TransferFailed)
    assert f"the transfer {made} was cancelled: 0 of 2 files" in str(watched.exception)
    assert isinstance(user.run("transfer", "cancel", made).exception, Rejected)


def test_what_is_at_home_stays_and_the_transfer_fails(stage: Stage) -> None:
    home = stage.world.node.provider.record.name
    moved = stage.user.run("transfer", "start", "migrate", "grid 7", "--to", "centre", "--from", home, "--watch")
    assert isinstance(moved.exception, TransferFailed)
    assert moved.exception.exit_code == 4
    assert "failed: 2 of 2 files" in str(moved.exception)


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (["transfer", "start", "replicate", "grid 7", "--to", "nowhere"], NotFound, "supported by: centre, "),
        (
            ["transfer", "start", "replicate", "grid 7/none", "--to", "centre"],
            NotFound,
            "there is nothing at grid 7/none",
        ),
        (["transfer", "show", "nothing"], NotFound, "no site that the token reaches knows it"),
        (["qos", "remove", "nothing"], NotFound, "no site that the token reaches knows it"),
        (["qos", "add", "grid 8", "anyStorage"], NotFound, "it reaches: grid 7"),
        (["distribution", "grid 7/none"], NotFound, "there is nothing at grid 7/none"),
        (["qos", "add", "grid 7/none", "anyStorage"], NotFound, "there is nothing at grid 7/none"),
        (["qos", "list", "grid 7/a.mrc/x"], NotFound, "there is nothing at grid 7/a.mrc/x"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    stage: Stage, words: list[str], kind: type[Fs2odError], said: str
) -> None:
    done = stage.user.run(*words)
    assert isinstance(done.exception, kind), done.output
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)


def test_who_only_reads_orders_nothing(stage: Stage) -> None:
    reader = stage.world.person("Rea Reader")
    stage.world.join_space(stage.dataset.space, reader, ["space_view", "space_read_data"])
    shell = Shell(stage.world, stage.folder, reader)
    for words in (
        ["qos", "add", "grid 7", "anyStorage"],
        ["transfer", "start", "replicate", "grid 7", "--to", "centre"],
        ["transfer", "list", "grid 7"],
    ):
        assert isinstance(shell.run(*words).exception, Forbidden), words


@pytest.mark.parametrize(
    "words",
    [
        ["replicate", "grid 7"],
        ["replicate", "grid 7", "--to", "a", "--from", "b"],
        ["evict", "grid 7", "--to", "a"],
        ["migrate", "grid 7", "--from", "a"],
    ],
)
def test_a_transfer_needs_the_sites_of_its_kind(words: list[str]) -> None:
    done = CliRunner().invoke(fs2od, ["transfer", "start", *words])
    assert (done.exit_code, "migrate needs both" in done.output) == (2, True)
