"""Jobs of a real Slurm: the dataset is there before, the results are back after, nothing is left behind."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fs2od.testing.slurm import Slurm
from fs2od.testing.system import tree, wait_for
from fs2od.testing.world import Dataset, ServedWorld, serve_world

FS2OD = f"{shlex.quote(sys.executable)} -m fs2od"
FILES = {"SPA.yml": b"User: {}\n"} | {f"Grids/{number:02}.mrc": bytes([number]) * 3000 for number in range(20)}
LONGEST_S = 120.0


@dataclass
class Cluster:
    """Slurm, the node, and the folder in which jobs have theirs."""

    slurm: Slurm
    world: ServedWorld
    folder: Path

    def script(self, *lines: str) -> str:
        zone = self.world.node.settings.zone_url
        return "\n".join(
            [f"export FS2OD_ZONE={zone} FS2OD_CA={self.world.ca}", f"DIR={self.folder}/$SLURM_JOB_ID", *lines]
        )

    def of_job(self, job: str) -> Path:
        return self.folder / job


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    prolog = f'install -d -m 0700 -o "$SLURM_JOB_USER" "{scratch}/$SLURM_JOB_ID"'
    epilog = f'{FS2OD} stage clean "{scratch}/$SLURM_JOB_ID"'
    with (
        serve_world(tmp_path / "world") as world,
        Slurm(tmp_path / "slurm", prolog=prolog, epilog=epilog) as slurm,
    ):
        yield Cluster(slurm, world, scratch)


def dataset_and_results(cluster: Cluster) -> tuple[Dataset, Dataset, Path]:
    world = cluster.world
    dataset = world.dataset(world.administrator, FILES, name="grid")
    results = world.results(world.administrator)
    token = cluster.folder.parent / "job.token"
    token.write_text(world.administrator.token.reveal())
    return dataset, results, token


def test_a_job_gets_its_data_and_its_results_go_back(cluster: Cluster, tmp_path: Path) -> None:
    dataset, results, token = dataset_and_results(cluster)
    script = cluster.script(
        f"export ONECLIENT_ACCESS_TOKEN=$(cat {token})",
        f'{FS2OD} stage in {dataset.space} "$DIR/data" || exit 9',
        'mkdir "$DIR/results" && (cd "$DIR/data" && sha256sum Grids/*) > "$DIR/results/sums.txt"',
        f'{FS2OD} stage out "$DIR/results" {results.space}/run-1 --clean || exit 8',
        'test ! -e "$DIR/results" || exit 7',
    )
    job = cluster.slurm.submit(script, tmp_path / "out")
    assert cluster.slurm.wait(job, within_s=LONGEST_S) == "COMPLETED", (tmp_path / "out").read_text()
    sums = (results.folder / "run-1" / "sums.txt").read_text().splitlines()
    expected = {path: said for path, said in tree(dataset.folder).items() if path.startswith("Grids/")}
    assert len(sums) == sum(path.endswith(".mrc") for path in expected)
    wait_for(lambda: not cluster.of_job(job).exists(), what="the epilog")


def test_a_cancelled_job_leaves_nothing_behind_not_even_a_mount(cluster: Cluster, tmp_path: Path) -> None:
    dataset, _, token = dataset_and_results(cluster)
    script = cluster.script(
        f'{FS2OD} stage in {dataset.space}/Grids "$DIR/data" --token-file {token} || exit 9',
        f'{FS2OD} mount {dataset.space} "$DIR/mnt" --token-file {token} --cache "$DIR/cache" --daemon || exit 8',
        'cat "$DIR/mnt/SPA.yml" && echo ready > "$DIR/ready"',
        "sleep 600",
    )
    job = cluster.slurm.submit(script, tmp_path / "out")
    wait_for((cluster.of_job(job) / "ready").exists, within_s=LONGEST_S, what="the job")
    cluster.slurm.cancel(job)
    assert cluster.slurm.wait(job) == "CANCELLED"
    wait_for(lambda: not cluster.of_job(job).exists(), what="the epilog")
    assert str(cluster.folder) not in Path("/proc/self/mountinfo").read_text()


def test_a_job_whose_data_cannot_come_does_not_begin(cluster: Cluster, tmp_path: Path) -> None:
    _, _, token = dataset_and_results(cluster)
    script = cluster.script(f'{FS2OD} stage in nowhere "$DIR/data" --token-file {token} || exit $?', "echo began")
    job = cluster.slurm.submit(script, tmp_path / "out")
    assert cluster.slurm.wait(job, within_s=LONGEST_S) == "FAILED"
    said = (tmp_path / "out").read_text()
    assert "began" not in said
    assert "gives no space nowhere" in said


@pytest.mark.parametrize("folder", ["/", "/tmp", "/tmp/..", ".", "~"])
def test_what_is_no_jobs_folder_is_not_removed(folder: str) -> None:
    words = [sys.executable, "-m", "fs2od", "stage", "clean", str(Path(folder).expanduser())]
    assert subprocess.run(words, capture_output=True, timeout=60, check=False).returncode == 3


def test_cleaning_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "x").touch()
    (tmp_path / "job" / "data").mkdir(parents=True)
    (tmp_path / "job" / "data" / "link").symlink_to(tmp_path / "precious")
    (tmp_path / "linked").symlink_to(tmp_path / "precious")
    for name in ("job", "linked"):
        words = [sys.executable, "-m", "fs2od", "stage", "clean", str(tmp_path / name)]
        assert subprocess.run(words, timeout=60, check=False).returncode == 0
    assert (tmp_path / "precious" / "x").exists()
    assert not (tmp_path / "job").exists()


@pytest.mark.parametrize(("job", "point"), [("job-žofie", "results"), ("job", "données"), ("job 2", "a\nb\\040 é")])
def test_cleaning_unmounts_first_and_removes_nothing_that_lies_elsewhere(tmp_path: Path, job: str, point: str) -> None:
    folder = tmp_path / job
    folder.mkdir()
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with serve_world(tmp_path / "world") as world:
        results = world.results(world.administrator)
        (tmp_path / "token").write_text(world.administrator.token.reveal())
        access = [
            "--token-file",
            str(tmp_path / "token"),
            "--zone",
            world.node.settings.zone_url,
            "--ca",
            str(world.ca),
        ]
        words = [sys.executable, "-m", "fs2od", "mount", results.space, str(folder / point), "--daemon", *access]
        subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, timeout=60, check=True)
        (folder / point / "deep").mkdir()
        (folder / point / "deep" / "precious.txt").write_text("hours of work")
        wait_for((results.folder / "deep" / "precious.txt").exists, what="the file at the node")
        clean = [sys.executable, "-m", "fs2od", "stage", "clean", str(folder)]
        assert subprocess.run(clean, env=environment, timeout=60, check=False).returncode == 0
        assert not folder.exists()
        assert (results.folder / "deep" / "precious.txt").read_text() == "hours of work"
