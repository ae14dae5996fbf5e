"""Jobs of a real Slurm: the dataset is there before, the results are back after, nothing is left behind."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import fs2od
from fs2od.mount._spool import Spool
from fs2od.results import mark
from fs2od.testing.ports import free_ports
from fs2od.testing.slurm import Slurm
from fs2od.testing.system import tree, wait_for
from fs2od.testing.world import Dataset, ServedWorld, serve_world

# Slurm runs its scripts in an environment of its own: these very sources are to be tested there, too.
SOURCES = Path(fs2od.__file__).parents[1]
FS2OD = shlex.join(["env", f"PYTHONPATH={SOURCES}", sys.executable, "-m", "fs2od"])
FILES = {"SPA.yml": b"User: {}\n"} | {f"Grids/{number:02}.mrc": bytes([number]) * 3000 for number in range(20)}
LONGEST_S = 120.0
PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "use-data-in-jobs.md"


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


def documented_pair(scratch: Path) -> tuple[str, str]:
    """Return the lines that the page gives an administrator, for another folder."""
    (found,) = re.findall(r"```sh\n# Prolog\n(.*?)# Epilog[^\n]*\n(.*?)```", PAGE.read_text(), re.DOTALL)
    prolog, epilog = (each.replace("/scratch/fs2od", str(scratch)) for each in found)
    return prolog, epilog.replace("fs2od stage", f"{FS2OD} stage")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    prolog, epilog = documented_pair(scratch)
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


def test_results_that_could_not_go_back_stay_until_they_do(cluster: Cluster, tmp_path: Path) -> None:
    _, results, token = dataset_and_results(cluster)
    nowhere = f"https://localhost:{free_ports(1)}"
    script = cluster.script(
        'mkdir "$DIR/results" "$DIR/data" && echo found > "$DIR/results/sums.txt" && echo raw > "$DIR/data/raw"',
        f'{FS2OD} stage out "$DIR/results" {results.space} --token-file {token} --wait 0 --zone {nowhere}',
    )
    job = cluster.slurm.submit(script, tmp_path / "out")
    assert cluster.slurm.wait(job, within_s=LONGEST_S) == "FAILED", (tmp_path / "out").read_text()
    wait_for(lambda: not (cluster.of_job(job) / "data").exists(), what="the epilog")
    folder = cluster.of_job(job) / "results"
    assert (folder / "sums.txt").read_text() == "found\n"
    (line,) = re.findall("To go on: fs2od (.*)", (tmp_path / "out").read_text())
    assert str(folder) in line
    again = line.replace(nowhere, cluster.world.node.settings.zone_url)
    words = [sys.executable, "-m", "fs2od", *shlex.split(again), "--ca", str(cluster.world.ca)]
    assert subprocess.run(words, timeout=60, check=False).returncode == 0
    assert (results.folder / "sums.txt").read_text() == "found\n"
    assert cleaned(cluster.of_job(job)) == ""
    assert not cluster.of_job(job).exists()


def cleaned(folder: Path, *more: str) -> str:
    words = [sys.executable, "-m", "fs2od", "stage", "clean", str(folder), *more]
    done = subprocess.run(words, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 0
    return done.stderr


def test_results_are_kept_aside_when_stage_out_was_killed_and_removed_only_anyway(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    for name in ("results/deep/map.mrc", "data/raw.mrc"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("1")
    (tmp_path / "elsewhere").mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    mark(folder / "results", "space", ["fs2od", "stage", "out", str(folder / "results"), "my space"])
    said = cleaned(folder)
    assert f"kept in {folder}/results. To bring them back: fs2od stage out {folder}/results 'my space'" in said
    assert [path.name for path in folder.rglob("*") if path.is_file()][-1] == "map.mrc"
    assert [path.name for path in folder.iterdir()] == ["results"]
    # What others wrote into it is no command of ours.
    mark(folder / "results", "space", ["rm", "-r", "/"])
    assert f"fs2od stage out {folder}/results TARGET" in cleaned(folder)
    assert cleaned(folder, "--anyway") == ""
    assert not folder.exists()


def test_what_a_mount_could_not_send_is_kept_aside(tmp_path: Path) -> None:
    folder, kept = tmp_path / "job", tmp_path
    for number, keep in ((1, True), (2, False)):
        spool = Spool(folder / f"unsent {number}", limit_bytes=100, place="results", mountpoint=folder / "mnt")
        file = spool.new("deep/map.mrc", is_whole=True)
        file.write(0, b"hours of work", new=13)
        file.close(keep=keep)
        spool.close()
        kept = spool.folder if keep else kept
    (folder / "unsent 1" / "other").touch()
    assert f"1 files that were written to a mount were not sent: they are kept in '{kept}'" in cleaned(folder)
    assert sorted(path.name for path in kept.iterdir()) == [
        "000001-map.mrc",
        "000001-map.mrc.note",
        "lock",
        "mount.json",
    ]
    assert [path.name for path in (folder / "unsent 1").iterdir()] == [kept.name]
    assert [path.name for path in folder.iterdir()] == ["unsent 1"]
    cleaned(folder, "--anyway")
    assert not folder.exists()


def test_what_a_job_made_to_look_like_a_mounts_folder_touches_no_neighbour_and_keeps_nobody_waiting(
    tmp_path: Path,
) -> None:
    folder, neighbour = tmp_path / "job", tmp_path / "neighbour"
    for each in (folder, neighbour):
        each.mkdir()
        (each / "lock").touch()
    (neighbour / "mount.json").touch()
    (neighbour / "results.mrc").write_text("precious")
    (folder / "1").touch()
    (folder / "mount.json").write_text("{}")
    assert f"1 files that were written to a mount were not sent: they are kept in {folder}" in cleaned(folder)
    assert (neighbour / "results.mrc").read_text() == "precious"
    for name in ("a", "b", "c"):
        (folder / name / "lock").mkdir(parents=True)
        (folder / name / "1").touch()
        os.mkfifo(folder / name / "mount.json")
    (folder / "1").unlink()
    assert cleaned(folder) == ""
    assert not folder.exists()


def test_of_somebody_elses_mark_only_the_target_is_told_and_nothing_reaches_the_terminal(tmp_path: Path) -> None:
    folder, target = tmp_path / "job" / "re\x1b[2Jsults", "my space\x1b]0;owned\x07"
    folder.mkdir(parents=True)
    options = ["--zone", "https://zone.example.org", "--token-file", "/etc/secret"]
    made = mark(folder, "space", ["fs2od", "stage", "out", "/etc", target, *options])
    told, somebody = {}, 12345 if os.geteuid() == 0 else os.getuid()
    for owner in (os.getuid(), somebody):
        os.chown(made, owner, owner)
        said = cleaned(folder.parent)
        assert said.removesuffix("\n").isprintable()
        command = said.partition("bring them back: ")[2]
        told[owner] = subprocess.run(
            ["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, text=True, check=True
        ).stdout.split("\0")[:-1]
    plain = ["fs2od", "stage", "out", str(folder), target]
    assert sorted(told[os.getuid()]) == sorted([*plain, *options])
    assert told[somebody] == plain or somebody == os.getuid()


def test_as_many_folders_and_marks_as_a_job_likes_fill_no_log(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / "job" / str(number)).mkdir(parents=True)
        mark(tmp_path / "job" / str(number), "space", ["fs2od", "stage", "out", "x", "space"])
    os.mkfifo(tmp_path / "job" / "0" / ".fs2od-stage-out-0")
    (tmp_path / "job" / "1" / ".fs2od-stage-out-0").write_text("[" * 60_000)
    lines = cleaned(tmp_path / "job").splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("30 folders more are kept")


@pytest.mark.parametrize("end", ["/", "//", "/."])
def test_a_path_whose_last_part_is_missing_is_no_jobs_folder(tmp_path: Path, end: str) -> None:
    (tmp_path / "jobs" / "7").mkdir(parents=True)
    words = [sys.executable, "-m", "fs2od", "stage", "clean", f"{tmp_path / 'jobs'}{end}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "ends in a slash" in done.stderr
    assert (tmp_path / "jobs" / "7").is_dir()


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
