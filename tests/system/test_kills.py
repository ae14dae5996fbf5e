"""The real facility process, killed at every journal write, request and reply in turn, until a run is untouched."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from fs2od.cli.main import main
from fs2od.testing.system import System, wait_for
from fs2od.testing.things import Things, require_one_of_everything

# Forked from a process that has everything imported already: real processes, but each starts in a blink.
FORKS = multiprocessing.get_context("forkserver")
_LATE = ["anyio._backends._asyncio", "httpcore", "uvicorn.protocols.http.httptools_impl"]
"""What is imported only with the first connection."""
FORKS.set_forkserver_preload(["fs2od.cli.facility", "fs2od.cli.main", "fs2od.testing.faults", *_LATE])
STRIDE = 4
"""Each test takes every fourth fault point, so that the work can be shared out."""
MOST = 400
CONFIGURATION = """
[onedata]
zone = {zone}
provider = {provider}
ca_file = {ca}
token_file = {token}
provision = true
[facility]
contact = "desk@example.org"
[mail]
sender = "desk@example.org"
folder = {outbox}
[[watch]]
path = {watched}
settle = "0s"
data_settle = "0s"
quiet = "0s"
"""


@dataclass(frozen=True)
class Facility:
    """The facility's side of one try: its own state, watched folder and outbox, at a node shared by all tries."""

    home: Path
    name: str

    @property
    def watched(self) -> Path:
        return self.home / "watched"

    def prepare(self, facts: dict[str, str]) -> None:
        dataset = self.watched / self.name
        (dataset / "movies").mkdir(parents=True)
        (dataset / "movies" / "one.mrc").write_bytes(os.urandom(2000))
        (dataset / "SPA.yml").write_text(f"Sample: {{Name: Sample {self.name}}}\nUser: {{Email: alex@example.org}}\n")
        values = {
            "zone": facts["zone"],
            "provider": facts["provider"],
            "ca": facts["ca"],
            "token": facts["admin_token_file"],
        }
        values |= {"outbox": str(self.home / "outbox"), "watched": str(self.watched)}
        text = CONFIGURATION.format(**{key: json.dumps(value) for key, value in values.items()})
        (self.home / "fs2od.toml").write_text(text)

    def run(self, facts: dict[str, str], *, fault_at: int = 0) -> bool:
        """Let a real daemon work until both mails are out, and say whether it lived to see that."""
        arguments = ["facility", "--config", str(self.home / "fs2od.toml"), "--data", str(self.home / "state")]
        arguments += ["--port", "0", "--tls", str(Path(facts["ca"]).parent), "--fault-at", str(fault_at)]
        process = FORKS.Process(target=main, args=(arguments,))
        process.start()
        pid = process.pid
        assert pid is not None
        # Both mails may be out before it begins, from a life that ended behind them: it is stopped only once it is at work.
        wait_for(
            lambda: process.exitcode is not None or (len(self.mails()) >= 2 and _is_at_work(pid)),
            within_s=120,
            what="both mails",
        )
        if process.exitcode is None:
            process.terminate()
        process.join(120)
        # What is killed behind its last mail was killed, too.
        lived = process.exitcode == 0
        assert lived or process.exitcode == -signal.SIGKILL, f"fault point {fault_at}: exit code {process.exitcode}"
        process.close()
        return lived

    def mails(self) -> list[str]:
        return sorted(path.name for path in (self.home / "outbox").glob("*.eml"))


def _is_at_work(pid: int) -> bool:
    """Say whether a process has come so far that it obeys a polite signal."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False  # killed behind the mail, and reaped
    caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:")), 0)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("node")) as system:
        system.start_node()
        yield system


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(1, STRIDE + 1))
def test_killed_at_any_point_it_ends_with_one_of_everything(node: System, tmp_path: Path, first: int) -> None:
    facts = dict(node.facts)
    with node.http(administrator=True) as http:
        for number in range(first, MOST, STRIDE):
            facility = Facility(tmp_path / str(number), f"kill{number}")
            facility.prepare(facts)
            before = Things.at(node, http)
            untouched = facility.run(facts, fault_at=number)
            if not untouched:
                assert facility.run(facts)
            assert len(facility.mails()) == 2
            # The managing and the parent group are made by the first facility of all, and found by the others.
            after = require_one_of_everything(node, http, before, provisioned=0 if before.groups else 2)
            # Groups are found by looking at one after the other: more of them would make more fault points each time.
            _leave(node, http, after.groups - before.groups - _provisioned(node, http))
            if untouched:
                break
        else:
            pytest.fail("no run was untouched")
    assert number > 80


def _provisioned(node: System, http: httpx.Client) -> frozenset[str]:
    zone = f"{node.facts['zone']}/api/v3/onezone"
    groups = [http.get(f"{zone}/groups/{each}").raise_for_status().json() for each in Things.at(node, http).groups]
    return frozenset(group["groupId"] for group in groups if group["name"].startswith("fs2od "))


def _leave(node: System, http: httpx.Client, groups: frozenset[str]) -> None:
    for group in groups:
        http.delete(f"{node.facts['zone']}/api/v3/onezone/user/groups/{group}").raise_for_status()
