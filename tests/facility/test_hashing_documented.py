"""The page about the sidecar is for people with common tools: what it tells them to type works."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.facility.conftest import Clock
from tests.facility.test_hashing import Bench

from fs2od.manifests import PIECE_BYTES, SEAL, SIDECAR, SUMS, part_name

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "sidecar.md"


def test_the_commands_on_the_page_do_what_it_says(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Clock())
    for name in ("SPA.yml", "a b.mrc", "deep/c.mrc", "going.mrc"):
        bench.write(name, name.encode())
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.settle(hashing)
        (bench.dataset / "going.mrc").unlink()
        bench.clock.move(days=1.1)
        bench.settle(hashing)
    commands = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    said = [_said(command, bench.dataset) for command in commands]
    assert said[0] == ""
    assert said[1].splitlines()[-1] == "going.mrc\t\tgone"
    assert said[2:] == ["whole\n", "sealed\n"]


def _said(command: str, dataset: Path) -> str:
    # The page writes DATASET for the folder in which the reader stands otherwise.
    script = command.replace("cd DATASET && ", "")
    ran = subprocess.run(["sh", "-ec", script], cwd=dataset, capture_output=True, text=True, check=False, timeout=30)
    assert ran.returncode == 0, (script, ran)
    return ran.stdout


def test_the_page_has_the_names_and_figures_of_the_code() -> None:
    page = PAGE.read_text()
    for word in (SIDECAR, part_name(1), SEAL, SUMS, str(PIECE_BYTES)):
        assert word in page
