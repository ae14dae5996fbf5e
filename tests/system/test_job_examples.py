"""The documented jobs of Kubernetes and Nextflow, taken from the page itself: what these would run is run, in their order."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from fs2od.testing.world import Dataset, ServedWorld, serve_world

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "use-data-in-jobs.md"
BLOCK = r"```{}\n(.*?)```"
FILES = {"grid2/a.mrc": b"1" * 5000, "grid2/sub/b.mrc": b"2" * 5000, "other": b"not asked for"}
PROGRAM = '#!/bin/sh -eu\nmkdir -p "${2:-results}"\n(cd "$1" && find -L . -type f ! -path "./.fs2od*" | sort) > "${2:-results}/found.txt"\n'
RESULT = {"run 1/found.txt": b"./a.mrc\n./sub/b.mrc\n"}


@dataclass
class Site:
    """A machine of a computing centre: the dataset and the space of the examples, and the programs that they name."""

    world: ServedWorld
    results: Dataset
    folder: Path
    token: str = field(repr=False)

    def run(self, words: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("FS2OD_", "ONECLIENT_"))}
        ours = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            **environment,
            "FS2OD_ZONE": self.world.node.settings.zone_url,
        }
        done = subprocess.run(
            words, cwd=folder, env=clean | ours, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, (words, done.stderr)
        assert self.token not in done.stderr + done.stdout

    def brought_back(self) -> dict[str, bytes]:
        folder = self.results.folder
        files = [path for path in folder.rglob("*") if path.is_file() and ".fs2od-partial" not in path.parts]
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    programs = tmp_path / "site" / "bin"
    programs.mkdir(parents=True)
    (programs / "my-program").write_text(PROGRAM)
    (programs / "fs2od").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m fs2od "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    with serve_world(tmp_path / "world") as world:
        world.dataset(world.administrator, FILES, name="ribosome")
        results = world.results(world.administrator, name="ribosome results")
        yield Site(world, results, tmp_path / "site", world.administrator.token.reveal())


def documented(language: str) -> str:
    (found,) = re.findall(BLOCK.format(language), PAGE.read_text(), re.DOTALL)
    return str(found)


def test_the_job_of_kubernetes(site: Site, tmp_path: Path) -> None:
    job = YAML(typ="safe").load(documented("yaml"))
    kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
    pod = job["spec"]["template"]["spec"]
    volumes = {volume["name"]: tmp_path / "volumes" / volume["name"] for volume in pod["volumes"]}
    for volume in pod["volumes"]:
        volumes[volume["name"]].mkdir(parents=True)
        if "secret" in volume:
            secret = volumes[volume["name"]] / "token"
            secret.write_text(site.token)
            secret.chmod(volume["secret"]["defaultMode"])
            shutil.copy(site.world.ca, volumes[volume["name"]] / "ca.pem")
    # A pod runs these in this order; and a job all of them again, when one fails.
    for container in [*pod["initContainers"], *pod["initContainers"], *pod["containers"]]:
        run_container(site, container, volumes)
    assert site.brought_back() == RESULT


def run_container(site: Site, container: dict[str, Any], volumes: Mapping[str, Path]) -> None:
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}

    def inside(word: str) -> str:
        within = [path for path in mounts if word.startswith(f"{path}/")]
        return f"{mounts[within[0]]}{word.removeprefix(within[0])}" if within else word

    environment = {each["name"]: inside(each["value"]) for each in container.get("env", [])}
    program = container["image"].rpartition("/")[2]
    site.run([program, *map(inside, container["args"])], site.folder, environment)


def test_the_pipeline_of_nextflow(site: Site, tmp_path: Path) -> None:
    pipeline = Pipeline(site, documented("groovy"), tmp_path)
    assert pipeline.run() == "ribosome/grid2"
    assert site.brought_back() == RESULT
    # Another dataset is another folder of the store, and the same one is taken from there.
    calls = len(pipeline.ran)
    pipeline.run("ribosome")
    assert [name for name, _ in pipeline.ran[calls:]] == ["stageIn", "motionCorrection", "stageOut"]
    assert b"./other" in site.brought_back()["run 2/found.txt"]
    pipeline.run("ribosome")
    assert [name for name, _ in pipeline.ran[calls + 3 :]] == ["motionCorrection", "stageOut"]


class Pipeline:
    """What Nextflow makes of the page's pipeline: a folder for each task, inputs as links, and a store that spares tasks."""

    def __init__(self, site: Site, text: str, folder: Path) -> None:
        self._site = site
        self._text = text
        self._folder = folder
        self._store = folder / "store"
        self._runs = 0
        self.ran: list[tuple[str, str]] = []

    def run(self, place: str | None = None) -> str:
        """Run it for a place, by default the page's own, and return that."""
        self._runs += 1
        (written,) = re.findall(r"Channel\.of\('(.*?)'\)", self._text)
        order = re.findall(r"\| (\w+)", self._text)
        processes = dict(re.findall(r"process (\w+) \{\n(.*?)\n\}", self._text, re.DOTALL))
        assert order == list(processes)
        given = place or written
        for name in order:
            given = self._task(name, processes[name], given)
        return place or written

    def _task(self, name: str, process: str, given: str) -> str:
        (variable,) = re.findall(r"input:\s+(?:val|path) (\w+)", process)
        values = {
            variable: Path(given).name if Path(given).is_absolute() else given,
            "workflow.runName": f"run {self._runs}",
        }
        for made, source, old, new in re.findall(r"(\w+) = (\w+)\.replaceAll\('(.)', '(.)'\)", process):
            values[made] = values[source].replace(old, new)

        def filled(text: str) -> str:
            return re.sub(r"\$\{([\w.]+)\}", lambda found: values[found[1]], text)

        outputs = [filled(found) for found in re.findall(r"output: path ['\"](.*?)['\"]\n", process)]
        stored = [self._store / output for output in outputs] if "storeDir" in process else []
        if stored and all(path.exists() for path in stored):
            return str(stored[0])
        folder = self._folder / "work" / f"{len(self.ran)} {name}"
        folder.mkdir(parents=True)
        if Path(given).is_absolute():
            # An input is a link into the folder of the process that made it.
            (folder / Path(given).name).symlink_to(given)
        script = filled(re.findall(r'"(fs2od .*?|my-program .*?)"', process)[0])
        environment = {"FS2OD_TOKEN": self._site.token, "FS2OD_CA": str(self._site.world.ca)}
        self._site.run(["bash", "-ue", "-c", script], folder, environment)
        self.ran.append((name, script))
        self._store.mkdir(exist_ok=True)
        for path in stored:
            shutil.move(folder / path.name, path)
        made = [*stored, *(folder / output for output in outputs)]
        return str(made[0]) if made else ""
